package smtp

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/testkit/mailertest"
)

func TestMailerConforms(t *testing.T) {
	mailertest.Run(t, func(t *testing.T) mailertest.Harness {
		r := newRelay(t)
		m, err := New(r.address())
		if err != nil {
			t.Fatal(err)
		}
		return mailertest.Harness{Mailer: m, Arrived: r.all, Tries: r.handed, Cause: r.cause}
	})
}

func (r *relay) all() []mailertest.Arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.arrived)
}

func (r *relay) handed() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tries
}

// cause makes the relay answer as one does in that trouble. Its words quote the
// address, as relays do.
func (r *relay) cause(trouble mailertest.Trouble) bool {
	switch trouble {
	case mailertest.Unreachable:
		r.close()
	case mailertest.Throttled:
		r.answer(".", "451 4.7.1 too many mails to dana@customer.example")
	case mailertest.MailRefused:
		r.answer(".", "554 5.7.1 dana@customer.example does not want this")
	case mailertest.SenderRefused:
		return false // is refused before the mail is handed over: see the table below
	case mailertest.Broken, mailertest.Reset:
		r.answer(".", "")
	case mailertest.Silent:
		r.answer(".", silence)
	case mailertest.UnknownRefusal:
		r.answer(".", "399 dana@customer.example")
	default:
		return false
	}
	return true
}

func TestAnswersAreClassifiedByStage(t *testing.T) {
	tests := []struct {
		name, verb, reply string
		want              flow.Outcome
		code              string
	}{
		{"the relay is full", "GREETING", "421 busy", flow.OutcomeNotAccepted, "421"},
		{"the relay refuses us", "GREETING", "554 no service", flow.OutcomeSenderWide, "554"},
		{"the relay speaks no SMTP", "GREETING", "hello", flow.OutcomeNotAccepted, "Broken"},
		{"the sender is refused", "MAIL", "550 not yours", flow.OutcomeSenderWide, "550"},
		{"a login is asked for", "MAIL", "530 authenticate", flow.OutcomeSenderWide, "530"},
		{"the sender must wait", "MAIL", "450 later", flow.OutcomeNotAccepted, "450"},
		{"the recipient is unknown", "RCPT", "550 no such user dana", flow.OutcomeMessageFatal, "550"},
		{"the recipient is greylisted", "RCPT", "451 greylisted", flow.OutcomeNotAccepted, "451"},
		{"the mail may not be sent", "DATA", "554 no", flow.OutcomeMessageFatal, "554"},
		{"the connection breaks before the mail", "DATA", "", flow.OutcomeNotAccepted, "Broken"},
		{"the mail is refused", ".", "552 too large", flow.OutcomeMessageFatal, "552"},
		{"the mail must wait", ".", "452 disk full", flow.OutcomeNotAccepted, "452"},
		{"the connection breaks after the mail", ".", "", flow.OutcomeUnknown, "NoAnswer"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRelay(t)
			r.answer(test.verb, test.reply)
			m, err := New(r.address())
			if err != nil {
				t.Fatal(err)
			}
			_, err = m.Send(t.Context(), mailertest.Sample(1))
			var e *flow.SendError
			if !errors.As(err, &e) {
				t.Fatalf("error %v", err)
			}
			if e.Outcome != test.want || e.Code != test.code {
				t.Errorf("outcome %v code %s, want %v %s", e.Outcome, e.Code, test.want, test.code)
			}
			if strings.Contains(err.Error(), "dana") {
				t.Errorf("the error quotes the relay: %v", err)
			}
		})
	}
}

func TestSilenceBeforeTheMailIsNotAccepted(t *testing.T) {
	for _, verb := range []string{"GREETING", "EHLO", "MAIL", "RCPT", "DATA"} {
		r := newRelay(t)
		r.answer(verb, silence)
		m, err := New(r.address())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err = m.Send(ctx, mailertest.Sample(1))
		cancel()
		var e *flow.SendError
		if !errors.As(err, &e) || e.Outcome != flow.OutcomeNotAccepted {
			t.Errorf("silence at %s: %v", verb, err)
		}
	}
}

func TestAGoodbyeThatFailsDoesNotUndoTheMail(t *testing.T) {
	r := newRelay(t)
	r.answer("QUIT", "")
	m, err := New(r.address())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Send(t.Context(), mailertest.Sample(1)); err != nil {
		t.Fatal(err)
	}
}

func TestRelayMustBeHostAndPort(t *testing.T) {
	for _, address := range []string{"", "mail.example", ":25", "mail.example:"} {
		if _, err := New(address); err == nil {
			t.Errorf("%q was taken", address)
		}
	}
}
