package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
)

func TestExitEndsTheRunAndTheSameFactMayEnterAnew(t *testing.T) {
	w := newWorld(t, cart(func(d *journey.Definition) { d.Entry.Event = "Order Completed" }))
	w.happens("Order Completed", nil)
	first := w.run.ID
	w.after(time.Minute)
	res := w.happens("Order Completed", nil)
	w.is(engine.Waiting, "wait-1h")
	if w.run.ID == first || len(w.past) != 1 || w.past[0].State != engine.Exited {
		t.Fatalf("run %+v past %+v", w.run, w.past)
	}
	if w.run.Tally != (engine.Tally{Started: 2, Exited: 1}) {
		t.Fatalf("tally %+v", w.run.Tally)
	}
	if res.Own != 1 || res.Made[0].Kind != engine.KindExit || res.Made[1].Kind != engine.KindEntered {
		t.Fatalf("from %d on, the new passage's: %+v", res.Own, res.Made)
	}
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

// One fact exits first and may then enter anew, also when the exit has to wait
// for what becomes of a message.
func TestAnExitThatWaitedMayEnterAnew(t *testing.T) {
	for _, c := range []struct {
		name string
		held bool
		late time.Duration // how old the fact is when it arrives
		want engine.Tally
	}{
		{"while a message is due", false, 0, engine.Tally{Started: 2, Exited: 1}},
		{"while it is held", true, 0, engine.Tally{Started: 2, Exited: 1}},
		{"unless it is not fresh", false, 2 * time.Hour, engine.Tally{Started: 1, Exited: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, cart(func(d *journey.Definition) { d.Entry.Event = "Order Completed" }))
			w.happens("Order Completed", nil)
			w.after(3 * time.Hour)
			w.run.Due = w.now.UnixMilli() // so that the late fact is newer than the entry
			w.due()
			if c.held {
				w.outcome(message.Held, message.ReasonQuiet, w.now.Add(8*time.Hour))
			}
			w.after(time.Minute)
			w.feed(w.event("Order Completed", c.late, nil))
			w.is(engine.Sending, "send-reminder")
			w.after(time.Second)
			w.outcome(message.Skipped, message.ReasonExit, time.Time{})
			if w.run.Tally != c.want || w.run.Next != nil {
				t.Fatalf("tally %+v, next %v", w.run.Tally, w.run.Next)
			}
			if c.want.Started == 2 {
				w.is(engine.Waiting, "wait-1h")
				if len(w.past) != 1 || w.past[0].State != engine.Exited {
					t.Fatalf("past %+v", w.past)
				}
			}
		})
	}
}

func TestOnlyWhatMayBeSeenAndHappensNowIsWaitedFor(t *testing.T) {
	for name, spoil := range map[string]func(*world, *fact.Fact){
		"imported": func(_ *world, f *fact.Fact) { f.Imported = true },
		"hidden":   func(w *world, _ *fact.Fact) { w.view.Visible = false },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, cart(nil))
			w.happens("Product Added", nil)
			w.due()
			w.outcome(message.Sent, "", time.Time{})
			w.after(time.Hour)
			f := w.event("Product Viewed", 0, nil)
			spoil(w, f)
			w.feed(f)
			w.is(engine.Waiting, "bought")
		})
	}
}

// MSG is a new item for each step: its versions begin anew.
func TestTheNextMessagesVersionsBeginAnew(t *testing.T) {
	w := newWorld(t, cart(func(d *journey.Definition) {
		d.Steps = []journey.Step{{Send: &journey.Send{Template: "one"}}, {Send: &journey.Send{Template: "two"}}}
	}))
	w.happens("Product Added", nil)
	said := func(v int64, state message.State) {
		in := w.input()
		in.Msg = &engine.MsgInput{V: v, W: fmt.Sprint(w.run.Step, v), Msg: message.Msg{
			ID: w.run.Out.Send.Message, Run: w.run.ID, State: state, In: ident.NewStamp(w.now, v), Until: w.now.Add(time.Minute).UnixMilli(),
		}}
		w.decide(in)
	}
	said(1, message.Held)
	w.due()
	said(2, message.Sent)
	w.is(engine.Sending, "send-two")
	said(1, message.Sent)
	w.is(engine.Ended, "send-two")
}

func TestConditionsBehindAWaitForSpeakOfWhatCame(t *testing.T) {
	w := newWorld(t, journey.Definition{
		Entry: journey.Entry{Event: "Product Added"},
		Steps: []journey.Step{{WaitFor: &journey.WaitFor{Event: "Order Completed", UpTo: hours(24), Then: []journey.Step{
			{Choose: []journey.Branch{{When: `event.cart_id == "b"`, Do: []journey.Step{{End: &journey.End{Reason: "b"}}}}}},
		}}}},
	})
	w.happens("Product Added", map[string]any{"cart_id": "a"})
	w.after(time.Hour)
	w.happens("Order Completed", map[string]any{"cart_id": "b"})
	if w.run.End != "b" {
		t.Fatalf("ended %q, made of %+v", w.run.End, w.run.Event)
	}
}

func TestAnOfferStepTakesAnewOneWithoutANumberAndNothingSheBought(t *testing.T) {
	offer := journey.Step{Offer: &journey.Offer{From: "offers", Match: "profile.interests"}}
	w := newWorld(t, journey.Definition{Entry: journey.Entry{Event: "Order Completed"}, Steps: []journey.Step{
		{WaitFor: &journey.WaitFor{Event: "Product Viewed", UpTo: hours(1), Then: []journey.Step{offer, offer, {Wait: &journey.Wait{For: hours(1)}}}}},
	}})
	w.view.Profile = map[string]any{"interests": []any{"outdoor"}}
	w.happens("Order Completed", map[string]any{"products": []any{map[string]any{"product_id": "p1"}}})
	w.after(time.Minute)
	w.happens("Product Viewed", nil)
	if fmt.Sprint(w.run.Offers) != "[boots]" {
		t.Fatalf("offers %v", w.run.Offers)
	}
}

func TestOfferEndsWithTheBrandsDay(t *testing.T) {
	rel := *testRelease
	rel.Settings = &plan.Settings{Brand: plan.Brand{Zone: "Asia/Jerusalem"}}
	w := newWorld(t, journey.Definition{Entry: journey.Entry{Event: "Product Added"}, Steps: []journey.Step{
		{Offer: &journey.Offer{From: "offers", Match: "profile.interests", Take: 3}}, {Wait: &journey.Wait{For: hours(1)}}}})
	w.view.Profile = map[string]any{"interests": []any{"outdoor"}}
	w.now = time.Date(2026, 11, 1, 22, 30, 0, 0, time.UTC) // the 2nd in Jerusalem
	in := w.input()
	in.Live.Release = &rel
	in.Fact = w.event("Product Added", 0, nil)
	w.decide(in)
	if fmt.Sprint(w.run.Offers) != "[tent]" {
		t.Fatalf("offers %v", w.run.Offers)
	}
}
