package erase_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/collect"
	"github.com/kesher-io/kesher/shared/flow/owner"
	"github.com/kesher-io/kesher/shared/testkit/fake"
)

func TestA35NothingOfHerIsLeftInAnyStore(t *testing.T) {
	w := newWorld(t)
	w.lives()
	before := len(w.remains())
	if before < 66 { // calls, run, message, profile, visitor, inbox, the expired one
		t.Fatalf("the scan sees only %d of her items", before)
	}
	r := w.erased()
	w.scan()
	g, epoch := w.gate()
	if g.Erased != noon.UnixMilli() || epoch != 1 || g.States != nil || g.Claims != nil || g.Suppressed != nil {
		t.Fatalf("gate %+v of epoch %d is no tombstone", g, epoch)
	}
	if r.Epoch != 1 || !r.Erased.Equal(noon) || r.Customer != w.dana || r.Deleted < 60 || len(r.Kept) == 0 || len(r.Gone) == 0 {
		t.Fatalf("receipt %+v", r)
	}
	w.sweep()
	w.sweep()
	if got := strings.Join(w.left(), " "); got != "Customer Erased GATE" {
		t.Fatalf("left: %s", got)
	}
	w.scan()
}

func TestA35TheEventSaysThatSheWasErasedAndNothingElse(t *testing.T) {
	w := newWorld(t)
	w.lives()
	w.erased()
	var found []fact.Event
	q := flow.Query{Table: item.Customers, PK: item.CustomerPK(w.dana), Prefix: item.EventPrefix(fact.CustomerErased)}
	w.must(flow.Each(w.ctx, w.store, q, func(it item.Item) error {
		found = append(found, fact.Event{})
		return it.Decode(&found[len(found)-1])
	}))
	if len(found) != 1 || found[0].Props != nil {
		t.Fatalf("events %+v", found)
	}
}

func TestA35ATombstoneEndsAfter400Days(t *testing.T) {
	w := newWorld(t)
	w.lives()
	w.erased()
	it, _ := w.read(item.C(w.dana, item.SKGate), &consent.Gate{})
	if want := noon.AddDate(0, 0, 400).Unix(); it.TTL != want {
		t.Fatalf("ends %d, want %d", it.TTL, want)
	}
}

func TestA35TheAddressIsKeptOutByItsHashAlone(t *testing.T) {
	w := newWorld(t)
	w.lives()
	hash := w.keys.Address(address)
	w.erased()
	var o profile.Owner
	if _, ok := w.read(profile.OwnerKey(hash), &o); !ok || o.Customer != "" || o.Suppressed == nil || o.Suppressed.Reason != consent.SuppressErased {
		t.Fatalf("address %+v", o)
	}
}

func TestABounceOutlivesAnErasure(t *testing.T) {
	w := newWorld(t)
	w.lives()
	hash := w.keys.Address(address)
	w.put(profile.OwnerKey(hash), 0, profile.Owner{Customer: w.dana, Suppressed: &consent.Suppression{Reason: consent.SuppressBounce}})
	w.erased()
	var o profile.Owner
	w.read(profile.OwnerKey(hash), &o)
	if o.Suppressed == nil || o.Suppressed.Reason != consent.SuppressBounce {
		t.Fatalf("address %+v", o)
	}
}

func TestAnAddressOfAnotherCustomerIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.lives()
	hash, eve := w.keys.Address(address), w.keys.Customer("eve")
	w.put(profile.OwnerKey(hash), 0, profile.Owner{Customer: eve})
	w.erased()
	var o profile.Owner
	w.read(profile.OwnerKey(hash), &o)
	if o.Customer != eve || o.Suppressed != nil {
		t.Fatalf("eve's address became %+v", o)
	}
}

func TestA36ErasedTwiceIsTheSameState(t *testing.T) {
	w := newWorld(t)
	w.lives()
	first := w.erased()
	state := w.everything()
	w.clock.Advance(time.Minute)
	second := w.erased()
	if second.Epoch != first.Epoch || !second.Erased.Equal(first.Erased) || second.Deleted != 0 {
		t.Fatalf("second receipt %+v, first %+v", second, first)
	}
	if again := w.everything(); fmt.Sprint(again) != fmt.Sprint(state) {
		t.Fatal("the second erasure changed something")
	}
}

