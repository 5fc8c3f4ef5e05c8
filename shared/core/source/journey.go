package source

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/plan"
)

// rawJourney is a journey as written, with what this release does not run.
type rawJourney struct {
	journey.Definition
	migrate any
}

var journeyShape = located(as(record(
	key("name", "its name; default the file's", id, func(d *rawJourney) *string { return &d.Name }),
	key("title", "what colleagues read", titleShape, func(d *rawJourney) *string { return &d.Title }),
	must("purpose", "the permission to contact that every send asks for", id, func(d *rawJourney) *string { return &d.Purpose }),
	key("uses", "purposes of the data it reads besides", some(id), func(d *rawJourney) *[]string { return &d.Uses }),
	key("topic", "what a customer can turn off by itself", id, func(d *rawJourney) *string { return &d.Topic }),
	must("entry", "which fact starts a run", entryShape, func(d *rawJourney) *journey.Entry { return &d.Entry }),
	key("exit", "events that end a run", some(exitShape), func(d *rawJourney) *[]journey.Exit { return &d.Exit }),
	key("goal", "what it is for; it only counts", goalShape, func(d *rawJourney) **journey.Goal { return &d.Goal }),
	key("holdout", "(not built yet) share of customers kept out, to compare", percent, func(d *rawJourney) *float64 { return &d.Holdout }),
	key("unless in", "(not built yet) journeys or segments that keep a customer out", some(id), func(d *rawJourney) *[]string { return &d.UnlessIn }),
	key("priority", "(not built yet) which message wins under a cap", count, func(d *rawJourney) *int { return &d.Priority }),
	key("migrate", "(not built yet) what happens to runs of the version before", free, func(d *rawJourney) *any { return &d.migrate }),
	must("steps", "what happens, from top to bottom", stepsShape(), func(d *rawJourney) *[]journey.Step { return &d.Steps }),
), buildJourney), func(d *journey.Definition) (*journey.Pos, *map[string]journey.Pos) { return &d.At, &d.Keys })

func buildJourney(r *reader, n *yaml.Node, raw rawJourney) journey.Definition {
	keys := r.keys(n)
	for key, do := range map[string]string{
		"holdout":   "delete it: everybody who enters gets the mails",
		"unless in": "delete it, or say it as a condition in entry where",
		"priority":  "delete it: messages leave as they fall due, up to the cap",
		"migrate":   "delete it: runs finish on the version they started",
	} {
		if at, ok := keys[key]; ok {
			r.notBuilt(at, key, do)
		}
	}
	return raw.Definition
}

// titleShape is one text for colleagues; of several languages the first is kept.
var titleShape = shape[string]{
	read: func(r *reader, n *yaml.Node) string {
		t := texts.read(r, n)
		if s, ok := t[r.language]; ok || len(n.Content) < 2 {
			return s
		}
		return n.Content[1].Value
	},
	schema: texts.schema,
}

// located keeps where a thing and its keys stand, for the compiler's problems.
func located[T any](s shape[T], where func(*T) (*journey.Pos, *map[string]journey.Pos)) shape[T] {
	return as(s, func(r *reader, n *yaml.Node, v T) T {
		at, keys := where(&v)
		*at = r.doc.place(n)
		if keys != nil {
			*keys = r.keys(n)
		}
		return v
	})
}

// rawEntry is an entry as written; the ones from segment on are not run yet.
type rawEntry struct {
	journey.Entry
	segment, date, schedule, item, api any
}

var entryShape = located(as(record(
	key("event", "an event", text, func(e *rawEntry) *string { return &e.Event }),
	key("response", "an answered survey", id, func(e *rawEntry) *string { return &e.Response }),
	key("profile", "a condition over the profile that became true", condition, func(e *rawEntry) *string { return &e.Profile }),
	key("consent", "a consent given or withdrawn", consentShape, func(e *rawEntry) **journey.ConsentEntry { return &e.Consent }),
	key("segment", "(not built yet) somebody joined a segment", free, func(e *rawEntry) *any { return &e.segment }),
	key("date", "(not built yet) a date in the profile", free, func(e *rawEntry) *any { return &e.date }),
	key("schedule", "(not built yet) a time for all", free, func(e *rawEntry) *any { return &e.schedule }),
	key("item", "(not built yet) an item changed", free, func(e *rawEntry) *any { return &e.item }),
	key("api", "(not built yet) a call", free, func(e *rawEntry) *any { return &e.api }),
	key("where", "a condition on the fact", condition, func(e *rawEntry) *string { return &e.Where }),
	key("again", "never, always, or after <duration> from entry or end", againShape, func(e *rawEntry) *journey.Again { return &e.Again }),
	key("fresh", "how old the fact may be", duration, func(e *rawEntry) *plan.Duration { return &e.Fresh }),
	key("key", "one live run for each value of this", condition, func(e *rawEntry) *string { return &e.Key }),
), buildEntry), func(e *journey.Entry) (*journey.Pos, *map[string]journey.Pos) { return &e.At, &e.Keys })

