package explain_test

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
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/advance"
	"github.com/kesher-io/kesher/shared/flow/explain"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

const dana = "c0ffee"

var t0 = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

var testPlan = &plan.Plan{
	Purposes: map[string]plan.Purpose{
		"marketing":       {Contact: []string{"email"}, Basis: plan.BasisConsent},
		"personalization": {Basis: plan.BasisConsent},
	},
	Events: map[string]plan.Event{
		"Product Added":   {Purposes: []string{"personalization"}, Properties: map[string]plan.Type{"price": "number", "cart_id": "string"}},
		"Order Completed": {Purposes: []string{"marketing"}},
	},
}

// cart reminds of a cart an hour later, once a week.
func cart() journey.Definition {
	return journey.Definition{
		Name: "cart", Purpose: "marketing", Uses: []string{"personalization"},
		Entry: journey.Entry{
			Event: "Product Added", Where: "event.price >= 20",
			Again: journey.Again{After: plan.Duration(7 * 24 * time.Hour), From: "end"},
		},
		Exit:  []journey.Exit{{Event: "Order Completed"}},
		Steps: []journey.Step{{ID: "wait-1h", Wait: &journey.Wait{For: plan.Duration(time.Hour)}}, {ID: "remind", Send: &journey.Send{Template: "reminder"}}},
	}
}

// world is one customer, who permits everything, with the flow that moves runs
// and the one that explains them.
type world struct {
	testing.TB
	store  *memstore.Store
	clock  *fake.Clock
	tokens *fake.Tokens
	runs   *advance.Service
	*explain.Service
	n int
}

// live is a flow.Releases of one release.
type live struct{ *release.Release }

func (l live) Live(context.Context) (*release.Release, error) { return l.Release, nil }
func (l live) Get(_ context.Context, id string) (*release.Release, error) {
	if id != l.ID {
		return nil, flow.ErrNoRelease
	}
	return l.Release, nil
}

func newWorld(t testing.TB, defs ...journey.Definition) *world {
	t.Helper()
	clock, tokens := fake.NewClock(t0), fake.NewTokens(1)
	store := memstore.New(clock.NowOf)
	rel := &release.Release{ID: "r1", Plan: testPlan, Settings: &plan.Settings{Brand: plan.Brand{Zone: "UTC"}}, Journeys: map[string]*journey.Journey{}}
	for _, def := range defs {
		j, problems := journey.Compile(def, journey.Names{Plan: testPlan})
		if problems != nil {
			t.Fatal(problems)
		}
		rel.Journeys[def.Name] = j
	}
	w := &world{TB: t, store: store, clock: clock, tokens: tokens}
	w.runs = &advance.Service{
		Store: store, Clock: clock, Tokens: tokens, Releases: live{rel}, Metrics: fake.NoMetrics{}, Log: slog.New(slog.DiscardHandler),
	}
	w.Service = &explain.Service{Store: store, Clock: clock, Releases: live{rel}}
	w.permit(dana, "marketing/email", "personalization")
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// put stores a document, and returns its item.
func (w *world) put(customer, sk string, doc any) item.Item {
	w.Helper()
	key := item.C(customer, sk)
	read, err := w.store.Get(context.Background(), flow.Strong, key)
	w.must(err)
	it := read[0].Next(key, w.tokens.Token(), 0)
	w.must(it.Encode(doc))
	if read[0] != nil {
		it.Trace = read[0].Trace
	}
	if sk == item.SKProfile {
		it.IK, it.IS = item.AllList(item.Shard(customer)), customer
	}
	w.must(w.store.Write(context.Background(), flow.Put(it, flow.Is(read[0]))))
	return it
}

func (w *world) permit(customer string, names ...string) {
	w.Helper()
	gate := consent.Gate{States: map[string]consent.Permission{}}
	for _, name := range names {
		gate.States[name] = consent.Permission{State: consent.Granted, At: 1}
	}
	w.put(customer, item.SKGate, gate)
}

func (w *world) known(customer, userID string) {
	w.Helper()
	w.put(customer, item.SKProfile, profile.Profile{UserID: profile.Secret(userID)})
}

// stores keeps an event that journey has not been told of.
func (w *world) stores(customer, name string, props map[string]any) item.Item {
	w.Helper()
	w.n++
	now := w.clock.Now(customer)
	e := fact.Event{ID: fmt.Sprint("m", w.n), Name: name, At: now.UnixMilli(), In: ident.NewStamp(now, w.tokens.Seq()), Props: props}
	return w.put(customer, item.EventSK(name, now, e.ID), e)
}

func (w *world) happens(customer, name string, props map[string]any) {
	w.Helper()
	it := w.stores(customer, name, props)
	w.must(w.runs.Change(context.Background(), nil, &it))
}

// passes lets time pass, and the run's timer fire.
func (w *world) passes(customer string, d time.Duration) {
	w.Helper()
	w.clock.Advance(d)
	w.must(w.runs.Due(context.Background(), customer, item.RunSK("cart", "")))
}

func (w *world) run(customer string) engine.Run {
	w.Helper()
	items, err := w.store.Get(context.Background(), flow.Strong, item.C(customer, item.RunSK("cart", "")))
	w.must(err)
	var run engine.Run
	w.must(items[0].Decode(&run))
	return run
}

// message stores what became of the message that is due.
func (w *world) message(customer string, state message.State, reason string) (m message.Msg, stored item.Item) {
	w.Helper()
	run := w.run(customer)
	now := w.clock.Now(customer)
	m = message.Msg{
		ID: run.Out.Send.Message, State: state, Reason: reason, Journey: "cart", RunKey: item.RunSK("cart", ""), Run: run.ID,
		Step: run.Step, Template: "reminder", Release: "r1", Purpose: "marketing", At: now.UnixMilli(),
		In: ident.NewStamp(now, w.tokens.Seq()), Ledger: "CONSENT#0000000001", Because: []string{"Product Added"},
	}
	if state == message.Held {
		m.Until = now.Add(10 * time.Hour).UnixMilli()
	}
	return m, w.put(customer, item.MsgSK(m.ID), m)
}

// settles stores it and tells the run.
func (w *world) settles(customer string, state message.State, reason string) message.Msg {
	w.Helper()
	m, it := w.message(customer, state, reason)
	w.must(w.runs.Change(context.Background(), nil, &it))
	return m
}

func (w *world) explain(about string) []explain.Line {
	w.Helper()
	lines, err := w.Explain(context.Background(), dana, about)
	w.must(err)
	return lines
}

// same compares the text form with what is expected, line by line.
func (w *world) same(got []explain.Line, want string) {
	w.Helper()
	if text := explain.Text(got); text != want {
		w.Fatalf("got\n%s\nwant\n%s", text, want)
	}
}
