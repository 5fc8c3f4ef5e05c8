package deliver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
)

// reductions are all the ways in which permission is lowered, each as its flow
// writes it, and the reason that the gate then gives.
var reductions = map[string]struct {
	lower  func(*world)
	reason string
}{
	"withdrawal": {func(w *world) { w.lower(withdraw) }, message.ReasonNoConsent},
	"bounce": {func(w *world) {
		w.putKey(profile.OwnerKey(hash), 0, &profile.Owner{Customer: dana, Suppressed: &consent.Suppression{Reason: "bounce"}})
		w.lower(func(g *consent.Gate) { g.Suppressed = &consent.Suppression{Reason: "bounce"} })
	}, message.ReasonSuppressed},
	"complaint at the address": {func(w *world) {
		// A# and GATE are one transaction; between two calls of a worker they are one.
		w.putKey(profile.OwnerKey(hash), 0, &profile.Owner{Customer: dana, Suppressed: &consent.Suppression{Reason: "complaint"}})
		w.lower(func(*consent.Gate) {})
	}, message.ReasonSuppressed},
	"topic off": {func(w *world) {
		w.lower(func(g *consent.Gate) { g.Topics = map[string]int64{"cart": noon.UnixMilli()} })
	}, message.ReasonTopic},
	"pause": {func(w *world) {
		w.lower(func(g *consent.Gate) { g.Paused = noon.Add(time.Hour).UnixMilli() })
	}, message.ReasonPaused},
	"the address moves to another": {func(w *world) {
		w.putKey(profile.OwnerKey(hash), 0, &profile.Owner{Customer: "another"})
		w.lower(func(*consent.Gate) {})
	}, message.ReasonShared},
	"erasure": {func(w *world) {
		w.put(item.SKGate, 1, &consent.Gate{Erased: noon.UnixMilli()})
	}, ""},
}

// A03, B08, B20: whatever lowers permission, at whatever moment of a delivery,
// either comes after the claim or stops the mail.
func TestA03B08B20AReductionEitherFollowsTheClaimOrStopsTheMail(t *testing.T) {
	for name, r := range reductions {
		for _, at := range points(t, "cart") {
			w := newWorld(t)
			w.event("Product Added", time.Hour, map[string]any{"product_id": "p1", "name": "Tent", "cart_id": "c1"})
			key, id := w.due("cart")
			claimed, claimedFirst := false, false
			w.svc = w.service(w.hook(func(p point) error {
				if p.what == item.SKGate && p.writes && p.after {
					claimed = true
				}
				if p.call == at.call && p.after == at.after {
					claimedFirst = claimed
					r.lower(w)
				}
				return nil
			}))
			if _, err := w.svc.Deliver(context.Background(), key); err != nil {
				t.Fatalf("%s %s: %v", name, at, err)
			}
			m := w.msg(id)
			switch {
			case claimedFirst && m.State == message.Sent && len(w.mails(1)) == 1:
			case !claimedFirst && name == "erasure" && m.State == "":
				w.mails(0)
			case !claimedFirst && m.State == message.Skipped && m.Reason == r.reason:
				w.mails(0)
			default:
				t.Fatalf("%s %s (claimed before: %v): message %q %q, %d mails", name, at, claimedFirst, m.State, m.Reason, len(w.mailer.accepted()))
			}
		}
	}
}

// A worker whose message another has sent meanwhile does not send the next one
// under the claim of the first (found by the simulator).
func TestOneCallWorksOneMessage(t *testing.T) {
	for _, at := range points(t, "plain") {
		w := newWorld(t)
		key, first := w.due("plain")
		second := ""
		w.svc = w.service(w.hook(func(p point) error {
			if p.call == at.call && p.after == at.after && second == "" {
				second = "to come"
				if _, err := w.service(w.mem).Deliver(context.Background(), key); err != nil {
					t.Fatal(err)
				}
				_, second = w.due("plain", func(r *engine.Run) {
					r.ID, r.Out.Send.Message = "run-after", ident.MessageID("run-after", r.Step, 0, 0)
				})
			}
			return nil
		}))
		w.deliver(key)
		g := w.gate()
		for _, mail := range w.mailer.accepted() {
			if message.ClaimOf(&g, mail.ID) == nil {
				t.Fatalf("%s: %s left, and no claim of it stands in the gate", at, mail.ID)
			}
		}
		if n := len(w.mailer.accepted()); n == 0 || n > 2 || second == first {
			t.Fatalf("%s: %d mails", at, n)
		}
	}
}

