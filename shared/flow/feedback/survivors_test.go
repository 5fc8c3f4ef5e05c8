package feedback

// Each of these catches a planted bug that every other test let pass.

import (
	"testing"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/profile"
)

func TestB20EveryRecipientThatBouncedIsSuppressed(t *testing.T) {
	w := newWorld(t)
	r := w.report(events.SESBounce)
	r.Detail.Bounce.BouncedRecipients = append(r.Detail.Bounce.BouncedRecipients, events.SESRecipient{EmailAddress: events.NewPersonal("second@shop.example")})
	w.must(w.svc.Take(w.ctx, r))
	var o profile.Owner
	if w.read(profile.OwnerKey(w.svc.Keys.Address("second@shop.example")), &o); o.Suppressed == nil {
		t.Fatal("the second is mailed on")
	}
}

func TestTwoClicksInAMailAreTwo(t *testing.T) {
	w := newWorld(t)
	g := w.gate()
	g.States["tracking"] = consent.Permission{State: consent.Granted}
	w.put(item.C(w.dana, item.SKGate), 0, g)
	for _, link := range []string{"https://shop.example/a", "https://shop.example/b", "https://shop.example/a"} {
		r := w.report(events.SESClick)
		r.Detail.Click.Link = events.NewPersonal(link)
		w.must(w.svc.Take(w.ctx, r))
	}
	if n := len(w.events(fact.EmailLinkClicked)); n != 2 {
		t.Fatalf("%d clicks", n)
	}
}

// Where deliver died before it could write MSG, the report's has all of its run.
func TestAMessageMadeUpFromItsRunKnowsHowDeepItsChainIs(t *testing.T) {
	w := newWorld(t)
	run := engine.Run{ID: "r", Journey: "cart", Step: "s", Release: "r1", Hops: 4, State: engine.Sending}
	run.Out = &engine.Command{Send: &engine.SendCommand{Message: msg, Template: "t", Purpose: "marketing", Due: 7}}
	w.put(item.C(w.dana, item.RunSK("cart", "")), 0, run)
	w.take(events.SESDelivery)
	if m := w.message(); m == nil || m.Hops != 4 || m.State != message.Sent {
		t.Fatalf("%+v", m)
	}
	if e := w.events(fact.EmailDelivered); len(e) != 1 || e[0].Hops != 5 {
		t.Fatalf("%+v", e)
	}
}

// What settles a message takes back the reason why it was thought not to leave.
func TestASentMessageHasNoReasonOfBefore(t *testing.T) {
	w := newWorld(t)
	w.put(item.C(w.dana, item.MsgSK(msg)), 0, message.Msg{ID: msg, State: message.Unknown, Reason: message.ReasonLease})
	w.take(events.SESDelivery)
	if m := w.message(); m.State != message.Sent || m.Reason != "" {
		t.Fatalf("%s: %q", m.State, m.Reason)
	}
}

func TestReportsLeaveTheLogAfter400Days(t *testing.T) {
	w := newWorld(t)
	w.take(events.SESDelivery)
	for _, c := range w.store.Changes() {
		if c.New != nil && c.Key.SK[0] == 'E' && (c.New.TTL == 0 || c.New.TTL != noon.Add(keep).Unix()) {
			t.Fatalf("%s ends at %d", c.Key.SK, c.New.TTL)
		}
	}
}
