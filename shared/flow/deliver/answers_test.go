package deliver

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
)

func TestTheMailersAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		outcome flow.Outcome
		state   message.State
		reason  string
		wait    time.Duration
		claims  int
	}{
		"message-fatal":       {flow.OutcomeMessageFatal, message.Failed, "Code", 0, 0},
		"sender-wide":         {flow.OutcomeSenderWide, message.Held, message.ReasonBrake, 5 * time.Minute, 0},
		"surely not accepted": {flow.OutcomeNotAccepted, message.Held, message.ReasonThrottled, 30 * time.Second, 0},
		"unknown":             {flow.OutcomeUnknown, "", "", 0, 1},
	} {
		w := newWorld(t)
		w.svc.Pacer = w.pacer(nil)
		w.mailer.answer = refuses(c.outcome, "Code")
		key, id := w.due("plain")
		w.deliver(key)
		m := w.msg(id)
		until := int64(0)
		if c.wait != 0 {
			until = noon.Add(c.wait).UnixMilli()
		}
		if m.State != c.state || m.Reason != c.reason || m.Until != until {
			t.Errorf("%s: message %q %q until %d, want %q %q until %d", name, m.State, m.Reason, m.Until, c.state, c.reason, until)
		}
		if got := len(w.gate().Claims); got != c.claims {
			t.Errorf("%s: %d claims left, want %d", name, got, c.claims)
		}
		if w.mailer.tries != 1 {
			t.Errorf("%s: tried %d times", name, w.mailer.tries)
		}
	}
}

func TestAnErrorThatNobodyClassifiedIsUnknownAndNeverResent(t *testing.T) {
	w := newWorld(t)
	w.mailer.answer = func(flow.Mail) error { return errors.New("connection reset") }
	key, id := w.due("plain")
	w.deliver(key)
	w.deliver(key)
	if m := w.msg(id); m.State != "" {
		t.Fatalf("called %s before the lease was over: a report may still come", m.State)
	}
	w.clock.Advance(openEnded + leaseMargin)
	w.deliver(key)
	w.expect(id, message.Unknown, message.ReasonLease)
	if w.metrics.count(MetricUnknown) != 1 {
		t.Fatal("not counted")
	}
	w.clock.Advance(24 * time.Hour)
	w.deliver(key)
	if w.mailer.tries != 1 {
		t.Fatalf("tried %d times", w.mailer.tries)
	}
}

// functions/deliver makes a FAULT of the panic; the claim stands until a look
// finds it.
func TestAPanicAfterTheClaimIsUnknownAfterItsLeaseAndNeverResent(t *testing.T) {
	w := newWorld(t)
	w.mailer.answer = func(flow.Mail) error { panic("in the mailer") }
	key, id := w.due("plain")
	func() {
		defer func() { recover() }()
		w.deliver(key)
	}()
	w.mailer.answer = nil
	w.deliver(key)
	if m := w.msg(id); m.State != "" || len(w.gate().Claims) != 1 {
		t.Fatalf("called %q before the lease was over, %d claims", m.State, len(w.gate().Claims))
	}
	w.clock.Advance(openEnded + leaseMargin)
	w.deliver(key)
	w.expect(id, message.Unknown, message.ReasonLease)
	if w.mailer.tries != 1 {
		t.Fatalf("tried %d times", w.mailer.tries)
	}
}

func TestAServiceMessageMayBeResentOnceAfterItsLease(t *testing.T) {
	w := newWorld(t)
	w.mailer.answer = func(flow.Mail) error { return errors.New("no answer") }
	key, id := w.due("receipt")
	for range 5 {
		w.deliver(key)
		w.deliver(key)
		w.clock.Advance(openEnded + leaseMargin)
	}
	w.expect(id, message.Unknown, message.ReasonLease)
	if w.mailer.tries != 2 {
		t.Fatalf("tried %d times, want 2", w.mailer.tries)
	}
	key, _ = w.due("order") // has not opted in
	w.deliver(key)
	w.clock.Advance(openEnded + leaseMargin)
	w.deliver(key)
	if w.mailer.tries != 3 {
		t.Fatalf("a message that did not opt in was resent")
	}
}

// The first try may have been accepted: whatever the second one's refusal says of
// itself, it says nothing of the first.
func TestARefusedSecondTryLeavesTheMessageUnknownAndIsTheLast(t *testing.T) {
	for _, second := range []flow.Outcome{flow.OutcomeMessageFatal, flow.OutcomeSenderWide, flow.OutcomeNotAccepted} {
		w := newWorld(t)
		w.mailer.answer = func(flow.Mail) error { return errors.New("no answer") }
		key, id := w.due("receipt")
		w.deliver(key)
		w.clock.Advance(openEnded + leaseMargin)
		w.mailer.answer = refuses(second, "refused")
		w.deliver(key)
		w.expect(id, message.Unknown, message.ReasonLease)
		w.mailer.answer = nil
		w.clock.Advance(24 * time.Hour)
		w.deliver(key)
		if w.mailer.tries != 2 {
			t.Errorf("outcome %v: tried %d times", second, w.mailer.tries)
		}
	}
}

func TestWhatWasSurelyNotAcceptedIsTriedAgainLaterAndLater(t *testing.T) {
	w := newWorld(t)
	w.mailer.answer = refuses(flow.OutcomeNotAccepted, "Throttling")
	key, id := w.due("plain")
	for tries, wait := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute} {
		w.deliver(key)
		w.deliver(key) // not before its time
		m := w.expect(id, message.Held, message.ReasonThrottled)
		if m.Tries != tries+1 || m.Until != w.clock.Now(dana).Add(wait).UnixMilli() {
			t.Fatalf("after %d tries: %+v", tries+1, m)
		}
		w.clock.Advance(wait)
	}
	w.mailer.answer = nil
	w.deliver(key)
	w.expect(id, message.Sent, "")
	w.mails(1)
}

