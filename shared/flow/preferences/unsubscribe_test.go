package preferences

import (
	"context"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/testkit/fake"
)

func TestUnsubscribeWithdrawsThePurposeForHerAndAtTheAddress(t *testing.T) {
	w := newWorld(t)
	w.must(w.svc.Unsubscribe(w.ctx, w.unsubscribeToken(), ScopePurpose))
	if got := w.gate().States["marketing/email"].State; got != consent.Withdrawn {
		t.Fatalf("state %q, want withdrawn", got)
	}
	if _, ok := w.owner(w.address).Withdrawn["marketing/email"]; !ok {
		t.Fatal("the address does not remember the withdrawal")
	}
	got := w.events(fact.Unsubscribed)
	if len(got) != 1 || got[0].Props["email_id"] != "abcdefghijklmnop-0" {
		t.Fatalf("events %+v, want one Unsubscribed of the message", got)
	}
}

func TestB08TheNextClaimSeesTheUnsubscribe(t *testing.T) {
	w := newWorld(t)
	if !w.mayMail("marketing") {
		t.Fatal("not permitted to begin with")
	}
	w.must(w.svc.Unsubscribe(w.ctx, w.unsubscribeToken(), ScopePurpose))
	if w.mayMail("marketing") {
		t.Fatal("the gate still lets marketing through")
	}
}

func TestB05AThousandReplaysAreOneEvent(t *testing.T) {
	w := newWorld(t)
	for range 1000 {
		w.must(w.svc.Unsubscribe(w.ctx, w.unsubscribeToken(), ScopePurpose))
		w.clock.Advance(time.Second)
	}
	if a, b := len(w.events(fact.Unsubscribed)), len(w.events(fact.ConsentWithdrawn)); a != 1 || b != 1 {
		t.Fatalf("%d Unsubscribed and %d Consent Withdrawn, want one of each", a, b)
	}
}

// late gives every reader the same start: nobody writes before all have read.
type late struct {
	flow.Store
	read *sync.WaitGroup
	once sync.Once
}

func (l *late) Write(ctx context.Context, ops ...flow.Op) error {
	l.once.Do(func() { l.read.Done(); l.read.Wait() })
	return l.Store.Write(ctx, ops...)
}

