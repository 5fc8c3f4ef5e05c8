package pages

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/kesher-io/kesher/shared/core/token"
)

func TestE12HeadersAndNoScriptOnEveryPage(t *testing.T) {
	s := newSite(t, "https://mail.shop.example")
	nothing := regexp.MustCompile(`default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]{44}'; img-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`)
	for name, a := range everyPage(s, "en") {
		if csp := a.Header.Get("Content-Security-Policy"); nothing.FindString(csp) != csp {
			t.Errorf("%s: policy %q", name, csp)
		}
		for header, want := range map[string]string{
			"Strict-Transport-Security": "max-age=63072000; includeSubDomains", "Referrer-Policy": "no-referrer",
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
		} {
			if got := a.Header.Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", name, header, got, want)
			}
		}
		for n := range parse(t, a.body).root.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			if slices.Contains([]string{"script", "iframe", "object", "embed", "link", "base"}, n.Data) || has(n, "style") {
				t.Errorf("%s: <%s> is not allowed", name, n.Data)
			}
			for _, at := range n.Attr {
				if strings.HasPrefix(at.Key, "on") || strings.HasPrefix(strings.TrimSpace(strings.ToLower(at.Val)), "javascript:") {
					t.Errorf("%s: %s=%q", name, at.Key, at.Val)
				}
			}
		}
	}
	if got := newSite(t, local).get("/p").Header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("http on this machine is told %q", got)
	}
}

func TestE12TheStylesheetIsTheOneThePolicyNames(t *testing.T) {
	page := parse(t, newSite(t, local).get("/p").body)
	for n := range page.root.Descendants() {
		if n.Type == html.ElementNode && n.Data == "style" && textOf(n) != strings.TrimSpace(style) {
			t.Fatal("the page changes the stylesheet, so its hash does not fit")
		}
	}
}

func TestE12TheBrandsLogoMayBeShownAndNothingElse(t *testing.T) {
	s := newSite(t, local)
	s.rel.Settings.Brand.Logo = "https://cdn.shop.example/logo.png?x=1"
	a := s.get("/p")
	if !strings.Contains(a.Header.Get("Content-Security-Policy"), "img-src https://cdn.shop.example;") || !strings.Contains(a.body, `alt="Shop"`) {
		t.Fatalf("policy %q", a.Header.Get("Content-Security-Policy"))
	}
	for _, logo := range []string{"http://shop.example/l.png", "javascript:alert(1)", "https://a;script-src *", "data:image/png;base64,x"} {
		s.rel.Settings.Brand.Logo = logo
		if a := s.get("/p"); strings.Contains(a.body, "<img") || !strings.Contains(a.Header.Get("Content-Security-Policy"), "img-src 'none'") {
			t.Errorf("logo %q is shown", logo)
		}
	}
}

// E10: what no form of ours sends changes nothing, however large or strange it is.
// An address that is nobody's leaves what any other leaves (E08, E09).
func TestE10FormsHaveTheirLimits(t *testing.T) {
	s := newSite(t, local)
	cookie, form := s.signIn()
	survey := "/s/style?t=" + s.ring.MintSurvey(token.Survey{Customer: s.dana, Survey: "style"})
	name := func(value string) url.Values {
		return url.Values{"do": {"trait"}, "form": {form}, "trait": {"first_name"}, "value": {value}}
	}
	answers := func(field, value string) url.Values {
		return url.Values{"q.people": {"2"}, "grant": {"fit@v1"}, field: {value}}
	}
	long := strings.Repeat("x", maxValue+1)
	for name, c := range map[string]struct {
		path   string
		fields url.Values
	}{
		"an address that is too long": {"/p", url.Values{"address": {long + "@shop.example"}}},
		"an address with a zero":      {"/p", url.Values{"address": {"dana@shop.example\x00"}}},
		"an address that is no text":  {"/p", url.Values{"address": {"\xff@shop.example"}}},
		"a body that is too large":    {"/p", url.Values{"address": {danasAddress}, "x": {strings.Repeat("x", maxBody)}}},
		"a value that is too long":    {"/p", name(long)},
		"a value with a zero":         {"/p", name("a\x00b")},
		"a value that is no text":     {"/p", name("\xff")},
		"no trait of the plan":        {"/p", url.Values{"do": {"trait"}, "form": {form}, "trait": {"password"}, "value": {"x"}}},
		"no member of the list":       {"/p", url.Values{"do": {"member"}, "form": {form}, "trait": {"interests"}, "add": {"yachts"}}},
		"a number of days that is no": {"/p", url.Values{"do": {"pause"}, "form": {form}, "days": {"1e9"}}},
		"an answer that is too long":  {survey, answers("q.wish", long)},
		"an answer with a zero":       {survey, answers("q.wish", "a\x00b")},
		"an option that is none":      {survey, answers("q.often", "hourly")},
	} {
		before := s.writes()
		if a := s.post(c.path, c.fields, cookie); a.StatusCode != http.StatusBadRequest && a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %s", name, a.Status)
		}
		if n := s.writes() - before; n != 0 {
			t.Errorf("%s: %d items were written: %v", name, n, s.store.Changes()[before].Key)
		}
	}
	for what, c := range map[string]struct {
		path   string
		fields url.Values
	}{"a long name": {"/p", name(long[1:])}, "a wish in lines": {survey, answers("q.wish", "a\r\n\tb")}} {
		if before, a := s.writes(), s.post(c.path, c.fields, cookie); a.StatusCode >= 400 || s.writes() == before {
			t.Errorf("%s: %s", what, a.Status)
		}
	}
}
