package advance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"strings"

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
	"github.com/kesher-io/kesher/shared/testkit/fake"
)

func TestFactStartsARunThatTheIndexListsUntilItsTimeComes(t *testing.T) {
	b := newBench(t, cart())
	b.happens("Product Added", dear)
	run, it := b.run("cart")
	if run.State != engine.Waiting || it.IK != "due#c" || it.IS != "2026-11-01T10:00:00.000Z" {
		t.Fatalf("run %+v in %s %s", run, it.IK, it.IS)
	}
	b.clock.Advance(time.Hour - time.Millisecond)
	b.due("cart")
	if run, _ := b.run("cart"); run.State != engine.Waiting {
		t.Fatal("fired before its time")
	}
	b.clock.Advance(time.Millisecond)
	b.due("cart")
	run, it = b.run("cart")
	if run.State != engine.Sending || it.IK != "look#c" || it.IS != "2026-11-01T10:15:00.000Z" || it.Due != run.Out.Send.Message {
		t.Fatalf("run %+v in %s %s due %s", run, it.IK, it.IS, it.Due)
	}
}

func TestAPurchaseThatTheStreamHasNotBroughtYetGoesBeforeTheTimer(t *testing.T) {
	b := newBench(t, cart())
	b.happens("Product Added", dear)
	b.clock.Advance(30 * time.Minute)
	b.event("Order Completed", nil)
	b.clock.Advance(30 * time.Minute)
	b.due("cart")
	if run, it := b.run("cart"); run.State != engine.Exited || it.IK != "" || it.TTL == 0 {
		t.Fatalf("run %+v in %q", run, it.IK)
	}
}

func TestAnOverdueTimerGoesBeforeALaterFact(t *testing.T) {
	b := newBench(t, cart())
	b.happens("Product Added", dear)
	b.clock.Advance(2 * time.Hour) // the clock has not come by
	b.happens("Order Completed", nil)
	run, _ := b.run("cart")
	if run.State != engine.Sending || run.Exiting != "Order Completed" || run.Due != t0.Add(time.Hour).UnixMilli() {
		t.Fatalf("run %+v", run)
	}
}

func TestJ03SimultaneousFactsMakeOneRun(t *testing.T) {
	b := newBench(t, cart())
	facts := make([]item.Item, 8)
	for i := range facts {
		facts[i] = b.event("Product Added", dear)
	}
	var workers sync.WaitGroup
	errs := make([]error, 32)
	for i := range errs {
		workers.Go(func() { errs[i] = b.Change(context.Background(), nil, &facts[i%len(facts)]) })
	}
	workers.Wait()
	for _, err := range errs {
		b.must(err)
	}
	if run, it := b.run("cart"); run.Tally.Started != 1 || it.V != 1 {
		t.Fatalf("started %d, written %d times", run.Tally.Started, it.V)
	}
}

func TestOutcomeMovesTheRunOnAndASecondTellingDoesNot(t *testing.T) {
	b := newBench(t, cart())
	b.happens("Product Added", dear)
	b.clock.Advance(time.Hour)
	b.due("cart")
	run, _ := b.run("cart")
	msg := (*item.Item)(nil).Next(item.C(customer, item.MsgSK(run.Out.Send.Message)), b.tokens.Token(), 0)
	b.must(msg.Encode(message.Msg{
		ID: run.Out.Send.Message, State: message.Sent, Journey: "cart", Run: run.ID, RunKey: item.RunSK("cart", ""),
		Step: run.Step, In: ident.NewStamp(b.clock.Now(customer), b.tokens.Seq()),
	}))
	b.must(b.store.Write(context.Background(), flow.Put(msg, flow.Absent)))
	for range 2 {
		b.must(b.Change(context.Background(), nil, &msg))
	}
	after, it := b.run("cart")
	if after.State != engine.Waiting || after.Step != "wait-for-product-viewed" || it.V != 3 {
		t.Fatalf("run %+v, written %d times", after, it.V)
	}
}

