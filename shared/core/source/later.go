package source

import (
	"fmt"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/plan"
)

// The kinds in this file are read and kept with the release, so that a catalog
// written today is whole; this release runs none of them.

// Segment is segments/<name>.yaml.
type Segment struct {
	Title plan.Text
	Uses  []string
	Where string
}

var segmentShape = record(
	key("title", "what colleagues read", texts, func(s *Segment) *plan.Text { return &s.Title }),
	key("uses", "purposes of the data it reads", some(id), func(s *Segment) *[]string { return &s.Uses }),
	must("where", "the condition", condition, func(s *Segment) *string { return &s.Where }),
)

// Persona is personas/<name>.yaml: somebody invented, for previews and tests.
type Persona struct {
	Title   string
	Locale  string
	Zone    string
	Profile map[string]any
	Consent []Consent
	Events  []PersonaEvent
	Offers  []string
}

// Consent is a statement in a persona or a test.
type Consent struct{ Purpose, Channel, State string }

// PersonaEvent happened Ago before the preview.
type PersonaEvent struct {
	Event      string
	Ago        plan.Duration
	Properties map[string]any
}

var personaShape = record(
	key("title", "who she is", titleShape, func(p *Persona) *string { return &p.Title }),
	key("locale", "her language, like he-IL", languageTag, func(p *Persona) *string { return &p.Locale }),
	key("zone", "her time zone", zone, func(p *Persona) *string { return &p.Zone }),
	key("profile", "her traits", dict(identifier, free), func(p *Persona) *map[string]any { return &p.Profile }),
	key("consent", "what she granted", list(consentStatement), func(p *Persona) *[]Consent { return &p.Consent }),
	key("events", "what she did, newest last", list(personaEvent), func(p *Persona) *[]PersonaEvent { return &p.Events }),
	key("offers", "offers that were taken for her", some(id), func(p *Persona) *[]string { return &p.Offers }),
)

var consentStatement = record(
	must("purpose", "the purpose", id, func(c *Consent) *string { return &c.Purpose }),
	key("channel", "the channel; none = data use", enum(plan.ChannelEmail), func(c *Consent) *string { return &c.Channel }),
	must("state", "what she said", enum("granted", "denied", "withdrawn"), func(c *Consent) *string { return &c.State }),
)

var personaEvent = record(
	must("event", "its name", text, func(e *PersonaEvent) *string { return &e.Event }),
	key("ago", "how long ago", duration, func(e *PersonaEvent) *plan.Duration { return &e.Ago }),
	key("properties", "its properties", properties, func(e *PersonaEvent) *map[string]any { return &e.Properties }),
)

// Broadcast is broadcasts/<name>.yaml: one mail to many.
type Broadcast struct {
	Title    plan.Text
	Purpose  string
	Topic    string
	Audience Audience
	Send     string
	At       string
	Pace     string
	Holdout  float64
	Expires  plan.Duration
}

// Audience is who gets it.
type Audience struct {
	Segment string
	Except  *Audience
}

var broadcastShape = record(
	key("title", "what colleagues read", texts, func(b *Broadcast) *plan.Text { return &b.Title }),
	must("purpose", "the permission to contact", id, func(b *Broadcast) *string { return &b.Purpose }),
	key("topic", "what a customer can turn off by itself", id, func(b *Broadcast) *string { return &b.Topic }),
	must("audience", "who gets it", audienceShape(), func(b *Broadcast) *Audience { return &b.Audience }),
	must("send", "a template", id, func(b *Broadcast) *string { return &b.Send }),
	must("at", "when, like 2027-03-01 09:00 customer", broadcastTime, func(b *Broadcast) *string { return &b.At }),
	key("pace", "like 10000 per hour", text, func(b *Broadcast) *string { return &b.Pace }),
	key("holdout", "share of customers kept out, to compare", percent, func(b *Broadcast) *float64 { return &b.Holdout }),
	key("expires", "like after 1d", expires, func(b *Broadcast) *plan.Duration { return &b.Expires }),
)

func audienceShape() shape[Audience] {
	return record(
		key("segment", "members of this segment", id, func(a *Audience) *string { return &a.Segment }),
		key("except", "but not these", pointer(record(
			must("segment", "members of this segment", id, func(a *Audience) *string { return &a.Segment }),
		)), func(a *Audience) **Audience { return &a.Except }),
	)
}

var broadcastTime = word(schema{"type": "string"}, func(s string) (string, error) {
	i := strings.LastIndex(s, " ")
	at, whose := s[:max(i, 0)], s[i+1:]
	if _, err := time.Parse("2006-01-02 15:04", at); err != nil || whose != "customer" && whose != "brand" {
		return "", wrong(fmt.Sprintf("%q is no time for a broadcast", s), "write it like 2027-03-01 09:00 customer (or brand)")
	}
	return s, nil
})

var expires = word(schema{"type": "string"}, func(s string) (plan.Duration, error) {
	return parseDuration(strings.TrimPrefix(s, "after "))
})

// Tests is journeys/<name>.test.yaml.
type Tests struct{ Tests []Test }

// Test is one scenario.
type Test struct {
	Name   string
	Given  []Given
	Expect []Expect
}

// Given is something that happens at a time.
type Given struct {
	At         plan.Duration
	Consent    *Consent
	Profile    map[string]any
	Event      string
	Properties map[string]any
	Response   string
	Answers    map[string]any
}

// Expect is something that must come of it; anything else that comes is a failure.
type Expect struct {
	At      plan.Duration
	Send    string
	Exit    string
	End     *string
	Nothing bool
}

var testsShape = record(
	must("tests", "scenarios", list(scenarioShape), func(t *Tests) *[]Test { return &t.Tests }),
)

var scenarioShape = record(
	must("name", "what it shows", text, func(t *Test) *string { return &t.Name }),
	must("given", "what happens", list(givenShape), func(t *Test) *[]Given { return &t.Given }),
	must("expect", "what must come of it", list(expectShape), func(t *Test) *[]Expect { return &t.Expect }),
)

var givenShape = record(
	must("at", "time from the beginning", duration, func(g *Given) *plan.Duration { return &g.At }),
	key("consent", "a consent given or withdrawn", pointer(consentStatement), func(g *Given) **Consent { return &g.Consent }),
	key("profile", "traits", dict(identifier, free), func(g *Given) *map[string]any { return &g.Profile }),
	key("event", "an event", text, func(g *Given) *string { return &g.Event }),
	key("properties", "its properties", properties, func(g *Given) *map[string]any { return &g.Properties }),
	key("response", "a survey answered", id, func(g *Given) *string { return &g.Response }),
	key("answers", "its answers", dict(identifier, free), func(g *Given) *map[string]any { return &g.Answers }),
)

var expectShape = record(
	key("at", "time from the beginning", duration, func(e *Expect) *plan.Duration { return &e.At }),
	key("send", "a template", id, func(e *Expect) *string { return &e.Send }),
	key("exit", "the event that ended the run", text, func(e *Expect) *string { return &e.Exit }),
	key("end", "the word with which it ended", pointer(reasonShape), func(e *Expect) **string { return &e.End }),
	key("nothing", "nothing at all happens", boolean, func(e *Expect) *bool { return &e.Nothing }),
)
