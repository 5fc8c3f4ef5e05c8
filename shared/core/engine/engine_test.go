package engine_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/release"
)

var t0 = time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)

var testPlan = &plan.Plan{
	Purposes: map[string]plan.Purpose{"marketing": {Contact: []string{"email"}, Basis: plan.BasisConsent}},
	Traits: map[string]plan.Trait{
		"interests": {Type: "list(string)", Purposes: []string{"marketing"}, Origin: plan.OriginZero},
		"vip":       {Type: "boolean", Purposes: []string{"marketing"}, Origin: plan.OriginDerived},
	},
	Events: map[string]plan.Event{
		"Product Added":   {Purposes: []string{"marketing"}, Properties: map[string]plan.Type{"price": "number", "cart_id": "string", "product_id": "string"}},
		"Order Completed": {Purposes: []string{"marketing"}, Properties: map[string]plan.Type{"cart_id": "string", "products": "list(object)"}},
		"Product Viewed":  {Purposes: []string{"marketing"}},
	},
}

var testRelease = &release.Release{
	ID: "rel1", Plan: testPlan, Settings: &plan.Settings{Brand: plan.Brand{Zone: "UTC"}},
	Offers: []release.Offer{
		{ID: "old", For: []string{"outdoor"}, Until: "2026-10-31"},
		{ID: "home", For: []string{"home"}},
		{ID: "tent", For: []string{"outdoor", "kids"}, Item: "p1"},
		{ID: "boots", For: []string{"outdoor"}, Until: "2026-11-01"},
	},
}

// world drives one customer through one journey, deciding and nothing else.
type world struct {
	t    *testing.T
	j    *journey.Journey
	run  *engine.Run
	past []*engine.Run
	view engine.View
	seq  int64
	now  time.Time
}

func newWorld(t *testing.T, def journey.Definition) *world {
	t.Helper()
	if def.Name == "" {
		def.Name = "cart"
	}
	if def.Purpose == "" {
		def.Purpose = "marketing"
	}
	j, problems := journey.Compile(def, journey.Names{Plan: testPlan})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return &world{t: t, j: j, view: engine.View{Visible: true, Zone: time.UTC}, now: t0}
}

func (w *world) input() engine.Input {
	v := engine.Version{Journey: w.j, Release: testRelease, View: w.view}
	in := engine.Input{Customer: "c1", Run: w.run, Live: v, Clock: w.now}
	if w.run != nil {
		in.Walk = v
	}
	return in
}

func (w *world) decide(in engine.Input) engine.Result {
	w.t.Helper()
	before, _ := json.Marshal(in.Run)
	res, err := engine.Decide(in)
	if err != nil {
		w.t.Fatal(err)
	}
	if after, _ := json.Marshal(in.Run); string(after) != string(before) {
		w.t.Fatalf("Decide changed its input:\n%s\n%s", before, after)
	}
	if res.Past != nil {
		w.past = append(w.past, res.Past)
	}
	if res.Run != nil {
		w.run = res.Run
	}
	return res
}

// event makes a fact that arrives now, with its own time offset by late.
func (w *world) event(name string, late time.Duration, props map[string]any) *fact.Fact {
	w.seq++
	return &fact.Fact{
		Kind: fact.KindEvent, ID: fmt.Sprintf("%s#%d", name, w.seq), Name: name,
		At: w.now.Add(-late).UnixMilli(), In: ident.NewStamp(w.now, w.seq), Props: props,
	}
}

func (w *world) happens(name string, props map[string]any) engine.Result {
	w.t.Helper()
	in := w.input()
	in.Fact = w.event(name, 0, props)
	return w.decide(in)
}

func (w *world) feed(f *fact.Fact) engine.Result {
	w.t.Helper()
	in := w.input()
	in.Fact = f
	return w.decide(in)
}

// due moves the clock to the run's due and fires its timer.
func (w *world) due() engine.Result {
	w.t.Helper()
	w.now = time.UnixMilli(w.run.Due).UTC()
	in := w.input()
	in.Timer = true
	return w.decide(in)
}

var versions int64

func (w *world) outcome(state message.State, reason string, until time.Time) engine.Result {
	w.t.Helper()
	w.seq++
	versions++
	in := w.input()
	in.Msg = &engine.MsgInput{V: versions, W: fmt.Sprint("w", versions), Msg: message.Msg{
		ID: w.run.Out.Send.Message, Run: w.run.ID, State: state, Reason: reason, In: ident.NewStamp(w.now, w.seq),
		Until: until.UnixMilli(),
	}}
	return w.decide(in)
}

