package mjml

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strings"

	"github.com/kesher-io/kesher/shared/core/message/liquid"
	gomjml "github.com/preslavrachev/gomjml/mjml"
)

// document is one source on its way.
type document struct {
	src      string
	liquid   *liquid.Source
	coded    string   // Liquid and entities as private-use characters
	entities []string // by code
	elements []element
	loose    []looseTag // Liquid tags between elements
}

// element is one MJML element, as offsets into the coded text.
type element struct {
	name       string
	start      int  // of its start tag
	inner      int  // behind its start tag
	innerEnd   int  // of its end tag
	end        int  // behind its end tag
	parent     int  // index into elements, -1 for mjml
	hasLiquid  bool // a Liquid tag stands between its children
	selfClosed bool
}

// looseTag is a Liquid tag between elements.
type looseTag struct{ start, end int }

// entityBase is the first of the private-use characters (plane 16) that stand
// for entities: the compiler would turn &lt; into <.
const entityBase = 0x100000

var entityPattern = regexp.MustCompile(`&(#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);|&`)

// protect replaces entities, and lone ampersands, which XML does not have.
func (d *document) protect(coded string) {
	d.coded = entityPattern.ReplaceAllStringFunc(coded, func(entity string) string {
		if entity == "&" {
			entity = "&amp;"
		}
		for i, known := range d.entities {
			if known == entity {
				return string(rune(entityBase + i))
			}
		}
		d.entities = append(d.entities, entity)
		return string(rune(entityBase + len(d.entities) - 1))
	})
}

func (d *document) entity(r rune) (string, bool) {
	if n := int(r) - entityBase; n >= 0 && n < len(d.entities) {
		return d.entities[n], true
	}
	return "", false
}

// textElements hold text and HTML; Liquid stands in them as it is.
var textElements = map[string]bool{
	"mj-text": true, "mj-button": true, "mj-table": true, "mj-raw": true, "mj-title": true, "mj-preview": true,
	"mj-style": true, "mj-accordion-title": true, "mj-accordion-text": true, "mj-navbar-link": true, "mj-social-element": true,
}

var columnContent = []string{
	"mj-text", "mj-button", "mj-image", "mj-divider", "mj-spacer", "mj-table", "mj-social", "mj-navbar", "mj-accordion", "mj-carousel", "mj-raw",
}

// children says which element may hold which (MJML documentation,
// "Components"; the compiler would drop the others without a word).
var children = map[string][]string{
	"":                     {"mjml"},
	"mjml":                 {"mj-head", "mj-body"},
	"mj-head":              {"mj-title", "mj-preview", "mj-attributes", "mj-style", "mj-font", "mj-raw"},
	"mj-body":              {"mj-section", "mj-wrapper", "mj-hero", "mj-raw"},
	"mj-wrapper":           {"mj-section", "mj-raw"},
	"mj-section":           {"mj-column", "mj-group", "mj-raw"},
	"mj-group":             {"mj-column", "mj-raw"},
	"mj-column":            columnContent,
	"mj-hero":              columnContent,
	"mj-social":            {"mj-social-element", "mj-raw"},
	"mj-navbar":            {"mj-navbar-link", "mj-raw"},
	"mj-accordion":         {"mj-accordion-element", "mj-raw"},
	"mj-accordion-element": {"mj-accordion-title", "mj-accordion-text"},
	"mj-carousel":          {"mj-carousel-image"},
}

// read parses the coded text, checks the nesting and finds the Liquid tags that
// stand between elements.
func (d *document) read() error {
	r := &reader{document: d, decoder: xml.NewDecoder(strings.NewReader(d.coded)), current: -1}
	if err := r.run(); err != nil {
		return err
	}
	for _, needed := range []string{"mjml", "mj-body"} {
		if !d.has(needed) {
			return &Error{Line: 1, Col: 1, Message: fmt.Sprintf("<%s> is missing (an MJML file is <mjml><mj-body>...</mj-body></mjml>)", needed)}
		}
	}
	return nil
}

