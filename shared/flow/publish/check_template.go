package publish

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/mjml"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/source"
)

func (ch *checker) checkTemplates() {
	for _, t := range ch.catalog.Templates {
		if !ch.catalog.Broken(t.File()) {
			ch.template(t)
		}
	}
}

// template compiles one template in all its languages.
func (ch *checker) template(t source.Template) {
	file, first := t.File(), ch.brand().First()
	if len(t.Meta.Subject) == 0 {
		ch.problem(file, nil, "`subject` is missing", "add it")
		return
	}
	ch.text(t.Meta.Subject, file, "subject")
	ch.text(t.Meta.Preheader, file, "preheader")
	for variable, text := range t.Meta.Defaults {
		ch.text(text, file, "defaults", variable)
	}
	if _, ok := t.Bodies[first]; !ok {
		ch.problem(file, nil, fmt.Sprintf("the template %q has no body in %s, the brand's first language", t.Name, first), "write body.mjml")
		return
	}
	for _, lang := range ch.brand().Languages {
		if _, ok := t.Bodies[lang]; !ok {
			ch.warn(file, nil, fmt.Sprintf("the template %q has no body in %s", t.Name, lang), fmt.Sprintf("write body.%s.mjml; until then it is sent in %s", lang, first))
		}
	}
	c := &compiledTemplate{source: ch.templateSource(t)}
	ch.templates[t.Name] = c
	if len(c.source.HTML) < len(t.Bodies) {
		return // a body did not compile and was reported
	}
	compiled, err := message.CompileTemplate(c.source)
	if err != nil {
		ch.templateError(t, err)
		return
	}
	c.variables = ch.placed(t, compiled)
	for _, lang := range slices.Sorted(maps.Keys(c.source.HTML)) {
		ch.audit(t.Bodies[lang], c.source.HTML[lang])
	}
}

// audit warns of what keeps people from reading a mail (B17).
func (ch *checker) audit(body source.Body, html string) {
	findings, err := message.AuditBody(html)
	if err != nil {
		ch.problemAt(body.File, journey.Pos{Line: 1, Col: 1}, err.Error(), "")
		return
	}
	for _, f := range findings {
		ch.report(body.File, whereIs(f.Near, body.Source), f.String(), "", source.Warning)
	}
}

// whereIs is where words first stand in a source, which may spell & as markup
// does; its beginning where they can't be found.
func whereIs(words, src string) journey.Pos {
	for _, spelt := range []string{words, strings.ReplaceAll(words, "&", "&amp;")} {
		if before, _, ok := strings.Cut(src, spelt); ok && words != "" {
			line := strings.LastIndexByte(before, '\n') + 1
			return journey.Pos{Line: 1 + strings.Count(before, "\n"), Col: 1 + utf8.RuneCountInString(before[line:])}
		}
	}
	return journey.Pos{Line: 1, Col: 1}
}

// placed finds where the author of a template wrote each variable.
func (ch *checker) placed(t source.Template, compiled *message.Template) []placedVariable {
	var out []placedVariable
	for _, v := range compiled.Variables() {
		file, at := ch.place(t, v.Lang, v.Part, v.Line)
		out = append(out, placedVariable{v, file, at})
	}
	return out
}

// templateSource is the template as a release carries it: MJML compiled, every
// language whole.
func (ch *checker) templateSource(t source.Template) message.TemplateSource {
	first := ch.brand().First()
	s := message.TemplateSource{
		Name: t.Name, Subject: plan.Text{}, Preheader: plan.Text{}, Defaults: t.Meta.Defaults,
		HTML: map[string]string{}, Text: map[string]string{},
	}
	for lang, body := range t.Bodies {
		s.Subject[lang] = t.Meta.Subject.In(lang, first)
		if preheader := t.Meta.Preheader.In(lang, first); preheader != "" {
			s.Preheader[lang] = preheader
		}
		if html, ok := ch.html(lang, body); ok {
			s.HTML[lang] = html
		}
	}
	for lang, body := range t.Texts {
		s.Text[lang] = body.Source
	}
	return s
}

func (ch *checker) html(lang string, body source.Body) (string, bool) {
	html := body.Source
	if body.MJML {
		compiled, err := mjml.CompileFor(lang, body.Source)
		if err != nil {
			ch.mjmlError(body.File, err)
			return "", false
		}
		html = compiled
	}
	if len(html) > message.MaxHTML {
		ch.problemAt(body.File, journey.Pos{Line: 1, Col: 1}, fmt.Sprintf("the body makes %d KB of HTML", len(html)>>10),
			fmt.Sprintf("mail programs cut off what is larger than %d KB: shorten it", message.MaxHTML>>10))
		return "", false
	}
	return html, true
}

func (ch *checker) mjmlError(file string, err error) {
	at, what := journey.Pos{Line: 1, Col: 1}, err.Error()
	var e *mjml.Error
	if errors.As(err, &e) {
		at, what = journey.Pos{Line: e.Line, Col: e.Col}, e.Message
	}
	ch.problemAt(file, at, "the MJML is wrong: "+what, "")
}

// templateError says in which file the template is wrong.
func (ch *checker) templateError(t source.Template, err error) {
	var e *message.TemplateError
	if !errors.As(err, &e) {
		ch.problem(t.File(), nil, err.Error(), "")
		return
	}
	file, at := ch.place(t, e.Lang, e.Part, e.Line)
	ch.problemAt(file, at, e.Part+" "+e.Message, "")
}

