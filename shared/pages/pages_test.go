package pages

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
)

// everyPage shows every page there is, in a language.
func everyPage(s *site, lang string) map[string]answer {
	cookie, _ := s.signIn()
	q := "?lang=" + lang
	u := s.unsubscribeToken()
	survey := "/s/style" + q + "&t=" + s.ring.MintSurvey(token.Survey{Customer: s.dana, Survey: "style"})
	return map[string]answer{
		"unsubscribe":   s.get("/u/" + u + q),
		"address":       s.get("/p" + q),
		"knock":         s.get("/p/" + s.preferencesToken() + q),
		"redeem":        s.get("/p/" + s.sessionToken("look") + q),
		"centre":        s.get("/p"+q, cookie),
		"centre, saved": s.get("/p"+q+"&saved=yes", cookie),
		"confirm":       s.get("/c/" + s.ring.MintConfirm(token.Confirm{Customer: s.dana}) + q),
		"survey":        s.get(survey),
		"survey, wrong": s.post(survey, url.Values{"q.people": {"many"}}),
		"survey, off":   s.post(survey, url.Values{"q.people": {"2"}}),
		"survey, done":  s.post(survey, url.Values{"q.people": {"2"}, "grant": {"fit@v1"}}),
		"sent":          s.post("/p"+q, url.Values{"address": {danasAddress}}),
		"confirmed":     s.post("/c/"+s.ring.MintConfirm(token.Confirm{Customer: s.dana})+q, nil),
		"expired":       s.post("/p"+q, url.Values{"do": {"stop"}}),
		"gone":          s.get("/nowhere" + q),
		"unsubscribed":  s.post("/u/"+u+q, oneClickBody),
		"spent":         spent(s, q),
	}
}

func spent(s *site, q string) answer {
	link := s.sessionToken("spent")
	s.post("/p/"+link, nil)
	return s.post("/p/"+link+q, nil)
}

func TestPagesSpeakBothLanguagesTheRightWayRound(t *testing.T) {
	for lang, dir := range map[string]string{"en": "ltr", "he": "rtl"} {
		for name, a := range everyPage(newSite(t, local), lang) {
			if !strings.Contains(a.body, `<html lang="`+lang+`" dir="`+dir+`">`) {
				t.Errorf("%s/%s: lang or dir is wrong: %.200s", lang, name, a.body)
			}
			if a.Header.Get("Content-Language") != lang {
				t.Errorf("%s/%s: Content-Language %q", lang, name, a.Header.Get("Content-Language"))
			}
		}
	}
}

func TestTheLanguageIsTheLinksElseTheBrowsersElseTheBrands(t *testing.T) {
	s := newSite(t, local)
	for _, c := range []struct{ query, accept, want string }{
		{"", "", "en"}, {"", "he", "he"}, {"", "he-IL,he;q=0.9,en;q=0.8", "he"}, {"", "iw", "he"}, {"", "fr,en;q=0.5,he;q=0.7", "he"},
		{"", "de", "en"}, {"", "*", "en"}, {"", ";q=,,x;q=z", "en"}, {"?lang=he", "en", "he"}, {"?lang=xx", "he", "he"},
	} {
		a := s.get("/p"+c.query, func(r *http.Request) { r.Header.Set("Accept-Language", c.accept) })
		if got := a.Header.Get("Content-Language"); got != c.want {
			t.Errorf("%q with Accept-Language %q speaks %s, want %s", c.query, c.accept, got, c.want)
		}
	}
	s.rel.Settings.Brand.Languages = []string{"fr"}
	if got := s.get("/p").Header.Get("Content-Language"); got != "en" {
		t.Errorf("a brand that speaks only French gets %s pages, want en", got)
	}
}

