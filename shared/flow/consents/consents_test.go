package consents

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fmt"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

var start = time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)

type fixture struct {
	Writer
	t     *testing.T
	store *memstore.Store
	clock *fake.Clock
	rel   *release.Release
}

func setup(t *testing.T) *fixture {
	clock := fake.NewClock(start)
	store := memstore.New(clock.NowOf)
	f := &fixture{t: t, store: store, clock: clock, rel: &release.Release{
		ID: "r1",
		Plan: &plan.Plan{Purposes: map[string]plan.Purpose{
			"marketing":       {Contact: []string{"email"}, Basis: plan.BasisConsent},
			"news":            {Contact: []string{"email"}, Basis: plan.BasisConsent},
			"personalization": {Basis: plan.BasisConsent},
			"service":         {Contact: []string{"email"}, Basis: plan.BasisContract},
		}},
		Settings: &plan.Settings{Brand: plan.Brand{Languages: []string{"en", "he"}}},
		Notices: map[string]*release.Notice{"newsletter": {
			ID: "newsletter", Version: "v1", Grants: []release.Grant{{Purpose: "marketing", Channel: "email"}, {Purpose: "personalization"}},
			Text: plan.Text{"en": "Send me offers.", "he": "שלחו לי מבצעים."},
		}},
	}}
	f.Writer = Writer{Store: store, Clock: clock, Tokens: fake.NewTokens(1), Keys: ident.NewKeys([]byte("secret"))}
	return f
}

func grant(at time.Time) consent.Statement {
	return consent.Statement{
		ID: "g" + item.Time(at), Purpose: "marketing", Channel: "email", State: consent.Granted, At: at.UnixMilli(),
		Notice: &consent.Notice{ID: "newsletter", Lang: "he"}, By: consent.Server, Surface: "api", Mechanism: "call",
	}
}

func withdraw(at time.Time) consent.Statement {
	return consent.Statement{
		ID: "w" + item.Time(at), Purpose: "marketing", Channel: "email", State: consent.Withdrawn, At: at.UnixMilli(),
		By: consent.Public, Surface: "one-click", Mechanism: "link",
	}
}

func (f *fixture) apply(customer string, said ...consent.Statement) Result {
	f.t.Helper()
	res, err := f.Apply(context.Background(), customer, f.rel, said)
	if err != nil {
		f.t.Fatal(err)
	}
	return res
}

func (f *fixture) get(k item.Key, v any) *item.Item {
	f.t.Helper()
	items, err := f.store.Get(context.Background(), flow.Strong, k)
	if err != nil {
		f.t.Fatal(err)
	}
	if items[0] != nil {
		if err := items[0].Decode(v); err != nil {
			f.t.Fatal(err)
		}
	}
	return items[0]
}

func (f *fixture) put(k item.Key, doc any) {
	f.t.Helper()
	it := (*item.Item)(nil).Next(k, f.Tokens.Token(), 0)
	if err := it.Encode(doc); err != nil {
		f.t.Fatal(err)
	}
	if err := f.store.Write(context.Background(), flow.Put(it, flow.Any)); err != nil {
		f.t.Fatal(err)
	}
}

// lives gives a customer an address, and the address an owner.
func (f *fixture) lives(customer, hash, owner string) {
	f.put(item.C(customer, item.SKProfile), profile.Profile{AddressHash: hash})
	f.put(profile.OwnerKey(hash), profile.Owner{Customer: owner})
}

func (f *fixture) gate(customer string) consent.Gate {
	g := consent.Gate{}
	f.get(item.C(customer, item.SKGate), &g)
	return g
}

func (f *fixture) owner(hash string) profile.Owner {
	o := profile.Owner{}
	f.get(profile.OwnerKey(hash), &o)
	return o
}

