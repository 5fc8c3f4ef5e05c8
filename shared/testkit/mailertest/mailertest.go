// Package mailertest is the conformance suite of flow.Mailer: what a use case
// may rely on, whoever carries the mail. It knows the port alone; how an outside
// can be made to fail comes in through the Harness. For tests only.
package mailertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/flow"
)

// Trouble is a way in which sending goes wrong.
type Trouble string

const (
	Unreachable    Trouble = "nobody listens there"
	Throttled      Trouble = "too many mails for the moment"
	MailRefused    Trouble = "this mail is refused for good"
	SenderRefused  Trouble = "nothing of this sender is accepted for now"
	Broken         Trouble = "an internal error after the mail was handed over"
	Reset          Trouble = "the connection breaks after the mail was handed over"
	Silent         Trouble = "no answer before the deadline"
	UnknownRefusal Trouble = "a refusal that nobody has heard of"
)

// outcomes is what each trouble must be taken for.
var outcomes = map[Trouble]flow.Outcome{
	Unreachable:    flow.OutcomeNotAccepted,
	Throttled:      flow.OutcomeNotAccepted,
	MailRefused:    flow.OutcomeMessageFatal,
	SenderRefused:  flow.OutcomeSenderWide,
	Broken:         flow.OutcomeUnknown,
	Reset:          flow.OutcomeUnknown,
	Silent:         flow.OutcomeUnknown,
	UnknownRefusal: flow.OutcomeUnknown,
}

// Harness is a fresh mailer and the handles on its outside.
type Harness struct {
	Mailer flow.Mailer
	// Arrived is what the outside has accepted so far, in order.
	Arrived func() []Arrival
	// Tries counts how often the outside was handed a mail, accepted or not.
	Tries func() int
	// Cause makes every later Send meet the trouble. It answers false where
	// such a thing cannot happen; nil means that none can.
	Cause func(Trouble) bool
}

// Arrival is one mail as it arrived. Tags is nil where they do not travel.
type Arrival struct {
	From, To string
	Raw      []byte
	Tags     map[string]string
}

// Run runs the suite. open is called once for every test.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	tests := []struct {
		name string
		run  func(*testing.T, Harness)
	}{
		{"the bytes arrive unchanged, in the envelope given", arrivesUnchanged},
		{"tags name message, customer and journey", carriesTags},
		{"every mail has a provider's id of its own", givesOwnIDs},
		{"many mails at once arrive once each", sendsConcurrently},
		{"no address breaks out of the envelope", refusesHostileAddresses},
		{"an ended context sends nothing", honoursContext},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
	for trouble, want := range outcomes {
		t.Run("Trouble/"+string(trouble), func(t *testing.T) { meets(t, open(t), trouble, want) })
	}
}

// Sample is a mail whose bytes are easily spoilt on the way: 8-bit text, a line
// that is one full stop, long lines, blank space at line ends.
func Sample(n int) flow.Mail {
	raw := strings.Join([]string{
		"From: Shop <news@mail.shop.example>",
		"To: dana@customer.example",
		fmt.Sprintf("Subject: =?UTF-8?B?16nXnNeV150=?= %d", n),
		"MIME-Version: 1.0",
		"Content-Type: text/plain; charset=utf-8",
		"Content-Transfer-Encoding: 8bit",
		"",
		"שלום דנה",
		".",
		"..two",
		"space at the end ",
		strings.Repeat("x", 900),
		"",
	}, "\r\n")
	return flow.Mail{
		ID: fmt.Sprintf("abcdefghij%d-0", n), Customer: "0123456789abcdef0123456789abcdef",
		Journey: "cart-abandonment", Step: "send-cart-reminder", Run: "run", Purpose: "marketing",
		From: "news@mail.shop.example", To: "dana@customer.example",
		Raw: []byte(raw), At: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC),
	}
}

func arrivesUnchanged(t *testing.T, h Harness) {
	m := Sample(1)
	if _, err := h.Mailer.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := h.Arrived()
	if len(got) != 1 || h.Tries() != 1 {
		t.Fatalf("%d mails arrived in %d tries", len(got), h.Tries())
	}
	if got[0].From != m.From || got[0].To != m.To {
		t.Errorf("envelope %s -> %s, want %s -> %s", got[0].From, got[0].To, m.From, m.To)
	}
	if !bytes.Equal(got[0].Raw, m.Raw) {
		t.Errorf("bytes changed:\n got %q\nwant %q", got[0].Raw, m.Raw)
	}
}

