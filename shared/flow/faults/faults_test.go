package faults_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/condition"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/erase"
	"github.com/kesher-io/kesher/shared/flow/faults"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

const dana = "a0ffee"

var (
	ctx    = context.Background()
	run    = item.C(dana, item.RunSK("cart", ""))
	errBad = errors.New("can't be read")
)

type bench struct {
	*testing.T
	*faults.Service
	store *memstore.Store
	clock *fake.Clock
}

func newBench(t *testing.T) *bench {
	c := fake.NewClock(time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC))
	store := memstore.New(c.NowOf)
	return &bench{t, &faults.Service{Store: store, Clock: c, Tokens: fake.NewTokens(1)}, store, c}
}

func (b *bench) put(it item.Item) {
	b.Helper()
	it.W, it.F, it.Body = "w", item.Format, "{}"
	if err := b.store.Write(ctx, flow.Put(it, flow.Any)); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) record(v, epoch int64) {
	b.Helper()
	if err := b.Record(ctx, "journey", &item.Item{Key: run, V: v, E: epoch}, errBad); err != nil {
		b.Fatal(err)
	}
}

// fault is the FAULT item of the run, nil if there is none.
func (b *bench) fault() *item.Item {
	b.Helper()
	items, err := b.store.Get(ctx, flow.Strong, item.C(dana, item.FaultSK(run.SK)))
	if err != nil {
		b.Fatal(err)
	}
	return items[0]
}

func TestAFaultIsWrittenOnceForEachVersion(t *testing.T) {
	b := newBench(t)
	b.record(3, 0)
	b.clock.Advance(time.Minute)
	b.record(3, 0)
	if f := b.fault(); f.V != 1 {
		t.Fatalf("the same fault was written %d times", f.V)
	}
	b.record(4, 0)
	list, err := b.List(ctx)
	if err != nil || len(list) != 1 || list[0].V != 4 || list[0].Tries != 2 {
		t.Fatalf("faults %+v (%v)", list, err)
	}
}

// A sweep after an erasure takes the faults of the erased epoch, and leaves alone
// those of the customer who came back.
func TestA35AnErasureTakesTheFaultsOfItsEpochAlone(t *testing.T) {
	b := newBench(t)
	s := &erase.Service{Store: b.store, Clock: b.clock, Tokens: fake.NewTokens(2)}
	b.put(item.Item{Key: item.C(dana, item.SKGate), V: 1, E: 1})
	b.record(3, 1)
	if err := s.Sweep(ctx, dana); err != nil || b.fault() == nil {
		t.Fatalf("the sweep of an earlier erasure took the fault (%v)", err)
	}
	b.put(item.Item{Key: item.C(dana, item.SKGate), V: 2, E: 2})
	if err := s.Sweep(ctx, dana); err != nil || b.fault() != nil {
		t.Fatalf("a fault outlives its customer (%v)", err)
	}
}

// A record may come down the stream long after the sweep: nothing would ever take
// its fault.
func TestA35WhatWasErasedMakesNoFault(t *testing.T) {
	b := newBench(t)
	b.put(item.Item{Key: item.C(dana, item.SKGate), V: 1, E: 1})
	b.record(3, 0)
	if b.fault() != nil {
		t.Fatal("an item of before the erasure became a fault")
	}
}

func TestRetryOfWhatIsGoneStrikesTheFaultOff(t *testing.T) {
	b := newBench(t)
	b.record(3, 0)
	if err := b.Retry(ctx, run); err != nil || b.fault() != nil {
		t.Fatalf("the fault stays (%v)", err)
	}
	if err := b.Retry(ctx, run); err == nil {
		t.Fatal("there is no fault, and retry says nothing")
	}
}

// Should the item fail again at once, its new fault is not struck off by the
// retry: both are one write.
func TestJ19RetryRewritesAndStrikesOffInOneWrite(t *testing.T) {
	b := newBench(t)
	b.put(item.Item{Key: run, V: 3, IK: "due#a", IS: "2026"})
	b.record(3, 0)
	b.Store = fake.Dying(b.store, 1)
	if err := b.Retry(ctx, run); err != nil {
		t.Fatal(err)
	}
	items, err := b.store.Get(ctx, flow.Strong, run)
	if err != nil || items[0].V != 4 || items[0].IK != "due#a" || b.fault() != nil {
		t.Fatalf("run %+v, fault %v (%v)", items[0], b.fault(), err)
	}
}

func TestJ19OnlyWhatNoRetryCanMendIsPoison(t *testing.T) {
	for _, poison := range []error{&condition.Error{}, &item.DecodeError{}, &item.FormatError{}, &faults.Panic{}} {
		if !faults.Poison(fmt.Errorf("working it: %w", poison)) {
			t.Errorf("%T is tried for ever", poison)
		}
	}
	for _, passes := range []error{flow.ErrThrottled, flow.ErrUnknown, context.DeadlineExceeded, &flow.Conflict{}} {
		if faults.Poison(passes) {
			t.Errorf("%v is set aside", passes)
		}
	}
}

// Nobody need look at a fault within a day, and none stays for ever.
func TestAFaultIsListedForAQuarterOfAYear(t *testing.T) {
	b := newBench(t)
	it := item.Item{Key: run, V: 1}
	b.put(it)
	if err := b.Record(ctx, "journey", &it, errBad); err != nil {
		t.Fatal(err)
	}
	listed := func() int {
		list, err := b.List(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if b.clock.Advance(89 * 24 * time.Hour); listed() != 1 {
		t.Fatal("forgotten")
	}
	if b.clock.Advance(2 * 24 * time.Hour); listed() != 0 {
		t.Fatal("listed for ever")
	}
}