var entrySources = []string{"event", "response", "profile", "consent", "segment", "date", "schedule", "item", "api"}

func buildEntry(r *reader, n *yaml.Node, raw rawEntry) journey.Entry {
	keys := r.keys(n)
	var found []string
	for _, source := range entrySources {
		if _, ok := keys[source]; ok {
			found = append(found, source)
		}
	}
	if len(found) > 1 {
		r.failAt(keys[found[1]], "an entry has one source, not "+strings.Join(found, " and "), "make it two journeys")
	}
	if len(found) == 1 {
		switch found[0] {
		case "segment", "date", "schedule", "item", "api":
			raw.Other = found[0]
		}
	}
	return raw.Entry
}

// consentShape is a purpose (granted on any channel), or a map.
var consentShape = either(
	as(id, func(_ *reader, _ *yaml.Node, purpose string) *journey.ConsentEntry {
		return &journey.ConsentEntry{Purpose: purpose}
	}),
	pointer(record(
		must("purpose", "the purpose", id, func(c *journey.ConsentEntry) *string { return &c.Purpose }),
		key("channel", "the channel; default any", enum(plan.ChannelEmail), func(c *journey.ConsentEntry) *string { return &c.Channel }),
		key("state", "granted (default) or withdrawn", enum("granted", "withdrawn"), func(c *journey.ConsentEntry) *string { return &c.State }),
	)),
)

// againShape is never | always | after D from entry|end.
var againShape = word(schema{"type": "string", "pattern": "^(never|always|after .+ from (entry|end))$"}, func(s string) (journey.Again, error) {
	switch s {
	case "never":
		return journey.Again{Never: true}, nil
	case "always":
		return journey.Again{}, nil
	}
	words := strings.Fields(s)
	if len(words) != 4 || words[0] != "after" || words[2] != "from" || words[3] != "entry" && words[3] != "end" {
		return journey.Again{}, wrong(fmt.Sprintf("%q is no rule for entering again", s), "write never, always, or after 7d from end (or from entry)")
	}
	d, err := parseDuration(words[1])
	return journey.Again{After: d, From: words[3]}, err
})

// exitShape is a map, or the name of an event.
var exitShape = located(either(
	as(text, func(_ *reader, _ *yaml.Node, event string) journey.Exit { return journey.Exit{Event: event} }),
	record(
		must("event", "the event", text, func(e *journey.Exit) *string { return &e.Event }),
		key("where", "a condition on it: event.* is this one, entry.* the fact that started the run", condition,
			func(e *journey.Exit) *string { return &e.Where }),
	),
), func(e *journey.Exit) (*journey.Pos, *map[string]journey.Pos) { return &e.At, &e.Keys })

type rawGoal struct {
	journey.Goal
	within deadline
}

type deadline struct {
	after plan.Duration
	from  string
}

var goalShape = as(record(
	must("event", "the event", text, func(g *rawGoal) *string { return &g.Event }),
	key("where", "a condition on it", condition, func(g *rawGoal) *string { return &g.Where }),
	key("within", "how long it counts, like 3d from entry", withinShape, func(g *rawGoal) *deadline { return &g.within }),
), func(r *reader, n *yaml.Node, raw rawGoal) *journey.Goal {
	raw.At, raw.Within, raw.From = r.doc.place(n), raw.within.after, raw.within.from
	return &raw.Goal
})

// withinShape is D, or D from entry.
var withinShape = word(schema{"type": "string", "pattern": "^[0-9smhdw]+( from entry)?$"}, func(s string) (deadline, error) {
	d, err := parseDuration(strings.TrimSuffix(s, " from entry"))
	return deadline{after: d, from: "entry"}, err
})
