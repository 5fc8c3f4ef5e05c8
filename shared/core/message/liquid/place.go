package liquid

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// spot is where in an HTML document a tag stands. Two tags with equal spots can
// be joined by a block: whatever lies between them, the parser is back where it
// was.
type spot struct {
	place place
	zone  string // "text", "inside <a>", "href of <a>", "comment"...
	node  int    // number of the HTML token for everything but text
}

// region is the value of a URL attribute, as offsets in the coded text.
type region struct{ start, end int }

// layout is what an HTML parser says of a coded document.
type layout struct {
	spots   map[int]spot // by number of the tag
	regions []region     // URL attributes that hold tags
}

// urlAttributes may carry an address (HTML Standard, "Attributes"; VML for
// Outlook uses src and href as well).
var urlAttributes = map[string]bool{
	"href": true, "src": true, "action": true, "formaction": true, "background": true,
	"poster": true, "cite": true, "data": true, "longdesc": true, "usemap": true,
	"xlink:href": true, "ping": true, "manifest": true, "profile": true, "classid": true, "codebase": true,
}

// refusedElements run, load or submit something, or hide HTML from our parser:
// no mail client shows them and no mail needs them.
var refusedElements = map[string]bool{
	"script": true, "iframe": true, "object": true, "embed": true, "applet": true, "base": true,
	"form": true, "button": true, "textarea": true, "select": true, "frame": true, "frameset": true,
	"portal": true, "template": true, "math": true, "svg": true,
	"xmp": true, "noembed": true, "noframes": true, "plaintext": true,
}

// rawElements hold text that is not parsed as HTML. Values may stand in title.
var rawElements = map[string]bool{"style": true, "title": true}

// locate finds the spot of every tag of an HTML document, by the tokenizer of
// golang.org/x/net/html, and refuses what a mail may not hold.
func locate(s *Source) (*layout, error) {
	l := &layouter{source: s, layout: layout{spots: map[int]spot{}}}
	if err := l.document(s.Coded, 0); err != nil {
		return nil, err
	}
	return &l.layout, nil
}

type layouter struct {
	layout
	source *Source
	node   int
	raw    string // the element whose content is not HTML: style, title
	inside int    // number of the conditional comment around, 0 = none
}

func (l *layouter) document(doc string, base int) error {
	z := html.NewTokenizer(strings.NewReader(doc))
	offset := base
	for {
		kind := z.Next()
		raw := string(z.Raw())
		l.node++
		if kind == html.ErrorToken {
			if len(raw) > 0 && codes(raw) {
				return l.errorf(raw, "stands in an HTML tag that is never closed")
			}
			return nil
		}
		if err := l.token(kind, raw, offset); err != nil {
			return err
		}
		if kind == html.StartTagToken && tagName(raw) == "noscript" {
			z.NextIsNotRawText() // no mail client runs scripts, so all show it
		}
		offset += len(raw)
	}
}

func (l *layouter) token(kind html.TokenType, raw string, offset int) error {
	switch kind {
	case html.TextToken:
		return l.text(raw)
	case html.StartTagToken, html.SelfClosingTagToken:
		return l.startTag(raw, offset)
	case html.EndTagToken:
		l.raw = ""
		if codes(raw) {
			return l.errorf(raw, "stands inside an HTML end tag")
		}
	case html.CommentToken:
		return l.comment(raw, offset)
	}
	return nil
}

func (l *layouter) text(raw string) error {
	zone := "text"
	if l.raw != "" {
		zone = "<" + l.raw + ">"
	}
	return l.each(raw, func(n int, tag *Tag) error {
		if tag.Output && l.raw != "" && l.raw != "title" {
			return l.errorTag(tag, "may not stand in <%s>: a value of a customer must not become CSS or code", l.raw)
		}
		sp := spot{place: inText, zone: zone, node: l.inside}
		if l.raw != "" {
			sp.node = l.node
		}
		l.spots[n] = sp
		return nil
	})
}