func TestALookFindsAnOutcomeThatWasLostOnTheWay(t *testing.T) {
	b := newBench(t, cart())
	b.happens("Product Added", dear)
	b.clock.Advance(time.Hour)
	b.due("cart")
	sk := item.RunSK("cart", "")
	b.clock.Advance(15 * time.Minute)
	b.must(b.Look(context.Background(), customer, sk))
	run, it := b.run("cart")
	if run.Try != 1 || it.IS != "2026-11-01T10:45:00.000Z" || it.Due == "" {
		t.Fatalf("try %d, next look %s", run.Try, it.IS)
	}
	msg := (*item.Item)(nil).Next(item.C(customer, item.MsgSK(run.Out.Send.Message)), b.tokens.Token(), 0)
	b.must(msg.Encode(message.Msg{ID: run.Out.Send.Message, State: message.Sent, Run: run.ID, RunKey: sk, In: ident.NewStamp(b.clock.Now(customer), 1)}))
	b.must(b.store.Write(context.Background(), flow.Put(msg, flow.Absent)))
	b.must(b.Look(context.Background(), customer, sk))
	if run, _ = b.run("cart"); run.State != engine.Waiting {
		t.Fatalf("run %+v", run)
	}
}

func TestASetIsWrittenAndEntersOthersButNotItsOwn(t *testing.T) {
	set := journey.Definition{Name: "mark", Entry: journey.Entry{Event: "Product Added"}, Steps: []journey.Step{
		{Set: map[string]journey.Set{"vip": {Value: true}}}, {Wait: &journey.Wait{For: hours(1)}}}}
	follow := journey.Definition{Name: "follow", Entry: journey.Entry{Profile: "profile.vip"}, Steps: set.Steps[1:]}
	b := newBench(t, set, follow)
	b.happens("Product Added", dear)
	if run, _ := b.run("mark"); run.State != engine.Waiting || run.Out != nil {
		t.Fatalf("run %+v", run)
	}
	items, err := b.store.Get(context.Background(), flow.Strong, item.C(customer, item.SKProfile))
	b.must(err)
	var p profile.Profile
	b.must(items[0].Decode(&p))
	if p.Traits["vip"].Value != true || p.By != "mark" || p.Hops != 1 || items[0].IK != "all#c" {
		t.Fatalf("profile %+v %v by %s hops %d", p.Traits["vip"], items[0].IK, p.By, p.Hops)
	}
	b.must(b.Change(context.Background(), nil, items[0]))
	if run, _ := b.run("follow"); run.State != engine.Waiting || run.Hops != 1 {
		t.Fatalf("follow %+v", run)
	}
}

func TestConditionsReadStoredEventsAndTheCart(t *testing.T) {
	def := cart()
	def.Entry.Where = `count("Product Added", "30d") >= 2 and len(cart.items) == 1`
	b := newBench(t, def)
	b.happens("Product Added", dear)
	if _, it := b.run("cart"); it != nil {
		t.Fatal("entered with the first product")
	}
	b.clock.Advance(time.Minute)
	b.happens("Product Added", dear)
	if run, _ := b.run("cart"); run.State != engine.Waiting {
		t.Fatalf("run %+v", run)
	}
}

// Which of two instances took the event in, whose clock is ahead, decides nothing.
func TestWhatCameBeforeAFactCountsThoughThisClockIsBehind(t *testing.T) {
	def := cart()
	def.Entry.Where = `count("Product Added", "30d") >= 2`
	b := newBench(t, def)
	b.happens("Product Added", dear)
	b.clock.Advance(time.Minute)
	second := b.event("Product Added", dear)
	b.clock.Advance(-3 * time.Second)
	b.must(b.Change(context.Background(), nil, &second))
	if run, _ := b.run("cart"); run.State != engine.Waiting {
		t.Fatalf("run %+v", run)
	}
}

func TestWithdrawnDataStartsNothingAndIsNotSeen(t *testing.T) {
	b := newBench(t, cart())
	b.gate(consent.Gate{States: map[string]consent.Permission{"marketing/email": {State: consent.Granted, At: 1}}}, 0)
	b.happens("Product Added", dear)
	if _, it := b.run("cart"); it != nil {
		t.Fatal("a fact whose purpose is not permitted started a run")
	}
}

func TestA36NothingOfAnErasedCustomerMovesOn(t *testing.T) {
	b := newBench(t, cart())
	entry := b.happens("Product Added", dear)
	b.gate(consent.Gate{Erased: 5}, 1)
	before := len(b.store.Changes())
	b.clock.Advance(2 * time.Hour)
	b.due("cart")
	b.must(b.Change(context.Background(), nil, &entry))
	if after := len(b.store.Changes()); after != before {
		t.Fatalf("%d writes for an erased customer", after-before)
	}
}

