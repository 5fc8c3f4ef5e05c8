package publish

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/survey"
)

func (ch *checker) checkSurveys() {
	for _, from := range ch.catalog.Surveys {
		if ch.catalog.Broken(from.File) {
			continue
		}
		s := &from.Def
		ch.text(s.Title, from.File, "title")
		ch.purpose(s.Purpose, from.File, "purpose")
		if len(s.Questions) == 0 {
			ch.problem(from.File, path("questions"), "the survey has no questions", "add at least one")
		}
		seen := map[string]bool{}
		for i := range s.Questions {
			q := &s.Questions[i]
			keys := path("questions", fmt.Sprint(i))
			if seen[q.ID] {
				ch.problem(from.File, append(keys, "id"), fmt.Sprintf("a second question has the id %q", q.ID), "give each its own")
			}
			seen[q.ID] = true
			ch.question(from.File, s, q, keys)
		}
	}
}

func (ch *checker) question(file string, s *survey.Survey, q *survey.Question, keys []string) {
	at := func(key string) []string { return append(slices.Clone(keys), key) }
	ch.text(q.Ask, file, at("ask")...)
	ch.text(q.Gives, file, at("gives")...)
	for _, o := range q.Options {
		ch.text(o.Title, file, append(at("options"), o.Value)...)
	}
	chosen := q.Type == survey.Choice || q.Type == survey.Choices
	switch {
	case chosen && len(q.Options) == 0:
		ch.problem(file, keys, fmt.Sprintf("the question %q has no options", q.ID), "add `options`: a choice needs something to choose from")
	case !chosen && len(q.Options) > 0:
		ch.problem(file, at("options"), fmt.Sprintf("a question of type %s has no options", q.Type), "make it choice or choices, or delete them")
	}
	if q.Min != nil && q.Max != nil && *q.Min > *q.Max {
		ch.problem(file, at("min"), "min is above max", "swap them")
	}
	if q.Trait != "" {
		ch.questionTrait(file, s, q, at)
	}
}

// questionTrait checks that the answer fits the trait that it sets.
func (ch *checker) questionTrait(file string, s *survey.Survey, q *survey.Question, at func(string) []string) {
	if !known(ch, ch.catalog.Plan.Traits, "trait", q.Trait, file, at("trait")...) {
		return
	}
	t := ch.catalog.Plan.Traits[q.Trait]
	if !assignable(q.AnswerType(), t.Type) {
		ch.problem(file, at("trait"), fmt.Sprintf("an answer of type %s (%s) does not fit the trait %q (%s)", q.Type, q.AnswerType(), q.Trait, t.Type),
			"change the question's type or the trait's")
	}
	if t.Origin != plan.OriginZero {
		ch.problem(file, at("trait"), fmt.Sprintf("the trait %q has origin %s, but an answer is what the customer told us", q.Trait, t.Origin),
			"say origin: zero in plan.yaml, or use another trait")
	}
	if !slices.Contains(t.Purposes, s.Purpose) {
		ch.problem(file, at("trait"), fmt.Sprintf("answers are given for %s, which the trait %q may not be used for", s.Purpose, q.Trait),
			"add it to the trait's purposes, or use another trait")
	}
	for _, value := range q.Values() {
		if len(t.Values) > 0 && !slices.Contains(t.Values, value) {
			ch.problem(file, append(at("options"), value), fmt.Sprintf("the trait %q can't have the value %q", q.Trait, value), nearest(value, t.Values, "value"))
		}
	}
}

// assignable says whether a value of one type is always one of the other.
func assignable(from, to plan.Type) bool {
	return from == to || from == "number" && to == "integer" || from == "integer" && to == "number"
}

func (ch *checker) checkNotices() {
	for _, from := range ch.catalog.Notices {
		if ch.catalog.Broken(from.File) {
			continue
		}
		ch.text(from.Def.Text, from.File, "text")
		if len(from.Def.Grants) == 0 {
			ch.problem(from.File, path("grants"), "the notice grants nothing", "name at least one purpose")
		}
		for i, g := range from.Def.Grants {
			ch.grant(from.File, g, path("grants", fmt.Sprint(i)))
		}
	}
}

func (ch *checker) grant(file string, g release.Grant, keys []string) {
	if !ch.purpose(g.Purpose, file, append(slices.Clone(keys), "purpose")...) || g.Channel == "" {
		return
	}
	contact := ch.catalog.Plan.Purposes[g.Purpose].Contact
	if !slices.Contains(contact, g.Channel) {
		ch.problem(file, append(slices.Clone(keys), "channel"), fmt.Sprintf("the purpose %q does not contact by %s", g.Purpose, g.Channel),
			"add the channel to the purpose's `contact`, or delete it here")
	}
}

// checkOffers checks that what an offer is for can be declared by somebody. Where
// steps match only traits that list their values, another value is a mistake; else
// it may be one.
func (ch *checker) checkOffers() {
	if ch.catalog.Broken(fileOffers) {
		return
	}
	values, closed := ch.matched()
	for _, o := range ch.catalog.Offers {
		ch.text(o.Title, fileOffers, o.ID, "title")
		ch.text(o.Text, fileOffers, o.ID, "text")
		for i, v := range o.For {
			at := path(o.ID, "for", fmt.Sprint(i))
			switch {
			case len(values) == 0 || slices.Contains(values, v):
			case closed:
				ch.problem(fileOffers, at, fmt.Sprintf("nobody can declare %q, so nobody gets this for it", v), nearest(v, values, "value"))
			default:
				ch.warn(fileOffers, at, fmt.Sprintf("no trait lists the value %q, so perhaps nobody gets this", v), nearest(v, values, "value"))
			}
		}
	}
}

// matched are the values that offer steps can match. closed says that there are no
// others: each step matches a trait that lists its values; if not, they are all
// values that some trait lists.
func (ch *checker) matched() (values []string, closed bool) {
	traits, closed := map[string]bool{}, true
	for _, from := range ch.catalog.Journeys {
		walk(from.Def.Steps, func(s journey.Step) {
			if s.Offer == nil || s.Offer.Match == "" {
				return
			}
			name, ok := strings.CutPrefix(s.Offer.Match, "profile.")
			if closed = closed && ok && len(ch.catalog.Plan.Traits[name].Values) > 0; closed {
				traits[name] = true
			}
		})
	}
	closed = closed && len(traits) > 0
	for name, t := range ch.catalog.Plan.Traits {
		if !closed || traits[name] {
			values = append(values, t.Values...)
		}
	}
	slices.Sort(values)
	return slices.Compact(values), closed
}

func (ch *checker) checkBroadcasts() {
	for _, from := range ch.catalog.Broadcasts {
		ch.problem(from.File, path("send"), "\"broadcasts\" is not built yet", "nobody would be mailed: delete the file for now")
	}
}
