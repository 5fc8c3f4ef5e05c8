// Package mjml compiles MJML to the HTML of a mail, with its Liquid tags in
// place. It is used when a catalog is checked and published, never at send.
//
// The compiler underneath (github.com/preslavrachev/gomjml) is an XML parser
// that drops what it does not know. So a source is protected first: every
// Liquid tag becomes one private-use character (package liquid), every entity
// another, and a tag that stands between elements is put into <mj-raw>. Then its
// elements are checked against MJML's own nesting, and after compiling it is
// checked that every tag is still there, once where it stood between elements,
// and that blocks hold whole elements, also for Outlook, which reads the
// conditional comments.
package mjml

import (
	"fmt"
	"strings"
	"sync"

	"github.com/kesher-io/kesher/shared/core/message/liquid"
	gomjml "github.com/preslavrachev/gomjml/mjml"
)

// Error is a mistake in an MJML source.
type Error struct {
	Line, Col int // 1-based
	Message   string
}

func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Col, e.Message) }

// compiling guards the compiler's package variables.
var compiling sync.Mutex

// Compile makes HTML out of MJML. Liquid tags come out as they went in, each
// with a mark of its line. Errors are *Error.
func Compile(src string) (string, error) { return CompileFor("", src) }

// CompileFor is Compile for a body in one language: it sets lang and dir, and
// lets a language written from right to left begin at the right.
func CompileFor(lang, src string) (string, error) {
	d := &document{src: src}
	scanned, err := liquid.Scan("body", src)
	if err != nil {
		return "", d.liquidError(err)
	}
	d.liquid = scanned
	d.protect(scanned.Coded)
	if err := d.read(); err != nil {
		return "", err
	}
	out, err := d.compile(lang)
	if err != nil {
		return "", err
	}
	out = mend(out)
	if err := d.checkTags(out); err != nil {
		return "", err
	}
	if err := d.checkBlocks(out); err != nil {
		return "", err
	}
	return d.restore(out), nil
}

// compile runs the compiler over the rewritten source.
func (d *document) compile(lang string) (out string, err error) {
	compiling.Lock()
	defer compiling.Unlock()
	defer func() {
		if x := recover(); x != nil { // it indexes into attributes that it has not checked
			out, err = "", &Error{Line: 1, Col: 1, Message: fmt.Sprintf("the MJML compiler failed: %v", x)}
		}
	}()
	out, err = gomjml.Render(d.rewrite(lang))
	if details, ok := err.(gomjml.Error); ok && len(details.Details) > 0 {
		return "", d.attributeError(details.Details[0])
	}
	if err != nil {
		return "", &Error{Line: 1, Col: 1, Message: err.Error()}
	}
	return out, nil
}

// restore puts Liquid tags and entities back.
func (d *document) restore(out string) string {
	var b strings.Builder
	b.Grow(len(out) + 64*len(d.liquid.Tags))
	for _, r := range out {
		if tag, ok := d.liquid.Decode(r); ok {
			b.WriteString(liquid.LineMark(tag.Line))
			b.WriteString(tag.Raw)
			continue
		}
		if entity, ok := d.entity(r); ok {
			b.WriteString(entity)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
