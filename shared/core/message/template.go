package message

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/kesher-io/kesher/shared/core/message/liquid"
	"github.com/kesher-io/kesher/shared/core/plan"
)

// MaxHTML is the largest body that is published: mail clients clip what is
// larger (Gmail at 102 KB), and with it the unsubscribe link (B15).
const MaxHTML = 100 << 10

// TemplateSource is a template as a release carries it: MJML already compiled
// to HTML, Liquid not yet run. Maps are by language; "" stands for a body whose
// file names no language: the brand's first.
type TemplateSource struct {
	Name      string               `json:"name"`
	Subject   plan.Text            `json:"subject"`
	Preheader plan.Text            `json:"preheader,omitempty"`
	HTML      map[string]string    `json:"html,omitempty"`
	Text      map[string]string    `json:"text,omitempty"` // made from HTML where absent
	Defaults  map[string]plan.Text `json:"defaults,omitempty"`
}

// Template is one compiled template in all its languages. It is safe for
// concurrent use.
type Template struct {
	Name      string
	defaults  []defaultValue
	languages map[string]*language
	variables []Variable
}

// language is what a template says in one language.
type language struct {
	subject, preheader, html, text *liquid.Program
}

// Variable is one variable that a template reads.
type Variable struct {
	Path       string // cart.items[].name: a loop's variable is resolved to its list
	Lang       string
	Part       string // subject, preheader, body, text
	Line       int    // in the part's file
	Printed    bool   // by {{ }}; otherwise it stands in a condition or a loop
	HasDefault bool   // by meta.yaml or | default, or it is printed only where it has a value
}

// TemplateError is a mistake in one language of a template.
type TemplateError struct {
	Template, Lang, Part string
	Line                 int
	Message              string
}

func (e *TemplateError) Error() string {
	where := e.Part
	if e.Lang != "" {
		where += " (" + e.Lang + ")"
	}
	if e.Line > 0 {
		where += fmt.Sprintf(", line %d", e.Line)
	}
	return fmt.Sprintf("template %s, %s: %s", e.Template, where, e.Message)
}

// Parts of a template.
const (
	partSubject   = "subject"
	partPreheader = "preheader"
	partBody      = "body"
	partText      = "text"
)

// CompileTemplate checks a template and puts the product's frame around it.
// Errors are *TemplateError.
func CompileTemplate(src TemplateSource) (*Template, error) {
	t := &Template{Name: src.Name, languages: map[string]*language{}}
	if err := t.compileDefaults(src.Defaults); err != nil {
		return nil, err
	}
	langs := bodyLanguages(src)
	if len(langs) == 0 {
		return nil, &TemplateError{Template: src.Name, Part: partBody, Message: "has no body (write body.mjml, body.html or body.txt)"}
	}
	for _, lang := range langs {
		l, err := t.compileLanguage(src, lang)
		if err != nil {
			return nil, err
		}
		t.languages[lang] = l
	}
	return t, nil
}

func bodyLanguages(src TemplateSource) []string {
	var langs []string
	for lang := range src.HTML {
		langs = append(langs, lang)
	}
	for lang := range src.Text {
		if _, ok := src.HTML[lang]; !ok {
			langs = append(langs, lang)
		}
	}
	sort.Strings(langs)
	return langs
}

func (t *Template) compileLanguage(src TemplateSource, lang string) (*language, error) {
	c := &partCompiler{template: t, lang: lang}
	l := &language{}
	l.subject = c.line(partSubject, pick(src.Subject, lang), true)
	l.preheader = c.line(partPreheader, pick(src.Preheader, lang), false)
	html, hasHTML := src.HTML[lang]
	if hasHTML {
		l.html = c.html(html)
	}
	if text, ok := src.Text[lang]; ok {
		l.text = c.text(text)
	} else if hasHTML {
		l.text = c.textOf(html)
	}
	return l, c.err
}

