package browser

import (
	_ "embed"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/testkit/chromium"
)

// looks.js lists what is wrong with a page as it stands in the window.
//
//go:embed testdata/looks.js
var looks string

// A phone, a small tablet and a desk.
var widths = []int64{375, 640, 1280}

// fits holds the page that is open to what every page must be, in every window,
// light and dark.
func fits(t *testing.T, p *chromium.Tab, name, lang, dir string) {
	t.Helper()
	if got := chromium.Eval[string](p, `document.documentElement.lang + " " + document.documentElement.dir`); got != lang+" "+dir {
		t.Errorf("%s: its language and direction are %q, want %s %s", name, got, lang, dir)
	}
	for _, width := range widths {
		for _, dark := range []bool{false, true} {
			p.Window(width, dark)
			for _, wrong := range chromium.Eval[[]string](p, looks) {
				t.Errorf("%s, %d wide, dark %v: %s", name, width, dark, wrong)
			}
		}
	}
	quiet(t, p, name)
}

// quiet: the browser complained of nothing: no script failed, no policy was broken
// and nothing was missing. Pictures of the demo's shop are out of reach here, and
// for an icon browsers ask by themselves.
func quiet(t *testing.T, p *chromium.Tab, name string) {
	t.Helper()
	for _, wrong := range p.Wrong() {
		if !strings.Contains(wrong, "net::ERR_NAME_NOT_RESOLVED https://shop.example/") && !strings.HasSuffix(wrong, "/favicon.ico") {
			t.Errorf("%s: the browser says: %s", name, wrong)
		}
	}
}

func TestEveryPageFitsEveryWindow(t *testing.T) {
	s, b := open(t, true), chromium.Start(t)
	mails := s.mails("")
	p := b.Tab(t)
	for lang, dir := range map[string]string{"en": "ltr", "he": "rtl"} {
		i := slices.IndexFunc(mails, func(m mail) bool { return m.lang() == lang })
		if i < 0 {
			t.Fatalf("the demo sends no mail in %s", lang)
		}
		m := mails[i]
		q := "?lang=" + lang
		for name, url := range map[string]string{
			"unsubscribe": m.link("/u/") + q, "preferences link": m.link("/p/") + q, "address": s.url + "/p" + q, "survey": s.url + "/s/style" + q,
		} {
			if status := p.Open(url); status != 200 {
				t.Errorf("%s in %s: %d", name, lang, status)
			}
			fits(t, p, name+" in "+lang, lang, dir)
		}
		p.Open(s.url + "/mailbox?id=" + m.ID)
		fits(t, p, "mailbox with a mail in "+lang, "en", "ltr")
	}
	p.Open(s.url + "/")
	fits(t, p, "console", "en", "ltr")
	p.Open(s.url + "/mailbox?to=nobody@customer.example")
	fits(t, p, "empty mailbox", "en", "ltr")
}

// B17, B18: every mail of the demo as a receiver sees it, each template in each
// language once.
func TestEveryMailFitsEveryWindow(t *testing.T) {
	s, b := open(t, true), chromium.Start(t)
	p := b.Tab(t)
	seen := map[string]bool{}
	for _, m := range s.mails("") {
		name := m.Journey + " " + m.Step + " in " + m.lang()
		if seen[name] {
			continue
		}
		seen[name] = true
		p.Open(s.url + "/mailbox/messages/" + m.ID + "/html")
		fits(t, p, name, m.lang(), map[string]string{"en": "ltr", "he": "rtl"}[m.lang()])
	}
	if len(seen) < 6 {
		t.Errorf("the demo sends only %v", seen)
	}
}

// A look that finds nothing wrong must be one that could.
func TestLooksFindWhatIsWrong(t *testing.T) {
	p := chromium.Start(t).Tab(t)
	p.Window(375, false)
	for markup, want := range map[string]string{
		`<div style="width:400px">x</div>`:                          "scrolls sideways",
		`<p style="color:#777">x</p>`:                               "contrast 4.48",
		`<div style="background:#0009"><p>x</p></div>`:              "contrast",
		`<button style="height:20px;padding:0">Press here</button>`: "too small",
		`<input>`:                                         "no name",
		`<img src="data:,">`:                              "no alternative",
		`<script>pwned = 1</script>`:                      "pwned",
		`<a href="JavaScript:x()">x</a>`:                  "JavaScript:",
		`<p style="color:#767676">x</p>`:                  "",
		`<label>Name <input style="height:24px"></label>`: "",
		`<h1 style="color:#888">Big</h1>`:                 "",
	} {
		p.Open("data:text/html;charset=utf-8," + url.PathEscape(`<!doctype html><meta name=viewport content="width=device-width"><body style="background:#fff">`+markup))
		found := strings.Join(append(chromium.Eval[[]string](p, looks), chromium.Eval[[]string](p, astray)...), "; ")
		if !strings.Contains(found, want) || want == "" && found != "" {
			t.Errorf("%s: found %q, want %q", markup, found, want)
		}
	}
	p.Wrong()
	p.Open("data:text/html," + url.PathEscape(`<meta http-equiv=Content-Security-Policy content="script-src 'none'"><script>1</script>`))
	if len(p.Wrong()) == 0 {
		t.Error("a policy that is broken is not heard of")
	}
}
