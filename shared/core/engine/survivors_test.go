package engine_test

// Each of these catches a planted bug that every other test let pass.

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

func TestAWithdrawalIsAnExitLikeAnyEvent(t *testing.T) {
	w := newWorld(t, cart(func(d *journey.Definition) { d.Exit = []journey.Exit{{Event: fact.ConsentWithdrawn}} }))
	w.happens("Product Added", nil)
	w.after(time.Minute)
	f := w.event(fact.ConsentWithdrawn, 0, map[string]any{"purpose": "marketing"})
	f.Kind = fact.KindConsent
	w.feed(f)
	w.is(engine.Exited, "wait-1h")
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