// place is the file and line of a part of a template.
func (ch *checker) place(t source.Template, lang, part string, line int) (string, journey.Pos) {
	at := journey.Pos{Line: max(line, 1), Col: 1}
	switch body, text := t.Bodies[lang], t.Texts[lang]; {
	case part == "body" && body.File != "":
		return body.File, at
	case part == "text" && text.File != "":
		return text.File, at
	}
	return t.File(), ch.catalog.At(t.File(), part, lang)
}

// templateNames are the templates that a journey may send.
func (ch *checker) templateNames() []string {
	var names []string
	for _, t := range ch.catalog.Templates {
		names = append(names, t.Name)
	}
	return names
}

// variables checks that a journey which sends the template gives it all it reads.
func (ch *checker) variables(name string, scope templateScope) {
	t, ok := ch.templates[name]
	if !ok {
		return
	}
	for _, v := range t.variables {
		if what, do := scope.judge(v.Variable); what != "" {
			ch.problemAt(v.file, v.at, what, do)
		}
	}
}

// templateScope is what a template sent by one journey may read.
type templateScope struct {
	journey      string
	allowed      []string
	plan         *plan.Plan
	entry, event map[string]plan.Type
	collections  map[string]map[string]plan.Type
	offers       bool
}

var pathSegments = regexp.MustCompile(`[^.\[\]]+|\[\]`)

// judge says what is wrong with a variable; "" = nothing.
func (s *templateScope) judge(v message.Variable) (what, do string) {
	segments := pathSegments.FindAllString(v.Path, -1)
	if len(segments) == 0 {
		return "", ""
	}
	root, rest := segments[0], segments[1:]
	if props, ok := s.collections[root]; ok {
		return s.judgeCollection(v, props, rest)
	}
	switch root {
	case "profile":
		return s.judgeTrait(v, rest)
	case "entry":
		return judgeProperty(v, s.entry, rest, "the fact that starts "+s.journey)
	case "event":
		return judgeProperty(v, s.event, rest, "any fact that "+s.journey+" handles")
	case "offer":
		if !s.offers {
			return fmt.Sprintf("%s prints offers, but %s takes none", v.Path, s.journey), "add an offer step above the send"
		}
		return "", ""
	case "items":
		return "\"items\" is not built yet in templates", "print what the fact or a collection holds, such as cart.items"
	case "run", "brand", "preferences_url", "unsubscribe_url", "forloop":
		return "", ""
	}
	if _, ok := s.plan.Collections[root]; ok {
		return fmt.Sprintf("%s may not read the collection %q", s.journey, root), "add the purpose of its events to `uses`"
	}
	names := slices.Concat([]string{"profile", "entry", "event", "offer", "run", "brand"}, slices.Sorted(maps.Keys(s.collections)))
	return fmt.Sprintf("templates know no %q", root), nearest(root, names, "name")
}

func (s *templateScope) judgeTrait(v message.Variable, rest []string) (what, do string) {
	if len(rest) == 0 {
		return "", ""
	}
	t, ok := s.plan.Traits[rest[0]]
	switch {
	case !ok:
		return fmt.Sprintf("plan.yaml declares no trait %q", rest[0]), nearest(rest[0], slices.Sorted(maps.Keys(s.plan.Traits)), "trait")
	case !meets(t.Purposes, s.allowed):
		return fmt.Sprintf("%s may not read profile.%s: its purposes are %v", s.journey, rest[0], t.Purposes), "add one of them to the journey's `uses`"
	case len(rest) > 1 && rest[1] == "[]": // a loop's variable: without a list it prints nothing at all
	case v.Printed && !v.HasDefault:
		return fmt.Sprintf("%s prints nothing for a customer without it", v.Path), fmt.Sprintf("give a default: in meta.yaml defaults: {%s: {en: ...}}, or {{ %s | default: \"...\" }}", v.Path, v.Path)
	}
	return "", ""
}

func judgeProperty(v message.Variable, props map[string]plan.Type, rest []string, whose string) (what, do string) {
	if len(rest) == 0 {
		return "", ""
	}
	if _, ok := props[rest[0]]; !ok {
		return fmt.Sprintf("%s: %s has no %q", v.Path, whose, rest[0]), nearest(rest[0], slices.Sorted(maps.Keys(props)), "property")
	}
	return "", ""
}

// judgeCollection: a collection has `items`, whose members have the properties
// of the events that added them, and `quantity`.
func (s *templateScope) judgeCollection(v message.Variable, props map[string]plan.Type, rest []string) (what, do string) {
	if len(rest) == 0 {
		return "", ""
	}
	if rest[0] != "items" {
		return fmt.Sprintf("%s: a collection has no %q", v.Path, rest[0]), "it has items"
	}
	for _, word := range rest[1:] {
		_, index := strconv.Atoi(word)
		if word == "[]" || index == nil || slices.Contains([]string{"first", "last", "size", "quantity"}, word) {
			continue
		}
		if _, ok := props[word]; !ok {
			return fmt.Sprintf("%s: its events have no property %q", v.Path, word), nearest(word, slices.Sorted(maps.Keys(props)), "property")
		}
		return "", ""
	}
	return "", ""
}