func TestEveryTextExistsInEveryLanguage(t *testing.T) {
	for lang := range texts {
		for key, text := range texts["en"] {
			if got := texts[lang][key]; got == "" || lang != "en" && got == text {
				t.Errorf("%s: %s is %q", lang, key, got)
			}
		}
		if len(texts[lang]) != len(texts["en"]) {
			t.Errorf("%s has %d texts, en %d", lang, len(texts[lang]), len(texts["en"]))
		}
	}
	for lang := range texts {
		for name, a := range everyPage(newSite(t, local), lang) {
			if strings.Contains(a.body, "ZgotmplZ") || strings.Contains(a.body, "<no value>") {
				t.Errorf("%s/%s: the template failed", lang, name)
			}
			for n := range parse(t, a.body).root.Descendants() {
				if n.Type == html.ElementNode && slices.Contains([]string{"h1", "h2", "button", "label", "legend", "title", "a"}, n.Data) && textOf(n) == "" {
					t.Errorf("%s/%s: an empty <%s>", lang, name, n.Data)
				}
			}
		}
	}
}

func TestA07NothingIsTickedBeforehand(t *testing.T) {
	for name, a := range everyPage(newSite(t, local), "en") {
		for n := range parse(t, a.body).root.Descendants() {
			if has(n, "checked") || has(n, "selected") {
				t.Errorf("%s: <%s name=%q> is chosen beforehand", name, n.Data, attr(n, "name"))
			}
		}
	}
}

func TestAFormThatDoesNotFitKeepsTheAnswersAndNotThePermission(t *testing.T) {
	s := newSite(t, local)
	a := s.post("/s/style", url.Values{"q.people": {"many"}, "q.interests": {"home"}, "q.wish": {"<rain>"}, "grant": {"fit@v1"}})
	if a.StatusCode != http.StatusUnprocessableEntity {
		t.Fatal(a.Status)
	}
	given := map[string]string{}
	for n := range parse(t, a.body).root.Descendants() {
		switch {
		case has(n, "checked"):
			given[attr(n, "name")] += attr(n, "value")
		case n.Data == "textarea":
			given[attr(n, "name")] = textOf(n)
		case attr(n, "name") == "q.people":
			given["q.people"] = attr(n, "value") + " " + attr(n, "aria-invalid")
		}
	}
	want := map[string]string{"q.people": "many true", "q.interests": "home", "q.wish": "<rain>"}
	if !maps.Equal(given, want) {
		t.Fatalf("the form shows %v, want %v", given, want)
	}
}

func TestA14AScannersGETConfirmsNothing(t *testing.T) {
	s := newSite(t, local)
	before := s.writes()
	link := "/c/" + s.ring.MintConfirm(token.Confirm{Customer: s.dana, Address: s.hash, Purpose: "marketing", Channel: "email", Notice: "newsletter", Version: "v1"})
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT"} {
		s.do(method, link, "", nil)
	}
	if s.writes() != before {
		t.Fatal("looking at a confirmation changed something")
	}
}

func TestE04APreferenceLinkOpensByPOSTOnceAndSetsAStrictCookie(t *testing.T) {
	s := newSite(t, "https://mail.shop.example")
	link := "/p/" + s.sessionToken("n")
	before := s.writes()
	for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
		if a := s.do(method, link, "", nil); len(a.Cookies()) != 0 {
			t.Fatalf("%s set a cookie", method)
		}
	}
	if s.writes() != before {
		t.Fatal("looking at the link used it up")
	}
	a := s.post(link, nil)
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/p" || len(a.Cookies()) != 1 {
		t.Fatalf("%s to %q with %d cookies", a.Status, a.Header.Get("Location"), len(a.Cookies()))
	}
	c := a.Cookies()[0]
	if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.MaxAge != 1800 || c.Name != "__Host-kesher" || c.Path != "/" {
		t.Fatalf("cookie %+v", c)
	}
	if again := s.post(link, nil); again.StatusCode != http.StatusOK || len(again.Cookies()) != 0 || !strings.Contains(again.body, "used up") {
		t.Fatalf("a second time: %s, %d cookies", again.Status, len(again.Cookies()))
	}
}

