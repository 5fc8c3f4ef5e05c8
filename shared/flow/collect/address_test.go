package collect

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
)

func (f *fixture) lives(user, address string) {
	f.t.Helper()
	f.clock.Advance(time.Minute)
	f.taken(server, `{"type":"identify","userId":"`+user+`","traits":{"email":"`+address+`"}}`)
}

func (f *fixture) stops(user string) {
	f.t.Helper()
	f.clock.Advance(time.Minute)
	f.consent(server, `{"userId":"`+user+`","purpose":"marketing","channel":"email","state":"withdrawn"}`)
}

func (f *fixture) starts(user string) {
	f.t.Helper()
	f.clock.Advance(time.Minute)
	f.agrees(user)
}

func TestAddressHasOneOwner(t *testing.T) {
	f := setup(t)
	f.starts("u1")
	f.starts("u2")
	f.lives("u1", "Dana@Shop.example")
	f.lives("u2", "dana@shop.example")
	if !f.mailable("u1") || f.mailable("u2") || !f.profile("u2").Shared {
		t.Fatalf("u1 %v, u2 %v", f.mailable("u1"), f.mailable("u2"))
	}
	before := f.gate(f.pk("u1"))
	f.lives("u2", "dana@shop.example")
	if after := f.gate(f.pk("u1")); fmt.Sprint(after) != fmt.Sprint(before) || !f.mailable("u1") {
		t.Fatal("asking again moved something")
	}
	f.lives("u1", "elsewhere@shop.example")
	f.lives("u2", "dana@shop.example")
	if !f.mailable("u1") || !f.mailable("u2") {
		t.Fatal("an address that was left can't be taken")
	}
}

func TestI08WithdrawalBindsWhoeverTakesTheAddress(t *testing.T) {
	f := setup(t)
	f.starts("u2")
	f.starts("u1")
	f.lives("u1", "dana@shop.example")
	f.stops("u1")
	f.lives("u1", "elsewhere@shop.example")
	f.lives("u2", "dana@shop.example")
	if f.mailable("u2") {
		t.Fatal("another user id is mailed where mail was refused")
	}
	f.starts("u2")
	if !f.mailable("u2") {
		t.Fatal("she can't agree anew")
	}
}

func TestMergeTakesTheAddressWithTheMostRestrictiveConsent(t *testing.T) {
	f := setup(t)
	f.rel.Settings.Identity.SameAddress = "merge"
	f.starts("u1")
	f.lives("u1", "dana@shop.example")
	f.taken(server, `{"type":"identify","userId":"u1","traits":{"first_name":"Dana"}}`)
	f.lives("u2", "dana@shop.example")
	if f.mailable("u1") || !f.mailable("u2") || f.profile("u2").Traits["first_name"].Value != "Dana" {
		t.Fatalf("u1 %v, u2 %v", f.mailable("u1"), f.mailable("u2"))
	}
	f.stops("u2")
	f.starts("u3")
	f.lives("u3", "dana@shop.example")
	if f.mailable("u3") || f.mailable("u2") || f.mailable("u1") {
		t.Fatal("merging lifted a withdrawal")
	}
}

// TestI08NoIdMailsAnAddressAfterItsWithdrawal: user ids come to an address and
// leave it, agree, refuse, and ask by a form, in any order. Whoever could be mailed
// there agreed after the last refusal that was made there or brought along by its
// owner, or its owner did.
func TestI08NoIdMailsAnAddressAfterItsWithdrawal(t *testing.T) {
	users, addresses := []string{"u1", "u2", "u3"}, []string{"a@shop.example", "b@shop.example"}
	rapid.Check(t, func(rt *rapid.T) {
		f := setup(rt)
		if rapid.Bool().Draw(rt, "merge") {
			f.rel.Settings.Identity.SameAddress = "merge"
		}
		agreed, refused, at := map[string]int64{}, map[string]int64{}, map[string]string{}
		no := map[string]int64{} // hers, since she last agreed
		moved := func(u, to string) {
			if at[u] = to; f.owner(to).Customer == f.Keys.Customer(u) {
				refused[to] = max(refused[to], no[u])
			}
		}
		agrees := func(u string) {
			agreed[u], no[u] = f.clock.Now("").UnixMilli(), 0
			if f.mailable(u) {
				delete(refused, at[u]) // whose owner agreed anew
			}
		}
		for range rapid.IntRange(1, 25).Draw(rt, "n") {
			u := rapid.SampledFrom(users).Draw(rt, "user")
			address := rapid.SampledFrom(addresses).Draw(rt, "address")
			switch rapid.IntRange(0, 5).Draw(rt, "what") {
			case 0:
				f.lives(u, address)
				moved(u, address)
			case 1:
				f.starts(u)
				agrees(u)
			case 2:
				f.stops(u)
				no[u] = f.clock.Now("").UnixMilli()
				refused[at[u]] = no[u]
			case 3:
				f.asks(u)
			case 4:
				f.gives(u, address)
			case 5:
				if f.follows(u, address) {
					moved(u, address)
				}
				if f.answers(u) {
					agrees(u)
				}
			}
			owners := map[string]int{}
			for _, v := range users {
				if !f.mailable(v) {
					continue
				}
				if owners[at[v]]++; owners[at[v]] > 1 {
					rt.Fatalf("two may be mailed at %s", at[v])
				}
				latest := agreed[v]
				if f.rel.Settings.Identity.SameAddress == "merge" {
					for _, o := range users {
						latest = max(latest, agreed[o])
					}
				}
				if latest < refused[at[v]] {
					rt.Fatalf("%s may be mailed at %s, where mail was refused since", v, at[v])
				}
			}
		}
	})
}

