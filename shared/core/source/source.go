// Package source reads a catalog folder: YAML files, by hand-written shapes, into
// the types of plan, journey, survey and release. It says of everything that it
// can't read where it stands, what is wrong and what to do, and reports all of it,
// not the first. It knows nothing of what names mean across files (flow/publish
// checks that), compiles no condition and no template, and is never part of what
// runs on a customer's click: releases hold JSON.
package source

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/survey"
)

// Limits of a catalog. A person never writes so much; a mistake or an attack does.
const (
	MaxFile  = 256 << 10 // bytes of one file
	MaxTotal = 16 << 20  // bytes of all files
	MaxFiles = 2000
)

// From is something read, with the file it stands in.
type From[T any] struct {
	File string
	Def  T
}

// Catalog is a folder as read. Journeys, templates and so on stand in the order
// of their files' names.
type Catalog struct {
	Plan       plan.Plan
	Settings   plan.Settings
	Journeys   []From[journey.Definition]
	Templates  []Template
	Surveys    []From[survey.Survey]
	Notices    []From[release.Notice]
	Offers     []release.Offer
	Segments   []From[Segment]
	Personas   []From[Persona]
	Broadcasts []From[Broadcast]
	Tests      []From[Tests]
	// Files are all files of the catalog as they are, by path.
	Files map[string][]byte

	docs   map[string]*document
	broken map[string]bool
}

// Template is templates/<name>/: its meta.yaml, and its bodies by language.
type Template struct {
	Name   string
	Meta   Meta
	Bodies map[string]Body
	Texts  map[string]Body // hand-written plain text

	written lines
}

// lines are subject and preheader that stand in files of their own.
type lines struct{ subject, preheader plan.Text }

// Body is one file of a template.
type Body struct {
	File   string
	Source string
	MJML   bool
}

// File is the path of the template's meta.yaml.
func (t Template) File() string { return "templates/" + t.Name + "/meta.yaml" }

// At is where something stands: the deepest part of the path of keys that exists.
func (c *Catalog) At(file string, keys ...string) journey.Pos {
	d, ok := c.docs[file]
	if !ok {
		return journey.Pos{Line: 1, Col: 1}
	}
	return d.find(keys)
}

// Broken says whether a part of the file could not be read, so that checks of
// what it says would report shadows.
func (c *Catalog) Broken(file string) bool { return c.broken[file] }

// Read reads a catalog folder. The catalog holds what could be read.
func Read(files fs.FS) (*Catalog, []Problem) {
	l := &loader{c: &Catalog{Files: map[string][]byte{}, docs: map[string]*document{}, broken: map[string]bool{}}}
	l.walk(files)
	l.settings()
	l.plan()
	for _, file := range l.names() {
		l.one(file)
	}
	l.templates()
	return l.c, Sort(l.problems)
}

type loader struct {
	c        *Catalog
	total    int
	problems []Problem
}

func (l *loader) report(file, what, do string) {
	l.c.broken[file] = true
	l.problems = append(l.problems, Problem{File: file, Line: 1, Col: 1, What: what, Do: do, Severity: Error})
}

var errTooMany = errors.New("too many files")

// walk takes in the files of the folder; hidden ones are nobody's business.
func (l *loader) walk(files fs.FS) {
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && strings.HasPrefix(path.Base(name), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return nil
		case len(l.c.Files) >= MaxFiles || l.total > MaxTotal:
			return errTooMany
		}
		l.take(files, name, entry)
		return nil
	})
	if errors.Is(err, errTooMany) {
		l.report(".", fmt.Sprintf("this folder is too large for a catalog: more than %d files or %d MB", MaxFiles, MaxTotal>>20), "is it the right folder?")
	} else if err != nil {
		l.report(".", "the folder can't be read: "+err.Error(), "")
	}
}

func (l *loader) take(files fs.FS, name string, entry fs.DirEntry) {
	info, err := entry.Info()
	if err != nil {
		l.report(name, "the file can't be read: "+err.Error(), "")
		return
	}
	if info.Size() > MaxFile {
		l.report(name, fmt.Sprintf("the file is %d KB large", info.Size()>>10), fmt.Sprintf("a catalog's files have %d KB at most", MaxFile>>10))
		return
	}
	text, err := fs.ReadFile(files, name)
	if err != nil {
		l.report(name, "the file can't be read: "+err.Error(), "")
		return
	}
	l.total += len(text)
	l.c.Files[name] = text
}

