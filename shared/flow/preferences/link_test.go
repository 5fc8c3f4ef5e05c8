package preferences

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/testkit/fake"
)

func TestAnAddressAsksForALinkByAFact(t *testing.T) {
	w := newWorld(t)
	w.must(w.svc.MailLink(w.ctx, " Dana@Shop.Example "))
	got := w.events(fact.MessageRequested)
	if len(got) != 1 {
		t.Fatalf("%d requests, want 1", len(got))
	}
	e := got[0]
	if e.Props["kind"] != journey.Link || e.Props["message_id"] != e.ID || e.Props["purpose"] != "service" {
		t.Fatalf("request %+v is none that the built-in journey starts on", e.Props)
	}
	if !journey.Builtins()[journey.Link].Enters(fact.Fact{Kind: fact.KindEvent, Name: e.Name}) {
		t.Fatal("the built-in journey does not start on it")
	}
}

func TestE09AThousandPostsForOneAddressAreOneMail(t *testing.T) {
	w := newWorld(t)
	for range 1000 {
		w.must(w.svc.MailLink(w.ctx, "dana@shop.example"))
		w.clock.Advance(time.Second)
	}
	if got := len(w.events(fact.MessageRequested)); got != 1 {
		t.Fatalf("%d mails, want 1", got)
	}
}

func TestE09AnAddressGetsAtMostFiveLinksADay(t *testing.T) {
	w := newWorld(t)
	for range 48 {
		w.must(w.svc.MailLink(w.ctx, "dana@shop.example"))
		w.clock.Advance(SessionFor)
	}
	if got := len(w.events(fact.MessageRequested)); got != maxLinks {
		t.Fatalf("%d mails in a day, want %d", got, maxLinks)
	}
	w.clock.Advance(SessionFor)
	w.must(w.svc.MailLink(w.ctx, "dana@shop.example"))
	if got := len(w.events(fact.MessageRequested)); got != maxLinks+1 {
		t.Fatalf("%d mails after a day, want one more", got)
	}
}

// E09: nobody uses up her links by putting her address where a token belongs.
func TestAnAddressInThePlaceOfATokenTakesNothingFromItsOwner(t *testing.T) {
	w := newWorld(t)
	w.must(w.svc.MailLinkTo(w.ctx, "dana@shop.example"))
	w.must(w.svc.MailLink(w.ctx, "dana@shop.example"))
	if got := len(w.events(fact.MessageRequested)); got != 1 {
		t.Fatalf("%d mails, want 1", got)
	}
}

// E09: what an unknown address can make us store is two small items that expire.
func TestE09UnknownAddressesLeaveNothingThatStays(t *testing.T) {
	w := newWorld(t)
	before := w.writes()
	for n := range 50 {
		w.must(w.svc.MailLink(w.ctx, fmt.Sprintf("nobody%d@shop.example", n)))
		w.must(w.svc.MailLink(w.ctx, fmt.Sprintf("nobody%d@shop.example", n)))
	}
	changes := w.store.Changes()[before:]
	if len(changes) != 100 {
		t.Fatalf("%d writes for 50 addresses, want 2 each", len(changes))
	}
	for _, c := range changes {
		if c.New.TTL == 0 || c.New.TTL > noon.Add(26*time.Hour).Unix() || !strings.HasPrefix(c.Key.PK, item.PrefixAddress) {
			t.Fatalf("%s stays until %d", c.Key, c.New.TTL)
		}
	}
}

func TestE08AKnownAndAnUnknownAddressCostTheSame(t *testing.T) {
	w := newWorld(t)
	work := func(address string) (*fake.Store, int) {
		before := w.writes()
		c := &fake.Store{Store: w.store}
		w.must(w.service(c).MailLink(w.ctx, address))
		return c, w.writes() - before
	}
	known, knownWrites := work("dana@shop.example")
	unknown, unknownWrites := work("nobody@shop.example")
	if known.Gets != unknown.Gets || known.Keys != unknown.Keys || knownWrites != unknownWrites {
		t.Fatalf("known: %d reads of %d, %d writes; unknown: %d of %d, %d", known.Gets, known.Keys, knownWrites, unknown.Gets, unknown.Keys, unknownWrites)
	}
}

