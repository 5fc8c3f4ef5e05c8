package preferences

// Each of these catches a planted bug that every other test let pass.

import (
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
)

// The centre shows what holds now: no permission, pause or address that is over.
func TestTheCentreShowsNothingThatIsOver(t *testing.T) {
	w := newWorld(t)
	now := w.clock.Now(w.dana)
	g := w.gate()
	p := g.States["marketing/email"]
	p.Expires = now.UnixMilli()
	g.States["marketing/email"], g.Paused = p, now.UnixMilli()
	w.put(item.C(w.dana, item.SKGate), g)
	doc := w.profile()
	doc.Pending, doc.PendingHash, doc.PendingTill = "new@shop.example", "h", now.UnixMilli()
	w.put(item.C(w.dana, item.SKProfile), doc)
	c := w.centre(w.session())
	if c.Paused != 0 || c.Pending != "" {
		t.Errorf("paused till %d, pending %q", c.Paused, c.Pending)
	}
	for _, p := range c.Permissions {
		if p.Purpose == "marketing" && p.State == consent.Granted {
			t.Error("a permission that has run out is shown as given")
		}
	}
}

// What she says herself is hers: its origin, and no journey's doing any more.
func TestWhatSheSaysInTheCentreIsHerOwn(t *testing.T) {
	w := newWorld(t)
	doc := w.profile()
	doc.By, doc.Hops, doc.Imported = "loop", 3, true
	w.put(item.C(w.dana, item.SKProfile), doc)
	spec := w.rel.Plan.Traits["interests"]
	spec.Origin = plan.OriginFirst
	w.rel.Plan.Traits["interests"] = spec
	w.change(w.session(), Change{Trait: &TraitChange{Name: "interests", Add: "home"}})
	got := w.profile()
	if got.Traits["interests"].Origin != plan.OriginZero || got.By != "" || got.Hops != 0 || got.Imported {
		t.Fatalf("origin %q, by %q, hops %d, imported %v", got.Traits["interests"].Origin, got.By, got.Hops, got.Imported)
	}
}

