package browser

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/kesher-io/kesher/infra/onebox"
	"github.com/kesher-io/kesher/shared/testkit/chromium"
)

const (
	heading  = `document.querySelector("h1").textContent`
	outlined = `getComputedStyle(document.activeElement).outlineStyle != "none" && getComputedStyle(document.activeElement).outlineWidth != "0px"`
)

// press goes to a control by Tab, which shows where it is, and presses Enter.
func press(t *testing.T, p *chromium.Tab, selector string) {
	t.Helper()
	p.TabTo(selector)
	if !chromium.Eval[bool](p, outlined) {
		t.Errorf("the focus on %s is not to be seen", selector)
	}
	p.Enter()
}

// marketing is a mail of the demo that one may unsubscribe from.
func (s *shop) marketing() mail {
	s.t.Helper()
	for _, m := range s.mails("journey=cart-abandonment") {
		if s.permits(m.user()) {
			return m
		}
	}
	s.t.Fatal("the demo mails nobody who goes on permitting it")
	return mail{}
}

// user is the id of somebody of the demo.
func (m mail) user() string {
	name, _, _ := strings.Cut(m.To, "@")
	return "user-" + name
}

// permits says whether somebody permits marketing by mail.
func (s *shop) permits(user string) bool {
	s.t.Helper()
	var known struct {
		Consent map[string]struct{ State string }
	}
	if err := json.Unmarshal([]byte(s.say("/v1/profiles/get", `{"userId":"`+user+`"}`)), &known); err != nil {
		s.t.Fatal(err)
	}
	return known.Consent["marketing/email"].State == "granted"
}

// centre opens the preference centre as somebody does who knows her address alone:
// by a link that is mailed to it.
func (s *shop) centre(p *chromium.Tab, user string) {
	s.t.Helper()
	p.Open(s.url + "/p?lang=en")
	p.TabTo("#address")
	p.Keys(address(user))
	p.Enter()
	quiet(s.t, p, "asking for a link")
	s.told("SENT kesher-link")
	mails := s.mails("to=" + address(user))
	if len(mails) != 1 {
		s.t.Fatalf("%d mails came", len(mails))
	}
	p.Open(mails[0].link("/p/"))
	fits(s.t, p, "redeem", "en", "ltr")
	press(s.t, p, "button.main")
}

func TestUnsubscribingByKeyboardTakesOnePress(t *testing.T) {
	s, b := open(t, true), chromium.Start(t)
	m := s.marketing()
	p := b.Tab(t)
	p.Open(m.link("/u/"))
	p.Keys(kb.Tab)
	if !chromium.Eval[bool](p, `document.activeElement.matches("a.skip")`) {
		t.Error("the first Tab does not offer to skip to the content")
	}
	press(t, p, "button.main")
	fits(t, p, "unsubscribed", chromium.Eval[string](p, `document.documentElement.lang`), chromium.Eval[string](p, `document.documentElement.dir`))
	if s.permits(m.user()) {
		t.Error("she is still mailed")
	}
	press(t, p, `input[value=all] ~ button`)
	quiet(t, p, "stop all")
}