func TestALongLivedLinkOpensNothingAndMailsAFreshOne(t *testing.T) {
	s := newSite(t, local)
	link := "/p/" + s.preferencesToken()
	if s.get(link); s.requests() != 0 {
		t.Fatal("looking at it mailed a link")
	}
	a := s.post(link, nil)
	if a.StatusCode != http.StatusOK || len(a.Cookies()) != 0 || s.requests() != 1 {
		t.Fatalf("%s, %d cookies, %d mails", a.Status, len(a.Cookies()), s.requests())
	}
	for n := range 200 {
		s.post(link, nil)
		s.post("/p", url.Values{"address": {danasAddress}})
		if s.requests() != 1 { // E09
			t.Fatalf("%d mails after %d more posts", s.requests(), n)
		}
	}
}

func TestE08KnownAndUnknownAddressesAndLinksGetTheSameAnswer(t *testing.T) {
	s := newSite(t, local)
	stop := regexp.MustCompile(`/u/[A-Za-z0-9_-]+`) // differs as the names it stands for
	same := func(what string, a, b answer, tokA, tokB string) {
		t.Helper()
		a.body, b.body = stop.ReplaceAllString(a.body, "/u/T"), stop.ReplaceAllString(b.body, "/u/T")
		if neutral(a, tokA) != neutral(b, tokB) {
			t.Errorf("%s are told apart:\n%s\n---\n%s", what, neutral(a, tokA), neutral(b, tokB))
		}
	}
	known, unknown := url.Values{"address": {danasAddress}}, url.Values{"address": {"nobody@shop.example"}}
	same("addresses", s.post("/p", known), s.post("/p", unknown), "-", "-")
	p := s.preferencesToken()
	same("links that mail", s.post("/p/"+p, nil), s.post("/p/forged", nil), p, "forged")
	same("tokens that mail", s.post("/p", url.Values{"token": {p}}), s.post("/p", url.Values{"token": {"forged"}}), "-", "-")
	c := s.ring.MintConfirm(token.Confirm{Customer: s.dana})
	same("confirmations", s.post("/c/"+c, nil), s.post("/c/forged", nil), c, "forged")
	same("pixels", s.get("/o/"+s.ring.MintOpen(token.Open{Customer: s.dana})), s.get("/o/forged"), "-", "-")

	same("neutral pages", s.get("/p/"+p), s.get("/p/"+strings.Repeat("x", len(p))), p, strings.Repeat("x", len(p)))
}

func TestE11ACookieAloneChangesNothing(t *testing.T) {
	s := newSite(t, local)
	cookie, form := s.signIn()
	for name, fields := range map[string]url.Values{
		"no token":      {"do": {"stop"}},
		"empty token":   {"do": {"stop"}, "form": {""}},
		"another kind":  {"do": {"stop"}, "form": {s.preferencesToken()}},
		"other session": {"do": {"stop"}, "form": {s.ring.MintForm(token.Cookie{Customer: s.dana, Nonce: "other"})}},
	} {
		if a := s.post("/p", fields, cookie); a.StatusCode != http.StatusForbidden || s.withdrawn() {
			t.Errorf("%s: %s, withdrawn %v", name, a.Status, s.withdrawn())
		}
		cookie, form = s.signIn()
	}
	if a := s.post("/p", url.Values{"do": {"stop"}, "form": {form}}); a.StatusCode != http.StatusForbidden || s.withdrawn() {
		t.Errorf("token without cookie: %s", a.Status)
	}
	if a := s.post("/p", url.Values{"do": {"stop"}, "form": {form}}, cookie); a.StatusCode != http.StatusSeeOther || !s.withdrawn() {
		t.Errorf("both: %s, withdrawn %v", a.Status, s.withdrawn())
	}
	for name, a := range everyPage(s, "en") {
		if got := a.Header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s may be read by %q", name, got)
		}
	}
}

