package collect

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/testkit/fake"
)

// gives types an address into a form, asks ticks its box, follows presses the link in
// the mail that asks whether the address is hers, and answers the one about the box.
// Each is a minute after what came before.
func (f *fixture) gives(user, address string) Outcome {
	f.t.Helper()
	f.clock.Advance(time.Minute)
	return f.send(public, `{"type":"identify","userId":"`+user+`","traits":{"email":"`+address+`"},`+f.proof(user)+`}`)
}

func (f *fixture) asks(user string) {
	f.t.Helper()
	f.clock.Advance(time.Minute)
	f.consent(public, `{"userId":"`+user+`","purpose":"marketing","channel":"email","notice":"newsletter","state":"granted",`+f.proof(user)+`}`)
}

func (f *fixture) follows(user, address string) bool {
	f.t.Helper()
	f.clock.Advance(time.Minute)
	gate, err := f.mover().Confirm(context.Background(), f.Keys.Customer(user), f.rel, f.Keys.Address(address))
	if err != nil {
		f.t.Fatal(err)
	}
	return gate != nil
}

func (f *fixture) answers(user string) (granted bool) {
	f.t.Helper()
	f.clock.Advance(time.Minute)
	now := f.clock.Now("").UnixMilli()
	res, err := f.consents().Apply(context.Background(), f.Keys.Customer(user), f.rel, []consent.Statement{{
		ID: fmt.Sprint("link", now), Purpose: "marketing", Channel: "email", State: consent.Granted, At: now,
		Notice: &consent.Notice{ID: "newsletter", Version: "v1"}, By: consent.Person, Confirms: true,
	}})
	if err != nil {
		f.t.Fatal(err)
	}
	return len(res.Changes) > 0
}

