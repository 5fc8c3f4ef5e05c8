package releases

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

// Contents are what a release consists of, as data: what is stored, and all that
// is needed to make it work again.
type Contents struct {
	Plan      plan.Plan
	Settings  plan.Settings
	Offers    []release.Offer
	Journeys  map[string]journey.Definition
	Templates map[string]message.TemplateSource
	Surveys   map[string]survey.Survey
	Notices   map[string]release.Notice
	Sources   map[string][]byte // the catalog's files, for export
}

// Names of parts. A part that there are several of has its name behind a slash.
const (
	PartPlan     = "plan"
	PartSettings = "settings"
	PartOffers   = "offers"
	PartJourney  = "journey"
	PartTemplate = "template"
	PartSurvey   = "survey"
	PartNotice   = "notice"
	PartSource   = "source"
)

// Encode writes the contents as parts: JSON by name. It is a pure function of
// what they say, so the same catalog gives the same bytes.
func (c *Contents) Encode() (map[string][]byte, error) {
	e := encoder{parts: map[string][]byte{}}
	e.put(PartPlan, c.Plan)
	e.put(PartSettings, c.Settings)
	e.put(PartOffers, c.Offers)
	putAll(&e, PartJourney, c.Journeys)
	putAll(&e, PartTemplate, c.Templates)
	putAll(&e, PartSurvey, c.Surveys)
	putAll(&e, PartNotice, c.Notices)
	putAll(&e, PartSource, c.Sources)
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

// Decode is the inverse of Encode. A kind of part it does not know was written
// by a newer Kesher and changes what the release means, so it is refused.
func Decode(parts map[string][]byte) (*Contents, error) {
	c := &Contents{
		Journeys: map[string]journey.Definition{}, Templates: map[string]message.TemplateSource{},
		Surveys: map[string]survey.Survey{}, Notices: map[string]release.Notice{}, Sources: map[string][]byte{},
	}
	for name, text := range parts {
		if err := c.take(name, text); err != nil {
			return nil, fmt.Errorf("part %s: %w", name, err)
		}
	}
	return c, nil
}

func (c *Contents) take(name string, text []byte) error {
	kind, member, _ := strings.Cut(name, "/")
	switch kind {
	case PartPlan:
		return json.Unmarshal(text, &c.Plan)
	case PartSettings:
		return json.Unmarshal(text, &c.Settings)
	case PartOffers:
		return json.Unmarshal(text, &c.Offers)
	case PartJourney:
		return takeOne(c.Journeys, member, text)
	case PartTemplate:
		return takeOne(c.Templates, member, text)
	case PartSurvey:
		return takeOne(c.Surveys, member, text)
	case PartNotice:
		return takeOne(c.Notices, member, text)
	case PartSource:
		return takeOne(c.Sources, member, text)
	}
	return fmt.Errorf("this version of Kesher does not know it (deploy the newer one)")
}

func takeOne[T any](into map[string]T, name string, text []byte) error {
	var v T
	err := json.Unmarshal(text, &v)
	into[name] = v
	return err
}

// Assemble compiles contents into what the functions work with. Contents that
// passed check compile; an error means another version of Kesher checked them.
func (c *Contents) Assemble(id string) (*release.Release, error) {
	r := &release.Release{
		ID: id, Plan: &c.Plan, Settings: &c.Settings, Offers: c.Offers,
		Journeys: journey.Builtins(), Templates: map[string]*message.Template{},
		Surveys: map[string]*survey.Survey{}, Notices: map[string]*release.Notice{},
	}
	for name, s := range c.Surveys {
		r.Surveys[name] = &s
	}
	for name, n := range c.Notices {
		r.Notices[name] = &n
	}
	for _, source := range message.BuiltinTemplates() {
		if err := addTemplate(r, source); err != nil {
			return nil, err
		}
	}
	for _, source := range c.Templates {
		if err := addTemplate(r, source); err != nil {
			return nil, err
		}
	}
	for name, def := range c.Journeys {
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

// Hash names a part by what it says: 128 bits, nobody chooses both of two parts.
func Hash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// ID is the content hash of a release: of the hashes of all its parts.
// It is short since every run, message and decision carries it.
func ID(hashes map[string]string) string {
	text, err := json.Marshal(hashes) // in the order of names
	if err != nil {
		panic(err) // a map of strings always marshals
	}
	return Hash(text)[:12]
}