func TestRunsFinishOnTheVersionTheyStarted(t *testing.T) {
	b := newBench(t, cart())
	b.happens("Product Added", dear)
	next := cart()
	next.Steps = []journey.Step{{Wait: &journey.Wait{For: hours(5)}}}
	*b.rels = append(*b.rels, newRelease("r2", compile(t, next)))
	b.clock.Advance(time.Hour)
	b.due("cart")
	if run, _ := b.run("cart"); run.State != engine.Sending || run.Release != "r1" {
		t.Fatalf("run %+v", run)
	}
}

func TestALostReplyOnTheCommitIsDecidedAnew(t *testing.T) {
	b := newBench(t, cart())
	b.Store = &loseReplies{Store: b.store}
	it := b.event("Product Added", dear)
	if err := b.Change(context.Background(), nil, &it); err == nil {
		t.Fatal("an unknown outcome was taken for success")
	}
	b.Store = b.store
	b.must(b.Change(context.Background(), nil, &it))
	if run, _ := b.run("cart"); run.Tally.Started != 1 {
		t.Fatalf("started %d", run.Tally.Started)
	}
}

type loseReplies struct{ flow.Store }

func (s *loseReplies) Write(ctx context.Context, ops ...flow.Op) error {
	if err := s.Store.Write(ctx, ops...); err != nil {
		return err
	}
	return flow.ErrUnknown
}

// J12: what a decision took, written down and read again, gives the same bytes.
func TestJ12DecidingFromTheRecordGivesTheSameBytes(t *testing.T) {
	b := newBench(t, cart(), journey.Definition{Name: "mark", Entry: journey.Entry{Event: "Product Viewed"}, Steps: []journey.Step{
		{Choose: []journey.Branch{{When: `count("Product Added", "7d") > 0`, Do: []journey.Step{{Set: map[string]journey.Set{"vip": {Value: true}}}}}}}}})
	type record struct{ In, Out []byte }
	var records []record
	b.Record = func(in engine.Input, res engine.Result) {
		input, err := json.Marshal(in.Write())
		b.must(err)
		out, err := json.Marshal(res)
		b.must(err)
		records = append(records, record{input, out})
	}
	b.happens("Product Added", dear)
	b.clock.Advance(time.Hour)
	b.due("cart")
	b.happens("Product Viewed", nil)
	b.happens("Order Completed", nil)
	if len(records) < 6 {
		t.Fatalf("%d decisions", len(records))
	}
	for _, r := range records {
		var rec engine.Record
		b.must(json.Unmarshal(r.In, &rec))
		in, err := rec.Read(func(id string) *release.Release {
			rel, _ := b.rels.Get(context.Background(), id)
			return rel
		})
		b.must(err)
		res, err := engine.Decide(in)
		b.must(err)
		if out, _ := json.Marshal(res); !bytes.Equal(out, r.Out) {
			t.Errorf("record %s\ngave %s\nnow  %s", r.In, r.Out, out)
		}
	}
}

// J02: every record of a finished history comes again two weeks later.
func TestJ02RecordsThatComeAgainAfterTwoWeeksChangeNothing(t *testing.T) {
	b := newBench(t, cart())
	var told []item.Item
	for range 3 {
		told = append(told, b.happens("Product Added", dear))
		b.clock.Advance(10 * time.Minute)
		told = append(told, b.happens("Product Viewed", nil))
		told = append(told, b.happens("Order Completed", nil))
		b.clock.Advance(time.Hour)
	}
	if run, _ := b.run("cart"); run.Tally != (engine.Tally{Started: 3, Exited: 3}) {
		t.Fatalf("tally %+v", run.Tally)
	}
	before := len(b.store.Changes())
	b.clock.Advance(14 * 24 * time.Hour)
	for _, order := range [][]item.Item{told, reversed(told)} {
		for i := range order {
			b.must(b.Change(context.Background(), nil, &order[i]))
		}
	}
	if after := len(b.store.Changes()); after != before {
		t.Fatalf("%d writes", after-before)
	}
}