func TestB05ManyPressesAtTheSameMomentAreOneEvent(t *testing.T) {
	w := newWorld(t)
	const presses = 20
	var all, read sync.WaitGroup
	read.Add(presses)
	text := w.unsubscribeToken()
	for range presses {
		svc := w.service(&late{Store: w.store, read: &read})
		all.Go(func() {
			if err := svc.Unsubscribe(w.ctx, text, ScopePurpose); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if a, b := len(w.events(fact.Unsubscribed)), len(w.events(fact.ConsentWithdrawn)); a != 1 || b != 1 {
		t.Fatalf("%d Unsubscribed and %d Consent Withdrawn, want one of each", a, b)
	}
}

func TestALinkWorksAgainAfterSheChangedHerMind(t *testing.T) {
	w := newWorld(t)
	w.must(w.svc.Unsubscribe(w.ctx, w.unsubscribeToken(), ScopePurpose))
	w.clock.Advance(time.Hour)
	w.apply(consent.Statement{Purpose: "marketing", Channel: "email", State: consent.Granted, Notice: &consent.Notice{ID: "newsletter"}, By: consent.Server})
	if !w.mayMail("marketing") {
		t.Fatal("the new grant does not hold")
	}
	w.clock.Advance(time.Hour)
	w.must(w.svc.Unsubscribe(w.ctx, w.unsubscribeToken(), ScopePurpose))
	if w.mayMail("marketing") || len(w.events(fact.Unsubscribed)) != 2 {
		t.Fatalf("the old link did not withdraw the new grant")
	}
}

func TestB07ALinkWorksAfterTwoYearsAndAKeyRotation(t *testing.T) {
	w := newWorld(t)
	link := w.unsubscribeToken()
	w.clock.Advance(2 * 366 * 24 * time.Hour)
	rotated, err := token.NewKeyring("k2", map[string][]byte{"k1": []byte("kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"), "k2": []byte("22222222222222222222222222222222")})
	w.must(err)
	w.svc.Ring = rotated
	w.must(w.svc.Unsubscribe(w.ctx, link, ScopePurpose))
	if w.mayMail("marketing") {
		t.Fatal("a link of two years ago did nothing")
	}
}

func TestATopicIsTurnedOffAlone(t *testing.T) {
	w := newWorld(t)
	w.must(w.svc.Unsubscribe(w.ctx, w.unsubscribeToken(), ScopeTopic))
	if _, off := w.gate().Topics["cart"]; !off || !w.mayMail("marketing") {
		t.Fatalf("topics %v, marketing %v: want the topic off and nothing else", w.gate().Topics, w.mayMail("marketing"))
	}
	before := w.writes()
	w.must(w.svc.Unsubscribe(w.ctx, w.unsubscribeToken(), ScopeTopic))
	if w.writes() != before {
		t.Fatal("turning it off again wrote something")
	}
}

func TestA05StopAllWithdrawsEveryPurposeThatMailsHer(t *testing.T) {
	w := newWorld(t)
	w.must(w.svc.Unsubscribe(w.ctx, w.unsubscribeToken(), ScopeAll))
	for _, purpose := range []string{"marketing", "surveys"} {
		if got := w.gate().States[purpose+"/email"].State; got != consent.Withdrawn {
			t.Errorf("%s is %q, want withdrawn", purpose, got)
		}
	}
	if !w.mayMail("service") {
		t.Error("mail about her orders stopped, too")
	}
}

func TestA05EveryLinkCanStopAll(t *testing.T) {
	for name, mint := range map[string]func(*world) string{
		"preferences": func(w *world) string { return w.ring.MintPreferences(token.Preferences{Customer: w.dana}) },
		"confirm":     func(w *world) string { return w.ring.MintConfirm(token.Confirm{Customer: w.dana}) },
		"session": func(w *world) string {
			return w.ring.MintSession(token.Session{Customer: w.dana, Nonce: "n", Expires: noon.Add(time.Hour).UnixMilli()})
		},
		"survey": func(w *world) string { return w.ring.MintSurvey(token.Survey{Customer: w.dana, Survey: "style"}) },
	} {
		w := newWorld(t)
		w.must(w.svc.Unsubscribe(w.ctx, w.svc.StopToken(mint(w)), ScopeAll))
		if w.mayMail("marketing") {
			t.Errorf("%s link: marketing goes on", name)
		}
	}
	w := newWorld(t)
	before := w.writes()
	w.must(w.svc.Unsubscribe(w.ctx, w.svc.StopToken("forged"), ScopeAll))
	if w.writes() != before {
		t.Error("a forged link's stop token wrote something")
	}
}

// E03: whatever the scope and however the token is used, permission only falls.
func TestE03AnUnsubscribeTokenNeverWidensAnything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		granted := w.gate().States
		for range rapid.IntRange(1, 4).Draw(rt, "uses") {
			text := w.unsubscribeToken()
			switch rapid.IntRange(0, 3).Draw(rt, "use") {
			case 0:
				w.must(w.svc.Unsubscribe(w.ctx, text, Scope(rapid.SampledFrom([]string{"", "topic", "all", "none"}).Draw(rt, "scope"))))
			case 1:
				w.must(w.svc.Confirm(w.ctx, text))
			case 2:
				if _, ok, err := w.svc.Redeem(w.ctx, text); ok || err != nil {
					rt.Fatalf("it opened a session (%v)", err)
				}
			case 3:
				if _, ok, _ := w.svc.Click(w.ctx, text); ok {
					rt.Fatal("it redirected")
				}
			}
		}
		for name, p := range w.gate().States {
			if p.State == consent.Granted && granted[name].State != consent.Granted {
				rt.Fatalf("%s was granted", name)
			}
		}
	})
}

func TestB06AForgedTokenCostsWhatAUsedOneCosts(t *testing.T) {
	w := newWorld(t)
	used := w.unsubscribeToken()
	w.must(w.svc.Unsubscribe(w.ctx, used, ScopePurpose))
	work := func(text string) *fake.Store {
		c := &fake.Store{Store: w.store}
		w.must(w.service(c).Unsubscribe(w.ctx, text, ScopePurpose))
		return c
	}
	genuine := work(used)
	for _, text := range []string{"forged", "", used[:len(used)-1], used + "A", w.ring.MintPreferences(token.Preferences{Customer: w.dana})} {
		if got := work(text); got.Gets != genuine.Gets || got.Keys != genuine.Keys {
			t.Errorf("%.20q costs %d reads of %d items, a genuine one %d of %d", text, got.Gets, got.Keys, genuine.Gets, genuine.Keys)
		}
	}
}

func TestAnErasedCustomersLinkDoesNothing(t *testing.T) {
	w := newWorld(t)
	w.put(item.C(w.dana, item.SKGate), consent.Gate{Erased: 1})
	before := w.writes()
	for _, scope := range []Scope{ScopePurpose, ScopeTopic, ScopeAll} {
		w.must(w.svc.Unsubscribe(w.ctx, w.unsubscribeToken(), scope))
	}
	if w.writes() != before {
		t.Fatal("a link of an erased customer wrote something")
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
