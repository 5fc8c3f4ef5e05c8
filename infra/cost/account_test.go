package cost_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"testing"
	"time"

	"github.com/kesher-io/kesher/events"
	clockfn "github.com/kesher-io/kesher/functions/clock"
	deliverfn "github.com/kesher-io/kesher/functions/deliver"
	feedbackfn "github.com/kesher-io/kesher/functions/feedback"
	journeyfn "github.com/kesher-io/kesher/functions/journey"
	"github.com/kesher-io/kesher/infra/cost"
	"github.com/kesher-io/kesher/shared/aws/env"
	"github.com/kesher-io/kesher/shared/aws/metrics"
	"github.com/kesher-io/kesher/shared/aws/runtime"
	"github.com/kesher-io/kesher/shared/aws/streams"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/advance"
	"github.com/kesher-io/kesher/shared/flow/clock"
	"github.com/kesher-io/kesher/shared/flow/collect"
	"github.com/kesher-io/kesher/shared/flow/consents"
	"github.com/kesher-io/kesher/shared/flow/deliver"
	"github.com/kesher-io/kesher/shared/flow/delivery"
	"github.com/kesher-io/kesher/shared/flow/emit"
	"github.com/kesher-io/kesher/shared/flow/faults"
	"github.com/kesher-io/kesher/shared/flow/feedback"
	"github.com/kesher-io/kesher/shared/flow/insights"
	"github.com/kesher-io/kesher/shared/flow/publish"
	"github.com/kesher-io/kesher/shared/flow/releases"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

// account is a stage that nobody is billed for: the real flows, wired as the
// mains of functions/* wire them, over a store whose requests are counted by
// function. Every record, timer and report is an invocation of its own, which is
// what a stage with little traffic pays; with more, batches share invocations.
type account struct {
	t        testing.TB
	clock    *fake.Clock
	store    *memstore.Store
	meter    *cost.Meter
	template cost.Template
	usage    cost.Usage
	log      map[string]*bytes.Buffer
	tokens   *fake.Tokens
	keys     ident.Keys
	streams  map[delivery.Consumer]consumer
	flows    struct {
		collect  *collect.Service
		clock    *clockfn.Handler
		counts   *insights.Counter // the clock's
		metrics  *metrics.Metrics  // the clock's
		feedback *feedbackfn.Handler
	}
	sent []flow.Mail
	read int // changes of the stream that have been worked
}

type consumer struct {
	filter *delivery.Filter
	handle func(context.Context, []byte) ([]byte, error)
}

var day = time.Date(2026, 11, 4, 10, 0, 0, 0, time.UTC)

func newAccount(t testing.TB, catalog string) *account {
	a := &account{t: t, clock: fake.NewClock(day), tokens: fake.NewTokens(1), template: template(t), log: map[string]*bytes.Buffer{}}
	a.keys = ident.NewKeys(bytes.Repeat([]byte("k"), 32))
	a.store = memstore.New(a.clock.NowOf)
	a.meter = cost.NewMeter(a.store)
	a.publish(catalog)
	a.wire()
	a.begin()
	return a
}

func (a *account) publish(catalog string) {
	candidate, problems := publish.Compile(os.DirFS(catalog))
	if candidate == nil {
		a.t.Fatal(problems)
	}
	service := publish.Service{Store: a.store, Clock: a.clock, Tokens: a.tokens, Keys: a.keys}
	if _, err := service.Publish(context.Background(), candidate, ""); err != nil {
		a.t.Fatal(err)
	}
}

// ports are what one function gets from its runtime.Stack.
type ports struct {
	store    flow.Store
	releases flow.Releases
	metrics  *metrics.Metrics
	log      *slog.Logger
}

func (a *account) ports(f env.Function) ports {
	out := &bytes.Buffer{}
	a.log[string(f)] = out
	store := a.meter.As(string(f))
	return ports{
		store: store, releases: releases.New(store, a.keys, func() time.Time { return day }),
		metrics: metrics.New(out, a.clock.Real, flow.Dim{Name: metrics.DimStage, Value: "prod"}), log: runtime.NewLogger(out, string(f)),
	}
}

