package deliver

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/flow"
)

// pacer sleeps by moving the clock.
func (w *world) pacer(rater Rater) *Pacer {
	return &Pacer{
		Store: w.mem, Clock: w.clock, Tokens: w.tokens, Rater: rater, Instances: 1,
		Sleep: func(_ context.Context, d time.Duration) error { w.clock.Advance(d); return nil },
	}
}

// rater is a provider; calls counts how often it was asked.
type rater struct {
	allowance Allowance
	err       error
	calls     int
}

func (r *rater) Allowance(context.Context) (Allowance, error) {
	r.calls++
	return r.allowance, r.err
}

func TestJ20SenderWideRefusalsBrakeEverybodyAndAreReleasedByThemselves(t *testing.T) {
	for _, code := range []string{"AccountSuspendedException", "SendingPausedException", "LimitExceededException"} {
		w := newWorld(t)
		w.svc.Pacer = w.pacer(nil)
		other := w.service(w.mem)
		other.Pacer = w.pacer(nil)
		w.mailer.answer = refuses(flow.OutcomeSenderWide, code)
		key, id := w.due("plain")
		w.deliver(key)
		w.expect(id, message.Held, message.ReasonBrake)

		// Another instance sees the brake and does not even try.
		key2, id2 := w.due("order")
		if _, err := other.Deliver(context.Background(), key2); err != nil {
			t.Fatal(err)
		}
		if m := w.expect(id2, message.Held, message.ReasonBrake); m.Until != noon.Add(5*time.Minute).UnixMilli() || w.mailer.tries != 1 {
			t.Fatalf("%s: %+v after %d tries", code, m, w.mailer.tries)
		}
		w.mailer.answer = nil
		w.clock.Advance(5 * time.Minute)
		w.deliver(key)
		if _, err := other.Deliver(context.Background(), key2); err != nil {
			t.Fatal(err)
		}
		w.expect(id, message.Sent, "")
		w.expect(id2, message.Sent, "")
	}
}

func TestTheBrakeSurvivesALostReplyAndAThrottledStore(t *testing.T) {
	w := newWorld(t)
	w.svc.Pacer = w.pacer(nil)
	w.mailer.answer = refuses(flow.OutcomeSenderWide, "SendingPausedException")
	key, id := w.due("plain")
	w.svc.Pacer.Store = w.hook(func(p point) error {
		if p.writes && !p.after {
			return flow.ErrThrottled
		}
		return nil
	})
	if _, err := w.svc.Deliver(context.Background(), key); !errors.Is(err, flow.ErrThrottled) {
		t.Fatal(err)
	}
	// The claim had gone first: the message is free, not unknown.
	if len(w.gate().Claims) != 0 || w.msg(id).State != "" {
		t.Fatalf("claims %+v, message %+v", w.gate().Claims, w.msg(id))
	}
}

func TestAPausedOrSpentSenderBrakesBeforeAnythingIsTried(t *testing.T) {
	for name, a := range map[string]Allowance{
		"paused": {PerSecond: 14, Paused: "SHUTDOWN"},
		"spent":  {PerSecond: 14, PerDay: 200, Used: 200},
	} {
		w := newWorld(t)
		w.svc.Pacer = w.pacer(&rater{allowance: a})
		key, id := w.due("plain")
		w.deliver(key)
		w.expect(id, message.Held, message.ReasonBrake)
		if w.mailer.tries != 0 {
			t.Errorf("%s: tried", name)
		}
	}
}

func TestTheProviderIsAskedNowAndThenByOneForAll(t *testing.T) {
	w := newWorld(t)
	r := &rater{allowance: Allowance{PerSecond: 14, PerDay: 50000, Used: 10}}
	one, two := w.pacer(r), w.pacer(r)
	for range 3 {
		for _, p := range []*Pacer{one, two} {
			if pace, err := p.brake(context.Background()); err != nil || pace.Rate != 14 || pace.Left(w.clock.Real()) != 0 {
				t.Fatalf("%+v, %v", pace, err)
			}
		}
	}
	if r.calls != 1 {
		t.Fatalf("asked %d times", r.calls)
	}
	w.clock.Advance(askAge)
	r.allowance.PerSecond = 200
	if pace, err := one.brake(context.Background()); err != nil || pace.Rate != 200 || r.calls != 2 {
		t.Fatalf("%+v, %v, asked %d times", pace, err, r.calls)
	}
	w.clock.Advance(askAge)
	r.err = errors.New("no answer")
	if pace, err := one.brake(context.Background()); err != nil || pace.Rate != 200 {
		t.Fatalf("the provider's silence: %+v, %v", pace, err)
	}
}