func TestEveryFormOfTheCentreDoesWhatItSays(t *testing.T) {
	s := newSite(t, local)
	cookie, _ := s.signIn()
	did := map[string]bool{}
	for _, f := range parse(t, s.get("/p", cookie).body).forms {
		do := f.fields.Get("do")
		if did[do] || do == "out" {
			continue
		}
		did[do] = true
		if do == "trait" {
			f.fields.Set("value", "Dani")
		}
		if do == "address" {
			f.fields.Set("address", "dana@new.example")
		}
		before := s.writes()
		s.clock.Advance(time.Second)
		a := s.post(f.action, f.fields, cookie)
		if a.StatusCode != http.StatusSeeOther && do != "erase" { // which leads nowhere any more
			t.Errorf("%s: %s", do, a.Status)
		}
		if do != "stop" && s.writes() == before { // marketing was withdrawn by then
			t.Errorf("%s changed nothing", do)
		}
	}
	want := []string{"address", "erase", "forget", "grant", "language", "member", "pause", "stop", "topic", "trait", "withdraw"}
	if got := slices.Sorted(maps.Keys(did)); !slices.Equal(got, want) {
		t.Errorf("the centre offers %v, want %v", got, want)
	}
}

func TestAskingToBeForgottenEndsTheSession(t *testing.T) {
	s := newSite(t, local)
	cookie, form := s.signIn()
	a := s.post("/p", url.Values{"do": {"erase"}, "form": {form}}, cookie)
	if c := a.Cookies(); a.StatusCode != http.StatusOK || len(c) != 1 || c[0].MaxAge >= 0 || !strings.Contains(a.body, texts["en"]["erased.lead"]) {
		t.Fatalf("%s, cookies %v", a.Status, c)
	}
}

func TestAnAddressThatWaitsIsShownMasked(t *testing.T) {
	s := newSite(t, local)
	cookie, form := s.signIn()
	s.post("/p", url.Values{"do": {"address"}, "address": {"dana@new.example"}, "form": {form}}, cookie)
	if body := s.get("/p", cookie).body; !strings.Contains(body, "d•••@new.example") || strings.Contains(body, "dana@new.example") {
		t.Fatal(body)
	}
}

func TestSigningOutForgetsTheCookie(t *testing.T) {
	s := newSite(t, local)
	cookie, form := s.signIn()
	a := s.post("/p", url.Values{"do": {"out"}, "form": {form}}, cookie)
	if c := a.Cookies(); a.StatusCode != http.StatusOK || len(c) != 1 || c[0].MaxAge >= 0 || c[0].Value != "" {
		t.Fatalf("%s, cookies %v", a.Status, c)
	}
}

func TestAValueThatDoesNotFitIsSaidSo(t *testing.T) {
	s := newSite(t, local)
	cookie, form := s.signIn()
	a := s.post("/p", url.Values{"do": {"topic"}, "topic": {"none"}, "form": {form}}, cookie)
	if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, texts["en"]["p.failed"]) {
		t.Fatalf("%s", a.Status)
	}
}

func TestA25TheCentreHonoursGPCAndSaysSo(t *testing.T) {
	s := newSite(t, local)
	cookie, _ := s.signIn()
	a := s.get("/p", cookie, func(r *http.Request) { r.Header.Set("Sec-GPC", "1") })
	if !strings.Contains(a.body, "Global Privacy Control") || s.events(fact.SignalReceived) != 1 {
		t.Fatalf("shown %v, %d events", strings.Contains(a.body, "Global Privacy Control"), s.events(fact.SignalReceived))
	}
	before := s.writes()
	s.get("/u/"+s.unsubscribeToken(), func(r *http.Request) { r.Header.Set("Sec-GPC", "1") })
	if s.writes() != before {
		t.Fatal("a signal without a session was stored")
	}
}