// J01: an exit that is stored before the gate's last read stops the mail,
// whether or not anybody has told the run.
func TestJ01AnExitStoredBeforeTheGatesReadsStopsTheMail(t *testing.T) {
	stopped := 0
	for _, at := range points(t, "plain") {
		w := newWorld(t)
		key, id := w.due("plain")
		seen, beforeRead := false, true
		w.svc = w.service(w.hook(func(p point) error {
			if p.call == at.call && p.after == at.after {
				w.event("Order Completed", 0, nil)
				seen = beforeRead
			}
			if strings.HasPrefix(p.what, "query EVENT#Order Completed") && !p.after {
				beforeRead = false
			}
			return nil
		}))
		w.deliver(key)
		if seen {
			if m := w.expect(id, message.Skipped, message.ReasonExit); m.Exit != "Order Completed" {
				t.Fatalf("%s: exit %q", at, m.Exit)
			}
			w.mails(0)
			stopped++
		}
	}
	if stopped < 6 { // before and after each of the three calls that come first
		t.Fatalf("only %d moments were before the read", stopped)
	}
}

// errCrash is a process that dies: every later call of its store fails.
var errCrash = errors.New("crash")

// crashes is a store that dies at a point.
func (w *world) crashes(at point) *hooked {
	dead := false
	return w.hook(func(p point) error {
		dead = dead || p.call == at.call && p.after == at.after
		if dead {
			return errCrash
		}
		return nil
	})
}

// A02: a worker that dies at any moment, and others that come before and after
// its lease: no second mail, and nothing left undecided.
func TestA02ACrashAnywhereLeadsToOneMailOrNoneAndIsNeverResent(t *testing.T) {
	for _, at := range points(t, "plain") {
		w := newWorld(t)
		key, id := w.due("plain")
		if _, err := w.service(w.crashes(at)).Deliver(context.Background(), key); !errors.Is(err, errCrash) {
			t.Fatalf("%s: %v", at, err)
		}
		left := len(w.mailer.accepted())
		claimed := message.ClaimOf(ptr(w.gate()), id) != nil

		w.deliver(key) // a second worker, while the claim may be under lease
		if claimed && w.msg(id).State == "" && len(w.mailer.accepted()) != left {
			t.Fatalf("%s: resent under the lease", at)
		}
		w.clock.Advance(openEnded + leaseMargin)
		w.deliver(key)
		w.deliver(key)

		m := w.msg(id)
		switch {
		case !claimed && m.State == message.Sent && len(w.mailer.accepted()) == 1: // died before the claim
		case claimed && m.State == message.Sent && left == 1: // died after MSG
		case claimed && m.State == message.Unknown && len(w.mailer.accepted()) == left: // died between
		default:
			t.Fatalf("%s: %d mails, message %q, claimed %v", at, len(w.mailer.accepted()), m.State, claimed)
		}
		if len(w.mailer.accepted()) > 1 {
			t.Fatalf("%s: sent twice", at)
		}
	}
}

func ptr[T any](v T) *T { return &v }

// On one machine the mailbox knows, so a crash leaves nothing unknown, and the
// next process need not wait for a lease.
func TestACrashOnOneMachineIsSettledByTheMailbox(t *testing.T) {
	for _, at := range points(t, "plain") {
		w := newWorld(t)
		key, id := w.due("plain")
		oneMachine := func(s *Service, process string) *Service {
			s.Settler, s.Process, s.Reaches = w.mailer, process, false
			return s
		}
		_, _ = oneMachine(w.service(w.crashes(at)), "p1").Deliver(context.Background(), key)
		w.svc = oneMachine(w.service(w.mem), "p2")
		w.deliver(key)
		w.expect(id, message.Sent, "")
		w.mails(1)
		if claims := w.gate().Claims; len(claims) != 1 {
			t.Fatalf("%s: claims %+v", at, claims)
		}
	}
}

// Lost replies: the write happened, or did not, and nobody can tell.
func TestALostReplyOnAnyWriteLeadsToOneMail(t *testing.T) {
	for _, at := range points(t, "plain") {
		if !at.writes {
			continue
		}
		w := newWorld(t)
		key, id := w.due("plain")
		w.svc = w.service(w.hook(func(p point) error {
			if p.call == at.call && p.after == at.after {
				return flow.ErrUnknown
			}
			return nil
		}))
		w.deliver(key)
		w.expect(id, message.Sent, "")
		w.mails(1)
		if claims := w.gate().Claims; len(claims) != 1 {
			t.Fatalf("%s: claims %+v", at, claims)
		}
	}
}

