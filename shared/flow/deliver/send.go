package deliver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/flow"
)

// send claims the message, renders it, and hands it to the Mailer once.
func (w *work) send(ctx context.Context, v *view, verdict message.Verdict) (done bool, err error) {
	if w.deadline.Sub(w.Clock.Real()) < sendTimeout+writeTime {
		return false, ErrNoTime
	}
	if !w.admitted {
		admitted, waited, err := w.Pacer.admit(ctx, message.ClassOf(v.due))
		if err != nil {
			return false, err
		}
		if !admitted {
			return true, w.store(ctx, v, v.held(message.ReasonThrottled, paceHold), false)
		}
		if w.admitted = true; waited {
			return false, nil // what was read is that much older: read again
		}
	}
	// All that is read for the mail is read now: between the claim and the Mailer
	// nothing may fail but the rendering.
	l, err := w.letter(ctx, v)
	if err != nil {
		return false, err
	}
	if err := w.claimIt(ctx, v); errors.Is(err, errFull) {
		return true, w.store(ctx, v, v.held(message.ReasonFull, fullHold), false)
	} else if err != nil {
		return false, unclear(err)
	}
	mail, lang, err := l.write()
	if err != nil && v.again() {
		return true, w.doubt(ctx, v, &flow.SendError{Outcome: flow.OutcomeMessageFatal, Code: message.ReasonRender})
	} else if err != nil {
		return true, w.failed(ctx, v, message.ReasonRender, err)
	}
	sendCtx, cancel := context.WithTimeout(ctx, sendTimeout)
	provider, err := w.Mailer.Send(sendCtx, mail)
	cancel()
	// From here on a cancelled invocation still writes down what it knows.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTime)
	defer cancel()
	if err != nil {
		return true, w.refused(after, v, err)
	}
	m := v.sent(provider)
	m.Ledger, m.Lang = verdict.Ledger, lang
	m.Because = append(m.Because, l.because...)
	return true, w.store(after, v, m, true)
}

// unclear turns a claim whose reply was lost into a conflict: the next round
// reads whether it stands in the gate.
func unclear(err error) error {
	if errors.Is(err, flow.ErrUnknown) {
		return &flow.Conflict{}
	}
	return err
}

// refused acts on the Mailer's error: ARCHITECTURE section 4 point 5.
func (w *work) refused(ctx context.Context, v *view, failure error) error {
	refusal := &flow.SendError{Err: failure}
	errors.As(failure, &refusal)
	if w.Log != nil {
		w.Log.Warn("send", "id", v.due.Message, "outcome", refusal.Outcome, "code", refusal.Code)
	}
	if refusal.Outcome != flow.OutcomeUnknown && v.again() {
		return w.doubt(ctx, v, refusal)
	}
	switch refusal.Outcome {
	case flow.OutcomeMessageFatal:
		return w.failed(ctx, v, refusal.Code, failure)
	case flow.OutcomeSenderWide:
		return w.brake(ctx, v, refusal.Code)
	case flow.OutcomeNotAccepted:
		return w.backOff(ctx, v)
	}
	return w.unknown(ctx, v)
}

// again: this is the message's second try. The first one's claim stood in the gate.
func (v *view) again() bool { return message.ClaimOf(&v.gate, v.due.Message) != nil }

// doubt: the second try was refused, and whether the first one was accepted nobody
// knows. Neither `failed` nor a third try would be right.
func (w *work) doubt(ctx context.Context, v *view, refusal *flow.SendError) error {
	if refusal.Outcome == flow.OutcomeSenderWide {
		if _, err := w.Pacer.setBrake(ctx, refusal.Code); err != nil {
			return err
		}
	}
	return w.store(ctx, v, v.outcome(message.Verdict{Action: message.DontKnow, Reason: message.ReasonLease}), true)
}

// failed: the message will never be accepted. Nobody saw it, so its place under
// the caps is given back; MSG comes first, since it is what keeps the message
// from being tried again.
func (w *work) failed(ctx context.Context, v *view, reason string, cause error) error {
	if w.Log != nil {
		w.Log.Error("message failed", "id", v.due.Message, "template", templateName(v), "reason", reason, "at", fault(cause))
	}
	m := v.base(message.Failed)
	m.Reason = reason
	if err := w.store(ctx, v, m, true); err != nil {
		return err
	}
	return w.letGo(ctx, v, *w.claim)
}

// fault says where a mail went wrong. It quotes no error that may quote the
// customer's own values: an address, a name in a link (E06).
func fault(err error) string {
	var template *message.TemplateError
	var catalog catalogError
	switch {
	case errors.As(err, &template):
		return fmt.Sprintf("%s %s, line %d", template.Part, template.Lang, template.Line)
	case errors.As(err, &catalog):
		return catalog.Error()
	}
	return fmt.Sprintf("%T", err)
}

// brake: nothing is accepted for now. The claim goes first, so that a crash
// between leaves a free message rather than an unknown one.
func (w *work) brake(ctx context.Context, v *view, code string) error {
	if err := w.letGo(ctx, v, *w.claim); err != nil {
		return err
	}
	wait, err := w.Pacer.setBrake(ctx, code)
	if err != nil {
		return err
	}
	return w.store(ctx, v, v.held(message.ReasonBrake, wait), true)
}

// backOff: surely not accepted; soon again, later from time to time.
func (w *work) backOff(ctx context.Context, v *view) error {
	if err := w.letGo(ctx, v, *w.claim); err != nil {
		return err
	}
	tries := 0
	if v.msg != nil {
		tries = v.msg.Tries
	}
	m := v.held(message.ReasonThrottled, message.Backoff(tries))
	m.Tries = tries + 1
	return w.store(ctx, v, m, true)
}

// unknown: it may have been accepted. On one machine the mailbox knows; else
// nothing is said before the lease is over, since a report may come till then.
func (w *work) unknown(ctx context.Context, v *view) error {
	if w.Settler != nil {
		_, err := w.ask(ctx, v, w.claim)
		if err != nil || w.result.Message != nil {
			return err
		}
		return w.backOff(ctx, v)
	}
	w.result.Reason = ReasonUnclear
	return nil
}

// ReasonUnclear: the Mailer's answer does not say whether it took the message.
const ReasonUnclear = "no clear answer"

// How long a message waits that found no room in the rate, or none in GATE.
const (
	paceHold = 30 * time.Second
	fullHold = time.Hour
)
