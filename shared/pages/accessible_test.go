package pages

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/kesher-io/kesher/shared/core/message"
)

// Structure that WCAG 2.2 AA asks for and a parser can see: 1.3.1, 2.4.1, 2.4.2,
// 3.1.1, 3.3.2, 4.1.2.
func TestPagesHaveTheStructureThatAssistiveTechnologyNeeds(t *testing.T) {
	for name, a := range everyPage(newSite(t, local), "en") {
		d := parse(t, a.body)
		if len(d.headings) == 0 || d.headings[0] != "h1" || slices.Index(d.headings[1:], "h1") >= 0 {
			t.Errorf("%s: headings %v, want one h1 first", name, d.headings)
		}
		for i := 1; i < len(d.headings); i++ {
			if d.headings[i] == "h3" && d.headings[i-1] == "h1" {
				t.Errorf("%s: a level is left out: %v", name, d.headings)
			}
		}
		for id, n := range d.ids {
			if n > 1 {
				t.Errorf("%s: id %q stands %d times", name, id, n)
			}
		}
		for n := range d.root.Descendants() {
			if n.Type == html.ElementNode {
				named(t, name, d, n)
			}
		}
	}
}

// named: every control has a label, every reference a target.
func named(t *testing.T, page string, d *document, n *html.Node) {
	switch {
	case n.Data == "input" && attr(n, "type") != "hidden", n.Data == "textarea", n.Data == "select":
		if !labelled(d, n) {
			t.Errorf("%s: control %q has no label", page, attr(n, "name"))
		}
	case n.Data == "svg" && attr(n.Parent, "aria-hidden") != "true":
		t.Errorf("%s: a drawing is not hidden from readers", page)
	case n.Data == "section" && d.ids[attr(n, "aria-labelledby")] != 1:
		t.Errorf("%s: section without a name", page)
	}
	for _, ref := range []string{"for", "aria-labelledby", "aria-describedby"} {
		for _, id := range strings.Fields(attr(n, ref)) {
			if d.ids[id] != 1 {
				t.Errorf("%s: %s=%q leads nowhere", page, ref, id)
			}
		}
	}
}

func labelled(d *document, control *html.Node) bool {
	for p := control.Parent; p != nil; p = p.Parent {
		if p.Data == "label" {
			return true
		}
	}
	for n := range d.root.Descendants() {
		if n.Data == "label" && attr(n, "for") == attr(control, "id") && attr(control, "id") != "" {
			return true
		}
	}
	return false
}

// Contrast of the stylesheet's colours, WCAG 2.2, 1.4.3 and 1.4.11.
func TestColoursKeepTheirContrastInBothSchemes(t *testing.T) {
	schemes := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(style, -1)
	if len(schemes) != 2 {
		t.Fatalf("%d schemes", len(schemes))
	}
	for i, scheme := range schemes {
		c := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6})`).FindAllStringSubmatch(scheme[1], -1) {
			c[m[1]] = m[2]
		}
		for _, pair := range []struct {
			fore, back string
			least      float64
		}{
			{"ink", "card", 4.5}, {"ink", "paper", 4.5}, {"ink", "wash", 4.5}, {"soft", "card", 4.5}, {"soft", "paper", 4.5}, {"soft", "wash", 4.5},
			{"accent", "card", 4.5}, {"accent", "paper", 4.5}, {"accent", "wash", 4.5}, {"on-accent", "accent", 4.5}, {"danger", "card", 4.5}, {"danger", "wash", 4.5},
			{"edge", "card", 3},
		} {
			if got, ok := message.Contrast(c[pair.fore], c[pair.back]); !ok || got < pair.least {
				t.Errorf("scheme %d: %s on %s has %.2f, needs %.1f (colours found: %t)", i, pair.fore, pair.back, got, pair.least, ok)
			}
		}
	}
}
