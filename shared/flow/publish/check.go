package publish

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/source"
	"github.com/kesher-io/kesher/shared/core/survey"
)

const (
	filePlan     = "plan.yaml"
	fileSettings = "settings.yaml"
	fileOffers   = "offers.yaml"
)

// checker holds a catalog against itself.
type checker struct {
	catalog   *source.Catalog
	surveys   map[string]*survey.Survey
	compiled  []compiledJourney
	templates map[string]*compiledTemplate
	problems  []Problem
}

// compiledJourney is a journey with the file it stands in; j is nil when it has
// problems of its own.
type compiledJourney struct {
	file string
	def  journey.Definition
	j    *journey.Journey
}

// compiledTemplate is a template as a release carries it, with all it reads.
type compiledTemplate struct {
	source    message.TemplateSource
	variables []placedVariable
}

// placedVariable is a variable with the place where its author wrote it.
type placedVariable struct {
	message.Variable
	file string
	at   journey.Pos
}

func newChecker(c *source.Catalog) *checker {
	ch := &checker{catalog: c, surveys: map[string]*survey.Survey{}, templates: map[string]*compiledTemplate{}}
	for i := range c.Surveys {
		ch.surveys[c.Surveys[i].Def.Name] = &c.Surveys[i].Def
	}
	return ch
}

// check holds everything against everything. A plan that could not be read would
// make all the rest look wrong, so then the rest waits; so do, without settings,
// the languages.
func (ch *checker) check() {
	if ch.catalog.Broken(filePlan) {
		return
	}
	ch.checkPlan()
	if ch.settled() {
		ch.checkSettings()
		ch.checkTemplates()
	}
	ch.checkSurveys()
	ch.checkNotices()
	ch.checkOffers()
	ch.checkJourneys()
	ch.cycles()
	ch.checkBroadcasts()
}

// settled says whether there are settings to hold the rest against.
func (ch *checker) settled() bool { return !ch.catalog.Broken(fileSettings) }

// problem reports at a place of a file, found by the keys that lead to it.
func (ch *checker) problem(file string, keys []string, what, do string) {
	ch.problemAt(file, ch.catalog.At(file, keys...), what, do)
}

func (ch *checker) problemAt(file string, at journey.Pos, what, do string) {
	ch.report(file, at, what, do, source.Error)
}

func (ch *checker) warn(file string, keys []string, what, do string) {
	ch.report(file, ch.catalog.At(file, keys...), what, do, source.Warning)
}

func (ch *checker) report(file string, at journey.Pos, what, do string, severity source.Severity) {
	ch.problems = append(ch.problems, Problem{File: file, Line: at.Line, Col: at.Col, What: what, Do: do, Severity: severity})
}

// path is a path of keys in a file.
func path(keys ...string) []string { return keys }

func (ch *checker) brand() plan.Brand { return ch.catalog.Settings.Brand }

// known reports a name that the plan does not declare.
func known[V any](ch *checker, declared map[string]V, kind, name, file string, keys ...string) bool {
	_, ok := declared[name]
	if !ok && name != "" {
		ch.problem(file, keys, fmt.Sprintf("plan.yaml declares no %s %q", kind, name), nearest(name, slices.Sorted(maps.Keys(declared)), kind))
	}
	return ok
}

func (ch *checker) purpose(name, file string, keys ...string) bool {
	return known(ch, ch.catalog.Plan.Purposes, "purpose", name, file, keys...)
}

// nearest says what a misspelt name may have meant.
func nearest(name string, names []string, kind string) string {
	if near, ok := plan.Nearest(name, names); ok {
		return "did you mean " + near + "?"
	}
	if len(names) == 0 {
		return fmt.Sprintf("there is no %s yet", kind)
	}
	return "known: " + strings.Join(names, ", ")
}

// text checks that a text can be shown to everybody, and to nobody in a language
// that the brand does not speak.
func (ch *checker) text(t plan.Text, file string, keys ...string) {
	if len(t) == 0 || !ch.settled() {
		return
	}
	first := ch.brand().First()
	if t[first] == "" {
		ch.problem(file, keys, fmt.Sprintf("there is no text in %s, the brand's first language", first), "add "+first+": ...")
	}
	for _, lang := range slices.Sorted(maps.Keys(t)) {
		if !slices.Contains(ch.brand().Languages, lang) {
			ch.warn(file, append(slices.Clone(keys), lang), fmt.Sprintf("nobody reads this: the brand does not speak %q", lang),
				nearest(lang, ch.brand().Languages, "language"))
		}
	}
}

func meets(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// permittedAlways says whether one of the purposes needs no consent.
func (ch *checker) permittedAlways(purposes []string) bool {
	return slices.ContainsFunc(purposes, func(p string) bool {
		return ch.catalog.Plan.Purposes[p].Basis == plan.BasisContract
	})
}
