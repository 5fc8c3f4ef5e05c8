package message

import (
	"fmt"
	"strings"

	"golang.org/x/net/html"

	"github.com/kesher-io/kesher/shared/core/message/liquid"
)

// Finding is something in a mail that keeps people from reading it.
type Finding struct {
	Rule    string // language, title, image, table, heading, link, contrast, dark mode
	Message string
	Near    string // words or an address that stand there; "" where there are none
}

func (f Finding) String() string { return f.Rule + ": " + f.Message }

// Audit looks at a rendered HTML body as a screen reader and a weak eye do (B17,
// WCAG 2.2: 3.1.1, 2.4.2, 1.1.1, 1.3.1, 2.4.4, 1.4.3) and at what dark mode asks
// for (B18). No finding is no proof.
func Audit(body string) []Finding {
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		return []Finding{{Rule: "document", Message: "can't be read: " + err.Error()}}
	}
	a := &auditor{}
	a.walk(root, paint{color: black, background: white})
	a.document()
	a.outline()
	return a.findings
}

// AuditBody is Audit for a body that CompileTemplate took, before Liquid is run,
// and so for all its branches at once. What the frame alone decides (language,
// title, dark mode) is not judged.
func AuditBody(body string) ([]Finding, error) {
	s, err := liquid.Scan(partBody, body)
	if err == nil {
		err = frameHTML(s)
	}
	if err != nil {
		return nil, err
	}
	root, err := html.Parse(strings.NewReader(withoutBlocks(s)))
	if err != nil {
		return nil, err
	}
	showOutputs(root, s)
	a := &auditor{}
	a.walk(root, paint{color: black, background: white})
	a.outline()
	return a.findings, nil
}

// block stands where a {% tag %} stood: white space, so that it prints nothing and
// may stand between the rows of a table, which no template can hold itself
// (liquid.Scan).
const block = '\f'

// withoutBlocks leaves outputs coded, so that a quote within one ends no attribute.
func withoutBlocks(s *liquid.Source) string {
	return strings.Map(func(r rune) rune {
		if s.IsBlock(r) {
			return block
		}
		return r
	}, s.Coded)
}

// showOutputs puts {{ outputs }} back, as their author wrote them.
func showOutputs(n *html.Node, s *liquid.Source) {
	if n.Type == html.TextNode {
		n.Data = s.Shown(n.Data)
	}
	for i := range n.Attr {
		n.Attr[i].Val = s.Shown(n.Attr[i].Val)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		showOutputs(c, s)
	}
}

type auditor struct {
	findings              []Finding
	title                 string
	lang, dir             string
	scheme, supported     string // meta color-scheme, supported-color-schemes
	charset, viewport     bool
	bodyColor, bodyGround bool
	headings              []heading
}

type heading struct {
	level int
	words string
}

func (a *auditor) found(rule, near, format string, args ...any) {
	a.findings = append(a.findings, Finding{rule, fmt.Sprintf(format, args...), longest(near)})
}

// longest is the longest part of words that stands unbroken in the source.
func longest(words string) (near string) {
	for _, part := range strings.FieldsFunc(words, func(r rune) bool { return r == '\n' || r == block }) {
		if part = strings.TrimSpace(part); len(part) > len(near) {
			near = part
		}
	}
	return near
}

// document judges what the frame makes of the whole.
func (a *auditor) document() {
	if a.lang == "" {
		a.found("language", "", "<html> has no lang")
	}
	if a.dir != "ltr" && a.dir != "rtl" {
		a.found("language", "", "<html> has no dir of ltr or rtl")
	}
	if strings.TrimSpace(a.title) == "" {
		a.found("title", "", "there is no <title>")
	}
	if !a.charset || !a.viewport {
		a.found("document", "", "meta charset or viewport is missing")
	}
	if !strings.Contains(a.scheme, "dark") || !strings.Contains(a.supported, "dark") {
		a.found("dark mode", "", "meta color-scheme or supported-color-schemes does not name dark")
	}
	if !a.bodyColor || !a.bodyGround {
		a.found("dark mode", "", "<body> has no explicit colours")
	}
}

// outline judges how headings follow each other.
func (a *auditor) outline() {
	for i, h := range a.headings {
		switch {
		case i == 0 && h.level != 1:
			a.found("heading", h.words, "the first heading is h%d, not h1", h.level)
		case i > 0 && h.level > a.headings[i-1].level+1:
			a.found("heading", h.words, "h%d follows h%d", h.level, a.headings[i-1].level)
		}
	}
}

