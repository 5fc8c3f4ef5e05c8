package pages

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
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