func TestOnOneMachineAnUnclearAnswerIsSettledAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		accepted bool
		want     message.State
	}{"it is there": {true, message.Sent}, "it is not": {false, message.Held}} {
		w := newWorld(t)
		w.svc.Settler, w.svc.Process = w.mailer, "p1"
		w.mailer.answer, w.mailer.lies = func(flow.Mail) error { return errors.New("disk") }, c.accepted
		key, id := w.due("plain")
		w.deliver(key)
		if m := w.msg(id); m.State != c.want {
			t.Errorf("%s: %s", name, m.State)
		}
		w.mailer.answer = nil
		w.clock.Advance(time.Hour)
		w.deliver(key)
		w.expect(id, message.Sent, "")
		w.mails(1)
	}
}

func TestAMailThatNobodySawGivesItsPlaceUnderTheCapBack(t *testing.T) {
	w := newWorld(t)
	w.live.Settings.Caps = plan.Caps{PerDay: 1}
	key, id := w.due("broken")
	w.deliver(key)
	w.expect(id, message.Failed, message.ReasonRender)
	key, id = w.due("plain")
	w.deliver(key)
	w.expect(id, message.Sent, "")
	key, id = w.due("cart")
	w.deliver(key)
	w.expect(id, message.Skipped, message.ReasonCap)
	w.mails(1)
}

func TestATemplateThatCannotBeRenderedFailsTheMessageOnce(t *testing.T) {
	w := newWorld(t)
	key, id := w.due("cart") // its cart is empty: strict variables refuse items[0]
	w.deliver(key)
	w.expect(id, message.Failed, message.ReasonRender)
	w.deliver(key)
	w.mails(0)
}

func TestE06NothingPersonalIsLoggedWhenAMailCannotBeMade(t *testing.T) {
	for name, c := range map[string]struct {
		journey string
		profile profile.Profile
		says    string
	}{
		"an address that is none":   {"plain", profile.Profile{Address: "secret marker@shop.example"}, "*fmt.wrapError"},
		"a template without values": {"cart", profile.Profile{Address: address}, "subject en"},
		"no template":               {"broken", profile.Profile{Address: address}, "no-such-template"},
	} {
		w := newWorld(t)
		var log bytes.Buffer
		w.svc.Log = slog.New(slog.NewTextHandler(&log, nil))
		c.profile.AddressHash = hash
		c.profile.Traits = map[string]profile.Trait{"first_name": {Value: "marker", Purposes: []string{"marketing"}}}
		w.put(item.SKProfile, 0, &c.profile)
		key, id := w.due(c.journey)
		w.deliver(key)
		w.expect(id, message.Failed, message.ReasonRender)
		if strings.Contains(log.String(), "marker") || strings.Contains(log.String(), address) || !strings.Contains(log.String(), c.says) {
			t.Errorf("%s: logged %s", name, log.String())
		}
	}
}

func TestNothingIsClaimedWithoutTimeToSend(t *testing.T) {
	w := newWorld(t)
	key, id := w.due("plain")
	left := func(d time.Duration) context.Context {
		return deadlined{context.Background(), w.clock.Real().Add(d)}
	}
	_, err := w.svc.Deliver(left(sendTimeout+writeTime-time.Millisecond), key)
	if !errors.Is(err, ErrNoTime) || len(w.gate().Claims) != 0 || w.msg(id).State != "" {
		t.Fatalf("%v, %+v", err, w.gate().Claims)
	}
	if _, err := w.svc.Deliver(left(sendTimeout+writeTime), key); err != nil {
		t.Fatal(err)
	}
	w.expect(id, message.Sent, "")
	if got, want := w.gate().Claims[0].Lease, w.clock.Real().Add(sendTimeout+writeTime+leaseMargin).UnixMilli(); got != want {
		t.Fatalf("lease until %d, want the deadline and a margin: %d", got, want)
	}
}

// deadlined is an invocation on the test's clock.
type deadlined struct {
	context.Context
	at time.Time
}

func (d deadlined) Deadline() (time.Time, bool) { return d.at, true }

func TestTheMailersTimeFitsIntoWhatIsLeft(t *testing.T) {
	w := newWorld(t)
	key, _ := w.due("plain")
	var limit time.Duration
	w.svc.Mailer = sendFunc(func(ctx context.Context, _ flow.Mail) (string, error) {
		at, ok := ctx.Deadline()
		if !ok {
			t.Error("no deadline")
		}
		limit = time.Until(at)
		return "id", nil
	})
	w.deliver(key)
	if limit > sendTimeout || limit < sendTimeout/2 {
		t.Fatalf("the Mailer has %v", limit)
	}
}

type sendFunc func(context.Context, flow.Mail) (string, error)

func (f sendFunc) Send(ctx context.Context, m flow.Mail) (string, error) { return f(ctx, m) }

func TestACancelledInvocationStillWritesDownThatTheMailLeft(t *testing.T) {
	w := newWorld(t)
	key, id := w.due("plain")
	ctx, cancel := context.WithCancel(context.Background())
	w.mailer.answer = func(flow.Mail) error { cancel(); return nil }
	if _, err := w.svc.Deliver(ctx, key); err != nil {
		t.Fatal(err)
	}
	w.expect(id, message.Sent, "")
}

// Two clocks may differ: whoever judges a lease by one that is ahead must not find it
// over while the other still sends.
func TestALeaseOutlivesTheDifferenceOfTwoClocks(t *testing.T) {
	const apart = 8 * time.Second // which the simulator plays
	if leaseMargin <= apart {
		t.Fatalf("%s", leaseMargin)
	}
}