func (f *fixture) waits(user string) {
	f.t.Helper()
	if err := f.Waiting(context.Background(), f.Keys.Customer(user)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) proof(user string) string { return `"context":{"userHash":"` + f.hash(user) + `"}` }

// mails are where she was asked, and about what, oldest first.
func (f *fixture) mails(user string) (list []string) {
	f.t.Helper()
	for _, e := range f.events(f.pk(user), fact.MessageRequested) {
		purpose, _ := e.Props["purpose"].(string)
		list = append(list, fmt.Sprint(e.Props["address"], " ", purpose))
	}
	return list
}

// wasAsked says whether the newest of so many mails was about mailing her, here.
func (f *fixture) wasAsked(user, address string, mails int) {
	f.t.Helper()
	if got := f.mails(user); len(got) != mails || got[mails-1] != f.Keys.Address(address)+" marketing" {
		f.t.Fatalf("%s was asked %q, want %d, and the last at %s", user, got, mails, f.Keys.Address(address))
	}
}

func TestA13AnUnconfirmedAddressGetsOneMailWhateverIsAsked(t *testing.T) {
	f := setup(t)
	f.gives("u1", "dana@shop.example")
	f.asks("u1")
	f.gives("u1", "dana@shop.example")
	f.waits("u1")
	if n := len(f.mails("u1")); n != 1 {
		t.Fatalf("%d mails", n)
	}
	if !f.follows("u1", "dana@shop.example") {
		t.Fatal("not confirmed")
	}
	f.waits("u1")
	f.waits("u1")
	f.wasAsked("u1", "dana@shop.example", 2)
}

func TestWhatHasItsAnswerMayBeAskedAgain(t *testing.T) {
	for name, yes := range map[string]func(*fixture){
		"by the link":     func(f *fixture) { f.answers("u1") },
		"by another door": func(f *fixture) { f.starts("u1") },
	} {
		t.Run(name, func(t *testing.T) {
			f := setup(t)
			f.lives("u1", "dana@shop.example")
			f.asks("u1")
			f.asks("u1")
			f.wasAsked("u1", "dana@shop.example", 1)
			f.clock.Advance(time.Minute)
			yes(f)
			f.stops("u1")
			f.asks("u1")
			f.wasAsked("u1", "dana@shop.example", 2)
		})
	}
}

func TestAnAddressThatWasHersMayBeAskedForAgain(t *testing.T) {
	f := setup(t)
	for times := range 3 {
		f.gives("u1", "dana@shop.example")
		if n := len(f.mails("u1")); n != times+1 || !f.follows("u1", "dana@shop.example") {
			t.Fatalf("%d mails, want %d", n, times+1)
		}
		f.lives("u1", "away@shop.example")
	}
}

func TestTheSecondOfTwoAtAnAddressIsAskedOnceTheFirstIsThrough(t *testing.T) {
	for name, through := range map[string]func(*fixture){
		"she answered": func(f *fixture) { f.follows("u1", "dana@shop.example") },
		"it lapsed":    func(f *fixture) { f.clock.Advance(2 * 24 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			f := setup(t)
			f.gives("u1", "dana@shop.example")
			f.clock.Advance(6 * 24 * time.Hour)
			f.gives("u2", "dana@shop.example")
			if n := len(f.mails("u2")); n != 0 {
				t.Fatal("the address got two mails")
			}
			through(f)
			f.gives("u2", "dana@shop.example")
			if n := len(f.mails("u2")); n != 1 {
				t.Fatalf("u2 was asked %d times", n)
			}
		})
	}
}

// Whatever gives her an address, what she asked for before is asked there.
func TestARequestIsAskedOnceThereIsAnAddress(t *testing.T) {
	for name, c := range map[string]struct {
		before, after func(*fixture)
		mails         int
	}{
		"told by the shop":              {func(*fixture) {}, func(f *fixture) { f.lives("u1", "dana@shop.example") }, 1},
		"given, and told by the shop":   {func(f *fixture) { f.gives("u1", "dana@shop.example") }, func(f *fixture) { f.lives("u1", "dana@shop.example") }, 2},
		"corrected by the shop":         {func(f *fixture) { f.lives("u1", "dnaa@shop.example") }, func(f *fixture) { f.lives("u1", "dana@shop.example") }, 2},
		"told again, after a failure":   {func(*fixture) {}, toldTwice, 1},
		"hers, while another one waits": {func(f *fixture) { f.lives("u1", "dana@shop.example"); f.gives("u1", "dnaa@shop.example") }, func(*fixture) {}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			f := setup(t)
			c.before(f)
			f.asks("u1")
			c.after(f)
			f.wasAsked("u1", "dana@shop.example", c.mails)
		})
	}
}

// toldTwice is a call that dies once the address is hers, and comes again.
func toldTwice(f *fixture) {
	f.clock.Advance(time.Minute)
	f.Store = fake.Dying(f.store, 1)
	told := call(f.t, `{"type":"identify","messageId":"m","userId":"u1","traits":{"email":"dana@shop.example"}}`)
	if _, err := f.Collect(context.Background(), told, server); err == nil {
		f.t.Fatal("it did not fail")
	}
	f.Store = f.store
	f.taken(server, `{"type":"identify","messageId":"m","userId":"u1","traits":{"email":"dana@shop.example"}}`)
}

// A request that is written while the shop tells her address, or the other way round.
func TestARequestBesideANewAddressIsAsked(t *testing.T) {
	f := setup(t)
	f.taken(server, `{"type":"identify","userId":"u1","traits":{"first_name":"Dana"}}`)
	f.Store = fake.Racing(f.store, "", func() { f.lives("u1", "dana@shop.example") })
	f.asks("u1")
	f.wasAsked("u1", "dana@shop.example", 1)

	f = setup(t)
	f.taken(server, `{"type":"identify","userId":"u1","traits":{"first_name":"Dana"}}`)
	f.Store = fake.Racing(f.store, "", func() { f.asks("u1") })
	f.lives("u1", "dana@shop.example")
	f.wasAsked("u1", "dana@shop.example", 1)
}