func TestEveryLinkOfAMailCanAskForAFreshOne(t *testing.T) {
	for name, mint := range map[string]func(*world) string{
		"preferences": func(w *world) string { return w.ring.MintPreferences(token.Preferences{Customer: w.dana}) },
		"unsubscribe": func(w *world) string { return w.unsubscribeToken() },
		"spent": func(w *world) string {
			return w.ring.MintSession(token.Session{Customer: w.dana, Nonce: "old", Expires: 1})
		},
	} {
		w := newWorld(t)
		w.must(w.svc.MailLinkTo(w.ctx, mint(w)))
		if len(w.events(fact.MessageRequested)) != 1 {
			t.Errorf("%s: no mail", name)
		}
	}
	w := newWorld(t)
	w.must(w.svc.MailLinkTo(w.ctx, "forged"))
	if len(w.events(fact.MessageRequested)) != 0 {
		t.Error("a forged link mailed somebody")
	}
}

func TestE04ALinkOpensOneSessionWithinThirtyMinutes(t *testing.T) {
	w := newWorld(t)
	link := w.ring.MintSession(token.Session{Customer: w.dana, Nonce: "n", Expires: w.clock.Now(w.dana).Add(SessionFor).UnixMilli()})
	w.clock.Advance(SessionFor - time.Second)
	c, ok, err := w.svc.Redeem(w.ctx, link)
	w.must(err)
	if !ok {
		t.Fatal("refused within its time")
	}
	if _, ok, _ := w.svc.Redeem(w.ctx, link); ok {
		t.Fatal("opened twice")
	}
	if centre, err := w.svc.Centre(w.ctx, c, ""); err != nil || centre == nil {
		t.Fatalf("the session opens nothing (%v)", err)
	}
	w.clock.Advance(SessionFor)
	if centre, _ := w.svc.Centre(w.ctx, c, ""); centre != nil {
		t.Fatal("the session outlived its time")
	}
	late := w.ring.MintSession(token.Session{Customer: w.dana, Nonce: "n2", Expires: w.clock.Now(w.dana).UnixMilli()})
	if _, ok, _ := w.svc.Redeem(w.ctx, late); ok {
		t.Fatal("an expired link opened a session")
	}
}

func TestE04AUsedLinkStaysUsedUntilItExpires(t *testing.T) {
	w := newWorld(t)
	link := w.ring.MintSession(token.Session{Customer: w.dana, Nonce: "n", Expires: w.clock.Now(w.dana).Add(SessionFor).UnixMilli()})
	if _, ok, _ := w.svc.Redeem(w.ctx, link); !ok {
		t.Fatal("refused")
	}
	for range 40 {
		w.clock.Advance(time.Minute)
		if _, ok, _ := w.svc.Redeem(w.ctx, link); ok {
			t.Fatal("opened again")
		}
	}
}

func TestAnErasureEndsEverySession(t *testing.T) {
	w := newWorld(t)
	c := w.session()
	w.put(item.C(w.dana, item.SKGate), consent.Gate{Erased: noon.UnixMilli()})
	if centre, _ := w.svc.Centre(w.ctx, c, ""); centre != nil {
		t.Fatal("the session shows an erased customer")
	}
	if err := w.svc.Change(w.ctx, c, "en", Change{StopAll: true}); err != ErrSession {
		t.Fatalf("a change under it gave %v, want ErrSession", err)
	}
}

// pendingDana gave an address by a public key and was asked to confirm it.
func pendingDana(t *testing.T) (*world, token.Confirm) {
	w := newWorld(t)
	hash := w.keys.Address("new@shop.example")
	p := w.profile()
	p.Pending, p.PendingHash, p.PendingTill = "new@shop.example", hash, w.clock.Now(w.dana).Add(consent.ConfirmFor).UnixMilli()
	w.put(item.C(w.dana, item.SKProfile), p)
	w.apply(consent.Statement{Purpose: "surveys", Channel: "email", State: consent.Withdrawn, By: consent.Server})
	w.clock.Advance(time.Minute)
	w.rel.Notices["surveys"] = copyNotice(w.rel.Notices["newsletter"], "surveys", "surveys", "email")
	w.apply(consent.Statement{Purpose: "surveys", Channel: "email", State: consent.Granted, Notice: &consent.Notice{ID: "surveys"}, By: consent.Public})
	if got := w.gate().States["surveys/email"].State; got != consent.Pending {
		t.Fatalf("state %q, want pending", got)
	}
	w.clock.Advance(time.Minute)
	return w, token.Confirm{Customer: w.dana, Address: hash, Purpose: "surveys", Channel: "email", Notice: "surveys", Version: "v1"}
}

