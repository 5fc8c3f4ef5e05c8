package collect

import (
	"context"
	"testing"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/survey"
	"github.com/kesher-io/kesher/shared/flow/clock"
	"github.com/kesher-io/kesher/shared/testkit/fake"
)

// dies works a call that ends after any number of its writes, and then its retry;
// check sees what is left each time.
func dies(t *testing.T, prepare func(*fixture), work func(*fixture) error, check func(f *fixture, writes int)) {
	t.Helper()
	for writes := 0; ; writes++ {
		f := setup(t)
		prepare(f)
		f.Store = fake.Dying(f.store, writes)
		err := work(f)
		f.Store = f.store
		whole := err == nil
		f.clock.Advance(time.Second)
		if err := work(f); err != nil {
			t.Fatal(err)
		}
		check(f, writes)
		if whole {
			return
		}
	}
}

func TestA13ASignupThatDiesAnywhereIsAskedForOnceByItsRetry(t *testing.T) {
	ctx := context.Background()
	signup, bad := events.DecodeConsent([]byte(`{"messageId":"m1","userId":"u1","purpose":"marketing","channel":"email","notice":"newsletter","state":"granted","time":"2027-03-01T09:00:30Z",
		"context":{"userHash":"` + setup(t).hash("u1") + `"}}`))
	if bad != nil {
		t.Fatal(bad)
	}
	prepare := func(f *fixture) { f.lives("u1", "dana@shop.example") }
	work := func(f *fixture) error { _, err := f.Consent(ctx, signup, public); return err }
	dies(t, prepare, work, func(f *fixture, writes int) {
		if n := len(f.events(f.pk("u1"), fact.MessageRequested)); n != 1 {
			t.Errorf("after %d writes: %d mails ask her", writes, n)
		}
	})
}

func TestAnAnsweredAddressIsKeptWhereverTheCallDies(t *testing.T) {
	ctx := context.Background()
	prepare := func(f *fixture) {
		f.rel.Surveys["contact"] = &survey.Survey{Name: "contact", Purpose: "service", Questions: []survey.Question{{ID: "mail", Type: survey.Text, Trait: "email"}}}
	}
	work := func(f *fixture) error {
		r, bad := events.DecodeResponse([]byte(`{"responseId":"r1","userId":"u1","time":"2027-03-01T09:00:00Z","answers":{"mail":"dana@shop.example"}}`))
		if bad != nil {
			t.Fatal(bad)
		}
		r.Survey = "contact"
		_, err := f.Respond(ctx, r, server)
		return err
	}
	dies(t, prepare, work, func(f *fixture, writes int) {
		if p := f.profile("u1"); p == nil || p.Address.Reveal() != "dana@shop.example" {
			t.Errorf("after %d writes her address is lost", writes)
		}
	})
}

// due lets the clock do what stands in her agenda.
func (f *fixture) due(user string) {
	f.t.Helper()
	c := clock.Service{Store: f.store, Clock: f.clock, Tokens: f.Tokens, Metrics: f.counts, Chores: map[string]clock.Chore{"pending": f.Purge, "copies": f.Copy}}
	entries, _, err := c.Take(context.Background(), item.Shard(f.Keys.Customer(user)), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, e := range entries {
		if err := c.Fire(context.Background(), e); err != nil {
			f.t.Fatal(err)
		}
	}
}

func TestA13APendingAddressIsPurgedWhereverTheCallDies(t *testing.T) {
	asks := func(f *fixture, address string) error {
		_, err := f.Collect(context.Background(), call(t, `{"type":"identify","userId":"u1","timestamp":"2027-03-01T09:00:00Z","traits":{"email":"`+address+`"},"context":{"userHash":"`+f.hash("u1")+`"}}`), public)
		return err
	}
	check := func(f *fixture, writes int) {
		for range 3 {
			f.clock.Advance(7 * 24 * time.Hour)
			f.due("u1")
		}
		if p := f.profile("u1"); p != nil && p.Pending != "" {
			t.Errorf("after %d writes it stays", writes)
		}
	}
	for writes, whole := 0, false; !whole; writes++ { // and she does not ask again
		f := setup(t)
		f.Store = fake.Dying(f.store, writes)
		whole = asks(f, "new@shop.example") == nil
		f.Store = f.store
		check(f, writes)
	}
	dies(t, func(*fixture) {}, func(f *fixture) error { return asks(f, "new@shop.example") }, check)
	earlier := func(f *fixture) {
		if err := asks(f, "other@shop.example"); err != nil {
			t.Fatal(err)
		}
		f.clock.Advance(24 * time.Hour)
	}
	dies(t, earlier, func(f *fixture) error { return asks(f, "new@shop.example") }, check)
}

// The clock ends the chore of an address that was confirmed in the very moment in which
// another is given.
func TestA13APendingAddressIsPurgedThoughTheChoreBeforeItEndsJustThen(t *testing.T) {
	f := setup(t)
	asks := func(address string) {
		f.taken(public, `{"type":"identify","userId":"u1","traits":{"email":"`+address+`"},"context":{"userHash":"`+f.hash("u1")+`"}}`)
	}
	asks("other@shop.example")
	f.follows("u1", "other@shop.example")
	f.clock.Advance(7 * 24 * time.Hour)
	f.Store = fake.Racing(f.store, item.SKProfile, func() { f.due("u1") })
	asks("new@shop.example")
	f.Store = f.store
	if f.profile("u1").Pending == "" {
		t.Fatal("it does not wait")
	}
	f.clock.Advance(7 * 24 * time.Hour)
	f.due("u1")
	if f.profile("u1").Pending != "" {
		t.Error("nobody forgets it")
	}
}

func TestI07LateFactsAreCopiedWhereverTheIdentifyDies(t *testing.T) {
	identify := func(f *fixture) error {
		_, err := f.Collect(context.Background(), call(t, `{"type":"identify","userId":"u1","anonymousId":"a1","timestamp":"2027-03-01T09:00:00Z"}`), server)
		return err
	}
	dies(t, func(*fixture) {}, identify, func(f *fixture, writes int) {
		f.taken(public, `{"type":"track","anonymousId":"a1","event":"Order Completed"}`)
		f.clock.Advance(time.Minute)
		f.due("u1")
		if n := len(f.events(f.pk("u1"), "Order Completed")); n != 1 {
			t.Errorf("after %d writes: %d copies", writes, n)
		}
	})
}