// B03, as a mail program does it, through the whole machine.
func TestB03OneClickIsAnsweredWithinASecond(t *testing.T) {
	s := open(t, true)
	m := s.marketing()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	fastest := time.Hour // of several, each the same event: this machine may be busy
	for tries := 0; tries < 5 && fastest > time.Second; tries++ {
		begun := time.Now()
		answer, err := client.PostForm(m.link("/u/"), url.Values{"List-Unsubscribe": {"One-Click"}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK || len(answer.Cookies()) != 0 {
			t.Fatalf("%s with cookies %v (%v)", answer.Status, answer.Cookies(), err)
		}
		fastest = min(fastest, time.Since(begun))
	}
	if fastest > time.Second {
		t.Errorf("it took %v", fastest)
	}
	if s.permits(m.user()) {
		t.Error("she is still mailed")
	}
}

func TestPreferencesAreChangedSavedAndUndoneByKeyboard(t *testing.T) {
	s, b := open(t, false), chromium.Start(t)
	s.lives("dana", "Dana", "en")
	p := b.Tab(t)

	s.centre(p, "dana")
	fits(t, p, "centre", "en", "ltr")

	of := func(do string) string {
		return `form:has([name=do][value=` + do + `]):has([name=purpose][value=marketing]) button`
	}
	press(t, p, of("withdraw"))
	if s.permits("dana") {
		t.Error("she is mailed though she stopped it")
	}
	press(t, p, of("grant"))
	if !s.permits("dana") {
		t.Error("she can't take it back")
	}

	p.TabTo("details:has(#t-first_name) summary")
	p.Keys(kb.Enter)
	p.TabTo("#t-first_name")
	chromium.Eval[any](p, `document.activeElement.select()`)
	p.Keys("Dana-Lee")
	p.Enter()
	if said := chromium.Eval[string](p, `document.querySelector("[role=status]").textContent`); said == "" {
		t.Error("nothing says that it is saved")
	}
	if got := s.say("/v1/profiles/get", `{"userId":"dana"}`); !strings.Contains(got, "Dana-Lee") {
		t.Errorf("her new name is not stored: %s", got)
	}

	press(t, p, "button[name=lang][value=he]")
	fits(t, p, "centre in Hebrew", "he", "rtl")
	press(t, p, "form:has([value=stop]) button")
	if s.permits("dana") {
		t.Error("she is mailed though she stopped everything")
	}
	press(t, p, "form:has([value=out]) button")
	quiet(t, p, "the way out")
}

func TestANewAddressIsHersByTheLinkMailedToIt(t *testing.T) {
	s, b := open(t, false), chromium.Start(t)
	s.lives("dana", "Dana", "en")
	p := b.Tab(t)
	const elsewhere = "dana@elsewhere.example"

	s.centre(p, "dana")
	p.TabTo("details:has(#address) summary")
	p.Keys(kb.Enter)
	p.TabTo("#address")
	p.Keys(elsewhere)
	p.Enter()
	fits(t, p, "an address to be confirmed", "en", "ltr")
	if got := s.say("/v1/profiles/get", `{"userId":"dana"}`); strings.Contains(got, elsewhere) {
		t.Errorf("it is hers, and nobody has confirmed it: %s", got)
	}
	s.told("SENT kesher-confirm")
	mails := s.mails("to=" + elsewhere)
	if len(mails) != 1 {
		t.Fatalf("%d mails came to it", len(mails))
	}
	p.Open(mails[0].link("/c/"))
	fits(t, p, "confirmation", "en", "ltr")
	press(t, p, "button.main")
	fits(t, p, "confirmed", "en", "ltr")
	if got := s.say("/v1/profiles/get", `{"userId":"dana"}`); !strings.Contains(got, elsewhere) {
		t.Errorf("she followed the link, and it is not hers: %s", got)
	}
}

// A form on the site, as the README tells: its page has the public key, and the hash by
// which the site's server vouches for who is signed in.
func TestAFormOnTheSiteSignsUpByALink(t *testing.T) {
	s, b := open(t, false), chromium.Start(t)
	p := b.Tab(t)
	form := func(user string) (address, permission func()) {
		mac := hmac.New(sha256.New, []byte(onebox.DefaultServerKey))
		mac.Write([]byte(user))
		who := `"userId":"` + user + `","context":{"userHash":"` + hex.EncodeToString(mac.Sum(nil)) + `"}`
		return func() {
				s.sayBy(onebox.DefaultPublicKey, "/v1/identify", `{`+who+`,"traits":{"email":"`+user+`@customer.example"}}`)
			}, func() {
				s.sayBy(onebox.DefaultPublicKey, "/v1/consents", `{`+who+`,"purpose":"marketing","channel":"email","notice":"newsletter","state":"granted"}`)
			}
	}
	asked := func() { s.told("SENT kesher-confirm") }
	follow := func(user string, n int) mail {
		mails := s.mails("to=" + address(user))
		if len(mails) != n {
			t.Fatalf("%s has %d mails, want %d", user, len(mails), n)
		}
		if s.permits(user) {
			t.Fatalf("%s permits before she has answered", user)
		}
		p.Open(mails[n-1].link("/c/"))
		press(t, p, "button.main")
		fits(t, p, "confirmed", "en", "ltr")
		return mails[n-1]
	}
	const notice = "Send me offers by e-mail"

	give, ask := form("dana") // the permission first: one mail for both
	ask()
	give()
	asked()
	if m := follow("dana", 1); !strings.Contains(m.HTML, notice) {
		t.Errorf("the mail does not say what she agrees to: %s", m.HTML)
	}
	if !s.permits("dana") || len(s.mails("to="+address("dana")+"&journey=confirm")) != 1 {
		t.Error("she followed the link, and permits nothing, or is asked again")
	}

	give, ask = form("noa") // the address first, whose mail has left
	give()
	asked()
	ask()
	if m := follow("noa", 1); strings.Contains(m.HTML, notice) {
		t.Errorf("the mail asks for what nobody had asked yet: %s", m.HTML)
	}
	asked()
	if m := follow("noa", 2); !strings.Contains(m.HTML, notice) {
		t.Errorf("the mail does not say what she agrees to: %s", m.HTML)
	}
	if !s.permits("noa") {
		t.Error("she followed both links, and permits nothing")
	}
}

func TestAFormIsAnsweredByKeyboard(t *testing.T) {
	s, b := open(t, false), chromium.Start(t)
	s.lives("dana", "Dana", "en")
	p := b.Tab(t)
	p.Open(s.url + "/s/style?lang=en")
	p.TabTo("input[type=checkbox]")
	p.Keys(" ")
	if !chromium.Eval[bool](p, `document.activeElement.checked`) {
		t.Error("Space ticks nothing")
	}
	press(t, p, "button.main")
	fits(t, p, "answered", "en", "ltr")
}

func TestTheMailboxIsReadByKeyboard(t *testing.T) {
	s, b := open(t, true), chromium.Start(t)
	m := s.marketing()
	p := b.Tab(t)
	p.Open(s.url + "/mailbox?journey=cart-abandonment")
	press(t, p, `nav a[href*="`+m.ID+`"]`)
	if got := chromium.Eval[string](p, `document.querySelector("main h2").textContent`); got != m.Subject {
		t.Errorf("it shows %q, want %q", got, m.Subject)
	}
	press(t, p, "button[value=bounce]")
	if got := chromium.Eval[string](p, `document.querySelector("[role=status]").textContent`); !strings.Contains(got, "bounce") {
		t.Errorf("it says %q", got)
	}
	quiet(t, p, "mailbox")
}