func (a *account) wire() {
	ring, err := token.NewKeyring("1", map[string][]byte{"1": bytes.Repeat([]byte("r"), 32)})
	if err != nil {
		a.t.Fatal(err)
	}
	door := a.ports(env.Collect)
	a.flows.collect = &collect.Service{Store: door.store, Clock: a.clock, Tokens: a.tokens, Releases: door.releases, Keys: a.keys, Metrics: door.metrics, Ring: ring}

	j := a.ports(env.Journey)
	counts := &insights.Counter{Store: j.store}
	journeys := &journeyfn.Handler{
		Runs:    &advance.Service{Store: j.store, Clock: a.clock, Tokens: a.tokens, Releases: j.releases, Metrics: j.metrics, Log: j.log, Counts: counts},
		Outside: &emit.Service{Store: j.store, Releases: j.releases, Emitter: bus{a}},
		Faults:  &faults.Service{Store: j.store, Clock: a.clock, Tokens: a.tokens},
		Counts:  counts, Log: j.log,
	}

	d := a.ports(env.Deliver)
	mails := &deliverfn.Handler{
		Messages: &deliver.Service{
			Store: d.store, Clock: a.clock, Tokens: a.tokens, Releases: d.releases, Mailer: mailer{a}, Metrics: d.metrics, Log: d.log,
			Links: token.NewLinks("https://m.shop.example", ring), Stage: "prod", Reaches: true,
			Pacer: &deliver.Pacer{Store: d.store, Clock: a.clock, Tokens: a.tokens, Rater: plenty{}, Instances: 4, Sleep: deliverfn.Sleep},
		},
		Faults: &faults.Service{Store: d.store, Clock: a.clock, Tokens: a.tokens}, Log: d.log,
	}
	a.streams = map[delivery.Consumer]consumer{
		delivery.Journey: a.consumer(delivery.Journey, streams.Handler(journeys.Work, streams.Options{Done: journeys.Done, Failed: a.failed}), j),
		delivery.Deliver: a.consumer(delivery.Deliver, streams.Handler(mails.Work, streams.Options{Failed: a.failed}), d),
	}

	c := a.ports(env.Clock)
	a.flows.counts = &insights.Counter{Store: c.store}
	a.flows.metrics = c.metrics
	a.flows.clock = &clockfn.Handler{Parallel: 4, Clock: &clock.Service{
		Store: c.store, Clock: a.clock, Tokens: a.tokens, Metrics: c.metrics, Log: c.log,
		Runs: &advance.Service{Store: c.store, Clock: a.clock, Tokens: a.tokens, Releases: c.releases, Metrics: c.metrics, Log: c.log, Counts: a.flows.counts},
	}}

	f := a.ports(env.Feedback)
	a.flows.feedback = &feedbackfn.Handler{
		Flow: &feedback.Service{
			Store: f.store, Clock: a.clock, Tokens: a.tokens, Keys: a.keys, Releases: f.releases, Metrics: f.metrics,
			Consents: consents.Writer{Store: f.store, Clock: a.clock, Tokens: a.tokens, Keys: a.keys},
		},
		Metrics: f.metrics, Log: f.log,
	}
}

func (a *account) consumer(c delivery.Consumer, handle func(context.Context, []byte) ([]byte, error), p ports) consumer {
	filter, err := delivery.NewFilter(delivery.For(c)...)
	if err != nil {
		a.t.Fatal(err)
	}
	return consumer{filter, func(ctx context.Context, payload []byte) ([]byte, error) {
		defer p.metrics.Flush()
		return handle(ctx, payload)
	}}
}

func (a *account) failed(_ context.Context, c item.Change, err error) {
	a.t.Fatalf("record %s: %v", c.Key.SK, err)
}