func (f *fixture) ledger(customer string) []consent.Entry {
	f.t.Helper()
	var all []consent.Entry
	q := flow.Query{Table: item.Ledger, PK: item.CustomerPK(customer), Prefix: item.PrefixLedger}
	err := flow.Each(context.Background(), f.store, q, func(it item.Item) error {
		var e consent.Entry
		err := it.Decode(&e)
		all = append(all, e)
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return all
}

func (f *fixture) events(customer string) []string {
	f.t.Helper()
	var names []string
	q := flow.Query{Table: item.Customers, PK: item.CustomerPK(customer), Prefix: item.PrefixEvent}
	err := flow.Each(context.Background(), f.store, q, func(it item.Item) error {
		var e fact.Event
		err := it.Decode(&e)
		names = append(names, e.Name)
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return names
}

func (f *fixture) mailable(customer string) bool {
	g := f.gate(customer)
	ok, _ := g.Permits(f.rel.Plan, "marketing", "email", f.clock.Now("").UnixMilli())
	return ok
}

func TestA08GrantStoresGateLedgerAndEventTogether(t *testing.T) {
	f := setup(t)
	f.apply("dana", grant(start))
	entries := f.ledger("dana")
	if len(entries) != 1 {
		t.Fatalf("%d entries", len(entries))
	}
	e := entries[0]
	want := consent.Notice{ID: "newsletter", Version: "v1", Hash: consent.TextHash("שלחו לי מבצעים."), Lang: "he"}
	if *e.Notice != want || e.Surface != "api" || e.Mechanism != "call" || e.Time != "2027-03-01T09:00:00.000Z" || e.Release != "r1" {
		t.Errorf("%+v, notice %+v", e, e.Notice)
	}
	if got := f.gate("dana").States["marketing/email"]; got.State != consent.Granted || got.Ledger != consent.LedgerSK(1) {
		t.Errorf("%+v", got)
	}
	if got := f.events("dana"); !slices.Equal(got, []string{fact.ConsentGranted}) {
		t.Errorf("events %v", got)
	}
	changes := f.store.Changes()
	if changes[0].Key.SK != item.SKGate || len(changes) != 2 {
		t.Errorf("%d changes of customers, first %s", len(changes), changes[0].Key)
	}
}

func TestA09StoredHashReproducesTheNoticesText(t *testing.T) {
	f := setup(t)
	f.apply("dana", grant(start))
	n := f.ledger("dana")[0].Notice
	if text := f.rel.Notices[n.ID].Text[n.Lang]; consent.TextHash(text) != n.Hash {
		t.Fatalf("%q does not hash to %s", text, n.Hash)
	}
}

func TestA11ServedNoticeIsOnRecordForEveryGrant(t *testing.T) {
	f := setup(t)
	f.apply("dana", grant(start))
	f.apply("noa", grant(start.Add(time.Hour)))
	for _, customer := range []string{"dana", "noa"} {
		n := f.ledger(customer)[0].Notice
		var served Served
		if f.get(ServedKey(*n), &served) == nil || served.Text != "שלחו לי מבצעים." || served.Hash != n.Hash {
			t.Errorf("%s: served %+v", customer, served)
		}
	}
}

func TestA10HistoryIsAChainThatVerifiesAndIsOnlyAddedTo(t *testing.T) {
	f := setup(t)
	for i := range 4 {
		at := f.clock.Now("")
		if i%2 == 0 {
			f.apply("dana", grant(at))
		} else {
			f.apply("dana", withdraw(at))
		}
		f.clock.Advance(time.Minute)
	}
	entries := f.ledger("dana")
	if err := consent.Verify(entries, f.gate("dana").Ledger); err != nil || len(entries) != 4 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	lost := f.gate("dana")
	lost.Ledger = consent.Head{} // a gate that forgot its history may not overwrite it
	f.put(item.C("dana", item.SKGate), lost)
	f.apply("dana", withdraw(f.clock.Now("")))
	entries = f.ledger("dana")
	if err := consent.Verify(entries, f.gate("dana").Ledger); err != nil || len(entries) != 5 {
		t.Fatalf("after the gate forgot: %d entries, %v", len(entries), err)
	}
}

func TestGrantMayOnlyNameANoticeThatSpeaksOfIt(t *testing.T) {
	f := setup(t)
	for name, change := range map[string]func(*consent.Statement){
		"unknown notice":       func(s *consent.Statement) { s.Notice.ID = "other" },
		"another version":      func(s *consent.Statement) { s.Notice.Version = "v0" },
		"it speaks of another": func(s *consent.Statement) { s.Purpose = "news" },
		"of data use alone":    func(s *consent.Statement) { s.Purpose, s.Channel = "news", "" },
	} {
		s := grant(start)
		change(&s)
		if _, err := f.Apply(context.Background(), "dana", f.rel, []consent.Statement{s}); !errors.Is(err, ErrNotice) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(f.ledger("dana")) != 0 {
		t.Error("something was written")
	}
}

func TestStatementToldAgainChangesNothing(t *testing.T) {
	f := setup(t)
	f.apply("dana", grant(start))
	f.clock.Advance(time.Hour)
	f.apply("dana", withdraw(f.clock.Now("")))
	f.clock.Advance(time.Hour)
	again := f.clock.Now("")
	f.apply("dana", grant(again))
	before := len(f.store.Changes())
	res := f.apply("dana", withdraw(start.Add(time.Hour)), grant(start)) // retries, out of order
	if len(res.Changes) != 0 || len(f.store.Changes()) != before || !f.mailable("dana") {
		t.Fatalf("changes %+v", res.Changes)
	}
}

// A03: what a withdrawal came too late for is on record beside it.
func TestA03WhatWasClaimedBeforeAWithdrawalIsLoggedAsInFlight(t *testing.T) {
	f := setup(t)
	f.apply("dana", grant(start))
	g := f.gate("dana")
	real := f.clock.Real()
	g.Claims = []consent.Claim{{Message: "sent-long-ago-0", Lease: real.UnixMilli()}, {Message: "under-way-0", Lease: real.Add(time.Second).UnixMilli()}}
	f.put(item.C("dana", item.SKGate), g)
	f.clock.Advance(time.Millisecond)
	f.apply("dana", withdraw(f.clock.Now("")))
	history := f.ledger("dana")
	if got := history[len(history)-1]; got.State != consent.Withdrawn || !slices.Equal(got.InFlight, []string{"under-way-0"}) {
		t.Fatalf("the ledger says %+v", got)
	}
	if len(history[0].InFlight) != 0 {
		t.Fatalf("a grant stops nothing: %+v", history[0])
	}
	if err := consent.Verify(history, f.gate("dana").Ledger); err != nil {
		t.Fatal(err)
	}
}

func TestA03WithdrawalWinsOverAClaimThatReadBefore(t *testing.T) {
	f := setup(t)
	f.apply("dana", grant(start))
	claim, err := f.store.Get(context.Background(), flow.Strong, item.C("dana", item.SKGate))
	if err != nil {
		t.Fatal(err)
	}
	f.apply("dana", withdraw(start.Add(time.Second)))
	next := claim[0].Next(claim[0].Key, "claim", 0)
	err = f.store.Write(context.Background(), flow.Put(next, flow.Is(claim[0])))
	if _, conflict := flow.AsConflict(err); !conflict {
		t.Fatalf("the claim went through: %v", err)
	}
}

func TestRaceOfWithdrawalAndGrantEndsRefusedOrLifted(t *testing.T) {
	for range 20 {
		f := setup(t)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				s := grant(start.Add(-time.Duration(i+2) * time.Second))
				if i%2 == 1 {
					s = withdraw(start.Add(-time.Second))
					s.ID += string(rune('a' + i))
				}
				if _, err := f.Apply(context.Background(), "dana", f.rel, []consent.Statement{s}); err != nil {
					t.Error(err)
				}
			}()
		}
		wg.Wait()
		if f.mailable("dana") {
			t.Fatal("an older grant lifted a withdrawal")
		}
		if err := consent.Verify(f.ledger("dana"), f.gate("dana").Ledger); err != nil {
			t.Fatal(err)
		}
	}
}

func TestVisitorsGateIsNoCustomers(t *testing.T) {
	f := setup(t)
	s := grant(start)
	s.By = consent.Public
	if _, err := f.ApplyVisitor(context.Background(), "dana", f.rel, []consent.Statement{s}); err != nil {
		t.Fatal(err)
	}
	if len(f.gate("dana").States) != 0 || len(f.ledger("dana")) != 0 {
		t.Fatal("the customer of the same key was written")
	}
	g := consent.Gate{}
	it := f.get(item.Key{Table: item.Customers, PK: item.PrefixVisitor + "dana", SK: item.SKGate}, &g)
	if it.TTL == 0 {
		t.Error("a visitor's gate stays for ever")
	}
	if g.States["marketing/email"].State != consent.Pending {
		t.Fatalf("%+v", g)
	}
}

func TestErasedCustomerBeginsAnewAndHerHistoryGoesOn(t *testing.T) {
	f := setup(t)
	f.apply("dana", grant(start))
	f.clock.Advance(time.Hour)
	erased := f.clock.Now("")
	tombstone := (*item.Item)(nil).Next(item.C("dana", item.SKGate), "erase", 1)
	tombstone.TTL = erased.Add(400 * 24 * time.Hour).Unix()
	if err := tombstone.Encode(consent.Gate{Erased: erased.UnixMilli(), Ledger: f.gate("dana").Ledger}); err != nil {
		t.Fatal(err)
	}
	if err := f.store.Write(context.Background(), flow.Put(tombstone, flow.Any)); err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(time.Hour)
	f.apply("dana", grant(start.Add(time.Minute)), withdraw(f.clock.Now("")))
	if g := f.gate("dana"); g.Erased == 0 || len(g.States) != 0 {
		t.Fatalf("what was said before, or needs no saying, woke her: %+v", g)
	}
	f.apply("dana", grant(f.clock.Now("")))
	g := consent.Gate{}
	it := f.get(item.C("dana", item.SKGate), &g)
	if g.Erased != 0 || g.Since != erased.UnixMilli() || it.E != 1 || it.TTL != 0 || !f.mailable("dana") {
		t.Fatalf("%+v, epoch %d, ttl %d", g, it.E, it.TTL)
	}
	if err := consent.Verify(f.ledger("dana"), g.Ledger); err != nil {
		t.Fatal(err)
	}
}

func TestMoreStatementsThanFitATransactionAreAllWritten(t *testing.T) {
	f := setup(t)
	f.lives("dana", "h", "dana")
	f.lives("noa", "h", "dana")
	var all []consent.Statement
	for _, p := range []string{"marketing", "news", "service"} {
		s := withdraw(start)
		s.ID, s.Purpose = "w"+p, p
		g := s
		g.ID, g.Channel = "d"+p, ""
		all = append(all, s, g)
	}
	res := f.apply("noa", all...)
	if len(res.Changes) != 6 || len(f.gate("noa").States) != 6 || len(f.owner("h").Withdrawn) != 3 || len(f.gate("dana").States) != 3 {
		t.Fatalf("%d changes, her gate %d, the owner's %d", len(res.Changes), len(f.gate("noa").States), len(f.gate("dana").States))
	}
}

func TestCallersOpsAreWrittenOnceOrFailTheCall(t *testing.T) {
	f := setup(t)
	also := func() flow.Op {
		it := (*item.Item)(nil).Next(item.C("dana", item.IDSK("m")), f.Tokens.Token(), 0)
		it.Body = "{}"
		return flow.Put(it, flow.Absent)
	}
	if _, err := f.Apply(context.Background(), "dana", f.rel, []consent.Statement{grant(start)}, also()); err != nil {
		t.Fatal(err)
	}
	_, err := f.Apply(context.Background(), "dana", f.rel, []consent.Statement{withdraw(start.Add(time.Second))}, also())
	if c, ok := flow.AsConflict(err); !ok || !strings.HasPrefix(c.Key.SK, item.PrefixID) || !f.mailable("dana") {
		t.Fatalf("%v", err)
	}
}

// A05: stop all is all, also where they are more than one transaction holds; the
// caller's own op is written once.
func TestA05ManyWithdrawalsAreAllWritten(t *testing.T) {
	f := setup(t)
	var said []consent.Statement
	for i := range 14 {
		name := fmt.Sprint("p", i)
		f.rel.Plan.Purposes[name] = plan.Purpose{Contact: []string{"email"}, Basis: plan.BasisConsent}
		said = append(said, consent.Statement{ID: name, Purpose: name, Channel: "email", State: consent.Withdrawn, By: consent.Person})
	}
	f.lives("c", "h", "other")
	guard := (*item.Item)(nil).Next(item.C("c", item.IDSK("once")), "w", 0)
	_ = guard.Encode(struct{}{})
	if _, err := f.Apply(context.Background(), "c", f.rel, said, flow.Put(guard, flow.Absent)); err != nil {
		t.Fatal(err)
	}
	for i := range 14 {
		if s := f.gate("c").States[fmt.Sprint("p", i, "/email")]; s.State != consent.Withdrawn {
			t.Errorf("p%d is %q", i, s.State)
		}
	}
}

// A no is always written, however full her gate is.
func TestANoIsWrittenIntoAFullGate(t *testing.T) {
	f := setup(t)
	g := consent.Gate{States: map[string]consent.Permission{"marketing/email": {State: consent.Granted, At: 1}}, Topics: map[string]int64{}}
	for i := range message.MaxGate / 4 {
		g.Topics[fmt.Sprint("t", i)] = 1
	}
	f.put(item.C("c", item.SKGate), g)
	f.apply("c", withdraw(start))
	if s := f.gate("c").States["marketing/email"].State; s != consent.Withdrawn {
		t.Fatalf("%s", s)
	}
}

// A yes may come late, a no of the same call goes first all the same.
func TestWithdrawalsAreWrittenFirst(t *testing.T) {
	f := setup(t)
	g, w := grant(start.Add(-time.Hour)), withdraw(start.Add(-time.Hour))
	w.Purpose = "news"
	if res := f.apply("c", g, w); len(res.Changes) != 2 || res.Changes[0].Statement.State != consent.Withdrawn {
		t.Fatalf("%+v", res.Changes)
	}
}