func reversed(list []item.Item) []item.Item {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

func TestAFactThatConcernsNobodyCostsOneQuery(t *testing.T) {
	b := newBench(t, cart())
	counted := &fake.Store{Store: b.store}
	b.Store = counted
	b.happens("Order Completed", nil)
	if counted.Gets != 0 {
		t.Fatalf("%d reads besides the runs", counted.Gets)
	}
	b.happens("Product Added", dear)
	if counted.Gets != 1 {
		t.Fatalf("%d reads for an entry, want one", counted.Gets)
	}
	b.happens("Coupon Clipped", nil)
	if counted.Gets != 1 {
		t.Fatalf("%d reads for what the run under way does not heed", counted.Gets-1)
	}
	b.happens("Product Viewed", nil) // some step waits for it
	if counted.Gets != 2 {
		t.Fatalf("%d reads, want one for what a run heeds", counted.Gets-1)
	}
	queries := counted.Queries
	it := (*item.Item)(nil).Next(item.C(customer, item.SKProfile), b.tokens.Token(), 0)
	b.must(it.Encode(profile.Profile{}))
	b.must(b.Change(context.Background(), nil, &it))
	b.must(b.Fact(context.Background(), customer, advance.Fact{Fact: fact.Fact{Kind: fact.KindResponse, ID: "a1", Name: "style"}}))
	if counted.Queries != queries {
		t.Fatal("what nothing begins by, and moves no run, is not free")
	}
}

// I07: a visitor has no runs, so nothing of hers is ever mailed.
func TestI07AVisitorsFactsStartNothing(t *testing.T) {
	b := newBench(t, cart())
	e := fact.Event{ID: "m1", Name: "Product Added", At: t0.UnixMilli(), In: ident.NewStamp(t0, 1), Props: dear}
	it := (*item.Item)(nil).Next(item.Key{Table: item.Customers, PK: item.PrefixVisitor + customer, SK: item.EventSK(e.Name, t0, e.ID)}, "w", 0)
	b.must(it.Encode(e))
	before := len(b.store.Changes())
	b.must(b.Change(context.Background(), nil, &it))
	if after := len(b.store.Changes()); after != before {
		t.Fatalf("%d writes", after-before)
	}
}

// J03: `again: never` and `again: after D` hold for years, whatever expires.
func TestJ03AgainHoldsForYears(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for name, c := range map[string]struct {
		again  journey.Again
		gap    time.Duration
		enters bool
	}{
		"never":               {journey.Again{Never: true}, 5 * year, false},
		"just before 3 years": {journey.Again{After: plan.Duration(3 * year), From: "end"}, 3*year - time.Millisecond, false},
		"after 3 years":       {journey.Again{After: plan.Duration(3 * year), From: "end"}, 3 * year, true},
	} {
		def := cart()
		def.Entry.Again = c.again
		b := newBench(t, def)
		b.happens("Product Added", dear)
		b.clock.Advance(time.Minute)
		b.happens("Order Completed", nil)
		first, _ := b.run("cart")
		b.clock.Advance(c.gap)
		b.happens("Product Added", dear)
		if second, _ := b.run("cart"); (second.ID != first.ID) != c.enters {
			t.Errorf("%s: entered again %v, want %v", name, !c.enters, c.enters)
		}
	}
}

// An exit of the very millisecond in which the timer is due goes before it.
func TestAnExitThatArrivesAtTheDueTimeGoesBeforeTheTimer(t *testing.T) {
	b := newBench(t, cart())
	b.happens("Product Added", dear)
	b.clock.Advance(time.Hour)
	b.event("Order Completed", nil)
	b.due("cart")
	if run, _ := b.run("cart"); run.State != engine.Exited {
		t.Fatalf("run %+v", run)
	}
}

// Whatever ends by itself has an end, and none is too early for a year's report.
func TestWhatARunLeavesBehindEndsAfter400Days(t *testing.T) {
	b := newBench(t, cart())
	b.happens("Product Added", dear)
	b.clock.Advance(time.Minute)
	b.happens("Order Completed", nil)
	_, it := b.run("cart")
	if days := time.Unix(it.TTL, 0).Sub(b.clock.Now(customer)).Hours() / 24; days < 399 || days > 401 {
		t.Errorf("RUN stays %v days", days)
	}
	b.clock.Advance(time.Minute)
	b.happens("Product Added", dear)
	for _, c := range b.store.Changes() {
		if c.New != nil && strings.HasPrefix(c.Key.SK, item.PrefixPast) {
			if days := time.Unix(c.New.TTL, 0).Sub(b.clock.Now(customer)).Hours() / 24; days < 399 || days > 401 {
				t.Errorf("PAST stays %v days", days)
			}
			return
		}
	}
	t.Fatal("no PAST")
}