func carriesTags(t *testing.T, h Harness) {
	m := Sample(1)
	if _, err := h.Mailer.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	tags := h.Arrived()[0].Tags
	if tags == nil {
		t.Skip("tags do not travel this way")
	}
	want := map[string]string{"kesher_message": m.ID, "kesher_customer": m.Customer, "kesher_journey": m.Journey}
	if fmt.Sprint(tags) != fmt.Sprint(want) {
		t.Fatalf("tags %v, want %v", tags, want)
	}
}

func givesOwnIDs(t *testing.T, h Harness) {
	seen := map[string]bool{"": true}
	for n := range 3 {
		id, err := h.Mailer.Send(t.Context(), Sample(n))
		if err != nil {
			t.Fatal(err)
		}
		if seen[id] {
			t.Fatalf("id %q is empty or came twice", id)
		}
		seen[id] = true
	}
}

func sendsConcurrently(t *testing.T, h Harness) {
	const mails = 20
	errs := make([]error, mails)
	var wg sync.WaitGroup
	for n := range mails {
		wg.Go(func() { _, errs[n] = h.Mailer.Send(t.Context(), Sample(n)) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, a := range h.Arrived() {
		seen[string(a.Raw)] = true
	}
	if len(seen) != mails || h.Tries() != mails {
		t.Fatalf("%d of %d mails arrived, in %d tries", len(seen), mails, h.Tries())
	}
}

func refusesHostileAddresses(t *testing.T, h Harness) {
	hostile := []string{
		"", "dana", "@customer.example", "dana@", "a@b@customer.example",
		"dana@customer.example\r\nRCPT TO:<eve@evil.example>", "dana@customer.example\nBcc: eve@evil.example",
		"dana@customer.example, eve@evil.example", "dana@customer.example eve@evil.example",
		"<dana@customer.example>", "dana@customer.example\x00", "dana@customer.example>",
	}
	for _, address := range hostile {
		for _, m := range []flow.Mail{withTo(address), withFrom(address)} {
			_, err := h.Mailer.Send(t.Context(), m)
			if got := outcome(err); err == nil || got != flow.OutcomeMessageFatal {
				t.Errorf("%q -> %q: outcome %v, error %v", m.From, m.To, got, err)
			}
		}
	}
	if h.Tries() != 0 || len(h.Arrived()) != 0 {
		t.Fatalf("the outside was handed %d mails", h.Tries())
	}
}

func withTo(address string) flow.Mail {
	m := Sample(1)
	m.To = address
	return m
}

func withFrom(address string) flow.Mail {
	m := Sample(1)
	m.From = address
	return m
}

func honoursContext(t *testing.T, h Harness) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.Mailer.Send(ctx, Sample(1))
	if got := outcome(err); err == nil || got != flow.OutcomeNotAccepted {
		t.Fatalf("outcome %v, error %v", got, err)
	}
	if h.Tries() != 0 {
		t.Fatalf("the outside was handed %d mails", h.Tries())
	}
}

// silence is the deadline of a Send that gets no answer.
const silence = 200 * time.Millisecond

// meets demands of a Send in trouble: the right outcome, one try at most, and
// nothing personal in the error, which is logged.
func meets(t *testing.T, h Harness, trouble Trouble, want flow.Outcome) {
	if h.Cause == nil || !h.Cause(trouble) {
		t.Skip("cannot happen here")
	}
	ctx := t.Context()
	if trouble == Silent {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, silence)
		defer cancel()
	}
	m := Sample(1)
	id, err := h.Mailer.Send(ctx, m)
	if err == nil {
		t.Fatalf("accepted as %q", id)
	}
	if got := outcome(err); got != want {
		t.Errorf("outcome %v, want %v (%v)", got, want, err)
	}
	wantTries := 1
	if trouble == Unreachable {
		wantTries = 0
	}
	if h.Tries() != wantTries {
		t.Errorf("%d tries, want %d", h.Tries(), wantTries)
	}
	for _, personal := range []string{m.To, "dana", "customer.example"} {
		if strings.Contains(strings.ToLower(err.Error()), personal) {
			t.Errorf("the error holds %q: %v", personal, err)
		}
	}
}

// outcome is what deliver takes an error for.
func outcome(err error) flow.Outcome {
	var e *flow.SendError
	if errors.As(err, &e) {
		return e.Outcome
	}
	return flow.OutcomeUnknown
}
