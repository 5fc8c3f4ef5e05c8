package advance_test

import (
	"context"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/survey"
	"github.com/kesher-io/kesher/shared/flow"
)

// What was imported begins no run, whatever kind of item it is.
func TestWhatWasImportedEntersNoJourney(t *testing.T) {
	b := newBench(t,
		journey.Definition{Name: "event", Entry: journey.Entry{Event: "Product Added"}, Steps: []journey.Step{{Wait: &journey.Wait{For: hours(1)}}}},
		journey.Definition{Name: "profile", Entry: journey.Entry{Profile: "profile.vip"}, Steps: []journey.Step{{Wait: &journey.Wait{For: hours(1)}}}})
	answers, problems := journey.Compile(journey.Definition{
		Name: "answer", Purpose: "marketing", Entry: journey.Entry{Response: "style"}, Steps: []journey.Step{{Wait: &journey.Wait{For: hours(1)}}},
	}, journey.Names{Plan: testPlan, Surveys: map[string]*survey.Survey{"style": {Name: "style", Purpose: "marketing"}}})
	if problems != nil {
		t.Fatal(problems)
	}
	rel := (*b.rels)[0]
	rel.Journeys["answer"], rel.Surveys = answers, map[string]*survey.Survey{"style": {Name: "style", Purpose: "marketing"}}
	now := b.clock.Now(customer)
	tell := func(sk string, doc any) {
		it := (*item.Item)(nil).Next(item.C(customer, sk), b.tokens.Token(), 0)
		b.must(it.Encode(doc))
		b.must(b.Change(context.Background(), nil, &it))
	}
	in := func() ident.Stamp { return ident.NewStamp(now, b.tokens.Seq()) }
	vip := map[string]profile.Trait{"vip": {Value: true, Purposes: []string{"marketing"}, At: 1}}
	for _, imported := range []bool{true, false} {
		tell(item.EventSK("Product Added", now, "m"), fact.Event{ID: "m", Name: "Product Added", At: now.UnixMilli(), In: in(), Imported: imported})
		tell(item.ResponseSK("style", now, "r"), fact.Response{ID: "r", Survey: "style", At: now.UnixMilli(), In: in(), Imported: imported})
		p := profile.Profile{Traits: vip, At: now.UnixMilli(), In: string(in()), Imported: imported}
		b.putProfile(p)
		tell(item.SKProfile, p)
		for _, name := range []string{"event", "answer", "profile"} {
			if _, it := b.run(name); (it == nil) != imported {
				t.Errorf("imported %v: %s has run %v", imported, name, it != nil)
			}
		}
	}
}

func (b *bench) putProfile(p profile.Profile) {
	b.Helper()
	items, err := b.store.Get(context.Background(), flow.Strong, item.C(customer, item.SKProfile))
	b.must(err)
	it := items[0].Next(item.C(customer, item.SKProfile), b.tokens.Token(), 0)
	b.must(it.Encode(p))
	b.must(b.store.Write(context.Background(), flow.Put(it, flow.Is(items[0]))))
}

// By whom and how deep: what a journey caused must not begin it again.
func TestAStoredFactKeepsWhoCausedIt(t *testing.T) {
	b := newBench(t, journey.Definition{Name: "loop", Entry: journey.Entry{Profile: "profile.vip"}, Steps: []journey.Step{{Wait: &journey.Wait{For: hours(1)}}}})
	now := b.clock.Now(customer)
	p := profile.Profile{
		Traits: map[string]profile.Trait{"vip": {Value: true, Purposes: []string{"marketing"}, At: 1}},
		At:     now.UnixMilli(), In: string(ident.NewStamp(now, 5)), By: "loop", Hops: 1,
	}
	b.putProfile(p)
	it := (*item.Item)(nil).Next(item.C(customer, item.SKProfile), "w", 0)
	b.must(it.Encode(p))
	b.must(b.Change(context.Background(), nil, &it))
	if _, it := b.run("loop"); it != nil {
		t.Fatal("a journey began by what it set itself")
	}
}

// A date is a day of hers, not of the brand.
func TestConditionsGoByHerOwnDay(t *testing.T) {
	def := cart()
	def.Entry.Where = `now >= date("2026-11-02")`
	b := newBench(t, def)
	b.clock.Set(time.Date(2026, 11, 1, 22, 30, 0, 0, time.UTC)) // the second in Jerusalem
	b.putProfile(profile.Profile{Zone: "Asia/Jerusalem"})
	b.happens("Product Added", dear)
	if _, it := b.run("cart"); it == nil {
		t.Fatal("her day has begun, and no run")
	}
}

// An event that the plan does not declare (any more) is nobody's to see.
func TestWhatThePlanDoesNotDeclareStartsNothing(t *testing.T) {
	def := cart()
	def.Entry.Where = ""
	b := newBench(t, def)
	p := *testPlan
	p.Events = map[string]plan.Event{"Order Completed": testPlan.Events["Order Completed"]}
	(*b.rels)[0].Plan = &p
	b.happens("Product Added", dear)
	if _, it := b.run("cart"); it != nil {
		t.Fatal("an event that is no longer in the plan started a run")
	}
}

// The permission that counts is of a purpose of both, the fact and the journey.
func TestAnotherPurposesPermissionDoesNotLetAJourneySee(t *testing.T) {
	b := newBench(t, cart())
	p := *testPlan
	p.Purposes = map[string]plan.Purpose{"marketing": testPlan.Purposes["marketing"], "personalization": testPlan.Purposes["personalization"], "service": {Basis: plan.BasisContract}}
	p.Events = map[string]plan.Event{"Product Added": {Purposes: []string{"personalization", "service"}, Properties: testPlan.Events["Product Added"].Properties}, "Order Completed": testPlan.Events["Order Completed"], "Product Viewed": testPlan.Events["Product Viewed"]}
	(*b.rels)[0].Plan = &p
	b.gate(consent.Gate{States: map[string]consent.Permission{"marketing/email": {State: consent.Granted, At: 1}}}, 0)
	b.happens("Product Added", dear)
	if _, it := b.run("cart"); it != nil {
		t.Fatal("kept for an order, seen by marketing")
	}
}