func TestLinksRedirectAndForgedOnesLeadNowhere(t *testing.T) {
	s := newSite(t, local)
	link := "/l/" + s.ring.MintLink(token.Link{Target: "https://shop.example/a?b=c", Journey: "cart", Step: "s"})
	for _, method := range []string{"GET", "HEAD"} {
		if a := s.do(method, link, "", nil); a.StatusCode != http.StatusFound || a.Header.Get("Location") != "https://shop.example/a?b=c" {
			t.Errorf("%s: %s to %q", method, a.Status, a.Header.Get("Location"))
		}
	}
	for _, forged := range []string{"/l/x", "/l/" + s.unsubscribeToken(), link[:len(link)-2]} {
		if a := s.get(forged); a.StatusCode != http.StatusNotFound || a.Header.Get("Location") != "" {
			t.Errorf("%s: %s to %q", forged, a.Status, a.Header.Get("Location"))
		}
	}
	a := s.get("/o/forged")
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "image/gif" || len(a.body) != len(gif) {
		t.Errorf("pixel: %s %s", a.Status, a.Header.Get("Content-Type"))
	}
}

func TestA22APixelAnswersTheSameAndRecordsOnlyUnderPermission(t *testing.T) {
	s := newSite(t, local)
	pixel := "/o/" + s.ring.MintOpen(token.Open{Customer: s.dana, Message: "abcdefghijklmnop-0"})
	first := s.get(pixel)
	if s.events(fact.EmailOpened) != 0 {
		t.Fatal("recorded without permission")
	}
	s.apply(consent.Statement{Purpose: "tracking", State: consent.Granted, Notice: &consent.Notice{ID: "measure"}, By: consent.Server})
	if second := s.get(pixel); second.body != first.body || s.events(fact.EmailOpened) != 1 {
		t.Fatalf("%d opens under permission, want 1", s.events(fact.EmailOpened))
	}
}

// E06: nothing personal in any address, header or log line.
func TestE06NoPageCarriesPersonalDataInAnAddressOrALog(t *testing.T) {
	s := newSite(t, local)
	for name, a := range everyPage(s, "en") {
		for header, values := range a.Header {
			for _, v := range values {
				if strings.Contains(v, "marker") {
					t.Errorf("%s: header %s carries her data", name, header)
				}
			}
		}
		for n := range parse(t, a.body).root.Descendants() {
			for _, at := range []string{"href", "action", "src"} {
				if strings.Contains(attr(n, at), "marker") {
					t.Errorf("%s: %s carries her data", name, at)
				}
			}
		}
	}
	s.flow.Store = broken{s.store}
	s.post("/u/"+s.unsubscribeToken(), oneClickBody)
	s.post("/p", url.Values{"address": {danasAddress}})
	if got := s.log.String(); got == "" || strings.Contains(got, "marker") || strings.Contains(got, s.unsubscribeToken()) {
		t.Errorf("log: %q", got)
	}
}

// broken fails every read, with an error as a store would word it.
type broken struct{ flow.Store }

func (broken) Get(context.Context, flow.Consistency, ...item.Key) ([]*item.Item, error) {
	return nil, errors.New("store is down")
}

func TestTroubleSaysSoAndAsksToComeBack(t *testing.T) {
	s := newSite(t, local)
	s.flow.Store = broken{s.store}
	a := s.post("/u/"+s.unsubscribeToken(), oneClickBody)
	if a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" || !strings.Contains(a.body, texts["en"]["trouble.lead"]) {
		t.Fatalf("%s: %.300s", a.Status, a.body)
	}
}

func TestAMarketersTextsAreEscaped(t *testing.T) {
	s := newSite(t, local)
	bad := `"><script>alert(1)</script>`
	s.rel.Plan.Purposes["marketing"] = plan.Purpose{Title: plan.Text{"en": bad}, Contact: []string{"email"}, Basis: plan.BasisConsent}
	s.rel.Settings.Brand.Name = bad
	s.rel.Surveys["style"].Title = plan.Text{"en": bad}
	for name, a := range everyPage(s, "en") {
		if strings.Contains(a.body, "<script") {
			t.Errorf("%s: a text became markup", name)
		}
	}
}