func TestConfirmingMakesTheAddressHersAndGrantsWhatWasAsked(t *testing.T) {
	w, c := pendingDana(t)
	w.must(w.svc.Confirm(w.ctx, w.ring.MintConfirm(c)))
	p := w.profile()
	if p.AddressHash != c.Address || p.Pending != "" || w.owner(c.Address).Customer != w.dana || w.owner(w.address).Customer != "" {
		t.Fatalf("address %s, pending %v, owners %+v and %+v", p.AddressHash, p.PendingHash, w.owner(c.Address), w.owner(w.address))
	}
	if !w.mayMail("surveys") {
		t.Fatalf("what she confirmed is not granted: %+v at %+v", w.gate().States, w.owner(c.Address))
	}
	grants := len(w.events(fact.ConsentGranted))
	for range 3 {
		w.must(w.svc.Confirm(w.ctx, w.ring.MintConfirm(c)))
	}
	if got := len(w.events(fact.ConsentGranted)); got != grants {
		t.Fatalf("pressing again made %d more grants", got-grants)
	}
}

func TestA15AConfirmationIsBoundToAddressPurposeAndText(t *testing.T) {
	for name, other := range map[string]func(*world, *token.Confirm){
		"another address":    func(w *world, c *token.Confirm) { c.Address = w.keys.Address("other@shop.example") },
		"another purpose":    func(_ *world, c *token.Confirm) { c.Purpose = "tracking"; c.Channel = "" },
		"another version":    func(_ *world, c *token.Confirm) { c.Version = "v0" },
		"another notice":     func(_ *world, c *token.Confirm) { c.Notice = "newsletter" },
		"a text that went":   func(w *world, _ *token.Confirm) { delete(w.rel.Notices, "surveys") },
		"another customer":   func(w *world, c *token.Confirm) { c.Customer = w.keys.Customer("eve") },
		"seven days later":   func(w *world, _ *token.Confirm) { w.clock.Advance(consent.ConfirmFor) },
		"after a withdrawal": func(w *world, _ *token.Confirm) { w.must(w.svc.Unsubscribe(w.ctx, w.unsubscribeToken(), ScopeAll)) },
	} {
		w, c := pendingDana(t)
		other(w, &c)
		w.must(w.svc.Confirm(w.ctx, w.ring.MintConfirm(c)))
		if w.mayMail("surveys") {
			t.Errorf("%s: granted", name)
		}
	}
}

// A withdrawal that is written while she presses the link of an older request stands.
func TestAWithdrawalBesideAConfirmationStands(t *testing.T) {
	w, c := pendingDana(t)
	w.must(w.svc.Confirm(w.ctx, w.ring.MintConfirm(token.Confirm{Customer: w.dana, Address: c.Address})))
	w.svc = w.service(fake.Racing(w.store, item.SKGate, func() {
		_, err := w.service(w.store).Consents.Apply(w.ctx, w.dana, w.rel, []consent.Statement{
			{ID: "no", Purpose: "surveys", Channel: "email", State: consent.Withdrawn, At: w.clock.Now(w.dana).Add(-time.Second).UnixMilli(), By: consent.Server},
		})
		w.must(err)
	}))
	w.must(w.svc.Confirm(w.ctx, w.ring.MintConfirm(c)))
	if got := w.gate().States["surveys/email"].State; got != consent.Withdrawn {
		t.Fatalf("the permission is %s", got)
	}
}

// What somebody refused at the address stands, unless she asked after that.
func TestAConfirmationAnswersForTheAddressAsWell(t *testing.T) {
	for refused, granted := range map[time.Duration]bool{-time.Hour: true, time.Second: false} {
		w, c := pendingDana(t)
		asked := time.UnixMilli(w.gate().States["surveys/email"].At)
		w.put(profile.OwnerKey(c.Address), profile.Owner{Withdrawn: map[string]int64{"surveys/email": asked.Add(refused).UnixMilli()}})
		w.must(w.svc.Confirm(w.ctx, w.ring.MintConfirm(c)))
		if w.mayMail("surveys") != granted {
			t.Errorf("refused there %s the request: permitted %v", refused, !granted)
		}
		if _, left := w.owner(c.Address).Withdrawn["surveys/email"]; left == granted {
			t.Errorf("refused there %s the request: remembered %v", refused, left)
		}
	}
}

