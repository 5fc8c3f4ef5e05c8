package publish

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/survey"
)

// contents are what a release consists of, as data: what is stored, and all that
// is needed to make it work again.
type contents struct {
	plan      plan.Plan
	settings  plan.Settings
	offers    []release.Offer
	journeys  map[string]journey.Definition
	templates map[string]message.TemplateSource
	surveys   map[string]survey.Survey
	notices   map[string]release.Notice
	sources   map[string][]byte // the catalog's files, for export
}

// Names of parts. A part that there are several of has its name behind a slash.
const (
	partPlan     = "plan"
	partSettings = "settings"
	partOffers   = "offers"
	partJourney  = "journey"
	partTemplate = "template"
	partSurvey   = "survey"
	partNotice   = "notice"
	partSource   = "source"
)

// encode writes the contents as parts: JSON by name. It is a pure function of
// what they say, so the same catalog gives the same bytes.
func (c *contents) encode() (map[string][]byte, error) {
	e := encoder{parts: map[string][]byte{}}
	e.put(partPlan, c.plan)
	e.put(partSettings, c.settings)
	e.put(partOffers, c.offers)
	putAll(&e, partJourney, c.journeys)
	putAll(&e, partTemplate, c.templates)
	putAll(&e, partSurvey, c.surveys)
	putAll(&e, partNotice, c.notices)
	putAll(&e, partSource, c.sources)
	return e.parts, e.err
}

type encoder struct {
	parts map[string][]byte
	err   error
}

func (e *encoder) put(name string, v any) {
	text, err := json.Marshal(v)
	if err != nil && e.err == nil {
		e.err = fmt.Errorf("part %s: %w", name, err)
	}
	e.parts[name] = text
}

func putAll[T any](e *encoder, kind string, all map[string]T) {
	for name, v := range all {
		e.put(kind+"/"+name, v)
	}
}

// decode is the inverse of encode. A kind of part it does not know was written
// by a newer Kesher and changes what the release means, so it is refused.
func decode(parts map[string][]byte) (*contents, error) {
	c := &contents{
		journeys: map[string]journey.Definition{}, templates: map[string]message.TemplateSource{},
		surveys: map[string]survey.Survey{}, notices: map[string]release.Notice{}, sources: map[string][]byte{},
	}
	for name, text := range parts {
		if err := c.take(name, text); err != nil {
			return nil, fmt.Errorf("part %s: %w", name, err)
		}
	}
	return c, nil
}

func (c *contents) take(name string, text []byte) error {
	kind, member, _ := strings.Cut(name, "/")
	switch kind {
	case partPlan:
		return json.Unmarshal(text, &c.plan)
	case partSettings:
		return json.Unmarshal(text, &c.settings)
	case partOffers:
		return json.Unmarshal(text, &c.offers)
	case partJourney:
		return takeOne(c.journeys, member, text)
	case partTemplate:
		return takeOne(c.templates, member, text)
	case partSurvey:
		return takeOne(c.surveys, member, text)
	case partNotice:
		return takeOne(c.notices, member, text)
	case partSource:
		return takeOne(c.sources, member, text)
	}
	return fmt.Errorf("this version of Kesher does not know it (deploy the newer one)")
}

func takeOne[T any](into map[string]T, name string, text []byte) error {
	var v T
	err := json.Unmarshal(text, &v)
	into[name] = v
	return err
}

// assemble compiles contents into what the functions work with. Contents that
// passed check compile; an error means another version of Kesher checked them.
func (c *contents) assemble(id string) (*release.Release, error) {
	r := &release.Release{
		ID: id, Plan: &c.plan, Settings: &c.settings, Offers: c.offers,
		Journeys: journey.Builtins(), Templates: map[string]*message.Template{},
		Surveys: map[string]*survey.Survey{}, Notices: map[string]*release.Notice{},
	}
	for name, s := range c.surveys {
		r.Surveys[name] = &s
	}
	for name, n := range c.notices {
		r.Notices[name] = &n
	}
	for _, source := range message.BuiltinTemplates() {
		if err := addTemplate(r, source); err != nil {
			return nil, err
		}
	}
	for _, source := range c.templates {
		if err := addTemplate(r, source); err != nil {
			return nil, err
		}
	}
	for name, def := range c.journeys {
		j, problems := journey.Compile(def, journey.Names{Plan: r.Plan, Surveys: r.Surveys})
		if len(problems) > 0 {
			return nil, fmt.Errorf("journey %s: %w", name, problems[0])
		}
		r.Journeys[name] = j
	}
	return r, nil
}

func addTemplate(r *release.Release, source message.TemplateSource) error {
	t, err := message.CompileTemplate(source)
	if err != nil {
		return fmt.Errorf("template %s: %w", source.Name, err)
	}
	r.Templates[source.Name] = t
	return nil
}

// hash names a part by what it says: 128 bits, nobody chooses both of two parts.
func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// releaseID is the content hash of a release: of the hashes of all its parts.
// It is short since every run, message and decision carries it.
func releaseID(hashes map[string]string) string {
	text, err := json.Marshal(hashes) // in the order of names
	if err != nil {
		panic(err) // a map of strings always marshals
	}
	return hash(text)[:12]
}
