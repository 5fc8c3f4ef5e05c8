package advance_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/advance"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

const customer = "c0ffee"

var t0 = time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)

var testPlan = &plan.Plan{
	Purposes: map[string]plan.Purpose{
		"marketing":       {Contact: []string{"email"}, Basis: plan.BasisConsent},
		"personalization": {Basis: plan.BasisConsent},
	},
	Traits: map[string]plan.Trait{"vip": {Type: "boolean", Purposes: []string{"marketing"}, Origin: plan.OriginDerived}},
	Events: map[string]plan.Event{
		"Product Added":   {Purposes: []string{"personalization"}, Keep: plan.Duration(400 * 24 * time.Hour), Properties: map[string]plan.Type{"price": "number", "product_id": "string"}},
		"Product Viewed":  {Purposes: []string{"personalization"}},
		"Order Completed": {Purposes: []string{"marketing"}},
	},
	Collections: map[string]plan.Collection{"cart": {Key: "product_id", Add: []string{"Product Added"}, Clear: []string{"Order Completed"}, Keep: plan.Duration(720 * time.Hour)}},
}

func compile(t testing.TB, def journey.Definition) *journey.Journey {
	t.Helper()
	def.Purpose, def.Uses = "marketing", []string{"personalization"}
	j, problems := journey.Compile(def, journey.Names{Plan: testPlan})
	if problems != nil {
		t.Fatal(problems)
	}
	return j
}

func newRelease(id string, journeys ...*journey.Journey) *release.Release {
	r := &release.Release{ID: id, Plan: testPlan, Settings: &plan.Settings{Brand: plan.Brand{Zone: "UTC"}}, Journeys: map[string]*journey.Journey{}}
	for _, j := range journeys {
		r.Journeys[j.Name] = j
	}
	return r
}

// releases is a flow.Releases: the last one is live.
type releases []*release.Release

func (r *releases) Live(context.Context) (*release.Release, error) { return (*r)[len(*r)-1], nil }
func (r *releases) Get(_ context.Context, id string) (*release.Release, error) {
	for _, rel := range *r {
		if rel.ID == id {
			return rel, nil
		}
	}
	return nil, flow.ErrNoRelease
}

// bench is one customer, who permits everything, and the use case under test.
type bench struct {
	testing.TB
	*advance.Service
	store  *memstore.Store
	clock  *fake.Clock
	tokens *fake.Tokens
	rels   *releases
	n      int
}

func newBench(t testing.TB, defs ...journey.Definition) *bench {
	t.Helper()
	clock, tokens := fake.NewClock(t0), fake.NewTokens(1)
	store := memstore.New(clock.NowOf)
	rels := &releases{}
	var compiled []*journey.Journey
	for _, d := range defs {
		compiled = append(compiled, compile(t, d))
	}
	*rels = append(*rels, newRelease("r1", compiled...))
	b := &bench{TB: t, store: store, clock: clock, tokens: tokens, rels: rels, Service: &advance.Service{
		Store: store, Clock: clock, Tokens: tokens, Releases: rels, Metrics: fake.NoMetrics{}, Log: slog.New(slog.DiscardHandler),
	}}
	b.gate(consent.Gate{States: map[string]consent.Permission{
		"marketing/email": {State: consent.Granted, At: 1}, "personalization": {State: consent.Granted, At: 1},
	}}, 0)
	return b
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) gate(g consent.Gate, epoch int64) {
	b.Helper()
	it := (*item.Item)(nil).Next(item.C(customer, item.SKGate), b.tokens.Token(), epoch)
	b.must(it.Encode(g))
	b.must(b.store.Write(context.Background(), flow.Put(it, flow.Any)))
}

// event stores an event that happens now, without telling journey.
func (b *bench) event(name string, props map[string]any) item.Item {
	b.Helper()
	b.n++
	now := b.clock.Now(customer)
	e := fact.Event{ID: fmt.Sprint("m", b.n), Name: name, At: now.UnixMilli(), In: ident.NewStamp(now, b.tokens.Seq()), Props: props}
	it := (*item.Item)(nil).Next(item.C(customer, item.EventSK(name, now, e.ID)), b.tokens.Token(), 0)
	b.must(it.Encode(e))
	b.must(b.store.Write(context.Background(), flow.Put(it, flow.Absent)))
	return it
}

func (b *bench) happens(name string, props map[string]any) item.Item {
	b.Helper()
	it := b.event(name, props)
	b.must(b.Change(context.Background(), nil, &it))
	return it
}

func (b *bench) run(name string) (engine.Run, *item.Item) {
	b.Helper()
	items, err := b.store.Get(context.Background(), flow.Strong, item.C(customer, item.RunSK(name, "")))
	b.must(err)
	var run engine.Run
	if items[0] != nil {
		b.must(items[0].Decode(&run))
	}
	return run, items[0]
}

func (b *bench) due(name string) {
	b.Helper()
	b.must(b.Due(context.Background(), customer, item.RunSK(name, "")))
}

func hours(n int) plan.Duration { return plan.Duration(time.Duration(n) * time.Hour) }

func cart() journey.Definition {
	return journey.Definition{
		Name: "cart", Entry: journey.Entry{Event: "Product Added", Where: "event.price >= 20"},
		Exit: []journey.Exit{{Event: "Order Completed"}},
		Steps: []journey.Step{
			{Wait: &journey.Wait{For: hours(1)}},
			{Send: &journey.Send{Template: "reminder"}},
			{WaitFor: &journey.WaitFor{Event: "Product Viewed", UpTo: hours(24)}},
		},
	}
}

var dear = map[string]any{"price": 30.0, "product_id": "p1"}