func (d *document) has(name string) bool {
	for _, e := range d.elements {
		if e.name == name {
			return true
		}
	}
	return false
}

// reader walks over the XML tokens.
type reader struct {
	*document
	decoder *xml.Decoder
	base    int // offset at which the decoder began
	current int // index of the open element, -1 outside
}

func (r *reader) offset() int { return r.base + int(r.decoder.InputOffset()) }

func (r *reader) run() error {
	for {
		start := r.offset()
		if r.current >= 0 && textElements[r.elements[r.current].name] && !r.elements[r.current].selfClosed {
			if err := r.skipText(start); err != nil {
				return err
			}
			continue
		}
		token, err := r.decoder.RawToken()
		if errors.Is(err, io.EOF) {
			return r.atEnd(start)
		}
		if err != nil {
			return r.syntaxError(err)
		}
		if err := r.token(token, start); err != nil {
			return err
		}
	}
}

func (r *reader) atEnd(offset int) error {
	if r.current >= 0 {
		e := r.elements[r.current]
		return r.errorAt(e.start, "<%s> is never closed (write </%s>)", e.name, e.name)
	}
	return nil
}

func (r *reader) token(token xml.Token, start int) error {
	end := r.offset()
	switch t := token.(type) {
	case xml.StartElement:
		return r.open(t.Name.Local, start, end)
	case xml.EndElement:
		return r.close(t.Name.Local, start, end)
	case xml.CharData:
		return r.between(start, end)
	}
	return nil
}

func (r *reader) open(name string, start, end int) error {
	parent := ""
	if r.current >= 0 {
		parent = r.elements[r.current].name
	}
	if parent != "mj-attributes" { // which holds names of elements, not elements
		if err := r.admit(name, parent, start); err != nil {
			return err
		}
	}
	selfClosed := strings.HasSuffix(r.coded[start:end], "/>")
	r.elements = append(r.elements, element{name: name, start: start, inner: end, parent: r.current, selfClosed: selfClosed})
	r.current = len(r.elements) - 1
	return nil
}

func (r *reader) admit(name, parent string, start int) error {
	allowed := children[parent]
	for _, a := range allowed {
		if a == name {
			return nil
		}
	}
	if _, known := children[name]; !known && !textElements[name] && !isLeaf(name) {
		return r.errorAt(start, "<%s> is no MJML element%s", name, suggest(name))
	}
	if parent == "" {
		return r.errorAt(start, "<%s> stands outside of <mjml>", name)
	}
	return r.errorAt(start, "<%s> may not stand in <%s> (which takes %s)", name, parent, list(allowed))
}

func isLeaf(name string) bool {
	for _, group := range children {
		for _, child := range group {
			if child == name {
				return true
			}
		}
	}
	return false
}

func (r *reader) close(name string, start, end int) error {
	if r.current < 0 {
		return r.errorAt(start, "</%s> closes nothing", name)
	}
	e := &r.elements[r.current]
	if e.name != name {
		return r.errorAt(start, "</%s> closes <%s>", name, e.name)
	}
	e.innerEnd, e.end = start, end
	r.current = e.parent
	return nil
}

// between takes what stands between elements: Liquid tags, and no text.
func (r *reader) between(start, end int) error {
	text := r.coded[start:end]
	for i, c := range text {
		tag, ok := r.liquid.Decode(c)
		switch {
		case ok && tag.Output:
			return r.errorAt(start+i, "%s stands between elements (put it into <mj-text>)", tag.Raw)
		case ok:
			if err := r.loosen(start+i, start+i+len(string(c)), tag); err != nil {
				return err
			}
		case c != ' ' && c != '\n' && c != '\r' && c != '\t':
			return r.errorAt(start+i, "text stands between elements (put it into <mj-text>)")
		}
	}
	return nil
}

// carriesRaw are the elements between whose children Liquid may stand.
var carriesRaw = map[string]bool{
	"mj-body": true, "mj-wrapper": true, "mj-section": true, "mj-group": true, "mj-column": true, "mj-hero": true,
}