// comment: Outlook reads conditional comments as HTML, everybody else skips
// them; so their inside is laid out like the rest.
func (l *layouter) comment(raw string, offset int) error {
	if inner, at, ok := conditional(raw); ok {
		defer func(raw string) { l.raw, l.inside = raw, 0 }(l.raw)
		l.inside = l.node
		return l.document(inner, offset+at)
	}
	return l.each(raw, func(n int, tag *Tag) error {
		l.spots[n] = spot{place: inAttribute, zone: "comment", node: l.node}
		return nil
	})
}

// conditional returns what stands between <!--[if ...]> and <![endif]-->.
func conditional(raw string) (inner string, at int, ok bool) {
	const opening, closing = "<!--[if", "<![endif]-->"
	end := strings.Index(raw, "]>")
	if !strings.HasPrefix(raw, opening) || !strings.HasSuffix(raw, closing) || end < 0 || end+2 > len(raw)-len(closing) {
		return "", 0, false
	}
	return raw[end+2 : len(raw)-len(closing)], end + 2, true
}

func (l *layouter) startTag(raw string, offset int) error {
	name := tagName(raw)
	if codes(name) {
		return l.errorf(raw, "stands in the name of an HTML tag")
	}
	if refusedElements[name] {
		return l.refuse(offset, fmt.Sprintf("<%s> may not stand in a mail", name))
	}
	if rawElements[name] {
		l.raw = name
	}
	inside := spot{place: inAttribute, zone: "inside <" + name + ">", node: l.node}
	attrs := attributes(raw)
	for _, a := range attrs {
		if err := l.attribute(name, a, raw, offset); err != nil {
			return err
		}
	}
	return l.each(raw, func(n int, tag *Tag) error {
		if _, done := l.spots[n]; done {
			return nil
		}
		if tag.Output {
			return l.errorTag(tag, "stands inside <%s> but in no quoted value (write name=\"%s\")", name, tag.Raw)
		}
		l.spots[n] = inside
		return nil
	})
}

func (l *layouter) attribute(element string, a attribute, raw string, offset int) error {
	if codes(a.name) {
		return l.errorf(a.name, "stands within the name of an attribute")
	}
	if strings.HasPrefix(a.name, "on") {
		return l.refuse(offset+a.start, fmt.Sprintf("%s: a mail may not carry scripts", a.name))
	}
	value := raw[a.start:a.end]
	isURL := urlAttributes[a.name]
	if !codes(value) {
		return l.literal(element, a.name, value, offset+a.start, isURL)
	}
	if !a.quoted {
		return nil // its tags stay without a spot: refused by startTag
	}
	if a.name == "srcset" || a.name == "srcdoc" {
		return l.errorf(value, "may not stand in %s", a.name)
	}
	if isURL && utf8.RuneCountInString(value) > 1 {
		l.regions = append(l.regions, region{offset + a.start, offset + a.end})
	}
	return l.value(element, a.name, value, isURL)
}

func (l *layouter) literal(element, name, value string, offset int, isURL bool) error {
	if name == "http-equiv" && strings.EqualFold(strings.TrimSpace(value), "refresh") {
		return l.refuse(offset, "a mail may not redirect")
	}
	if isURL {
		if err := CheckURL(value); err != nil {
			return l.refuse(offset, fmt.Sprintf("%s of <%s>: %.80q %v", name, element, value, err))
		}
	}
	return nil
}

// value gives every tag in one attribute value its spot.
func (l *layouter) value(element, name, value string, isURL bool) error {
	zone := name + " of <" + element + ">"
	var before prefix
	for _, r := range value {
		tag, ok := l.source.Decode(r)
		if !ok {
			before.add(r)
			continue
		}
		if tag.Output && name == "style" {
			return l.errorTag(tag, "may not stand in style: a value of a customer must not become CSS (choose between styles with {%% if %%})")
		}
		sp := spot{place: inAttribute, zone: zone, node: l.node}
		switch {
		case isURL && utf8.RuneCountInString(value) == 1:
			sp.place = inWholeURL
		case isURL:
			sp.place = before.place()
		}
		l.spots[int(r)-codeBase] = sp
	}
	return nil
}

