package source

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kesher-io/kesher/shared/core/plan"
)

var planShape = record(
	must("purposes", "why data is used or a person contacted", dict(id, purposeShape),
		func(p *plan.Plan) *map[string]plan.Purpose { return &p.Purposes }),
	key("consent categories", "your consent banner's categories, each with the purpose of data use it stands for", dict(text, id),
		func(p *plan.Plan) *map[string]string { return &p.ConsentCategories }),
	key("traits", "what may be known of a customer", dict(identifier, traitShape),
		func(p *plan.Plan) *map[string]plan.Trait { return &p.Traits }),
	key("events", "what customers do", dict(text, eventShape),
		func(p *plan.Plan) *map[string]plan.Event { return &p.Events }),
	key("topics", "what a customer can turn off by itself", dict(id, texts),
		func(p *plan.Plan) *map[string]plan.Text { return &p.Topics }),
	key("unknown events", "refuse them, or keep: <purpose>", unknownEvents,
		func(p *plan.Plan) *string { return &p.UnknownEvents }),
	key("collections", "lists folded from events, such as the cart", dict(identifier, collectionShape),
		func(p *plan.Plan) *map[string]plan.Collection { return &p.Collections }),
)

var purposeShape = record(
	must("title", "what customers read", texts, func(p *plan.Purpose) *plan.Text { return &p.Title }),
	key("contact", "channels by which this purpose may contact; none = data use only", some(enum(plan.ChannelEmail)),
		func(p *plan.Purpose) *[]string { return &p.Contact }),
	must("basis", "consent: when granted; contract: always", enum(plan.BasisConsent, plan.BasisContract),
		func(p *plan.Purpose) *string { return &p.Basis }),
)

var traitShape = record(
	must("type", "string, number, integer, boolean, email, url, date, month-day, time, object or list(<type>)", typ,
		func(t *plan.Trait) *plan.Type { return &t.Type }),
	key("values", "all the values it can have", list(text), func(t *plan.Trait) *[]string { return &t.Values }),
	must("origin", "zero: the customer told us; first: observed; derived: computed",
		enum(plan.OriginZero, plan.OriginFirst, plan.OriginDerived), func(t *plan.Trait) *string { return &t.Origin }),
	must("purposes", "what it may be used for", some(id), func(t *plan.Trait) *[]string { return &t.Purposes }),
	key("keep", "how long it is kept", duration, func(t *plan.Trait) *plan.Duration { return &t.Keep }),
	key("sensitive", "never used in conditions", boolean, func(t *plan.Trait) *bool { return &t.Sensitive }),
	key("title", "what customers read", texts, func(t *plan.Trait) *plan.Text { return &t.Title }),
)

var eventShape = record(
	must("purposes", "what it may be used for; it is stored when one of them is permitted", some(id),
		func(e *plan.Event) *[]string { return &e.Purposes }),
	key("keep", "how long it is kept", duration, func(e *plan.Event) *plan.Duration { return &e.Keep }),
	key("properties", "its properties with their types", dict(identifier, typ),
		func(e *plan.Event) *map[string]plan.Type { return &e.Properties }),
)

// events is the name of one event, or a list of names.
var events = as(some(text), func(_ *reader, _ *yaml.Node, names []string) plan.StringList { return names })

var collectionShape = record(
	must("key", "the property that tells entries apart", identifier, func(c *plan.Collection) *string { return &c.Key }),
	must("add", "events that put an entry in", events, func(c *plan.Collection) *plan.StringList { return &c.Add }),
	key("remove", "events that take an entry out", events, func(c *plan.Collection) *plan.StringList { return &c.Remove }),
	key("clear", "events that empty it", events, func(c *plan.Collection) *plan.StringList { return &c.Clear }),
	must("keep", "how far back it looks", duration, func(c *plan.Collection) *plan.Duration { return &c.Keep }),
)

// unknownEvents is `refuse` or {keep: <purpose>}.
var unknownEvents = either(
	word(schema{"type": "string", "enum": []string{"refuse"}}, func(s string) (string, error) {
		if purpose, ok := strings.CutPrefix(s, "keep:"); ok {
			s, err := parseID(strings.TrimSpace(purpose))
			return plan.KeepUnknown(s), err
		}
		return enumWord(s, "refuse")
	}),
	as(record(must("keep", "the purpose under which they are kept", id, func(s *string) *string { return s })),
		func(_ *reader, _ *yaml.Node, purpose string) string { return plan.KeepUnknown(purpose) }),
)
