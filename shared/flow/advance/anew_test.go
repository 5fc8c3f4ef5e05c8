package advance_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/flow"
)

// winBack begins anew with every order: one fact exits first and then enters
// (CONTRACTS section 4).
func winBack(steps ...journey.Step) journey.Definition {
	return journey.Definition{
		Name: "win-back", Entry: journey.Entry{Event: "Order Completed"},
		Exit: []journey.Exit{{Event: "Product Viewed"}, {Event: "Order Completed"}}, Steps: steps,
	}
}

var (
	waits = journey.Step{Wait: &journey.Wait{For: hours(1)}}
	sends = journey.Step{Send: &journey.Send{Template: "reminder"}}
)

// gateSaw stores what deliver makes of an exit whose record `journey` has not got.
func gateSaw(b *bench, exit item.Item) item.Item {
	var e fact.Event
	b.must(exit.Decode(&e))
	b.clock.Advance(time.Second)
	return b.skips("win-back", message.Msg{Reason: message.ReasonExit, Exit: e.Name, ExitFact: e.FactID()})
}

func TestAnExitThatTheGateSawFirstStillEntersAnew(t *testing.T) {
	b := newBench(t, winBack(sends, waits))
	b.happens("Order Completed", nil)
	second := b.event("Order Completed", nil)
	msg := gateSaw(b, second)
	b.must(b.Change(context.Background(), nil, &msg))
	if run, _ := b.run("win-back"); run.State != engine.Exited {
		t.Fatalf("run %+v", run)
	}
	for range 2 {
		b.must(b.Change(context.Background(), nil, &second))
	}
	if run, _ := b.run("win-back"); run.State != engine.Sending || run.Tally != (engine.Tally{Started: 2, Exited: 1}) {
		t.Fatalf("run %+v", run)
	}
}

func TestAgainCountsFromTheEndThatTheGateMade(t *testing.T) {
	def := winBack(sends)
	def.Entry.Again = journey.Again{After: hours(1), From: "end"}
	b := newBench(t, def)
	b.happens("Order Completed", nil)
	second := b.event("Order Completed", nil)
	msg := gateSaw(b, second)
	b.must(b.Change(context.Background(), nil, &msg))
	b.must(b.Change(context.Background(), nil, &second))
	if run, _ := b.run("win-back"); run.State != engine.Exited || run.Tally.Started != 1 {
		t.Fatalf("run %+v", run)
	}
}

func TestAnotherFactOlderThanTheEndDoesNotEnter(t *testing.T) {
	b := newBench(t, winBack(sends))
	b.happens("Order Completed", nil)
	viewed, ordered := b.event("Product Viewed", nil), b.event("Order Completed", nil)
	msg := gateSaw(b, viewed)
	for _, it := range []item.Item{msg, viewed, ordered} { // the order came while the run was under way
		b.must(b.Change(context.Background(), nil, &it))
	}
	if run, _ := b.run("win-back"); run.State != engine.Exited || run.Tally.Started != 1 {
		t.Fatalf("run %+v", run)
	}
}

func TestAnExitThatTheClockSawFirstEntersAnew(t *testing.T) {
	b := newBench(t, winBack(waits))
	b.happens("Order Completed", nil)
	b.clock.Advance(30 * time.Minute)
	second := b.event("Order Completed", nil)
	b.clock.Advance(30 * time.Minute)
	b.due("win-back")
	b.must(b.Change(context.Background(), nil, &second))
	run, it := b.run("win-back")
	if run.State != engine.Waiting || run.Tally != (engine.Tally{Started: 2, Exited: 1}) || run.Due != t0.Add(90*time.Minute).UnixMilli() || it.V != 2 {
		t.Fatalf("run %+v, written %d times", run, it.V)
	}
}

// What ended a passage stands in its own trace, what began the next in that one's.
func TestEachPassageRemembersItsOwnDecisions(t *testing.T) {
	b := newBench(t, winBack(waits))
	b.happens("Order Completed", nil)
	first, _ := b.run("win-back")
	b.happens("Order Completed", nil)
	past, err := b.store.Get(context.Background(), flow.Strong, item.C(customer, item.PastSK("win-back", first.ID)))
	b.must(err)
	_, run := b.run("win-back")
	for it, want := range map[*item.Item]string{past[0]: "in w x", run: "in w"} {
		made, err := engine.Trace(it.Trace).Read()
		b.must(err)
		var kinds []string
		for _, d := range made {
			kinds = append(kinds, string(d.Kind))
		}
		if got := strings.Join(kinds, " "); got != want {
			t.Errorf("%s: %s, want %s", it.SK, got, want)
		}
	}
}