// What one has learned is written on condition that PACE is as it was read, and
// read again only after a conflict: another may have set the brake meanwhile.
func TestWhatTheProviderSaysIsWrittenOverNoBrake(t *testing.T) {
	w := newWorld(t)
	p := w.pacer(&rater{allowance: Allowance{PerSecond: 14}})
	var calls []string
	braked := false
	p.Store = w.hook(func(at point) error {
		if at.after {
			return nil
		}
		calls = append(calls, at.what)
		if at.writes && !braked {
			braked = true
			if _, err := w.pacer(nil).setBrake(context.Background(), "SendingPausedException"); err != nil {
				t.Fatal(err)
			}
		}
		return nil
	})
	pace, err := p.brake(context.Background())
	if err != nil || pace.Left(w.clock.Real()) == 0 || pace.Rate != 14 {
		t.Fatalf("%+v, %v", pace, err)
	}
	if want := []string{"get PACE", "PACE", "get PACE", "PACE"}; !slices.Equal(calls, want) {
		t.Fatalf("calls %v, want %v", calls, want)
	}
}

func TestTheRateIsKeptByWaitingShortlyThenByHolding(t *testing.T) {
	w := newWorld(t)
	p := w.pacer(&rater{allowance: Allowance{PerSecond: 4}})
	p.Instances = 4 // one a second for this one
	slept := time.Duration(0)
	p.Sleep = func(_ context.Context, d time.Duration) error { slept += d; return nil }
	if _, err := p.brake(context.Background()); err != nil {
		t.Fatal(err)
	}
	got := []bool{}
	for range 5 {
		ok, _, err := p.admit(context.Background(), message.ClassTriggered)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, ok)
	}
	// At one instant: one at once, two after one and two seconds, no more.
	if want := []bool{true, true, true, false, false}; !equal(got, want) || slept != 3*time.Second {
		t.Fatalf("admitted %v after %v", got, slept)
	}
	w.clock.Advance(3 * time.Second) // what was refused has taken nothing away
	if ok, waited, _ := p.admit(context.Background(), message.ClassTriggered); !ok || waited {
		t.Fatalf("after a pause: %v, waited %v", ok, waited)
	}
}

func equal(a, b []bool) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

func TestBulkLeavesAShareToWhatCustomersCaused(t *testing.T) {
	w := newWorld(t)
	p := w.pacer(&rater{allowance: Allowance{PerSecond: 10}})
	if _, err := p.brake(context.Background()); err != nil {
		t.Fatal(err)
	}
	bulk, triggered := 0, 0
	for range 20 {
		if ok, _, _ := p.admit(context.Background(), message.ClassBulk); ok {
			bulk++
		}
	}
	for range 2 {
		if ok, waited, _ := p.admit(context.Background(), message.ClassService); ok && !waited {
			triggered++
		}
	}
	if bulk != 8 || triggered != 2 {
		t.Fatalf("%d bulk, then %d at once; want 8 and 2", bulk, triggered)
	}
}

func TestAMessageBeyondTheRateIsHeldAndNoRecordFails(t *testing.T) {
	w := newWorld(t)
	w.svc.Pacer = w.pacer(&rater{allowance: Allowance{PerSecond: 0.1}})
	key, _ := w.due("plain")
	w.deliver(key)
	w.mails(1)
	key, id := w.due("order")
	w.deliver(key)
	if m := w.expect(id, message.Held, message.ReasonThrottled); m.Until != noon.Add(paceHold).UnixMilli() {
		t.Fatalf("held until %d", m.Until)
	}
	if len(w.gate().Claims) != 1 {
		t.Fatal("a message that waits for the rate has a claim")
	}
}

// What was read before a wait is read again: she may have bought meanwhile.
func TestAfterWaitingForTheRateTheGateReadsAgain(t *testing.T) {
	w := newWorld(t)
	w.svc.Pacer = w.pacer(&rater{allowance: Allowance{PerSecond: 1}})
	key, _ := w.due("order")
	w.deliver(key)
	key, id := w.due("plain")
	w.svc.Pacer.Sleep = func(context.Context, time.Duration) error {
		w.event("Order Completed", 0, nil)
		return nil
	}
	w.deliver(key)
	w.expect(id, message.Skipped, message.ReasonExit)
	w.mails(1)
}

func TestPaceIsReadNowAndThenAndWrittenOnceByAllWhoAreRefused(t *testing.T) {
	w := newWorld(t)
	reads, writes := 0, 0
	p := w.pacer(nil)
	p.Store = w.hook(func(at point) error {
		switch {
		case at.after:
		case at.writes:
			writes++
		default:
			reads++
		}
		return nil
	})
	for range 10 {
		if _, err := p.brake(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	w.clock.Advance(paceAge)
	if _, err := p.brake(context.Background()); err != nil || reads != 2 {
		t.Fatalf("read %d times for eleven messages (%v)", reads, err)
	}
	for range 5 {
		if wait, err := p.setBrake(context.Background(), "daily quota"); err != nil || wait != 5*time.Minute {
			t.Fatalf("braked for %v, %v", wait, err)
		}
	}
	if writes != 1 {
		t.Fatalf("five refusals wrote PACE %d times", writes)
	}
}
