package consents

import (
	"context"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/profile"
)

// What was withdrawn at an address outlives everybody who had it.
func TestAWithdrawnAddressIsNeverForgotten(t *testing.T) {
	f := setup(t)
	f.apply("c", grant(start.Add(-time.Hour)))
	w := withdraw(start)
	w.Address = "h"
	f.apply("c", w)
	f.clock.Advance(30 * 24 * time.Hour)
	if len(f.owner("h").Withdrawn) != 1 {
		t.Fatal("it may be mailed again")
	}
}

func TestI08WithdrawalHoldsForTheAddressAndItsOwner(t *testing.T) {
	f := setup(t)
	f.lives("owner", "h", "owner")
	f.lives("other", "h", "owner")
	f.apply("owner", grant(start))
	f.clock.Advance(time.Minute)
	f.apply("other", withdraw(f.clock.Now("")))
	if f.mailable("owner") {
		t.Fatal("the owner is still mailed at an address where mail was refused")
	}
	if f.owner("h").Withdrawn["marketing/email"] == 0 {
		t.Fatal("the address forgot it")
	}
	for _, customer := range []string{"owner", "other"} {
		if err := consent.Verify(f.ledger(customer), f.gate(customer).Ledger); err != nil {
			t.Errorf("%s: %v", customer, err)
		}
	}
	f.clock.Advance(time.Minute)
	f.apply("owner", grant(f.clock.Now("")))
	if !f.mailable("owner") || len(f.owner("h").Withdrawn) != 0 {
		t.Fatal("its owner can't agree anew")
	}
}

func TestWithdrawalByALinkHoldsAtTheAddressItWasMailedTo(t *testing.T) {
	f := setup(t)
	f.lives("dana", "new", "dana")
	f.put(profile.OwnerKey("old"), profile.Owner{Customer: "noa"})
	f.put(item.C("noa", item.SKProfile), profile.Profile{AddressHash: "old"})
	f.apply("noa", grant(start))
	s := withdraw(start.Add(time.Second))
	f.clock.Advance(time.Minute)
	s.Address = "old"
	f.apply("dana", s)
	if f.owner("old").Withdrawn["marketing/email"] == 0 || f.owner("new").Withdrawn["marketing/email"] == 0 || f.mailable("noa") {
		t.Fatalf("old %+v, new %+v", f.owner("old"), f.owner("new"))
	}
}

func TestSuppressReachesTheAddressAndItsOwner(t *testing.T) {
	f := setup(t)
	f.lives("dana", "h", "dana")
	for range 2 {
		if err := f.Suppress(context.Background(), "h", consent.SuppressBounce, start); err != nil {
			t.Fatal(err)
		}
	}
	if f.owner("h").Suppressed == nil || f.gate("dana").Suppressed == nil {
		t.Fatal("not suppressed")
	}
	if err := f.Suppress(context.Background(), "nobody", consent.SuppressBounce, start); err != nil || f.owner("nobody").Suppressed == nil {
		t.Fatal("an address without an owner can't be suppressed", err)
	}
}

func TestA38ErasedAddressIsWelcomedBackByANotice(t *testing.T) {
	f := setup(t)
	f.put(item.C("dana", item.SKProfile), profile.Profile{AddressHash: "h"})
	erased := &consent.Suppression{Reason: consent.SuppressErased}
	f.put(profile.OwnerKey("h"), profile.Owner{Customer: "dana", Suppressed: erased})
	f.put(item.C("dana", item.SKGate), consent.Gate{Suppressed: erased})
	imported := grant(start)
	imported.Notice, imported.Evidence = nil, &consent.Evidence{Basis: "consent", Source: "list"}
	f.apply("dana", imported)
	if f.owner("h").Suppressed == nil {
		t.Fatal("an import lifts the suppression")
	}
	f.clock.Advance(time.Second)
	f.apply("dana", grant(f.clock.Now("")))
	if f.owner("h").Suppressed != nil || f.gate("dana").Suppressed != nil {
		t.Fatal("signing up again does not work")
	}
}

// What was refused at the address after she was asked, the answer does not lift.
func TestAnAnswerMeetsWhatWasRefusedAtTheAddress(t *testing.T) {
	for refused, want := range map[time.Duration]consent.State{time.Second: consent.Pending, -time.Second: consent.Granted} {
		f := setup(t)
		f.put(item.C("dana", item.SKProfile), profile.Profile{AddressHash: "h"})
		f.put(profile.OwnerKey("h"), profile.Owner{Customer: "dana", Withdrawn: map[string]int64{"marketing/email": start.Add(refused).UnixMilli()}})
		f.put(item.C("dana", item.SKGate), consent.Gate{States: map[string]consent.Permission{"marketing/email": {State: consent.Pending, At: start.UnixMilli(), Notice: "newsletter"}}})
		f.clock.Advance(time.Minute)
		answer := grant(f.clock.Now(""))
		answer.By, answer.Confirms = consent.Person, true
		f.apply("dana", answer)
		if got := f.gate("dana").States["marketing/email"].State; got != want {
			t.Errorf("refused %s the request: %s, want %s", refused, got, want)
		}
	}
}

// A no at an address that a statement names, and that is not hers, is none of hers.
func TestARefusalAtAnotherAddressBlocksNoYes(t *testing.T) {
	f := setup(t)
	f.put(item.C("dana", item.SKProfile), profile.Profile{AddressHash: "h"})
	f.put(profile.OwnerKey("h"), profile.Owner{Customer: "dana"})
	f.put(profile.OwnerKey("other"), profile.Owner{Withdrawn: map[string]int64{"marketing/email": start.Add(time.Hour).UnixMilli()}})
	f.clock.Advance(time.Minute)
	yes := grant(f.clock.Now(""))
	yes.Address = "other"
	f.apply("dana", yes)
	if got := f.gate("dana").States["marketing/email"].State; got != consent.Granted {
		t.Fatalf("%s", got)
	}
}