func TestHerAddressIsNotForgottenAloneAndABreakIsAYearAtMost(t *testing.T) {
	w := newWorld(t)
	doc := w.profile()
	doc.Traits["email"] = profile.Trait{Value: "dana@shop.example", At: 1}
	w.put(item.C(w.dana, item.SKProfile), doc)
	days := 366
	for _, c := range []Change{{Forget: "email"}, {Pause: &days}} {
		if err := w.svc.Change(w.ctx, w.session2(), "en", c); err != ErrRefused {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if len(w.events("x")) != 0 || w.profile().Traits["email"].Value == nil {
		t.Error("her address is forgotten")
	}
}

// session2 is one more session beside the first.
func (w *world) session2() token.Cookie {
	return token.Cookie{Customer: w.dana, Nonce: "m", Epoch: 0, Expires: w.clock.Now(w.dana).Add(time.Hour).UnixMilli()}
}

// A profile changed in the centre stays in the list of all.
func TestAChangeInTheCentreKeepsHerListed(t *testing.T) {
	w := newWorld(t)
	items, err := w.store.Get(w.ctx, true, item.C(w.dana, item.SKProfile))
	w.must(err)
	it := *items[0]
	it.IK, it.IS = item.AllList(item.Shard(w.dana)), w.dana
	w.must(w.store.Write(w.ctx, flow.Put(it, flow.Any)))
	w.change(w.session(), Change{Language: "en"})
	if items, _ = w.store.Get(w.ctx, true, item.C(w.dana, item.SKProfile)); items[0].IK != item.AllList(item.Shard(w.dana)) || items[0].IS != w.dana {
		t.Fatalf("listed in %q by %q", items[0].IK, items[0].IS)
	}
}

func TestTwoLinksOfAMailAreTwoClicks(t *testing.T) {
	w := newWorld(t)
	w.apply(consent.Statement{Purpose: "tracking", State: consent.Granted, Notice: &consent.Notice{ID: "measure", Lang: "en"}, By: consent.Person})
	for _, target := range []string{"https://shop.example/a", "https://shop.example/b", "https://shop.example/a"} {
		link := w.ring.MintLink(token.Link{Target: target, Journey: "cart", Step: "s", Customer: w.dana, Message: "abcdefghijklmnop-0"})
		if _, ok, err := w.svc.Click(w.ctx, link); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if n := len(w.events(fact.EmailLinkClicked)); n != 2 {
		t.Fatalf("%d clicks", n)
	}
}

// A link in a mail of before an erasure tells nothing of who came back.
func TestA36AClickInAMailOfBeforeTheErasureIsNobodys(t *testing.T) {
	w := newWorld(t)
	w.returns()
	w.apply(consent.Statement{Purpose: "tracking", State: consent.Granted, Notice: &consent.Notice{ID: "measure", Lang: "en"}, By: consent.Person})
	link := w.ring.MintLink(token.Link{Target: "https://shop.example/a", Journey: "cart", Step: "s", Customer: w.dana, Message: "abcdefghijklmnop-0"})
	if _, _, err := w.svc.Click(w.ctx, link); err != nil {
		t.Fatal(err)
	}
	if n := len(w.events(fact.EmailLinkClicked)); n != 0 {
		t.Fatalf("%d clicks", n)
	}
}

// The signal of her former self is not shown, nor taken for one of hers.
func TestA36ASignalOfBeforeTheErasureIsNotHers(t *testing.T) {
	w := newWorld(t)
	w.must(w.svc.Signal(w.ctx, w.session(), "gpc"))
	old := w.events(fact.SignalReceived)
	w.returns()
	p, err := w.svc.open(w.ctx, w.dana)
	w.must(err)
	// written past the tombstone, and not swept yet
	it := (*item.Item)(nil).Next(item.C(w.dana, item.EventSK(fact.SignalReceived, time.UnixMilli(old[0].At), old[0].ID)), "w", p.Epoch-1)
	w.must(it.Encode(old[0]))
	w.must(w.store.Write(w.ctx, flow.Put(it, flow.Any)))
	if at, err := w.svc.signalled(w.ctx, p); at != 0 || err != nil {
		t.Fatalf("signalled at %d (%v)", at, err)
	}
}

// The evidence of a confirmed permission is the text in her language.
func TestAConfirmationIsOfTheTextInHerLanguage(t *testing.T) {
	w := newWorld(t)
	w.rel.Notices["newsletter"].Text["he"] = "מותר לכם"
	w.apply(consent.Statement{Purpose: "marketing", Channel: "email", State: consent.Withdrawn, By: consent.Person})
	w.clock.Advance(time.Minute)
	w.apply(consent.Statement{Purpose: "marketing", Channel: "email", State: consent.Granted, Notice: &consent.Notice{ID: "newsletter"}, By: consent.Public})
	w.clock.Advance(time.Minute)
	w.must(w.svc.Confirm(w.ctx, w.ring.MintConfirm(token.Confirm{
		Customer: w.dana, Address: w.address, Purpose: "marketing", Channel: "email", Notice: "newsletter", Version: "v1",
	})))
	g := w.gate()
	var e consent.Entry
	w.read(item.Key{Table: item.Ledger, PK: item.CustomerPK(w.dana), SK: g.States["marketing/email"].Ledger}, &e)
	if g.States["marketing/email"].State != consent.Granted || e.Notice == nil || e.Notice.Lang != "he" {
		t.Fatalf("%+v, rests on %+v", g.States["marketing/email"], e.Notice)
	}
}

// A mail's link withdraws at the address it went to as well.
func TestAnUnsubscribeLowersTheAddressAlsoWhereSheHasRefusedAlready(t *testing.T) {
	w := newWorld(t)
	u := w.ring.MintUnsubscribe(token.Unsubscribe{Customer: w.dana, Address: w.keys.Address("old@shop.example"), Message: "abcdefghijklmnop-0", Purpose: "marketing"})
	w.apply(consent.Statement{Purpose: "marketing", Channel: "email", State: consent.Withdrawn, By: consent.Person})
	w.clock.Advance(time.Minute)
	w.must(w.svc.Unsubscribe(w.ctx, u, ScopePurpose))
	if _, lowered := w.owner(w.keys.Address("old@shop.example")).Withdrawn["marketing/email"]; !lowered {
		t.Fatal("whoever owns the old address next is mailed there")
	}
}

// E04, A36: a session of before an erasure opens nothing of who came back.
func TestA36ASessionEndsWithAnErasure(t *testing.T) {
	w := newWorld(t)
	c := w.session()
	w.returns()
	if got, err := w.svc.Centre(w.ctx, c, "en"); got != nil || err != nil {
		t.Fatalf("%+v (%v)", got, err)
	}
	if err := w.svc.Change(w.ctx, c, "en", Change{Erase: true}); err != ErrSession {
		t.Fatal(err)
	}
}