// template is the stage's, as it was synthesized last.
func template(t testing.TB) cost.Template {
	var texts [][]byte
	for _, name := range []string{"Data", "App"} {
		text, err := os.ReadFile("../stack/testdata/Kesher-dev-" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	all, err := cost.ReadTemplates(texts...)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// begin forgets what was counted so far.
func (a *account) begin() {
	a.meter.Reset()
	a.usage = cost.Usage{Invocations: map[string]cost.Invocations{}}
	for _, out := range a.log {
		out.Reset()
	}
}

// counted is everything since begin.
func (a *account) counted() cost.Usage {
	u := a.usage
	u.Tables = a.meter.Tables()
	for f := range u.Invocations {
		lines := bytes.Count(a.log[f].Bytes(), []byte("\n"))
		u.LogBytes += float64(a.log[f].Len() + lines*cost.LineBytes)
	}
	return u
}

// invoke counts what work does as one invocation of a function.
func (a *account) invoke(f env.Function, work func()) {
	asked, sent := a.requests(f), len(a.sent)
	work()
	x := a.usage.Invocations[string(f)]
	took := cost.Typical.Own + (a.requests(f)-asked)*cost.Typical.Table + float64(len(a.sent)-sent)*cost.Typical.Mail
	x.Count++
	x.Seconds += math.Ceil(took/cost.MillisecondStep) * cost.MillisecondStep
	x.MemoryMB = a.template.MemoryMB(string(f))
	a.usage.Invocations[string(f)] = x
}

func (a *account) requests(f env.Function) (n float64) {
	for r, u := range a.meter.Tables() {
		if r.Function == string(f) {
			n += u.Requests
		}
	}
	return n
}

// settle works the stream until nothing is left in it.
func (a *account) settle() {
	for {
		changes := a.store.ChangesAfter(a.read)
		if len(changes) == 0 {
			return
		}
		a.read += len(changes)
		for _, c := range changes {
			record := delivery.RecordOf(c, a.clock.Real())
			payload := events.StreamEvent{Records: []events.StreamRecord{record}}
			for _, to := range delivery.Consumers {
				if !a.streams[to].filter.PassesChange(&c) {
					continue
				}
				a.invoke(env.Function(to), func() {
					if _, err := a.streams[to].handle(context.Background(), payload.Append(nil)); err != nil {
						a.t.Fatal(err)
					}
				})
			}
		}
	}
}

func (a *account) stamp() string { return a.clock.Real().Format(time.RFC3339Nano) }

// call takes one call in at the door.
func (a *account) call(body string, values ...any) {
	c, refusal := events.DecodeCall(fmt.Appendf(nil, body, values...), "")
	if refusal != nil {
		a.t.Fatal(refusal)
	}
	a.usage.HTTPCalls++
	a.invoke(env.Collect, func() {
		out, err := a.flows.collect.Collect(context.Background(), c, collect.Source{Kind: collect.Server, Name: "backend"})
		if err != nil || out.Refused != nil {
			a.t.Fatal(err, out.Refused)
		}
	})
	a.settle()
}

func (a *account) grant(user, purpose, channel string) {
	c := &events.ConsentCall{
		MessageID: user + purpose, UserID: events.NewPersonal(user), Purpose: purpose, Channel: channel, State: "granted",
		Evidence: &events.Evidence{Basis: "consent", Source: "shop"},
	}
	out, err := a.flows.collect.Consent(context.Background(), c, collect.Source{Kind: collect.Server, Name: "backend"})
	if err != nil || out.Refused != nil {
		a.t.Fatal(err, out.Refused)
	}
	a.settle()
}

// minute is one run of the clock.
func (a *account) minute() {
	a.invoke(env.Clock, func() {
		defer a.flows.metrics.Flush()
		if _, err := a.flows.clock.Handle(context.Background(), nil); err != nil {
			a.t.Fatal(err)
		}
		if err := a.flows.counts.Flush(context.Background()); err != nil {
			a.t.Fatal(err)
		}
	})
	a.settle()
}

// report hands feedback what SES reports about a mail.
func (a *account) report(m flow.Mail, kind string) {
	now := a.clock.Real()
	to := events.NewPersonal(m.To)
	detail := events.SESDetail{EventType: kind, Mail: events.SESMail{
		Timestamp: now, MessageID: "ses-" + m.ID, Destination: []events.Personal{to},
		Tags: map[string][]string{events.TagMessage: {m.ID}, events.TagCustomer: {m.Customer}, events.TagJourney: {m.Journey}},
	}}
	switch kind {
	case events.SESSend:
		detail.Send = &struct{}{}
	case events.SESDelivery:
		detail.Delivery = &events.SESDeliveryInfo{Timestamp: now, Recipients: []events.Personal{to}}
	case events.SESDeliveryDelay:
		detail.DeliveryDelay = &events.SESDelayInfo{Timestamp: now}
	}
	payload, err := json.Marshal(events.SESEvent{ID: kind + m.ID, Source: events.SESSource, DetailType: events.SESDetailTypes[kind], Time: now, Detail: detail})
	if err != nil {
		a.t.Fatal(err)
	}
	a.invoke(env.Feedback, func() {
		if _, err := a.flows.feedback.Handle(context.Background(), payload); err != nil {
			a.t.Fatal(err)
		}
	})
	a.settle()
}

type mailer struct{ *account }

func (m mailer) Send(_ context.Context, mail flow.Mail) (string, error) {
	m.sent = append(m.sent, mail)
	m.usage.Mails++
	return "ses-" + mail.ID, nil
}

type bus struct{ *account }

func (b bus) Emit(_ context.Context, events ...flow.Emitted) error {
	b.usage.Emitted += float64(len(events))
	return nil
}

type plenty struct{}

func (plenty) Allowance(context.Context) (deliver.Allowance, error) {
	return deliver.Allowance{PerSecond: 1000, PerDay: 1e9}, nil
}