func TestARequestWithoutANoticeAsksNothingThatALinkCouldGrant(t *testing.T) {
	f := setup(t)
	f.lives("u1", "dana@shop.example")
	without := func() {
		f.clock.Advance(time.Minute)
		f.consent(public, `{"userId":"u1","purpose":"marketing","channel":"email","state":"granted","evidence":{"basis":"consent","source":"x"},`+f.proof("u1")+`}`)
	}
	without()
	if n := len(f.mails("u1")); n != 0 {
		t.Fatalf("%d mails", n)
	}
	f.asks("u1")
	without()
	if g := f.gate(f.pk("u1")); len(g.Asked("email", f.clock.Now("").UnixMilli())) != 1 {
		t.Fatalf("what was asked under a notice is forgotten: %+v", g.States)
	}
}

func TestE09APublicKeyAsksAtFewAddressesADay(t *testing.T) {
	f := setup(t)
	for n := range 3 * MaxAsked {
		out := f.gives("u1", fmt.Sprintf("victim%d@shop.example", n))
		if over := n >= MaxAsked; over != (len(out.Dropped) == 1) {
			t.Fatalf("address %d: dropped %+v", n, out.Dropped)
		}
	}
	if n := len(f.mails("u1")); n != MaxAsked {
		t.Fatalf("%d mails", n)
	}
	f.clock.Advance(24 * time.Hour)
	f.gives("u1", "dana@shop.example")
	if n := len(f.mails("u1")); n != MaxAsked+1 {
		t.Fatalf("%d mails on the second day", n)
	}
}

func TestEverythingThatWaitsIsAskedSomeTime(t *testing.T) {
	f := setup(t)
	const n = maxRequests + 2
	for i := range n {
		p := fmt.Sprint("purpose-", i)
		f.rel.Plan.Purposes[p] = plan.Purpose{Contact: []string{"email"}, Basis: plan.BasisConsent}
		f.rel.Notices[p] = &release.Notice{ID: p, Version: "v1", Text: plan.Text{"en": "x"}, Grants: []release.Grant{{Purpose: p, Channel: "email"}}}
		f.consent(public, `{"userId":"u1","purpose":"`+p+`","channel":"email","notice":"`+p+`","state":"granted",`+f.proof("u1")+`}`)
	}
	f.gives("u1", "dana@shop.example")
	f.follows("u1", "dana@shop.example")
	f.waits("u1")
	f.waits("u1")
	if got := f.mails("u1"); len(got) != n {
		t.Fatalf("asked %q", got)
	}
}

// What a merge or a move takes along is her no, whatever she has asked for since.
func TestARequestHidesNoRefusal(t *testing.T) {
	for _, requests := range []bool{false, true} {
		asks := func(f *fixture, user string) {
			if requests {
				f.asks(user)
			}
		}
		f := setup(t)
		f.rel.Settings.Identity.SameAddress = "merge"
		before := f.clock.Now("").UTC().Format(time.RFC3339)
		f.lives("u1", "dana@shop.example")
		f.stops("u1")
		asks(f, "u2")
		f.lives("u2", "dana@shop.example")
		f.lives("u2", "away@shop.example")
		f.clock.Advance(time.Minute)
		f.consent(server, `{"messageId":"late","userId":"u2","purpose":"marketing","channel":"email","notice":"newsletter","state":"granted","time":"`+before+`"}`)
		if f.mailable("u2") {
			t.Errorf("merge, request %v: a late grant counts: %+v", requests, f.gate(f.pk("u2")).States)
		}
		for _, mode := range []string{"merge", "first"} {
			f := setup(t)
			f.rel.Settings.Identity.SameAddress = mode
			f.starts("u2")
			f.stops("u1")
			asks(f, "u1")
			f.lives("u1", "dana@shop.example")
			if mode == "first" {
				f.lives("u1", "away@shop.example")
			}
			f.lives("u2", "dana@shop.example")
			if f.mailable("u2") {
				t.Errorf("%s, request %v: mailed where mail was refused: %+v", mode, requests, f.owner("dana@shop.example"))
			}
		}
	}
}