// names are the paths of all files, sorted.
func (l *loader) names() []string {
	return slices.Sorted(maps.Keys(l.c.Files))
}

// read parses a file and reads it by a shape; ok is false if there is nothing to use.
func read[T any](l *loader, file string, s shape[T]) (v T, ok bool) {
	doc, problems := parse(l.c.Files[file])
	if len(problems) > 0 {
		for _, p := range problems {
			p.File = file
			l.problems = append(l.problems, p)
		}
		l.c.broken[file] = true
		return v, false
	}
	l.c.docs[file] = doc
	r := &reader{doc: doc, file: file, language: l.c.Settings.Brand.First()}
	v = s.read(r, doc.root)
	l.problems = append(l.problems, r.problems...)
	if r.broken {
		l.c.broken[file] = true
	}
	return v, true
}

func (l *loader) settings() {
	const file = "settings.yaml"
	if _, ok := l.c.Files[file]; !ok {
		l.report(file, "the catalog has no settings.yaml", "write it: brand, sender, caps")
		return
	}
	l.c.Settings, _ = read(l, file, settingsShape)
}

func (l *loader) plan() {
	const file = "plan.yaml"
	if _, ok := l.c.Files[file]; !ok {
		l.report(file, "the catalog has no plan.yaml", "write it: purposes, traits, events")
		return
	}
	l.c.Plan, _ = read(l, file, planShape)
}

// folders are the parts of a catalog that lie in folders of their own.
var folders = []string{"journeys", "broadcasts", "templates", "segments", "surveys", "notices", "personas", "assets"}

// one reads one file by where it lies.
func (l *loader) one(file string) {
	folder, base, inFolder := strings.Cut(file, "/")
	switch {
	case !inFolder:
		l.top(file)
	case folder == "templates", folder == "assets":
	case !slices.Contains(folders, folder):
		if strings.HasSuffix(file, ".yaml") {
			l.report(file, fmt.Sprintf("nothing reads the folder %q", folder), suggest(folder, folders))
		}
	case strings.HasSuffix(base, ".yml"):
		l.report(file, "only .yaml files are read", "rename it to "+strings.TrimSuffix(base, ".yml")+".yaml")
	case strings.Contains(base, "/"):
		l.report(file, "this lies too deep", "put it straight into "+folder+"/")
	case strings.HasSuffix(base, ".yaml"):
		l.inFolder(folder, file, strings.TrimSuffix(base, ".yaml"))
	}
}

func (l *loader) top(file string) {
	switch {
	case file == "offers.yaml":
		l.c.Offers, _ = read(l, file, offersShape)
	case file == "plan.yaml", file == "settings.yaml":
	case strings.HasSuffix(file, ".yaml"), strings.HasSuffix(file, ".yml"):
		l.report(file, "nothing reads this file", suggest(file, []string{"plan.yaml", "settings.yaml", "offers.yaml"}))
	}
}

func (l *loader) inFolder(folder, file, name string) {
	if folder == "journeys" && strings.HasSuffix(name, ".test") {
		add(l, file, testsShape, &l.c.Tests, nil)
		return
	}
	if _, err := parseID(name); err != nil {
		l.report(file, fmt.Sprintf("%q is no name", name), "name the file with letters, digits, - and _")
		return
	}
	switch folder {
	case "journeys":
		add(l, file, journeyShape, &l.c.Journeys, func(d *journey.Definition) {
			if d.Name == "" {
				d.Name = name
			}
		})
	case "surveys":
		add(l, file, surveyShape, &l.c.Surveys, func(s *survey.Survey) { s.Name = name })
	case "notices":
		add(l, file, noticeShape, &l.c.Notices, func(n *release.Notice) { n.ID = name })
	case "segments":
		add(l, file, segmentShape, &l.c.Segments, nil)
	case "personas":
		add(l, file, personaShape, &l.c.Personas, nil)
	case "broadcasts":
		add(l, file, broadcastShape, &l.c.Broadcasts, nil)
	}
}

func add[T any](l *loader, file string, s shape[T], to *[]From[T], name func(*T)) {
	v, ok := read(l, file, s)
	if !ok {
		return
	}
	if name != nil {
		name(&v)
	}
	*to = append(*to, From[T]{File: file, Def: v})
}