func (w *world) is(state engine.State, step string) {
	w.t.Helper()
	if w.run == nil || w.run.State != state || w.run.Step != step {
		w.t.Fatalf("run is %+v, want %s at %s", w.run, state, step)
	}
}

func (w *world) after(d time.Duration) { w.now = w.now.Add(d) }

func hours(n int) plan.Duration { return plan.Duration(time.Duration(n) * time.Hour) }

func cart(change func(*journey.Definition)) journey.Definition {
	def := journey.Definition{
		Entry: journey.Entry{Event: "Product Added"},
		Exit:  []journey.Exit{{Event: "Order Completed"}},
		Steps: []journey.Step{
			{Wait: &journey.Wait{For: hours(1)}},
			{Send: &journey.Send{Template: "reminder"}},
			{ID: "bought", WaitFor: &journey.WaitFor{Event: "Product Viewed", UpTo: hours(24),
				Then: []journey.Step{{End: &journey.End{Reason: "came back"}}},
				Else: []journey.Step{{Send: &journey.Send{Template: "last-call"}}}}},
		},
	}
	if change != nil {
		change(&def)
	}
	return def
}

func TestRunWalksFromEntryToEnd(t *testing.T) {
	w := newWorld(t, cart(nil))
	w.happens("Product Added", map[string]any{"price": 30.0})
	w.is(engine.Waiting, "wait-1h")
	if want := t0.Add(time.Hour).UnixMilli(); w.run.Due != want {
		t.Fatalf("due %d, want %d", w.run.Due, want)
	}
	w.due()
	w.is(engine.Sending, "send-reminder")
	if w.run.Out.Send.Template != "reminder" || w.run.Out.Send.Purpose != "marketing" {
		t.Fatalf("command %+v", w.run.Out.Send)
	}
	w.outcome(message.Sent, "", time.Time{})
	w.is(engine.Waiting, "bought")
	w.due()
	w.is(engine.Sending, "send-last-call")
	w.outcome(message.Skipped, message.ReasonCap, time.Time{})
	w.is(engine.Ended, "send-last-call")
	if w.run.Tally != (engine.Tally{Started: 1, Ended: 1}) {
		t.Fatalf("tally %+v", w.run.Tally)
	}
}

func TestWaitForTakesTheAwaitedFact(t *testing.T) {
	w := newWorld(t, cart(nil))
	w.happens("Product Added", nil)
	w.due()
	w.outcome(message.Sent, "", time.Time{})
	w.after(time.Hour)
	w.happens("Product Viewed", nil)
	w.is(engine.Ended, "bought")
	if w.run.End != "came back" {
		t.Fatalf("ended with %q", w.run.End)
	}
}

func TestAFactOfAnotherKeyMayEndARunButBeginsOnlyItsOwn(t *testing.T) {
	w := newWorld(t, cart(func(d *journey.Definition) {
		d.Entry.Key, d.Exit[0].Event = "event.cart_id", "Product Added"
	}))
	ofCart := func(key string, f *fact.Fact) engine.Result {
		in := w.input()
		in.Key, in.Fact = key, f
		return w.decide(in)
	}
	ofCart("a", w.event("Product Added", 0, map[string]any{"cart_id": "a"}))
	w.after(time.Minute)
	b := w.event("Product Added", 0, map[string]any{"cart_id": "b"})
	ofCart("a", b)
	w.is(engine.Exited, "wait-1h")
	if w.run.Tally != (engine.Tally{Started: 1, Exited: 1}) {
		t.Fatalf("tally of cart a %+v", w.run.Tally)
	}
	w.run = nil
	ofCart("b", b)
	w.is(engine.Waiting, "wait-1h")
}

func TestHoldKeepsTheFirstDue(t *testing.T) {
	w := newWorld(t, cart(nil))
	w.happens("Product Added", nil)
	w.due()
	first := w.run.Out.Send
	w.outcome(message.Held, message.ReasonQuiet, w.now.Add(8*time.Hour))
	if w.run.Out != nil {
		t.Fatal("a held message leaves the outbox full")
	}
	w.due()
	w.is(engine.Sending, "send-reminder")
	if again := w.run.Out.Send; again.Message != first.Message || again.Due != first.Due {
		t.Fatalf("message %+v, first %+v", again, first)
	}
}