func TestMoveWritesBothGatesSoThatNoClaimOverlooksIt(t *testing.T) {
	f := setup(t)
	f.starts("u1")
	f.lives("u1", "dana@shop.example")
	read := f.doc(f.pk("u1"), item.SKGate, &consent.Gate{})
	f.lives("u2", "dana@shop.example")
	claim := read.Next(read.Key, "claim", 0)
	claim.Body = read.Body
	if _, conflict := flow.AsConflict(f.store.Write(context.Background(), flow.Put(claim, flow.Is(read)))); !conflict {
		t.Fatal("the owner's claim, made on what stood before, went through")
	}
}

func TestA38ErasedAddressBlocksImportsAndWelcomesALivingCustomer(t *testing.T) {
	f := setup(t)
	key := profile.OwnerKey(f.Keys.Address("dana@shop.example"))
	it := (*item.Item)(nil).Next(key, "erase", 0)
	if err := it.Encode(profile.Owner{Suppressed: &consent.Suppression{Reason: consent.SuppressErased, At: 1}}); err != nil {
		t.Fatal(err)
	}
	if err := f.store.Write(context.Background(), flow.Put(it, flow.Any)); err != nil {
		t.Fatal(err)
	}
	identify := `{"type":"identify","userId":"u1","timestamp":"2027-02-01T00:00:00Z","traits":{"email":"dana@shop.example"}}`
	f.taken(Source{Kind: Server, Import: true}, identify)
	if f.gate(f.pk("u1")).Suppressed == nil {
		t.Fatal("an import can be mailed")
	}
	f.lives("u2", "other@shop.example")
	f.lives("u1", "away@shop.example")
	f.lives("u1", "dana@shop.example")
	if f.gate(f.pk("u1")).Suppressed != nil || f.owner("dana@shop.example").Suppressed != nil {
		t.Fatal("she can't come back")
	}
}

func TestSuppressionOfABouncedAddressStaysWithIt(t *testing.T) {
	f := setup(t)
	f.starts("u1")
	f.lives("u1", "dana@shop.example")
	if err := f.consents().Suppress(context.Background(), f.Keys.Address("dana@shop.example"), consent.SuppressBounce, start); err != nil {
		t.Fatal(err)
	}
	if f.mailable("u1") {
		t.Fatal("still mailed")
	}
	f.lives("u1", "better@shop.example")
	if !f.mailable("u1") {
		t.Fatal("a good address is suppressed with the bad one")
	}
	f.lives("u1", "dana@shop.example")
	if f.mailable("u1") {
		t.Fatal("the bad address is forgotten")
	}
}

func TestNullAddressGivesItUp(t *testing.T) {
	f := setup(t)
	f.starts("u1")
	f.lives("u1", "dana@shop.example")
	f.clock.Advance(time.Minute)
	out := f.send(public, `{"type":"identify","userId":"u1","traits":{"email":null},"context":{"userHash":"`+f.hash("u1")+`"}}`)
	if len(out.Dropped) != 1 || out.Dropped[0].Code != events.NotPermitted || !f.mailable("u1") {
		t.Fatalf("a public key removes an address: %v", out.Dropped)
	}
	f.taken(server, `{"type":"identify","userId":"u1","traits":{"email":null}}`)
	if p := f.profile("u1"); p.Address != "" || p.AddressHash != "" || f.owner("dana@shop.example").Customer != "" || len(p.Traits) != 0 {
		t.Fatal("it is kept")
	}
}

func TestOlderIdentifyDoesNotMoveHerMailBack(t *testing.T) {
	f := setup(t)
	f.lives("u1", "new@shop.example")
	f.taken(server, `{"type":"identify","userId":"u1","timestamp":"2027-02-01T00:00:00Z","traits":{"email":"old@shop.example"}}`)
	if got := f.profile("u1").Address.Reveal(); got != "new@shop.example" {
		t.Fatalf("mail goes to %s", got)
	}
}
