package address_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/address"
	"github.com/kesher-io/kesher/shared/flow/consents"
	"github.com/kesher-io/kesher/shared/flow/known"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

const (
	dana, eve = "aaaa", "bbbb"
	offers    = "marketing/email"
	home      = profile.Secret("dana@shop.example")
	away      = profile.Secret("away@shop.example")
)

var (
	ctx  = context.Background()
	noon = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	keys = ident.NewKeys([]byte("secret"))
)

// world is two customers, who own no address yet.
type world struct {
	*testing.T
	store *memstore.Store
	clock *fake.Clock
	rel   *release.Release
}

func newWorld(t *testing.T) *world {
	clock := fake.NewClock(noon)
	w := &world{t, memstore.New(clock.NowOf), clock, &release.Release{
		Plan: &plan.Plan{
			Purposes: map[string]plan.Purpose{"marketing": {Contact: []string{"email"}, Basis: plan.BasisConsent}},
			Traits:   map[string]plan.Trait{"email": {Type: "email", Origin: plan.OriginFirst, Purposes: []string{"marketing"}}},
		},
		Settings: &plan.Settings{},
	}}
	for _, customer := range []string{dana, eve} {
		w.put(item.C(customer, item.SKProfile), 0, &profile.Profile{})
		w.gate(customer, consent.Granted)
	}
	return w
}

// mover works through a store, which may be one that a test takes a hand in.
func (w *world) mover(s flow.Store) address.Mover {
	tokens := fake.NewTokens(1)
	return address.Mover{
		Store: s, Clock: w.clock, Tokens: tokens, Keys: keys,
		Consents: consents.Writer{Store: s, Clock: w.clock, Tokens: tokens, Keys: keys},
	}
}

func (w *world) moveBy(m address.Mover, customer string, to profile.Secret) error {
	return w.moveKnown(m, customer, w.known(customer), to)
}

func (w *world) moveKnown(m address.Mover, customer string, p known.Person, to profile.Secret) error {
	_, err := m.Move(ctx, w.rel, address.Move{Customer: customer, Known: p, To: to, Edit: func(*profile.Profile, *consent.Gate) {}})
	return err
}

func (w *world) known(customer string) known.Person {
	w.Helper()
	p, err := known.Read(ctx, w.store, item.CustomerPK(customer))
	if err != nil {
		w.Fatal(err)
	}
	return p
}

func (w *world) move(customer string, to profile.Secret) {
	w.Helper()
	w.clock.Advance(time.Minute)
	if err := w.moveBy(w.mover(w.store), customer, to); err != nil {
		w.Fatal(err)
	}
}

func (w *world) put(key item.Key, epoch int64, doc any) {
	w.Helper()
	it := (*item.Item)(nil).Next(key, "put", epoch)
	if err := errors.Join(it.Encode(doc), w.store.Write(ctx, flow.Put(it, flow.Any))); err != nil {
		w.Fatal(err)
	}
}

// gate says what she said of offers, an hour ago.
func (w *world) gate(customer string, state consent.State) {
	w.Helper()
	said := consent.Permission{State: state, At: w.clock.Now("").Add(-time.Hour).UnixMilli()}
	w.put(item.C(customer, item.SKGate), 0, &consent.Gate{States: map[string]consent.Permission{offers: said}})
}

func (w *world) read(key item.Key, doc any) *item.Item {
	w.Helper()
	items, err := w.store.Get(ctx, flow.Strong, key)
	if err == nil && items[0] != nil {
		err = items[0].Decode(doc)
	}
	if err != nil {
		w.Fatal(err)
	}
	return items[0]
}

func (w *world) profile(customer string) (p profile.Profile) {
	w.read(item.C(customer, item.SKProfile), &p)
	return p
}

func (w *world) owner(of profile.Secret) (o profile.Owner) {
	w.read(profile.OwnerKey(keys.Address(of.Reveal())), &o)
	return o
}

func (w *world) said(customer string) consent.State {
	var g consent.Gate
	w.read(item.C(customer, item.SKGate), &g)
	return g.States[offers].State
}