// A36: who read before the tombstone stood writes past it: a journey its run,
// a stream record in retry its message, a visitor's browser a fact.
func TestA36WhatIsWrittenPastTheTombstoneIsSweptUntilNothingComes(t *testing.T) {
	w := newWorld(t)
	w.lives()
	w.erased()
	late := func(epoch int64) {
		w.put(item.C(w.dana, item.RunSK("cart", "")), epoch, engine.Run{Journey: "cart", Entry: fact.Fact{Props: map[string]any{"p": product}}})
		w.put(item.C(w.dana, item.MsgSK("abcdefghijklmnop-0")), epoch, message.Msg{Because: []string{product}})
		w.put(item.C(w.dana, item.EventSK("Product Added", noon, "late-marker")), epoch, fact.Event{Props: map[string]any{"p": product}})
		w.put(item.Key{Table: item.Customers, PK: item.PrefixVisitor + w.keys.Visitor(visitor), SK: "EVENT#late"}, 0, map[string]string{"p": product})
	}
	late(0)
	w.sweep()
	w.scan()
	w.put(item.C(w.dana, item.RunSK("later", "")), 0, engine.Run{Journey: "later", Entry: fact.Fact{Props: map[string]any{"p": product}}})
	w.sweep()
	w.scan()
	w.sweep()
	if got := strings.Join(w.left(), " "); got != "Customer Erased GATE" {
		t.Fatalf("left: %s", got)
	}
}

func TestA36AnAddressThatChangesDuringTheErasureIsErasedAsWell(t *testing.T) {
	w := newWorld(t)
	w.lives()
	w.erase.Store = fake.Racing(w.store, item.SKGate, func() {
		w.call(fmt.Sprintf(`{"type":"identify","userId":%q,"traits":{"email":"new-marker@shop.example"}}`, user))
	})
	w.erased()
	w.scan()
	var o profile.Owner
	if w.read(profile.OwnerKey(w.keys.Address("new-marker@shop.example")), &o); o.Customer != "" || o.Suppressed == nil {
		t.Fatalf("the new address %+v", o)
	}
}

func TestA36AnErasureThatDiesAnywhereIsFinishedByTheNextOrTheSweep(t *testing.T) {
	for writes := range 6 {
		for name, finish := range map[string]func(*world){
			"again": func(w *world) { w.erased() },
			"sweep": func(w *world) { w.sweep(); w.sweep(); w.sweep() },
		} {
			w := newWorld(t)
			w.lives()
			w.erase.Store = fake.Dying(w.store, writes)
			_, err := w.erase.Erase(w.ctx, w.dana)
			w.erase.Store = w.store
			if g, _ := w.gate(); err != nil && (name == "again" || g.Erased != 0) {
				finish(w)
				w.scan()
			}
		}
	}
}

func TestA38SigningUpAnewBeginsAnewAndResurrectsNothing(t *testing.T) {
	w := newWorld(t)
	w.lives()
	w.erased()
	w.sweep()
	w.sweep()
	w.clock.Advance(24 * time.Hour)
	w.call(fmt.Sprintf(`{"type":"identify","userId":%q,"traits":{"email":%q}}`, user, address))
	w.clock.Advance(time.Minute)
	w.agrees()

	g, epoch := w.gate()
	if ok, _ := g.Permits(w.rel.Plan, "marketing", "email", w.clock.Now(w.dana).UnixMilli()); !ok || epoch != 1 || g.Erased != 0 || g.Suppressed != nil {
		t.Fatalf("gate %+v of epoch %d", g, epoch)
	}
	var o profile.Owner
	if w.read(profile.OwnerKey(w.keys.Address(address)), &o); o.Customer != w.dana || o.Suppressed != nil {
		t.Fatalf("address %+v", o)
	}
	var p profile.Profile
	if w.read(item.C(w.dana, item.SKProfile), &p); p.Traits["first_name"].Value != nil {
		t.Fatal("the old name came back")
	}
	for _, kind := range w.left() {
		if kind == "Product Added" || kind == "RUN" || kind == "MSG" {
			t.Fatalf("an old %s came back", kind)
		}
	}
}

func TestA38WhatWasAskedBeforeTheErasureStandsInNobodysWay(t *testing.T) {
	w := newWorld(t)
	w.lives()
	o, err := owner.Read(w.ctx, w.store, w.keys.Address(address))
	w.must(err)
	o.Ask("marketing/email", w.clock.Now(w.dana).UnixMilli())
	put, err := o.Put("asked", w.clock.Now(w.dana))
	w.must(err)
	w.must(w.store.Write(w.ctx, put))
	w.erased()
	if o, err = owner.Read(w.ctx, w.store, o.Hash); err != nil || len(o.Asked) != 0 || o.Suppressed == nil {
		t.Fatalf("%+v %v", o.Owner, err)
	}
}

func TestA38AnImportDoesNotLiftWhatTheErasureLeft(t *testing.T) {
	w := newWorld(t)
	w.lives()
	w.erased()
	w.clock.Advance(24 * time.Hour)
	c, bad := events.DecodeCall([]byte(fmt.Sprintf(`{"type":"identify","userId":"imported","traits":{"email":%q}}`, address)), "")
	if bad != nil {
		t.Fatal(bad)
	}
	_, err := w.collect.Collect(w.ctx, c, collect.Source{Kind: collect.Server, Import: true})
	w.must(err)
	var o profile.Owner
	if w.read(profile.OwnerKey(w.keys.Address(address)), &o); o.Suppressed == nil || o.Suppressed.Reason != consent.SuppressErased {
		t.Fatalf("address %+v", o)
	}
}