// pick is the text in a language, or in the first there is: by the order of
// names, so that every release picks the same.
func pick(text plan.Text, lang string) string {
	if s, ok := text[lang]; ok {
		return s
	}
	if s, ok := text[base(lang)]; ok {
		return s
	}
	if s, ok := text["en"]; ok {
		return s
	}
	langs := make([]string, 0, len(text))
	for l := range text {
		langs = append(langs, l)
	}
	if len(langs) == 0 {
		return ""
	}
	return text[slices.Min(langs)]
}

// base is the language without its region: he of he-IL.
func base(lang string) string {
	lang, _, _ = strings.Cut(lang, "-")
	return strings.ToLower(lang)
}

// partCompiler compiles the parts of one language and keeps the first error.
type partCompiler struct {
	template *Template
	lang     string
	err      error
}

func (c *partCompiler) line(part, src string, required bool) *liquid.Program {
	src = strings.TrimSpace(src)
	if src == "" {
		if required {
			c.fail(&liquid.Error{Part: part, Message: "is missing (give one in meta.yaml)"})
		}
		return nil
	}
	if strings.ContainsAny(src, "\r\n") {
		c.fail(&liquid.Error{Part: part, Message: "holds a line break, which no header may hold"})
		return nil
	}
	return c.compile(part, src, liquid.Line, nil)
}

func (c *partCompiler) html(src string) *liquid.Program {
	if len(src) > MaxHTML {
		c.fail(&liquid.Error{Part: partBody, Message: fmt.Sprintf("is %d KB of HTML, at most %d are mailed (mail clients cut off what is larger)", len(src)>>10, MaxHTML>>10)})
		return nil
	}
	return c.compile(partBody, src, liquid.HTML, frameHTML)
}

func (c *partCompiler) text(src string) *liquid.Program {
	return c.compile(partText, src, liquid.Plain, frameText)
}

// textOf makes the text part out of the HTML body. Its variables are those of
// the body, so they are not listed again.
func (c *partCompiler) textOf(html string) *liquid.Program {
	if c.err != nil {
		return nil
	}
	s, err := liquid.Scan(partBody, html)
	if err == nil {
		s = s.With(textOfHTML(s.Coded, s.IsBlock))
		err = frameText(s)
	}
	if err != nil {
		c.fail(err)
		return nil
	}
	p, err := liquid.Compile(s, liquid.Plain)
	c.fail(err)
	return p
}

// compile scans, frames and compiles one part.
func (c *partCompiler) compile(part, src string, format liquid.Format, frame func(*liquid.Source) error) *liquid.Program {
	if c.err != nil {
		return nil
	}
	s, err := liquid.Scan(part, src)
	if err == nil && frame != nil {
		err = frame(s)
	}
	if err != nil {
		c.fail(err)
		return nil
	}
	p, err := liquid.Compile(s, format)
	if err != nil {
		c.fail(err)
		return nil
	}
	for _, v := range p.Variables() {
		c.template.variables = append(c.template.variables, Variable{
			Path: v.Path, Lang: c.lang, Part: part, Line: v.Line, Printed: v.Printed,
			HasDefault: v.Guarded || c.template.hasDefault(v.Path),
		})
	}
	return p
}

func (c *partCompiler) fail(err error) {
	if err != nil && c.err == nil {
		c.err = c.template.errorIn(c.lang, err)
	}
}

func (t *Template) errorIn(lang string, err error) error {
	if e, ok := err.(*liquid.Error); ok {
		return &TemplateError{Template: t.Name, Lang: lang, Part: e.Part, Line: e.Line, Message: e.Message}
	}
	return &TemplateError{Template: t.Name, Lang: lang, Message: err.Error()}
}

// Variables lists what the template reads, in all parts and languages.
func (t *Template) Variables() []Variable { return t.variables }

// Languages are those the template has a body in.
func (t *Template) Languages() []string {
	langs := make([]string, 0, len(t.languages))
	for lang := range t.languages {
		langs = append(langs, lang)
	}
	sort.Strings(langs)
	return langs
}
