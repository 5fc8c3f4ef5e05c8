package advance_test

import (
	"context"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/testkit/fake"
)

var agreed = map[string]consent.Permission{
	"marketing/email": {State: consent.Granted, At: 1}, "personalization": {State: consent.Granted, At: 1},
}

// A record may be retried for a day: she can have been erased and have come back
// by then. What it tells is her old self's.
func TestA36AFactOfBeforeAnErasureStartsNothingOfHerNewSelf(t *testing.T) {
	b := newBench(t, cart())
	old := b.event("Product Added", dear)
	b.clock.Advance(time.Minute)
	b.gate(consent.Gate{Since: b.clock.Now(customer).UnixMilli(), States: agreed}, 1) // erased, and back
	b.must(b.Change(context.Background(), nil, &old))
	if run, it := b.run("cart"); it != nil {
		t.Fatalf("a run of the old self's %v", run.Entry.Props)
	}
	if made, err := b.Reconsider(context.Background(), customer, "cart", &old); err != nil || made != nil {
		t.Fatalf("explained as hers: %v, %v", made, err)
	}
}

// A `set` may be carried out again a look later: what was said meanwhile stands.
func TestASetThatIsCarriedOutAgainLeavesWhatWasSaidSince(t *testing.T) {
	b := newBench(t, journey.Definition{
		Name: "vips", Entry: journey.Entry{Event: "Order Completed"}, Steps: []journey.Step{{Set: map[string]journey.Set{"vip": {Value: true}}}},
	})
	b.Store = fake.Dying(b.store, 1) // its run is committed
	order := b.event("Order Completed", nil)
	if err := b.Change(context.Background(), nil, &order); err == nil {
		t.Fatal("it did not die before its set")
	}
	b.Store = b.store
	b.clock.Advance(5 * time.Minute)
	now := b.clock.Now(customer)
	said := profile.Profile{At: now.UnixMilli(), In: string(ident.NewStamp(now, b.tokens.Seq()))}
	said.Set("vip", profile.NewTrait(plan.Trait{Origin: plan.OriginZero}, false, now.UnixMilli()))
	it := (*item.Item)(nil).Next(item.C(customer, item.SKProfile), b.tokens.Token(), 0)
	b.must(it.Encode(said))
	b.must(b.store.Write(context.Background(), flow.Put(it, flow.Absent)))
	b.clock.Advance(15 * time.Minute)
	b.must(b.Look(context.Background(), customer, item.RunSK("vips", "")))
	if got := b.profile().Traits["vip"].Value; got != false {
		t.Fatalf("vip is %v again", got)
	}
	if run, _ := b.run("vips"); run.State.Live() {
		t.Fatalf("the run stands at %s", run.Step)
	}
}

func (b *bench) profile() (p profile.Profile) {
	b.Helper()
	items, err := b.store.Get(context.Background(), flow.Strong, item.C(customer, item.SKProfile))
	b.must(err)
	b.must(items[0].Decode(&p))
	return p
}

// She is erased between what was read for a fact of two journeys and the first
// decision about it: nothing of her begins by the other.
func TestA36AConflictThatTellsOfAnErasureEndsTheFact(t *testing.T) {
	left, other := cart(), journey.Definition{
		Name: "other", Entry: journey.Entry{Event: fact.EmailDelivered}, Steps: []journey.Step{{Wait: &journey.Wait{For: hours(1)}}},
	}
	left.Exit = []journey.Exit{{Event: fact.EmailDelivered}} // which needs nobody's permission to be seen
	b := newBench(t, left, other)
	b.happens("Product Added", dear)
	b.clock.Advance(time.Minute)
	delivered := b.event(fact.EmailDelivered, nil)
	b.Store = fake.Racing(b.store, item.RunSK("cart", ""), func() {
		b.gate(consent.Gate{Erased: b.clock.Now(customer).UnixMilli()}, 1)
		b.must(b.store.Write(context.Background(), flow.Delete(item.C(customer, item.RunSK("cart", "")), flow.Any)))
	})
	b.must(b.Change(context.Background(), nil, &delivered))
	if run, it := b.run("other"); it != nil {
		t.Fatalf("an erased customer entered: %+v", run)
	}
}

// The same when she is back by then, in a new epoch.
func TestA36AConflictThatTellsOfAReturnEndsTheFact(t *testing.T) {
	b := newBench(t, journey.Definition{Name: "a", Entry: journey.Entry{Event: fact.EmailDelivered}, Steps: []journey.Step{{Wait: &journey.Wait{For: hours(1)}}}},
		journey.Definition{Name: "b", Entry: journey.Entry{Event: fact.EmailDelivered}, Steps: []journey.Step{{Wait: &journey.Wait{For: hours(1)}}}})
	delivered := b.event(fact.EmailDelivered, nil)
	b.Store = fake.Racing(b.store, item.RunSK("a", ""), func() {
		b.gate(consent.Gate{Since: b.clock.Now(customer).UnixMilli()}, 1)
		it := (*item.Item)(nil).Next(item.C(customer, item.RunSK("a", "")), "another", 1) // so that this one reads again
		b.must(it.Encode(engine.Run{ID: "r", Journey: "a", State: engine.Ended}))
		b.must(b.store.Write(context.Background(), flow.Put(it, flow.Any)))
	})
	b.must(b.Change(context.Background(), nil, &delivered))
	if run, it := b.run("b"); it != nil {
		t.Fatalf("a fact of before the erasure began %+v", run)
	}
}