func (r *reader) loosen(start, end int, tag *liquid.Tag) error {
	if r.current < 0 || !carriesRaw[r.elements[r.current].name] {
		where := "outside of <mjml>"
		if r.current >= 0 {
			where = "in <" + r.elements[r.current].name + ">"
		}
		return r.errorAt(start, "%s may not stand %s (put it inside <mj-body>)", tag.Raw, where)
	}
	r.elements[r.current].hasLiquid = true
	r.loose = append(r.loose, looseTag{start, end})
	return nil
}

// skipText passes over the content of a text element, which is HTML and need
// not be XML: to its end tag, as the compiler does for mj-text.
func (r *reader) skipText(start int) error {
	e := &r.elements[r.current]
	i := strings.Index(r.coded[start:], "</"+e.name)
	if i < 0 {
		return r.errorAt(e.start, "<%s> is never closed (write </%s>)", e.name, e.name)
	}
	closing := strings.IndexByte(r.coded[start+i:], '>')
	if closing < 0 {
		return r.errorAt(start+i, "</%s is never closed (write >)", e.name)
	}
	e.innerEnd, e.end = start+i, start+i+closing+1
	r.decoder, r.base = xml.NewDecoder(strings.NewReader(r.coded[e.end:])), e.end
	r.current = e.parent
	return nil
}

func (r *reader) syntaxError(err error) error {
	var syntax *xml.SyntaxError
	message := err.Error()
	if errors.As(err, &syntax) {
		message = syntax.Msg
	}
	return r.errorAt(r.offset(), "%s", message)
}

// errorAt makes an error at an offset of the coded text.
func (d *document) errorAt(offset int, format string, args ...any) *Error {
	at := d.original(offset)
	return &Error{
		Line:    1 + strings.Count(d.src[:at], "\n"),
		Col:     at - strings.LastIndexByte(d.src[:at], '\n'),
		Message: fmt.Sprintf(format, args...),
	}
}

// original is the offset in the marketer's file of an offset in the coded text:
// counted from the last Liquid tag before it.
func (d *document) original(offset int) int {
	from, at := 0, 0
	for i, r := range d.coded[:min(offset, len(d.coded))] {
		if tag, ok := d.liquid.Decode(r); ok {
			from, at = tag.Offset+len(tag.Raw), i+len(string(r))
		}
	}
	for _, r := range d.coded[at:min(offset, len(d.coded))] {
		if entity, ok := d.entity(r); ok {
			from += entityLength(d.src, from, entity)
			continue
		}
		from += len(string(r))
	}
	return min(from, len(d.src))
}

// entityLength: a lone ampersand was written shorter than what stands for it.
func entityLength(src string, at int, entity string) int {
	if at <= len(src) && strings.HasPrefix(src[at:], entity) {
		return len(entity)
	}
	return 1
}

func (d *document) liquidError(err error) error {
	var e *liquid.Error
	if errors.As(err, &e) {
		return &Error{Line: max(e.Line, 1), Col: 1, Message: e.Message}
	}
	return err
}

// attributeError finds the element that an error of the compiler speaks of.
func (d *document) attributeError(detail gomjml.ErrorDetail) error {
	name := quoted(detail.Message)
	for _, e := range d.elements {
		if e.name != detail.TagName {
			continue
		}
		start := d.coded[e.start:e.inner]
		if i := strings.Index(start, name+"="); i >= 0 {
			return d.errorAt(e.start+i, "<%s> has no attribute %s", e.name, name)
		}
	}
	return &Error{Line: 1, Col: 1, Message: detail.Message}
}

func quoted(message string) string {
	_, rest, _ := strings.Cut(message, "'")
	name, _, _ := strings.Cut(rest, "'")
	return name
}

func list(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	sorted := append([]string(nil), names...)
	sort.Strings(sorted)
	return strings.Join(sorted, ", ")
}