// Who refused mail, was erased, and signs up again has what she confirms.
func TestA38SigningUpAgainByALinkCounts(t *testing.T) {
	w := newWorld(t)
	w.apply(consent.Statement{ID: "no", Purpose: "marketing", Channel: "email", State: consent.Withdrawn, At: w.clock.Now(w.dana).UnixMilli(), By: consent.Server})
	w.returns()
	w.clock.Advance(time.Minute)
	w.must(w.svc.Collect.Address(w.ctx, w.dana, 1, "dana@shop.example"))
	w.clock.Advance(time.Minute)
	asked := w.events(fact.MessageRequested)
	if len(asked) != 1 {
		t.Fatalf("asked %d times", len(asked))
	}
	w.apply(consent.Statement{ID: "yes", Purpose: "marketing", Channel: "email", State: consent.Granted, At: w.clock.Now(w.dana).UnixMilli(), Notice: &consent.Notice{ID: "newsletter"}, By: consent.Public})
	w.clock.Advance(time.Minute)
	w.must(w.svc.Confirm(w.ctx, w.ring.MintConfirm(token.Confirm{Customer: w.dana, Address: w.address, Purpose: "marketing", Channel: "email", Notice: "newsletter", Version: "v1"})))
	if o := w.owner(w.address); !w.mayMail("marketing") || o.Suppressed != nil || o.Withdrawn["marketing/email"] != 0 {
		t.Fatalf("gate %+v, address %+v", w.gate(), o)
	}
}

// An address that nobody has confirmed gets one mail; once it is hers, the rest is
// asked (A13).
func TestAConfirmedAddressIsAskedForWhatElseWaits(t *testing.T) {
	w, c := pendingDana(t)
	alone := token.Confirm{Customer: w.dana, Address: c.Address}
	w.must(w.svc.Confirm(w.ctx, w.ring.MintConfirm(alone)))
	asked := w.events(fact.MessageRequested)
	if len(asked) != 1 || asked[0].Props["purpose"] != "surveys" || asked[0].Props["address"] != c.Address {
		t.Fatalf("asked %+v", asked)
	}
	w.must(w.svc.Confirm(w.ctx, w.ring.MintConfirm(alone)))
	w.must(w.svc.Confirm(w.ctx, w.ring.MintConfirm(c)))
	w.must(w.svc.Confirm(w.ctx, w.ring.MintConfirm(c)))
	if n := len(w.events(fact.MessageRequested)); n != 1 || !w.mayMail("surveys") {
		t.Fatalf("asked %d times, permitted %v", n, w.mayMail("surveys"))
	}
}

func TestWhatSheAsksForWhileSheConfirmsTheAddressIsAsked(t *testing.T) {
	w := newWorld(t)
	w.rel.Notices["surveys"] = copyNotice(w.rel.Notices["newsletter"], "surveys", "surveys", "email")
	w.must(w.svc.Collect.Address(w.ctx, w.dana, 0, "new@shop.example"))
	w.clock.Advance(time.Minute)
	svc := w.service(fake.Racing(w.store, item.SKOwner, func() {
		w.apply(consent.Statement{Purpose: "surveys", Channel: "email", State: consent.Granted, At: w.clock.Now(w.dana).UnixMilli(), Notice: &consent.Notice{ID: "surveys"}, By: consent.Public})
	}))
	hash := w.keys.Address("new@shop.example")
	w.must(svc.Confirm(w.ctx, w.ring.MintConfirm(token.Confirm{Customer: w.dana, Address: hash})))
	asked := w.events(fact.MessageRequested)
	if len(asked) != 2 || asked[0].Props["purpose"] != "surveys" && asked[1].Props["purpose"] != "surveys" {
		t.Fatalf("asked %+v", asked)
	}
}

func TestHerLinkCountsThoughSomebodyAskedAgainWithoutANotice(t *testing.T) {
	w, c := pendingDana(t)
	w.apply(consent.Statement{ID: "again", Purpose: "surveys", Channel: "email", State: consent.Granted, Evidence: &consent.Evidence{Basis: "consent", Source: "x"}, By: consent.Public})
	w.clock.Advance(time.Minute)
	w.must(w.svc.Confirm(w.ctx, w.ring.MintConfirm(c)))
	if !w.mayMail("surveys") {
		t.Fatalf("what she confirmed is not granted: %+v", w.gate().States)
	}
}

func copyNotice(n *release.Notice, id, purpose, channel string) *release.Notice {
	c := *n
	c.ID, c.Grants = id, []release.Grant{{Purpose: purpose, Channel: channel}}
	return &c
}

func TestAnAddressOfAnotherCustomerStaysHers(t *testing.T) {
	w, c := pendingDana(t)
	w.put(profile.OwnerKey(c.Address), profile.Owner{Customer: w.keys.Customer("eve")})
	w.must(w.svc.Confirm(w.ctx, w.ring.MintConfirm(c)))
	if p := w.profile(); !p.Shared || w.owner(c.Address).Customer == w.dana {
		t.Fatalf("shared %v, owner %s", p.Shared, w.owner(c.Address).Customer)
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
