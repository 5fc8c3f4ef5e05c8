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

func TestExitEndsTheRunAndTheSameFactMayEnterAnew(t *testing.T) {
	w := newWorld(t, cart(func(d *journey.Definition) { d.Entry.Event = "Order Completed" }))
	w.happens("Order Completed", nil)
	first := w.run.ID
	w.after(time.Minute)
	w.happens("Order Completed", nil)
	w.is(engine.Waiting, "wait-1h")
	if w.run.ID == first || len(w.past) != 1 || w.past[0].State != engine.Exited {
		t.Fatalf("run %+v past %+v", w.run, w.past)
	}
	if w.run.Tally != (engine.Tally{Started: 2, Exited: 1}) {
		t.Fatalf("tally %+v", w.run.Tally)
	}
	if last := w.past[0].Trace[len(w.past[0].Trace)-1]; last.Kind != engine.KindExit {
		t.Fatalf("the ended passage forgot its exit: %+v", w.past[0].Trace)
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

func TestExitCountsByOwnTimeThenArrival(t *testing.T) {
	for _, c := range []struct {
		name string
		late time.Duration // of the exit, which arrives a minute after the entry
		want engine.State
	}{
		{"later than the entry", 0, engine.Exited},
		{"the entry's own millisecond, later arrival", time.Minute, engine.Exited},
		{"older than the entry", time.Minute + time.Millisecond, engine.Waiting},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, cart(nil))
			w.happens("Product Added", nil)
			w.after(time.Minute)
			w.feed(w.event("Order Completed", c.late, nil))
			if w.run.State != c.want {
				t.Fatalf("run is %s, want %s", w.run.State, c.want)
			}
		})
	}
}

func TestExitWithConditionComparesWithTheEntry(t *testing.T) {
	w := newWorld(t, cart(func(d *journey.Definition) { d.Exit[0].Where = "event.cart_id == entry.cart_id" }))
	w.happens("Product Added", map[string]any{"cart_id": "a"})
	w.happens("Order Completed", map[string]any{"cart_id": "b"})
	w.is(engine.Waiting, "wait-1h")
	w.happens("Order Completed", nil) // unknown is not true
	w.is(engine.Waiting, "wait-1h")
	w.happens("Order Completed", map[string]any{"cart_id": "a"})
	w.is(engine.Exited, "wait-1h")
}

func TestExitWhileAMessageIsDueOnlyMarksTheRun(t *testing.T) {
	w := newWorld(t, cart(nil))
	w.happens("Product Added", nil)
	w.due()
	w.happens("Order Completed", nil)
	w.is(engine.Sending, "send-reminder")
	w.outcome(message.Sent, "", time.Time{})
	w.is(engine.Exited, "send-reminder")
	if w.run.Tally.Exited != 1 {
		t.Fatalf("tally %+v", w.run.Tally)
	}
}