func TestA38ErasingHerAgainAfterSheCameBackErasesWhatCame(t *testing.T) {
	w := newWorld(t)
	w.lives()
	w.erased()
	w.clock.Advance(time.Hour)
	w.lives()
	r := w.erased()
	if r.Epoch != 2 {
		t.Fatalf("epoch %d, want 2", r.Epoch)
	}
	w.scan()
}

func TestTheSweepLeavesWhoCameBackAlone(t *testing.T) {
	w := newWorld(t)
	w.lives()
	w.erased()
	w.clock.Advance(time.Minute)
	w.call(fmt.Sprintf(`{"type":"identify","userId":%q,"traits":{"first_name":"Back"}}`, user))
	w.sweep()
	w.sweep()
	var p profile.Profile
	if _, ok := w.read(item.C(w.dana, item.SKProfile), &p); !ok || p.Traits["first_name"].Value != "Back" {
		t.Fatalf("the sweep took her new profile: %v", ok)
	}
}

// traces is one machine's rest: the first time, a journey under way still ends.
type traces struct {
	w      *world
	forgot [][]string
}

func (t *traces) Forget(_ context.Context, customer string, partitions []string) error {
	if t.forgot = append(t.forgot, partitions); len(t.forgot) == 1 {
		t.w.put(item.C(customer, item.RunSK("late", "")), 0, engine.Run{Entry: fact.Fact{Props: map[string]any{"p": product}}})
	}
	return nil
}

func TestOneMachineForgetsItsTracesUntilNothingIsLeft(t *testing.T) {
	w := newWorld(t)
	w.lives()
	local := &traces{w: w}
	w.erase.Traces = local
	w.erased()
	w.scan()
	want := []string{
		item.CustomerPK(w.dana), item.PrefixInbox + user, item.PrefixAddress + w.keys.Address(address), item.PrefixVisitor + w.keys.Visitor(visitor),
	}
	if len(local.forgot) != 2 || fmt.Sprint(local.forgot[0]) != fmt.Sprint(want) {
		t.Fatalf("forgot %v, want %v twice", local.forgot, want)
	}
}

func TestErasingSomebodyUnknownLeavesATombstoneAndDeletesNothing(t *testing.T) {
	w := newWorld(t)
	r := w.erased()
	if g, _ := w.gate(); r.Epoch != 1 || g.Erased == 0 || r.Deleted != 0 {
		t.Fatalf("receipt %+v, gate %+v", r, g)
	}
}

// The sweep comes once nothing that read her before can write any more, and the address
// that she had not confirmed yet is let go with the one that was hers.
func TestA35WhatIsUnderWayEndsBeforeTheSweep(t *testing.T) {
	w := newWorld(t)
	w.lives()
	pending := w.keys.Address("pending-marker@shop.example")
	var p profile.Profile
	read, _ := w.read(item.C(w.dana, item.SKProfile), &p)
	p.Pending, p.PendingHash, p.PendingTill = "pending-marker@shop.example", pending, w.clock.Now(w.dana).Add(time.Hour).UnixMilli()
	put := read.Next(read.Key, "pending", 0)
	w.must(put.Encode(p))
	w.must(w.store.Write(w.ctx, flow.Put(put, flow.Any)))
	w.erased()
	var chores map[string]int64
	w.read(item.C(w.dana, item.SKAgenda), &chores)
	if after := time.Duration(chores["sweep"]-w.clock.Now(w.dana).UnixMilli()) * time.Millisecond; after != 15*time.Minute {
		t.Errorf("the sweep comes %s later", after)
	}
	var o profile.Owner
	if w.read(profile.OwnerKey(pending), &o); o.Suppressed == nil || o.Suppressed.Reason != consent.SuppressErased {
		t.Errorf("the pending address %+v", o)
	}
}

// The sweep of her old self leaves the browser alone at which she is known again.
func TestA38TheSweepLeavesTheBrowserOfWhoCameBack(t *testing.T) {
	w := newWorld(t)
	w.lives()
	w.erased()
	w.clock.Advance(time.Minute)
	w.call(fmt.Sprintf(`{"type":"track","anonymousId":%q,"event":"Product Added","properties":{"product_id":"new"}}`, visitor))
	w.call(fmt.Sprintf(`{"type":"identify","userId":%q,"anonymousId":%q}`, user, visitor))
	left := func() (n int) {
		q := flow.Query{Table: item.Customers, PK: item.PrefixVisitor + w.keys.Visitor(visitor), Prefix: item.PrefixEvent}
		w.must(flow.Each(w.ctx, w.store, q, func(item.Item) error { n++; return nil }))
		return n
	}
	before := left()
	w.clock.Advance(20 * time.Minute)
	w.sweep()
	if after := left(); before == 0 || after != before {
		t.Fatalf("%d facts of the browser are left of %d", after, before)
	}
}