// I08: her mail, her gate and both addresses change together, or nothing does; what
// she refused is remembered at either.
func TestI08AMoveIsOneTransactionAndLeavesRefusalsAtBothAddresses(t *testing.T) {
	w := newWorld(t)
	w.move(dana, home)
	w.gate(dana, consent.Withdrawn)

	if err := w.moveBy(w.mover(fake.Dying(w.store, 0)), dana, away); err == nil {
		t.Fatal("a write that did not happen made no error")
	}
	if p := w.profile(dana); p.Address != home || w.owner(home).Customer != dana || w.owner(away).Customer != "" {
		t.Fatal("half of a move stands")
	}
	var written []string
	s := &fake.Store{Store: w.store, Writing: func(ops []flow.Op) error {
		for _, op := range ops {
			written = append(written, op.Item.PK+"/"+op.Item.SK)
		}
		return nil
	}}
	if err := w.moveBy(w.mover(s), dana, away); err != nil {
		t.Fatal(err)
	}
	want := []string{
		item.CustomerPK(dana) + "/" + item.SKGate, item.CustomerPK(dana) + "/" + item.SKProfile,
		profile.OwnerKey(keys.Address(home.Reveal())).PK + "/" + item.SKOwner, profile.OwnerKey(keys.Address(away.Reveal())).PK + "/" + item.SKOwner,
	}
	slices.Sort(want)
	slices.Sort(written)
	if s.Writes != 1 || !slices.Equal(written, want) {
		t.Fatalf("%d writes of %v, want one of %v", s.Writes, written, want)
	}
	before, after := w.owner(home), w.owner(away)
	if before.Customer != "" || after.Customer != dana || w.profile(dana).Address != away {
		t.Fatalf("owners %q and %q", before.Customer, after.Customer)
	}
	if before.Withdrawn[offers] == 0 || after.Withdrawn[offers] == 0 {
		t.Fatalf("refusals %v and %v", before.Withdrawn, after.Withdrawn)
	}
}

// I08: whoever comes to an address is bound by what was refused there before she
// has it, so that a move which ends half-way means a mail too few.
func TestI08ARefusalBindsTheNextOwnerBeforeTheAddressIsHers(t *testing.T) {
	w := newWorld(t)
	refused := w.clock.Now("").UnixMilli()
	w.put(profile.OwnerKey(keys.Address(home.Reveal())), 0, &profile.Owner{Withdrawn: map[string]int64{offers: refused}})
	if err := w.moveBy(w.mover(fake.Dying(w.store, 1)), eve, home); err == nil {
		t.Fatal("the second write happened")
	}
	if w.said(eve) != consent.Withdrawn || w.profile(eve).Address != "" {
		t.Fatalf("she said %q, her mail goes to %v", w.said(eve), w.profile(eve).AddressHash)
	}
	w.move(eve, home)
	if o := w.owner(home); o.Customer != eve || w.said(eve) != consent.Withdrawn || o.Withdrawn[offers] != refused {
		t.Fatalf("owner %+v, she said %q", o, w.said(eve))
	}
}

func TestARefusalThatSheAgreedAfterDoesNotBindHer(t *testing.T) {
	w := newWorld(t)
	refused := w.clock.Now("").Add(-2 * time.Hour).UnixMilli()
	w.put(profile.OwnerKey(keys.Address(home.Reveal())), 0, &profile.Owner{Withdrawn: map[string]int64{offers: refused}})
	w.move(eve, home)
	if w.said(eve) != consent.Granted || w.owner(home).Customer != eve {
		t.Fatalf("she said %q", w.said(eve))
	}
}

func TestASecondCustomerOfAnAddressIsSharedAndTheOwnerIsWrittenAnew(t *testing.T) {
	w := newWorld(t)
	w.move(dana, home)
	before := w.read(item.C(dana, item.SKGate), &consent.Gate{})
	w.move(eve, home)
	if p := w.profile(eve); !p.Shared || p.AddressHash != keys.Address(home.Reveal()) || w.owner(home).Customer != dana || w.profile(dana).Shared {
		t.Fatalf("shared %v, owner %q", p.Shared, w.owner(home).Customer)
	}
	if after := w.read(item.C(dana, item.SKGate), &consent.Gate{}); after.W == before.W {
		t.Fatal("a claim of the owner's, made on what stood before, would go through")
	}
	w.move(eve, away)
	if w.profile(eve).Shared || w.owner(home).Customer != dana {
		t.Fatal("leaving an address that was another's changed its owner")
	}
}

func TestMergeTakesAnAddressOverWithTheStricterWord(t *testing.T) {
	w := newWorld(t)
	w.rel.Settings.Identity.SameAddress = address.Merge
	w.move(dana, home)
	w.gate(dana, consent.Withdrawn)
	w.move(eve, home)
	if w.owner(home).Customer != eve || w.profile(eve).Shared || !w.profile(dana).Shared || w.said(eve) != consent.Withdrawn {
		t.Fatalf("owner %q, said %q", w.owner(home).Customer, w.said(eve))
	}
}

// pending lets her wait for a confirmation of away for an hour.
func (w *world) pending() (hash string) {
	w.Helper()
	w.move(dana, home)
	hash = keys.Address(away.Reveal())
	p := w.profile(dana)
	p.Pending, p.PendingHash, p.PendingTill = away, hash, w.clock.Now("").Add(time.Hour).UnixMilli()
	w.put(item.C(dana, item.SKProfile), 0, &p)
	return hash
}

func (w *world) confirm(hash string, want bool) {
	w.Helper()
	if gate, err := w.mover(w.store).Confirm(ctx, dana, w.rel, hash); err != nil || (gate != nil) != want {
		w.Fatalf("confirmed %v (%v), want %v", gate, err, want)
	}
}