// paint is how the text of an element looks.
type paint struct {
	color, background rgb
	hidden            bool
}

func (a *auditor) walk(n *html.Node, p paint) {
	if n.Type == html.TextNode {
		a.text(n, p)
		return
	}
	if n.Type == html.ElementNode {
		if n.Data == "style" || n.Data == "script" {
			return
		}
		p = a.paint(n, p)
		a.element(n, p)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		a.walk(c, p)
	}
}

// paint applies the element's own colours.
func (a *auditor) paint(n *html.Node, p paint) paint {
	if n.Data == "a" && attribute(n, "href") != "" {
		p.color = linkBlue
	}
	if c, ok := parseColor(attribute(n, "bgcolor")); ok {
		p.background = c
	}
	if c, ok := parseColor(attribute(n, "color")); ok && n.Data == "font" {
		p.color = c
	}
	for _, declaration := range strings.Split(attribute(n, "style"), ";") {
		property, value, _ := strings.Cut(declaration, ":")
		value = strings.TrimSpace(strings.ReplaceAll(value, "!important", ""))
		switch strings.ToLower(strings.TrimSpace(property)) {
		case "color":
			p.color = colorOr(value, p.color)
			a.bodyColor = a.bodyColor || n.Data == "body"
		case "background-color", "background":
			p.background = colorOr(value, p.background)
			a.bodyGround = a.bodyGround || n.Data == "body"
		case "display":
			p.hidden = p.hidden || value == "none"
		}
	}
	return p
}

func (a *auditor) text(n *html.Node, p paint) {
	text := strings.TrimSpace(n.Data)
	if n.Parent != nil && n.Parent.Data == "title" {
		a.title += text
		return
	}
	if text == "" || p.hidden || n.Parent == nil || inHead(n) {
		return
	}
	if ratio := contrast(p.color, p.background); ratio < minContrast {
		a.found("contrast", text, "%.30q is %s on %s, %.1f:1 (at least 4.5:1)", strings.ReplaceAll(text, string(block), ""), p.color, p.background, ratio)
	}
}

func inHead(n *html.Node) bool {
	for ; n != nil; n = n.Parent {
		if n.Data == "head" {
			return true
		}
	}
	return false
}

func (a *auditor) element(n *html.Node, p paint) {
	switch n.Data {
	case "html":
		a.lang, a.dir = attribute(n, "lang"), attribute(n, "dir")
	case "meta":
		a.meta(n)
	case "img":
		if !hasAttribute(n, "alt") && !p.hidden {
			a.found("image", attribute(n, "src"), "<img src=%.60q> has no alt (alt=\"\" where it only decorates)", attribute(n, "src"))
		}
	case "table":
		role := attribute(n, "role")
		if role != "presentation" && role != "none" && find(n, "th") == nil {
			a.found("table", accessibleName(n), `a <table> has neither role="presentation" nor <th>`)
		}
	case "a":
		if attribute(n, "href") != "" && accessibleName(n) == "" && !p.hidden {
			a.found("link", attribute(n, "href"), "the link to %.60q has no words and no alt", attribute(n, "href"))
		}
	case "h1", "h2", "h3", "h4", "h5", "h6":
		a.headings = append(a.headings, heading{int(n.Data[1] - '0'), accessibleName(n)})
	}
}

func (a *auditor) meta(n *html.Node) {
	content := strings.ToLower(attribute(n, "content"))
	switch strings.ToLower(attribute(n, "name")) {
	case "color-scheme":
		a.scheme = content
	case "supported-color-schemes":
		a.supported = content
	case "viewport":
		a.viewport = true
	}
	a.charset = a.charset || hasAttribute(n, "charset") || strings.Contains(content, "charset")
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func hasAttribute(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func find(n *html.Node, name string) *html.Node {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == html.ElementNode && c.Data == name {
			return c
		}
		if found := find(c, name); found != nil {
			return found
		}
	}
	return nil
}

// accessibleName is what a screen reader says of an element.
func accessibleName(n *html.Node) string {
	if label := attribute(n, "aria-label"); label != "" {
		return label
	}
	if n.Type == html.TextNode {
		return strings.TrimSpace(n.Data)
	}
	if n.Data == "img" {
		return strings.TrimSpace(attribute(n, "alt"))
	}
	var name string
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		name += accessibleName(c)
	}
	return name
}