func TestExitWhileHeldGoesThroughTheGateOnceMore(t *testing.T) {
	w := newWorld(t, cart(nil))
	w.happens("Product Added", nil)
	w.due()
	w.outcome(message.Held, message.ReasonQuiet, w.now.Add(8*time.Hour))
	w.is(engine.Waiting, "send-reminder")
	w.happens("Order Completed", nil)
	w.is(engine.Sending, "send-reminder")
	w.outcome(message.Skipped, message.ReasonExit, time.Time{})
	w.is(engine.Exited, "send-reminder")
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
				t.Fatalf("started %d, want %d (%+v)", w.run.Tally.Started, c.want, w.run.Trace)
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

func TestJ05OwnSetNeverReentersAndChainsArePaused(t *testing.T) {
	def := journey.Definition{Name: "loop", Entry: journey.Entry{Profile: "profile.vip"}, Steps: []journey.Step{{Wait: &journey.Wait{For: hours(1)}}}}
	for _, c := range []struct {
		name string
		by   string
		hops int
		want engine.State
	}{
		{"own", "loop", 1, ""}, {"another's", "other", 8, engine.Waiting}, {"one too many", "other", 9, engine.Parked},
	} {
		w := newWorld(t, def)
		w.view.Profile, w.view.Old = map[string]any{"vip": true}, map[string]any{"vip": false}
		f := w.event("", 0, nil)
		f.Kind, f.By, f.Hops = fact.KindProfile, c.by, c.hops
		w.feed(f)
		got := engine.State("")
		if w.run != nil {
			got = w.run.State
		}
		if got != c.want {
			t.Errorf("%s: run is %q, want %q", c.name, got, c.want)
		}
	}
}

func TestProfileEntersWhenItsConditionBecomesTrue(t *testing.T) {
	def := journey.Definition{Entry: journey.Entry{Profile: "profile.vip"}, Steps: []journey.Step{{Wait: &journey.Wait{For: hours(1)}}}}
	for _, c := range []struct {
		before, after any
		want          bool
	}{{nil, true, true}, {false, true, true}, {true, true, false}, {nil, false, false}, {nil, nil, false}} {
		w := newWorld(t, def)
		w.view.Profile, w.view.Old = map[string]any{"vip": c.after}, map[string]any{"vip": c.before}
		f := w.event("", 0, nil)
		f.Kind = fact.KindProfile
		w.feed(f)
		if (w.run != nil) != c.want {
			t.Errorf("%v -> %v: entered %v", c.before, c.after, w.run != nil)
		}
	}
}

func TestChooseTakesTheFirstBranchThatHolds(t *testing.T) {
	def := cart(func(d *journey.Definition) {
		d.Exit = nil
		d.Steps = []journey.Step{
			{Choose: []journey.Branch{
				{When: "not (event.price >= 20)", Do: []journey.Step{{End: &journey.End{Reason: "cheap"}}}},
				{When: `"outdoor" in profile.interests`, Do: []journey.Step{{Offer: &journey.Offer{From: "offers", Match: "profile.interests", Take: 2}}}},
				{Do: []journey.Step{{End: &journey.End{Reason: "other"}}}},
			}},
			{Wait: &journey.Wait{For: hours(1)}},
		}
	})
	for _, c := range []struct {
		price     any
		interests any
		end       string
		offers    string
	}{
		{10.0, nil, "cheap", "[]"},
		{nil, nil, "other", "[]"}, // missing is not false
		{30.0, []any{"home"}, "other", "[]"},
		{30.0, []any{"outdoor"}, "", "[tent boots]"}, // the one that ran out yesterday is gone
	} {
		w := newWorld(t, def)
		w.view.Profile = map[string]any{"interests": c.interests}
		w.happens("Product Added", map[string]any{"price": c.price})
		if w.run.End != c.end || fmt.Sprint(w.run.Offers) != c.offers {
			t.Errorf("%+v: ended %q with %v", c, w.run.End, w.run.Offers)
		}
	}
}

func TestOfferLeavesOutWhatWasJustBought(t *testing.T) {
	def := journey.Definition{Entry: journey.Entry{Event: "Order Completed"}, Steps: []journey.Step{
		{Offer: &journey.Offer{From: "offers", Match: "profile.interests", Take: 1}}, {Wait: &journey.Wait{For: hours(1)}}}}
	w := newWorld(t, def)
	w.view.Profile = map[string]any{"interests": []any{"outdoor"}}
	w.happens("Order Completed", map[string]any{"products": []any{map[string]any{"product_id": "p1"}}})
	if fmt.Sprint(w.run.Offers) != "[boots]" {
		t.Fatalf("offers %v", w.run.Offers)
	}
}

func TestSetIsCarriedOutBeforeTheRunGoesOn(t *testing.T) {
	w := newWorld(t, cart(func(d *journey.Definition) {
		d.Steps = []journey.Step{{Set: map[string]journey.Set{"vip": {Value: true}}}, d.Steps[0]}
	}))
	w.happens("Product Added", nil)
	w.is(engine.Doing, "set-vip")
	if w.run.Out.Set["vip"] != true {
		t.Fatalf("outbox %+v", w.run.Out)
	}
	in := w.input()
	in.Done = true
	w.decide(in)
	w.is(engine.Waiting, "wait-1h")
}

func TestUnknownOutcomeIsLookedAtThreeTimesThenParked(t *testing.T) {
	w := newWorld(t, cart(nil))
	w.happens("Product Added", nil)
	w.due()
	w.outcome(message.Unknown, "timeout", time.Time{})
	w.is(engine.Sending, "send-reminder")
	id, v, token := w.run.Out.Send.Message, w.run.MsgV, w.run.MsgW
	for look := 1; look <= 3; look++ {
		w.now = w.run.LookAt()
		in := w.input()
		in.Look, in.Msg = true, &engine.MsgInput{V: v, W: token, Msg: message.Msg{ID: id, Run: w.run.ID, State: message.Unknown}}
		w.decide(in)
	}
	w.is(engine.Parked, "send-reminder")
	if got := w.now.Sub(t0.Add(time.Hour)); got < 18*time.Hour {
		t.Fatalf("parked after %s", got)
	}
	// A late report settles even a parked run.
	w.outcome(message.Sent, "", time.Time{})
	w.is(engine.Waiting, "bought")
}

func TestOlderMessageStateIsIgnored(t *testing.T) {
	w := newWorld(t, cart(nil))
	w.happens("Product Added", nil)
	w.due()
	held := engine.MsgInput{V: 1, W: "a", Msg: message.Msg{ID: w.run.Out.Send.Message, Run: w.run.ID, State: message.Held, Until: w.now.Add(time.Hour).UnixMilli(), In: ident.NewStamp(w.now, 99)}}
	in := w.input()
	in.Msg = &held
	w.decide(in)
	w.due()
	w.is(engine.Sending, "send-reminder")
	in = w.input()
	in.Msg = &held // comes again after the run fell due once more
	if res := w.decide(in); res.Run != nil {
		t.Fatalf("a state seen before moved the run: %+v", res.Run)
	}
	in.Look = true // a look that finds only the old hold wakes deliver
	w.decide(in)
	if w.run.Try != 1 {
		t.Fatalf("try %d", w.run.Try)
	}
}

func TestHiddenFactsStartNothing(t *testing.T) {
	w := newWorld(t, cart(nil))
	w.view.Visible = false
	res := w.happens("Product Added", nil)
	if w.run != nil || len(res.Made) != 1 || res.Made[0].Reason != engine.NoPermission {
		t.Fatalf("run %+v, made %+v", w.run, res.Made)
	}
}

func TestImportedFactsStartNothing(t *testing.T) {
	w := newWorld(t, cart(nil))
	f := w.event("Product Added", 0, nil)
	f.Imported = true
	w.feed(f)
	if w.run != nil {
		t.Fatal("an imported fact started a run")
	}
}

func TestConditionAsksForTheEventsItReads(t *testing.T) {
	w := newWorld(t, cart(func(d *journey.Definition) { d.Entry.Where = `count("Order Completed", "30d") == 0` }))
	in := w.input()
	in.Fact = w.event("Product Added", 0, nil)
	_, err := engine.Decide(in)
	need, ok := err.(*engine.Need)
	if !ok || len(need.Windows) != 1 || need.Windows[0].Event != "Order Completed" || need.Windows[0].Within != 30*24*time.Hour {
		t.Fatalf("err %v", err)
	}
	w.view.Reach = map[string]time.Duration{"Order Completed": need.Windows[0].Within}
	w.feed(in.Fact)
	w.is(engine.Waiting, "wait-1h")
}
