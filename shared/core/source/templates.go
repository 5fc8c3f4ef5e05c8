package source

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kesher-io/kesher/shared/core/plan"
)

// templates reads templates/<name>/: meta.yaml and the bodies beside it.
func (l *loader) templates() {
	byName := map[string]*Template{}
	for _, file := range l.names() {
		rest, ok := strings.CutPrefix(file, "templates/")
		if !ok {
			continue
		}
		name, base, ok := strings.Cut(rest, "/")
		if !ok || strings.Contains(base, "/") {
			l.report(file, "this does not belong here", "a template is a folder: templates/<name>/meta.yaml and body.mjml")
			continue
		}
		t := byName[name]
		if t == nil {
			if _, err := parseID(name); err != nil {
				l.report(file, fmt.Sprintf("%q is no name", name), "name the folder with letters, digits, - and _")
				continue
			}
			t = newTemplate(name)
			byName[name] = t
		}
		l.templateFile(t, file, base)
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		l.finishTemplate(byName[name])
	}
}

func newTemplate(name string) *Template {
	return &Template{
		Name: name, Bodies: map[string]Body{}, Texts: map[string]Body{},
		written: lines{subject: plan.Text{}, preheader: plan.Text{}},
	}
}

// templateFile takes one file: meta.yaml, body[.<language>].(mjml|html|txt),
// subject[.<language>].txt or preheader[.<language>].txt.
func (l *loader) templateFile(t *Template, file, base string) {
	if base == "meta.yaml" {
		return // read by finishTemplate: it comes first, whatever its place in the alphabet
	}
	parts := strings.Split(base, ".")
	if len(parts) < 2 || len(parts) > 3 {
		return
	}
	lang := l.c.Settings.Brand.First()
	if len(parts) == 3 {
		lang = parts[1]
	}
	kind := parts[0] + "." + parts[len(parts)-1]
	body := Body{File: file, Source: string(l.c.Files[file]), MJML: kind == "body.mjml"}
	switch kind {
	case "body.mjml", "body.html":
		if other, ok := t.Bodies[lang]; ok {
			l.report(file, fmt.Sprintf("there is a second body in %s: %s", lang, other.File), "delete one of them")
			return
		}
		t.Bodies[lang] = body
	case "body.txt":
		t.Texts[lang] = body
	case "subject.txt":
		t.written.subject[lang] = strings.TrimSpace(body.Source)
	case "preheader.txt":
		t.written.preheader[lang] = strings.TrimSpace(body.Source)
	default:
		l.report(file, fmt.Sprintf("nothing reads %q", base), "a template has meta.yaml, body.mjml or body.html, body.txt, and body.<language>.mjml")
	}
}

// finishTemplate reads meta.yaml, which may leave the subject to a file of its own.
func (l *loader) finishTemplate(t *Template) {
	meta := t.File()
	if _, ok := l.c.Files[meta]; !ok {
		l.report(meta, fmt.Sprintf("the template %q has no meta.yaml", t.Name), "write it: subject, preheader")
		return
	}
	t.Meta, _ = read(l, meta, metaShape)
	t.Meta.Subject = merged(t.Meta.Subject, t.written.subject)
	t.Meta.Preheader = merged(t.Meta.Preheader, t.written.preheader)
	l.c.Templates = append(l.c.Templates, *t)
}

func merged(a, b plan.Text) plan.Text {
	for lang, s := range b {
		if a == nil {
			a = plan.Text{}
		}
		a[lang] = s
	}
	return a
}

// Languages are those in which the template has a body.
func (t Template) Languages() []string { return slices.Sorted(maps.Keys(t.Bodies)) }