// An exit and a hold that cross each other: the message must not stay held for ever.
func TestAHoldOfARunThatAnExitHasMarkedWakesDeliverInstead(t *testing.T) {
	w := newWorld(t, cart(nil))
	w.happens("Product Added", nil)
	w.due()
	w.happens("Order Completed", nil)
	w.outcome(message.Held, message.ReasonQuiet, w.now.Add(8*time.Hour))
	w.is(engine.Sending, "send-reminder")
	if w.run.Try != 1 || w.run.Out == nil {
		t.Fatalf("nobody is woken: %+v", w.run)
	}
	w.outcome(message.Skipped, message.ReasonExit, time.Time{})
	w.is(engine.Exited, "send-reminder")
}

func TestFreshAndAgainAtTheirEdges(t *testing.T) {
	week := plan.Duration(7 * 24 * time.Hour)
	for _, c := range []struct {
		name  string
		entry journey.Entry
		late  time.Duration // of the second fact
		gap   time.Duration // between the first run's end and the second fact
		want  int
	}{
		{"exactly fresh", journey.Entry{}, time.Hour, time.Minute, 2},
		{"no longer fresh", journey.Entry{}, time.Hour + time.Millisecond, time.Minute, 1},
		{"own fresh", journey.Entry{Fresh: hours(2)}, 2 * time.Hour, time.Minute, 2},
		{"never", journey.Entry{Again: journey.Again{Never: true}}, 0, 1000 * time.Hour, 1},
		{"exactly after", journey.Entry{Again: journey.Again{After: week, From: "end"}}, 0, 7 * 24 * time.Hour, 2},
		{"just before after", journey.Entry{Again: journey.Again{After: week, From: "end"}}, 0, 7*24*time.Hour - time.Millisecond, 1},
		{"from the entry", journey.Entry{Again: journey.Again{After: week, From: "entry"}}, 0, 7*24*time.Hour - time.Minute, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, cart(func(d *journey.Definition) {
				c.entry.Event = "Product Added"
				d.Entry = c.entry
			}))
			w.happens("Product Added", nil)
			w.after(time.Minute)
			w.happens("Order Completed", nil)
			w.after(c.gap)
			w.feed(w.event("Product Added", c.late, nil))
			if w.run.Tally.Started != c.want {
				t.Fatalf("started %d, want %d (%+v)", w.run.Tally.Started, c.want, w.run)
			}
		})
	}
}

func TestJ03AFactNeverStartsTwoRunsHoweverLateItComesAgain(t *testing.T) {
	w := newWorld(t, cart(nil))
	entry := w.event("Product Added", 0, nil)
	w.feed(entry)
	w.feed(entry)
	w.after(time.Minute)
	w.happens("Order Completed", nil)
	w.after(14 * 24 * time.Hour)
	w.feed(entry)
	if w.run.Tally.Started != 1 {
		t.Fatalf("started %d runs", w.run.Tally.Started)
	}
	// Not even when the run is long gone.
	w.run = nil
	if res := w.feed(entry); res.Run != nil {
		t.Fatalf("a fact of two weeks ago started %+v", res.Run)
	}
}

func TestJ04ARepeatedOrOlderEventNeverSatisfiesTheNextWaitFor(t *testing.T) {
	again := journey.Step{WaitFor: &journey.WaitFor{Event: "Product Viewed", UpTo: hours(24)}}
	w := newWorld(t, cart(func(d *journey.Definition) {
		d.Steps = []journey.Step{again, again, {Wait: &journey.Wait{For: hours(1)}}}
	}))
	w.happens("Product Added", nil)
	w.after(time.Minute)
	view := w.event("Product Viewed", 0, nil)
	w.feed(view)
	w.is(engine.Waiting, "wait-for-product-viewed-2")
	w.feed(view)
	w.after(time.Minute)
	w.feed(w.event("Product Viewed", 2*time.Minute, nil))
	w.is(engine.Waiting, "wait-for-product-viewed-2")
	w.happens("Product Viewed", nil)
	w.is(engine.Waiting, "wait-1h")
}

