package pages

import (
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// document is what the tests look for in a page.
type document struct {
	root     *html.Node
	forms    []form
	headings []string
	ids      map[string]int
}

type form struct {
	method, action string
	fields         url.Values // hidden fields, and the first button's
	types          []string   // of its inputs
}

func parse(t testing.TB, page string) *document {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	d := &document{root: root, ids: map[string]int{}}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if id := attr(n, "id"); id != "" {
			d.ids[id]++
		}
		switch n.Data {
		case "form":
			d.forms = append(d.forms, formOf(n))
		case "h1", "h2", "h3":
			d.headings = append(d.headings, n.Data)
		}
	}
	return d
}

func formOf(n *html.Node) form {
	f := form{method: attr(n, "method"), action: attr(n, "action"), fields: url.Values{}}
	for c := range n.Descendants() {
		switch c.Data {
		case "input", "textarea", "select":
			kind := attr(c, "type")
			if kind == "" {
				kind = c.Data
			}
			f.types = append(f.types, kind)
			if kind == "hidden" {
				f.fields.Set(attr(c, "name"), attr(c, "value"))
			}
		case "button":
			if name := attr(c, "name"); name != "" && !f.fields.Has(name) {
				f.fields.Set(name, attr(c, "value"))
			}
		}
	}
	return f
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return strings.TrimSpace(b.String())
}
