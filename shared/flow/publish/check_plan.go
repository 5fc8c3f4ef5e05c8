package publish

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
)

// templateRoots are what templates and conditions speak of: no collection may
// have such a name.
var templateRoots = []string{
	"profile", "entry", "event", "items", "offer", "run", "brand", "preferences_url", "unsubscribe_url", "now", "date",
	"count", "sum", "last", "len", "null", "true", "false", "forloop",
}

func (ch *checker) checkPlan() {
	p := &ch.catalog.Plan
	for name, purpose := range p.Purposes {
		ch.text(purpose.Title, filePlan, "purposes", name, "title")
	}
	for category, purpose := range p.ConsentCategories {
		at := path("consent categories", category)
		if ch.purpose(purpose, filePlan, at...) && len(p.Purposes[purpose].Contact) > 0 {
			ch.problem(filePlan, at, fmt.Sprintf("a banner's category can't stand for %q, which contacts people", purpose),
				"map it to a purpose without contact: permission to contact needs a notice")
		}
	}
	for name, t := range p.Traits {
		ch.trait(name, t)
	}
	for name, e := range p.Events {
		ch.purposes(e.Purposes, "events", name)
	}
	for name, title := range p.Topics {
		ch.text(title, filePlan, "topics", name)
	}
	if purpose, ok := p.KeepsUnknown(); ok {
		ch.purpose(purpose, filePlan, "unknown events")
	}
	for name, c := range p.Collections {
		ch.collection(name, c)
	}
	if _, ok := p.Purposes[plan.PurposeService]; !ok {
		ch.warn(filePlan, path("purposes"), "there is no purpose \"service\"", "confirmations and links to the preference page are mailed under it")
	}
}

// purposes checks what something may be used for: no purpose, no data (A27).
func (ch *checker) purposes(purposes []string, keys ...string) {
	if len(purposes) == 0 {
		ch.problem(filePlan, keys, fmt.Sprintf("%q has no purposes", keys[len(keys)-1]), "say what it may be used for")
	}
	for i, purpose := range purposes {
		ch.purpose(purpose, filePlan, append(slices.Clone(keys), "purposes", fmt.Sprint(i))...)
	}
}

func (ch *checker) trait(name string, t plan.Trait) {
	ch.purposes(t.Purposes, "traits", name)
	ch.text(t.Title, filePlan, "traits", name, "title")
	if len(t.Values) > 0 && t.Type != "string" && t.Type != "list(string)" {
		ch.problem(filePlan, path("traits", name, "values"), fmt.Sprintf("a %s has no list of values", t.Type), "make it a string or list(string), or delete values")
	}
}

func (ch *checker) collection(name string, c plan.Collection) {
	keys := path("collections", name)
	if slices.Contains(templateRoots, name) {
		ch.problem(filePlan, keys, fmt.Sprintf("a collection can't be called %q", name), "templates and conditions use that word")
	}
	for _, event := range c.Add {
		e, ok := ch.catalog.Plan.Events[event]
		switch {
		case !ok:
			known(ch, ch.catalog.Plan.Events, "event", event, filePlan, "collections", name, "add")
		case e.Properties[c.Key] == "":
			ch.problem(filePlan, path("collections", name, "key"), fmt.Sprintf("%s has no property %q", event, c.Key),
				nearest(c.Key, slices.Sorted(maps.Keys(e.Properties)), "property"))
		case e.Keep != 0 && c.Keep > e.Keep:
			ch.problem(filePlan, path("collections", name, "keep"), fmt.Sprintf("it looks back %s, but %s is kept for %s", c.Keep, event, e.Keep),
				"keep the event longer, or look back less far")
		}
	}
	for _, part := range []struct {
		key    string
		events []string
	}{{"remove", c.Remove}, {"clear", c.Clear}} {
		for _, event := range part.events {
			if _, ok := ch.catalog.Plan.Events[event]; !ok {
				// Not an error: a plan may name what its shop will send one day.
				ch.warn(filePlan, path("collections", name, part.key), fmt.Sprintf("plan.yaml declares no event %q, so it never comes", event),
					nearest(event, slices.Sorted(maps.Keys(ch.catalog.Plan.Events)), "event"))
			}
		}
	}
}

const keyReplyTo = "reply to"

func (ch *checker) checkSettings() {
	s := &ch.catalog.Settings
	for name := range s.Sender {
		if name != keyReplyTo {
			names := append(slices.Sorted(maps.Keys(ch.catalog.Plan.Purposes)), keyReplyTo)
			if !slices.Contains(names, name) {
				ch.problem(fileSettings, path("sender", name), fmt.Sprintf("plan.yaml declares no purpose %q", name), nearest(name, names, "purpose"))
			}
		}
	}
	if s.Brand.PostalAddress == "" {
		ch.warn(fileSettings, path("brand"), "the brand has no postal address", "many laws want it under every marketing mail: add `postal address`")
	}
	seen := map[string]bool{}
	for i, lang := range s.Brand.Languages {
		if seen[strings.ToLower(lang)] {
			ch.problem(fileSettings, path("brand", "languages", fmt.Sprint(i)), fmt.Sprintf("the language %q stands here twice", lang), "delete it")
		}
		seen[strings.ToLower(lang)] = true
		if !message.Speaks(lang) {
			ch.warn(fileSettings, path("brand", "languages", fmt.Sprint(i)),
				fmt.Sprintf("Kesher has no words of its own in %q: footers, pages and confirmations are in English there", lang),
				"see that your customers, and the law, accept that")
		}
	}
}
