package liquid

import (
	"regexp"
	"strings"
)

// lexeme is one word of an expression, by the rules of the library's scanner
// (expressions/scanner.rl); it lets us see what an expression reads without
// evaluating it.
type lexeme struct {
	kind lexKind
	text string // identifier, property and keyword without punctuation; string without quotes
	pos  int
}

type lexKind int

const (
	lexIdent lexKind = iota
	lexProperty
	lexKeyword // name:
	lexString
	lexNumber
	lexSymbol
)

var (
	reIdent  = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}\p{M}_-]*\??`)
	reNumber = regexp.MustCompile(`^-?\d+(\.\d+)?`)
	reString = regexp.MustCompile(`^("(?:[^"\\]|\\.)*"|'[^']*')`)
	reSymbol = regexp.MustCompile(`^(==|!=|>=|<=|\.\.|.)`)
)

// lex splits an expression into words. It never fails: what the library's
// parser refuses is refused by the library's parser.
func lex(expr string) []lexeme {
	var out []lexeme
	for pos := 0; pos < len(expr); {
		rest := expr[pos:]
		if strings.ContainsRune(" \t\r\n", rune(rest[0])) {
			pos++
			continue
		}
		l, size := lexOne(rest)
		l.pos = pos
		out = append(out, l)
		pos += size
	}
	return out
}

func lexOne(rest string) (lexeme, int) {
	if m := reIdent.FindString(rest); m != "" {
		if strings.HasPrefix(rest[len(m):], ":") {
			return lexeme{kind: lexKeyword, text: m}, len(m) + 1
		}
		return lexeme{kind: lexIdent, text: m}, len(m)
	}
	if rest[0] == '.' {
		if m := reIdent.FindString(rest[1:]); m != "" {
			return lexeme{kind: lexProperty, text: m}, len(m) + 1
		}
	}
	if m := reString.FindString(rest); m != "" {
		return lexeme{kind: lexString, text: m[1 : len(m)-1]}, len(m)
	}
	if m := reNumber.FindString(rest); m != "" {
		return lexeme{kind: lexNumber, text: m}, len(m)
	}
	m := reSymbol.FindString(rest)
	if m == "" { // a line break: reSymbol's dot does not match it
		m = rest[:1]
	}
	return lexeme{kind: lexSymbol, text: m}, len(m)
}

// words of the language that are no variables.
var reserved = map[string]bool{
	"true": true, "false": true, "nil": true, "null": true, "and": true, "or": true,
	"contains": true, "in": true, "reversed": true, "forloop": true,
}

// path is one variable an expression reads: its root and what follows, a list
// index written [].
type path struct {
	segments []string
}

func (p path) root() string { return p.segments[0] }

// String joins the segments: cart.items[].name.
func (p path) String() string {
	var b strings.Builder
	for i, s := range p.segments {
		if i > 0 && s != "[]" {
			b.WriteByte('.')
		}
		b.WriteString(s)
	}
	return b.String()
}

// paths lists what an expression reads, in order. Filter names and keyword
// arguments are not among them, their values are.
func paths(expr string) []path {
	p := pathReader{words: lex(expr)}
	for p.i < len(p.words) {
		p.step()
	}
	return p.found
}

type pathReader struct {
	words []lexeme
	i     int
	found []path
}

func (p *pathReader) step() {
	w := p.words[p.i]
	afterPipe := p.i > 0 && p.words[p.i-1].text == "|" && p.words[p.i-1].kind == lexSymbol
	p.i++
	if w.kind == lexIdent && !afterPipe && !reserved[w.text] {
		p.chain(w.text)
	}
}

// chain reads the properties and indexes that follow a root.
func (p *pathReader) chain(root string) {
	at := len(p.found)
	p.found = append(p.found, path{})
	segments := []string{root}
	for p.i < len(p.words) {
		w := p.words[p.i]
		switch {
		case w.kind == lexProperty:
			p.i++
			segments = append(segments, property(w.text, len(segments)))
		case w.kind == lexSymbol && w.text == "[":
			p.i++
			segments = append(segments, p.index())
		default:
			p.found[at] = path{segments: trimSize(segments)}
			return
		}
	}
	p.found[at] = path{segments: trimSize(segments)}
}

// property turns .first and .last into an index; directly below a root they are
// names like any other (profile.first).
func property(name string, depth int) string {
	if depth >= 2 && (name == "first" || name == "last") {
		return "[]"
	}
	return name
}

// trimSize drops .size: it reads the list, not a property. Directly below a
// root it is a name (profile.size).
func trimSize(segments []string) []string {
	if n := len(segments); n >= 3 && segments[n-1] == "size" {
		return segments[:n-1]
	}
	return segments
}

// index reads up to the closing bracket: a constant string is a property,
// anything else an element of a list.
func (p *pathReader) index() string {
	first, depth := p.i, 1
	for p.i < len(p.words) {
		switch w := p.words[p.i]; {
		case w.kind == lexSymbol && w.text == "[":
			depth++
			p.i++
		case w.kind == lexSymbol && w.text == "]":
			depth--
			p.i++
			if depth == 0 {
				return indexSegment(p.words[first : p.i-1])
			}
		default:
			p.step()
		}
	}
	return "[]"
}

func indexSegment(words []lexeme) string {
	if len(words) == 1 && words[0].kind == lexString {
		return words[0].text
	}
	return "[]"
}

// cost of evaluating an expression once, in units of about a tenth of a
// microsecond. A `contains` may walk a long text, a comparison two lists.
func cost(expr string) int {
	n := 1
	for _, w := range lex(expr) {
		switch {
		case w.kind == lexIdent && w.text == "contains":
			n += 64
		case w.kind == lexSymbol && strings.Contains("==!=<=>=", w.text):
			n += 8
		default:
			n++
		}
	}
	return n
}

// names are the parts of an expression like item.brand.name; nil for any other.
func names(expr string) []string {
	var out []string
	for i, w := range lex(expr) {
		if i == 0 && w.kind != lexIdent || i > 0 && w.kind != lexProperty || reserved[w.text] && i == 0 {
			return nil
		}
		out = append(out, w.text)
	}
	return out
}

// filterNames lists the filters an expression calls.
func filterNames(expr string) []string {
	var names []string
	words := lex(expr)
	for i, w := range words[:max(0, len(words)-1)] {
		if w.kind == lexSymbol && w.text == "|" {
			names = append(names, words[i+1].text)
		}
	}
	return names
}