func TestAFactAtTheDeadlineComesBeforeTheTimer(t *testing.T) {
	at := func(after time.Duration) *world {
		w := newWorld(t, cart(func(d *journey.Definition) { d.Steps = d.Steps[2:] }))
		w.happens("Product Added", nil)
		w.after(after)
		w.happens("Product Viewed", nil)
		return w
	}
	at(24*time.Hour).is(engine.Ended, "bought")
	at(24*time.Hour+time.Millisecond).is(engine.Waiting, "bought")
	// A fact of the very millisecond of a timer belongs before the next step.
	w := newWorld(t, cart(func(d *journey.Definition) { d.Steps = []journey.Step{d.Steps[0], d.Steps[2]} }))
	w.happens("Product Added", nil)
	w.after(time.Hour)
	view := w.event("Product Viewed", 0, nil)
	w.due()
	w.feed(view)
	w.is(engine.Waiting, "bought")
}

func TestAWithdrawalIsAnExitLikeAnyEvent(t *testing.T) {
	w := newWorld(t, cart(func(d *journey.Definition) { d.Exit = []journey.Exit{{Event: fact.ConsentWithdrawn}} }))
	w.happens("Product Added", nil)
	w.after(time.Minute)
	f := w.event(fact.ConsentWithdrawn, 0, map[string]any{"purpose": "marketing"})
	f.Kind = fact.KindConsent
	w.feed(f)
	w.is(engine.Exited, "wait-1h")
}

func TestAnOutcomeOfAnotherPassageMovesNothing(t *testing.T) {
	w := newWorld(t, cart(nil))
	w.happens("Product Added", nil)
	w.due()
	in := w.input()
	in.Msg = &engine.MsgInput{V: 1, W: "w", Msg: message.Msg{ID: w.run.Out.Send.Message, Run: "another", State: message.Sent, In: ident.NewStamp(w.now, 9)}}
	w.decide(in)
	w.is(engine.Sending, "send-reminder")
}

// A look that finds a hold which the run was never told of takes it.
func TestALookTakesAHoldThatTheRunHasNotSeen(t *testing.T) {
	w := newWorld(t, cart(nil))
	w.happens("Product Added", nil)
	w.due()
	in := w.input()
	in.Look, in.Msg = true, &engine.MsgInput{V: 1, W: "new", Msg: message.Msg{
		ID: w.run.Out.Send.Message, Run: w.run.ID, State: message.Held, In: ident.NewStamp(w.now, 9), Until: w.now.Add(time.Hour).UnixMilli(),
	}}
	w.decide(in)
	w.is(engine.Waiting, "send-reminder")
}

func TestARunRemembersHowDeepItsChainIs(t *testing.T) {
	w := newWorld(t, cart(nil))
	f := w.event("Product Added", 0, nil)
	f.Hops = 5
	w.feed(f)
	if w.run.Hops != 5 {
		t.Fatalf("hops %d", w.run.Hops)
	}
}

func TestANullKeyIsNoKey(t *testing.T) {
	w := newWorld(t, cart(func(d *journey.Definition) { d.Entry.Key = "event.cart_id" }))
	if key := engine.EntryKey(w.j, w.event("Product Added", 0, nil)); key != "" {
		t.Fatalf("key %q", key)
	}
	long := map[string]any{"cart_id": "cart-123456"}
	if key := engine.EntryKey(w.j, w.event("Product Added", 0, long)); key != "cart-123456" {
		t.Fatalf("key %q", key)
	}
}

func TestAWindowThatReachesFurtherIsFetchedAgain(t *testing.T) {
	w := newWorld(t, cart(func(d *journey.Definition) { d.Entry.Where = `count("Order Completed", "30d") == 0` }))
	w.view.Reach = map[string]time.Duration{"Order Completed": 24 * time.Hour}
	in := w.input()
	in.Fact = w.event("Product Added", 0, nil)
	if _, err := engine.Decide(in); err == nil {
		t.Fatal("a day's events were taken for a month's")
	}
}

func TestLooksNeverComeAtOnceHoweverManyThereWere(t *testing.T) {
	for tries := range 80 {
		r := engine.Run{At: ident.Until(t0), Try: tries}
		if after := r.LookAt().Sub(t0); after < 15*time.Minute || after > 4*time.Hour {
			t.Fatalf("after %d tries in %s", tries, after)
		}
	}
}

func TestWhatCameOfAMessageIsTracedByItsWord(t *testing.T) {
	w := newWorld(t, cart(nil))
	w.happens("Product Added", nil)
	w.due()
	if made := w.outcome(message.Failed, "render error", time.Time{}).Made; made[0].Kind != engine.KindFailed {
		t.Fatalf("made %+v", made)
	}
}