func TestAPendingAddressIsHersOnceConfirmed(t *testing.T) {
	w := newWorld(t)
	hash := w.pending()
	w.confirm(keys.Address("other@shop.example"), false)
	if w.profile(dana).Address != home || w.owner(away).Customer != "" {
		t.Fatal("another address's confirmation moved her mail")
	}
	w.confirm(hash, true)
	p := w.profile(dana)
	if p.Address != away || p.Pending != "" || p.PendingTill != 0 || p.Traits["email"].Value != away.Reveal() {
		t.Fatalf("mail goes to %s, pending %q", p.AddressHash, p.PendingHash)
	}
	if w.owner(away).Customer != dana || w.owner(home).Customer != "" {
		t.Fatalf("owners %q and %q", w.owner(away).Customer, w.owner(home).Customer)
	}
	w.confirm(hash, false)
}

func TestAPendingAddressExpires(t *testing.T) {
	w := newWorld(t)
	hash := w.pending()
	w.clock.Advance(time.Hour)
	w.confirm(hash, false)
	if w.profile(dana).Address != home || w.owner(away).Customer != "" {
		t.Fatal("a confirmation that came too late moved her mail")
	}
}

func TestA35NothingMovesOfWhoWasErasedSince(t *testing.T) {
	w := newWorld(t)
	hash, before := w.pending(), w.known(dana)
	s := &fake.Store{Store: w.store}
	s.Got = func() { // between what Confirm decides by and the move
		s.Got = nil
		w.put(item.C(dana, item.SKGate), 1, &consent.Gate{Erased: noon.UnixMilli()})
	}
	if gate, err := w.mover(s).Confirm(ctx, dana, w.rel, hash); err != nil || gate != nil {
		t.Fatalf("confirmed %v (%v)", gate, err)
	}
	if err := w.moveKnown(w.mover(w.store), dana, before, away); !errors.Is(err, address.ErrErased) {
		t.Fatalf("err %v, want ErrErased", err)
	}
	if w.owner(away).Customer != "" {
		t.Fatal("an erased customer owns an address")
	}
}

// What the caller knows is not read again, and not changed: it may be wrong by now,
// which the write finds out.
func TestAMoveTakesWhatIsKnownForRead(t *testing.T) {
	w := newWorld(t)
	before, reads := w.known(dana), 0
	s := &fake.Store{Store: w.store, Got: func() { reads++ }}
	if err := w.moveKnown(w.mover(s), dana, before, home); err != nil || reads != 1 {
		t.Fatalf("%d reads, want one: of the address (%v)", reads, err)
	}
	if before.Profile.Address != "" {
		t.Fatal("what the caller knows was changed")
	}
	w.gate(dana, consent.Withdrawn)
	if err := w.moveKnown(w.mover(w.store), dana, before, away); err != nil || w.owner(home).Customer != "" || w.owner(away).Customer != dana {
		t.Fatalf("a move by old knowledge: home is %q's, away %q's (%v)", w.owner(home).Customer, w.owner(away).Customer, err)
	}
}

// Another has the address between what this move read and what it writes: it
// reads again, and comes second.
func TestWhoLosesARaceForAnAddressComesSecond(t *testing.T) {
	w := newWorld(t)
	s := fake.Racing(w.store, "", func() { w.move(eve, home) })
	if err := w.moveBy(w.mover(s), dana, home); err != nil {
		t.Fatal(err)
	}
	if w.owner(home).Customer != eve || w.profile(eve).Shared || !w.profile(dana).Shared {
		t.Fatalf("owner %q, shared %v and %v", w.owner(home).Customer, w.profile(dana).Shared, w.profile(eve).Shared)
	}
}

// Many come at once, and change their minds: whoever is not the owner is shared.
func TestManyWorkersLeaveAnAddressExactlyOneOwner(t *testing.T) {
	for _, rule := range []string{address.First, address.Merge} {
		w := newWorld(t)
		w.rel.Settings.Identity.SameAddress = rule
		m := w.mover(w.store)
		var workers sync.WaitGroup
		for _, customer := range []string{dana, eve} {
			for _, first := range []profile.Secret{home, away} {
				workers.Go(func() {
					if err := errors.Join(w.moveBy(m, customer, first), w.moveBy(m, customer, home)); err != nil {
						t.Error(err)
					}
				})
			}
		}
		workers.Wait()
		shared := map[string]bool{dana: w.profile(dana).Shared, eve: w.profile(eve).Shared}
		owner := w.owner(home).Customer
		if want := map[string]bool{dana: owner != dana, eve: owner != eve}; owner == "" || !maps.Equal(shared, want) {
			t.Fatalf("%s: owner %q, shared %v", rule, owner, shared)
		}
	}
}