// prefix is what stands literally in a URL before a value.
type prefix struct{ any, query bool }

func (p *prefix) add(r rune) {
	p.any = p.any || r > ' '
	p.query = p.query || r == '?' || r == '#'
}

// place says what may come behind it.
func (p *prefix) place() place {
	switch {
	case p.query:
		return inQuery
	case p.any:
		return inPath
	default:
		return inURL
	}
}

func (l *layouter) each(raw string, do func(n int, tag *Tag) error) error {
	for _, r := range raw {
		if tag, ok := l.source.Decode(r); ok {
			if err := do(int(r)-codeBase, tag); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *layouter) errorf(raw, format string, args ...any) error {
	for _, r := range raw {
		if tag, ok := l.source.Decode(r); ok {
			return l.errorTag(tag, format, args...)
		}
	}
	return &Error{Part: l.source.Part, Message: fmt.Sprintf(format, args...)}
}

func (l *layouter) errorTag(tag *Tag, format string, args ...any) error {
	return &Error{Part: l.source.Part, Line: tag.Line, Message: tag.Raw + " " + fmt.Sprintf(format, args...)}
}

func (l *layouter) refuse(offset int, message string) error {
	line := 1 + strings.Count(l.source.Coded[:offset], "\n")
	return &Error{Part: l.source.Part, Line: line, Message: message}
}

func codes(s string) bool {
	for _, r := range s {
		if r >= codeBase {
			return true
		}
	}
	return false
}

// attribute is one attribute of a start tag; start and end are offsets of its
// value.
type attribute struct {
	name       string
	start, end int
	quoted     bool
}

func tagName(raw string) string {
	name := strings.TrimLeft(raw, "<")
	if i := strings.IndexAny(name, " \t\r\n\f/>"); i >= 0 {
		name = name[:i]
	}
	return strings.ToLower(name)
}

// attributes reads a start tag by the states of the HTML Standard's tokenizer
// (13.2.5.32 to 13.2.5.39).
func attributes(raw string) []attribute {
	var out []attribute
	b := []byte(raw)
	i := 1 + len(tagName(raw))
	for i < len(b) {
		i = skip(b, i, " \t\r\n\f/")
		if i >= len(b) || b[i] == '>' {
			return out
		}
		nameEnd := until(b, i+1, " \t\r\n\f/>=")
		a := attribute{name: strings.ToLower(string(b[i:nameEnd])), start: nameEnd, end: nameEnd}
		i = skip(b, nameEnd, " \t\r\n\f")
		if i < len(b) && b[i] == '=' {
			i = a.read(b, skip(b, i+1, " \t\r\n\f"))
		}
		a.name = strings.TrimFunc(a.name, func(r rune) bool { return r >= codeBase })
		out = append(out, a)
	}
	return out
}

// read takes the value that begins at i and returns where it ends.
func (a *attribute) read(b []byte, i int) int {
	if i < len(b) && (b[i] == '"' || b[i] == '\'') {
		a.quoted, a.start = true, i+1
		a.end = until(b, i+1, string(b[i]))
		return a.end + 1
	}
	a.start, a.end = i, until(b, i, " \t\r\n\f>")
	return a.end
}

func skip(b []byte, i int, set string) int {
	for i < len(b) && strings.IndexByte(set, b[i]) >= 0 {
		i++
	}
	return i
}

func until(b []byte, i int, set string) int {
	if i > len(b) {
		return len(b)
	}
	if n := bytes.IndexAny(b[i:], set); n >= 0 {
		return i + n
	}
	return len(b)
}