func TestAClaimWhoseReplyWasLostIsLetGoWhenItMayNotLeaveAnyMore(t *testing.T) {
	w := newWorld(t)
	key, id := w.due("plain")
	lost := false
	w.svc = w.service(w.hook(func(p point) error {
		if p.what == item.SKGate && p.writes && p.after && !lost {
			lost = true
			w.event("Order Completed", 0, nil)
			return flow.ErrUnknown
		}
		return nil
	}))
	w.deliver(key)
	w.expect(id, message.Skipped, message.ReasonExit)
	w.mails(0)
	if claims := w.gate().Claims; len(claims) != 0 {
		t.Fatalf("claims %+v", claims)
	}
}

func TestTwentyWorkersOnOneMessageSendItOnce(t *testing.T) {
	for range 20 {
		w := newWorld(t)
		key, id := w.due("plain")
		var wg sync.WaitGroup
		errs := make(chan error, 20)
		for range 20 {
			wg.Go(func() {
				_, err := w.svc.Deliver(context.Background(), key)
				errs <- err
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
		w.expect(id, message.Sent, "")
		w.mails(1)
		if claims := w.gate().Claims; len(claims) != 1 {
			t.Fatalf("claims %+v", claims)
		}
	}
}

// Messages of many runs at once contend for one GATE and one cap.
func TestB26TheCapHoldsAcrossJourneysDeliveredAtOnce(t *testing.T) {
	w := newWorld(t)
	w.live.Settings.Caps.PerDay = 2
	keys := []item.Key{}
	for n := range 10 {
		name := fmt.Sprintf("j%d", n)
		w.live.Journeys[name] = compile(name, "marketing", *w.live.Journeys["plain"].Steps[0].Send)
		key, _ := w.due(name)
		keys = append(keys, key)
	}
	var wg sync.WaitGroup
	for _, key := range keys {
		wg.Go(func() {
			if _, err := w.svc.Deliver(context.Background(), key); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	w.mails(2)
	skipped := w.metrics.count("Messages", flow.Dim{Name: "State", Value: "skipped"}, flow.Dim{Name: "Reason", Value: message.ReasonCap})
	if skipped != 8 {
		t.Fatalf("%d skipped for the cap, want 8", skipped)
	}
}

// While one worker's mail is under way, another finds the lease over and calls
// the message unknown: the claimer's word stands.
func TestTheClaimersSentOverridesUnknown(t *testing.T) {
	w := newWorld(t)
	key, id := w.due("plain")
	other := w.service(w.mem)
	w.mailer.answer = func(flow.Mail) error {
		w.clock.Advance(openEnded + leaseMargin)
		if _, err := other.Deliver(context.Background(), key); err != nil {
			t.Error(err)
		}
		w.expect(id, message.Unknown, message.ReasonLease)
		return nil
	}
	w.deliver(key)
	w.expect(id, message.Sent, "")
	w.mails(1)
}

// A second worker of the process that holds the claim does not ask the mailbox:
// the mail is only just under way.
func TestOnOneMachineWorkersOfOneProcessWaitForEachOther(t *testing.T) {
	w := newWorld(t)
	w.svc.Settler, w.svc.Process = w.mailer, "p1"
	key, id := w.due("plain")
	w.mailer.answer = func(flow.Mail) error {
		w.mailer.answer = nil
		if r := w.deliver(key); r.Reason != message.ReasonClaimed {
			t.Errorf("the second worker: %+v", r)
		}
		return nil
	}
	w.deliver(key)
	w.expect(id, message.Sent, "")
	w.mails(1)
}

func TestALostReplyOnLettingAClaimGoIsLookedUp(t *testing.T) {
	for _, after := range []bool{false, true} {
		w := newWorld(t)
		w.mailer.answer = refuses(flow.OutcomeNotAccepted, "Throttling")
		key, id := w.due("plain")
		writes := 0
		w.svc = w.service(w.hook(func(p point) error {
			if p.what != item.SKGate || !p.writes {
				return nil
			}
			if !p.after {
				writes++
			}
			if writes == 2 && p.after == after { // the claim was the first
				return flow.ErrUnknown
			}
			return nil
		}))
		w.deliver(key)
		w.expect(id, message.Held, message.ReasonThrottled)
		if claims := w.gate().Claims; len(claims) != 0 {
			t.Fatalf("claims %+v", claims)
		}
	}
}

// feedback's report may come before the claimer has written anything.
func TestAReportThatCameFirstStays(t *testing.T) {
	w := newWorld(t)
	key, id := w.due("plain")
	w.mailer.answer = func(flow.Mail) error {
		w.put(item.MsgSK(id), 0, &message.Msg{ID: id, State: message.Sent, Provider: "by report"})
		return nil
	}
	w.deliver(key)
	if m := w.expect(id, message.Sent, ""); m.Provider != "by report" {
		t.Fatalf("overwritten by %+v", m)
	}
}
