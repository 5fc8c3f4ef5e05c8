package source

import (
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/plan"
)

// Defaults of CONTRACTS sections 2 and 4.
const (
	defaultFresh = plan.Duration(time.Hour)
	defaultLate  = plan.Duration(24 * time.Hour)
)

// settings is settings.yaml as written, with what this release does not run.
type settings struct {
	plan.Settings
	blackout []string
}

var settingsShape = as(record(
	must("brand", "who speaks", brandShape, func(s *settings) *plan.Brand { return &s.Brand }),
	key("sender", "the sender of each purpose, and reply to", senderShape, func(s *settings) *map[string]string { return &s.Sender }),
	key("caps", "how many messages one customer gets at most; none = no cap", capsShape, func(s *settings) *plan.Caps { return &s.Caps }),
	key("quiet hours", "hours of the customer's day without mail; none = off", quietShape,
		func(s *settings) *plan.QuietHours { return &s.QuietHours }),
	key("late", "send, or drop after <duration>: what happens to a message that leaves long after it was due", lateShape,
		func(s *settings) *plan.Late { return &s.Late }),
	key("fresh", "how old a fact may be that starts a journey", duration, func(s *settings) *plan.Duration { return &s.Fresh }),
	key("identity", "what two profiles with one address mean", identityShape, func(s *settings) *plan.Identity { return &s.Identity }),
	key("test", "who may be mailed by a stage that is not prod", testShape, func(s *settings) *plan.Test { return &s.Test }),
	key("sources", "where calls come from", dict(id, sourceShape), func(s *settings) *map[string]plan.Source { return &s.Sources }),
	key("emit", "Kesher's own events that are put on the EventBridge bus, without personal data", list(enum(fact.Outward...)),
		func(s *settings) *[]string { return &s.Emit }),
	key("blackout dates", "days without mail", list(date), func(s *settings) *[]string { return &s.blackout }),
), func(r *reader, n *yaml.Node, s settings) plan.Settings {
	if s.blackout != nil {
		r.notBuilt(r.keys(n)["blackout dates"], "blackout dates", "delete it")
	}
	if s.Late.Kind == "" {
		s.Late = plan.Late{Kind: "drop", After: defaultLate}
	}
	if s.Fresh == 0 {
		s.Fresh = defaultFresh
	}
	if s.Identity.SameAddress == "" {
		s.Identity.SameAddress = "first"
	}
	return s.Settings
})

var brandShape = as(record(
	must("name", "the brand's name", text, func(b *plan.Brand) *string { return &b.Name }),
	key("url", "the brand's web address", webAddress, func(b *plan.Brand) *string { return &b.URL }),
	key("postal address", "printed under every mail", text, func(b *plan.Brand) *string { return &b.PostalAddress }),
	key("languages", "the first is what every text falls back to", list(languageTag), func(b *plan.Brand) *[]string { return &b.Languages }),
	key("zone", "time zone of customers whose own is not known", zone, func(b *plan.Brand) *string { return &b.Zone }),
	key("logo", "web address of an image", webAddress, func(b *plan.Brand) *string { return &b.Logo }),
), func(_ *reader, _ *yaml.Node, b plan.Brand) plan.Brand {
	if len(b.Languages) == 0 {
		b.Languages = []string{b.First()}
	}
	if b.Zone == "" {
		b.Zone = "UTC"
	}
	return b
})

// senderShape is keyed by purpose; `reply to` stands beside them.
var senderShape = dict(text, mailbox)

// none reads the word none as the zero value.
func none[T any](s shape[T]) shape[T] {
	return shape[T]{
		read: func(r *reader, n *yaml.Node) T {
			var zero T
			if n.Kind == yaml.ScalarNode && n.Value == "none" {
				return zero
			}
			return s.read(r, n)
		},
		schema: func(defs schemas) schema {
			return schema{"anyOf": []any{schema{"const": "none"}, s.schema(defs)}}
		},
	}
}

var capsShape = none(record(
	key("per day", "in her local calendar day", none(count), func(c *plan.Caps) *int { return &c.PerDay }),
	key("per week", "in her last 7 local days", none(count), func(c *plan.Caps) *int { return &c.PerWeek }),
))

var quietShape = none(as(record(
	key("from", "their beginning, local to the customer", none(clockTime), func(q *plan.QuietHours) *string { return &q.From }),
	key("to", "their end", none(clockTime), func(q *plan.QuietHours) *string { return &q.To }),
	key("then", "hold a message until they end, or drop it", none(enum("hold", "drop")), func(q *plan.QuietHours) *string { return &q.Then }),
), func(_ *reader, _ *yaml.Node, q plan.QuietHours) plan.QuietHours {
	if q.From == "" || q.To == "" || q.From == q.To {
		return plan.QuietHours{}
	}
	if q.Then == "" {
		q.Then = "hold"
	}
	return q
}))

// lateShape is `send` or `drop after D`.
var lateShape = word(schema{"type": "string", "pattern": "^(send|drop after .+)$"}, parseLate)

func parseLate(s string) (plan.Late, error) {
	if s == "send" {
		return plan.Late{Kind: "send"}, nil
	}
	after, ok := strings.CutPrefix(s, "drop after ")
	if !ok {
		return plan.Late{}, wrong(fmt.Sprintf("%q is no rule for late messages", s), "write send, or drop after 24h")
	}
	d, err := parseDuration(after)
	return plan.Late{Kind: "drop", After: d}, err
}

var identityShape = record(
	key("same address", "first: the first one is mailed; merge: they become one", enum("first", "merge"),
		func(i *plan.Identity) *string { return &i.SameAddress }),
)

var testShape = record(
	key("recipients", "addresses", list(mailAddress), func(t *plan.Test) *[]string { return &t.Recipients }),
)

var sourceShape = record(
	must("kind", "public: its key stands in browsers; server: its key is secret", enum("public", "server"),
		func(s *plan.Source) *string { return &s.Kind }),
	key("origins", "web origins whose pages may call", list(webAddress), func(s *plan.Source) *[]string { return &s.Origins }),
)
