// Package publish turns a catalog folder into a release: it checks everything
// against everything (Compile), stores the release as content-hashed parts and
// moves the pointer to it (Service), and finds compiled releases again for the
// functions (Releases), which never touch YAML or MJML.
//
// It knows what a catalog means; it does not know where a folder comes from, nor
// what a function does with a release.
package publish

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"

	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/source"
	"github.com/kesher-io/kesher/shared/core/survey"
	"github.com/kesher-io/kesher/shared/flow/releases"
)

// Problem is something wrong with a catalog. See source.Problem.
type Problem = source.Problem

// maxPart is the largest part that is stored: below DynamoDB's 400 KB for an
// item, with room for its keys.
const maxPart = 350 << 10

// Candidate is a catalog without errors, compiled: what publishing would make live.
type Candidate struct {
	Release *release.Release
	Bound   Bound // of messages one customer can get

	parts   map[string][]byte
	hashes  map[string]string
	catalog *source.Catalog
}

// ID is the content hash of the release: the same catalog has the same.
func (c *Candidate) ID() string { return c.Release.ID }

// Compile reads and checks a catalog folder. It returns every problem, in the
// order of the files; the candidate is nil if one of them is an error.
func Compile(files fs.FS) (*Candidate, []Problem) {
	catalog, problems := source.Read(files)
	ch := newChecker(catalog)
	ch.check()
	problems = append(problems, ch.problems...)
	if source.AnyError(problems) {
		return nil, source.Sort(problems)
	}
	candidate, err := build(ch)
	if err != nil {
		problems = append(problems, Problem{File: "plan.yaml", What: err.Error(), Severity: source.Error})
		return nil, source.Sort(problems)
	}
	problems = append(problems, tooLarge(candidate.parts)...)
	if source.AnyError(problems) {
		candidate = nil
	}
	return candidate, source.Sort(problems)
}

// build makes the release from the very bytes that will be stored, so that what
// was checked here is what the functions load.
func build(ch *checker) (*Candidate, error) {
	before := ch.contents()
	parts, err := before.Encode()
	if err != nil {
		return nil, err
	}
	after, err := releases.Decode(parts)
	if err != nil {
		return nil, err
	}
	c := &Candidate{parts: parts, hashes: map[string]string{}, catalog: ch.catalog, Bound: ch.bound()}
	for name, text := range parts {
		c.hashes[name] = releases.Hash(text)
	}
	c.Release, err = after.Assemble(releases.ID(c.hashes))
	return c, err
}

func tooLarge(parts map[string][]byte) []Problem {
	var problems []Problem
	for name, text := range parts {
		if len(text) > maxPart {
			problems = append(problems, Problem{
				File: fileOf(name), What: fmt.Sprintf("this takes %d KB in the release", len(text)>>10),
				Do: fmt.Sprintf("a part has %d KB at most: shorten it", maxPart>>10), Severity: source.Error,
			})
		}
	}
	return problems
}

// contents are what the checked catalog says, as data.
func (ch *checker) contents() *releases.Contents {
	c := &releases.Contents{
		Plan: ch.catalog.Plan, Settings: ch.catalog.Settings, Offers: ch.catalog.Offers,
		Journeys: map[string]journey.Definition{}, Templates: map[string]message.TemplateSource{},
		Surveys: map[string]survey.Survey{}, Notices: map[string]release.Notice{}, Sources: ch.catalog.Files,
	}
	for _, j := range ch.catalog.Journeys {
		c.Journeys[j.Def.Name] = j.Def
	}
	for name, t := range ch.templates {
		c.Templates[name] = t.source
	}
	for _, s := range ch.catalog.Surveys {
		c.Surveys[s.Def.Name] = s.Def
	}
	for _, n := range ch.catalog.Notices {
		n.Def.Version = noticeVersion(n.Def)
		c.Notices[n.Def.ID] = n.Def
	}
	return c
}

// noticeVersion is the hash of all that a notice says, so that the stored
// evidence of a grant names the exact text (A08, A09).
func noticeVersion(n release.Notice) string {
	n.Version = ""
	text, err := json.Marshal(n)
	if err != nil {
		panic(err) // a notice holds nothing that JSON can't
	}
	return releases.Hash(text)
}

// fileOf is the file that a part was made from.
func fileOf(part string) string {
	kind, name, _ := strings.Cut(part, "/")
	switch kind {
	case releases.PartSource:
		return name
	case releases.PartTemplate:
		return "templates/" + name + "/meta.yaml"
	case releases.PartJourney, releases.PartSurvey, releases.PartNotice:
		return kind + "s/" + name + ".yaml"
	}
	return kind + ".yaml"
}
