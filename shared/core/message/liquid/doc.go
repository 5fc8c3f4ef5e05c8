// Package liquid is the template language of mails: Liquid, as
// github.com/osteele/liquid evaluates it, within limits that the library lacks.
//
// A source is scanned into a coded text in which every Liquid tag is one
// private-use character. So the rest of the text can be treated as what it is
// (HTML, MJML, plain text) by parsers that know nothing of Liquid: that is how
// Compile learns the place of every {{ }} (text, attribute, URL) and chooses its
// escaping, how core/mjml carries tags through an XML parser, and how a text
// part is made out of an HTML body.
//
// What may cost time or memory is counted against one Budget per mail: loop
// steps, evaluated tags, bytes in filters, bytes of output. Nothing here reads a
// clock, a file, the environment or the network: include, render and layout do
// not exist, and a date is never "now".
package liquid

import "fmt"

// Error is a mistake in a template, or data a template can't be rendered with.
type Error struct {
	Part    string // subject, preheader, body, text
	Line    int    // 1-based; 0 = not known
	Message string // what is wrong (what to do)
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.Part, e.Message)
	}
	return fmt.Sprintf("%s:%d: %s", e.Part, e.Line, e.Message)
}
