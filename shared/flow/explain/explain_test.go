package explain_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/explain"
)

var tent = map[string]any{"price": 90.0}

func TestAWaitingRunTellsWhatItWaitsForAndUntilWhen(t *testing.T) {
	w := newWorld(t, cart())
	w.happens(dana, "Product Added", tent)
	w.same(w.explain("cart"), ""+
		"TIME (UTC)        JOURNEY  DECISION\n"+
		"2026-11-24 09:00  cart     entered (Product Added)\n"+
		"2026-11-24 09:00  cart     waits 1h at wait-1h until 10:00\n")
}

func TestASentMailTellsItsTemplateItsIdAndThePermissionReliedOn(t *testing.T) {
	w := newWorld(t, cart())
	w.happens(dana, "Product Added", tent)
	w.passes(dana, time.Hour)
	m := w.settles(dana, message.Sent, "")
	lines := w.explain("cart")
	w.same(lines, ""+
		"TIME (UTC)        JOURNEY  DECISION\n"+
		"2026-11-24 09:00  cart     entered (Product Added)\n"+
		"2026-11-24 09:00  cart     waits 1h at wait-1h until 10:00\n"+
		"2026-11-24 10:00  cart     SENT reminder\n"+
		"2026-11-24 10:00  cart     finished\n")
	sent := lines[2]
	if sent.Values[explain.ValueMessage] != m.ID || sent.Values[explain.ValueConsent] != m.Ledger || sent.Step != "remind" {
		t.Fatalf("got %+v", sent)
	}
}

func TestOutcomesAreToldInAMarketersWords(t *testing.T) {
	tests := []struct {
		state        message.State
		reason, want string
	}{
		{message.Skipped, message.ReasonNoConsent, "NOT SENT reminder: no consent"},
		{message.Held, message.ReasonQuiet, "holds reminder back: quiet hours until 20:00"},
		{message.Unknown, "timeout", "may or may not have sent reminder: timeout"},
		{message.Failed, "MessageRejected", "FAILED reminder: MessageRejected"},
	}
	for _, test := range tests {
		t.Run(string(test.state), func(t *testing.T) {
			w := newWorld(t, cart())
			w.happens(dana, "Product Added", tent)
			w.passes(dana, time.Hour)
			w.settles(dana, test.state, test.reason)
			lines := w.explain("cart")
			if got := lines[2].Sentence(); got != test.want || lines[2].Decision != string(test.state) {
				t.Fatalf("got %s: %s", lines[2].Decision, got)
			}
		})
	}
}

func TestAMessageThatTheRunHasNotSeenYetIsToldAllTheSame(t *testing.T) {
	w := newWorld(t, cart())
	w.happens(dana, "Product Added", tent)
	w.passes(dana, time.Hour)
	if got := w.explain("cart"); got[2].Sentence() != "reminder is due" || got[2].Decision != "wait" {
		t.Fatalf("got %+v", got[2])
	}
	w.message(dana, message.Skipped, message.ReasonCap)
	if got := w.explain("cart"); got[3].Sentence() != "NOT SENT reminder: cap" {
		t.Fatalf("got %+v", got[3:])
	}
}

func TestAnExitIsToldByItsEvent(t *testing.T) {
	w := newWorld(t, cart())
	w.happens(dana, "Product Added", tent)
	w.clock.Advance(time.Minute)
	w.happens(dana, "Order Completed", nil)
	lines := w.explain("cart")
	if got := lines[len(lines)-1]; got.Decision != "exit" || got.Sentence() != "left: Order Completed" {
		t.Fatalf("got %+v", got)
	}
}

func TestAskedAboutAMessageTheStoryEndsWithIt(t *testing.T) {
	two := cart()
	two.Steps = append(two.Steps, journey.Step{ID: "again", Send: &journey.Send{Template: "last-call"}})
	w := newWorld(t, two)
	w.happens(dana, "Product Added", tent)
	w.passes(dana, time.Hour)
	w.settles(dana, message.Held, message.ReasonQuiet)
	w.passes(dana, 10*time.Hour)
	m := w.settles(dana, message.Sent, "")
	w.settles(dana, message.Skipped, message.ReasonCap)
	lines := w.explain(m.ID)
	if got := lines[len(lines)-1]; got.Step != "remind" || got.Decision != "sent" || len(lines) != 4 {
		t.Fatalf("got %s", explain.Text(lines))
	}
}

func TestAnEntryThatNeverBeganIsDecidedAgainAndMarkedSo(t *testing.T) {
	w := newWorld(t, cart())
	w.happens(dana, "Product Added", map[string]any{"price": 5.0})
	lines := w.explain("cart")
	if len(lines) != 1 || lines[0].Decision != "not entered" || lines[0].Reason != "where does not hold" {
		t.Fatalf("got %+v", lines)
	}
	if lines[0].Values[explain.ValueRecomputed] != true || lines[0].Fact != "Product Added#m1" || !lines[0].At.Equal(t0) {
		t.Fatalf("got %+v", lines[0])
	}
}

func TestAnEntryAfterTheLastRunEndedIsDecidedAgain(t *testing.T) {
	w := newWorld(t, cart())
	w.happens(dana, "Product Added", tent)
	w.clock.Advance(time.Minute)
	w.happens(dana, "Order Completed", nil)
	w.clock.Advance(time.Hour)
	w.happens(dana, "Product Added", tent)
	lines := w.explain("cart")
	if got := lines[len(lines)-1]; got.Sentence() != "did not enter (Product Added): she was here before (again)" {
		t.Fatalf("got %+v", got)
	}
}

func TestAnEntryFactDuringARunIsToldAsIgnored(t *testing.T) {
	w := newWorld(t, cart())
	w.happens(dana, "Product Added", tent)
	w.clock.Advance(time.Minute)
	w.happens(dana, "Product Added", tent)
	ignored := explain.Line{
		At: t0.Add(time.Minute), Fact: "Product Added#m2", Journey: "cart", Decision: "not entered", Reason: engine.NoLive,
		Values: map[string]any{explain.ValueRecomputed: true},
	}
	if lines := w.explain("cart"); len(lines) != 3 || !reflect.DeepEqual(lines[2], ignored) {
		t.Fatalf("during the run: %s", explain.Text(lines))
	}
	w.clock.Advance(time.Minute)
	w.happens(dana, "Order Completed", nil)
	if lines := w.explain("cart"); len(lines) != 4 || !reflect.DeepEqual(lines[2], ignored) {
		t.Fatalf("after the run: %s", explain.Text(lines))
	}
}

func TestWithAKeyEachFactIsHeldAgainstTheRunOfItsOwnKey(t *testing.T) {
	keyed := cart()
	keyed.Entry.Key = "event.cart_id"
	w := newWorld(t, keyed)
	w.happens(dana, "Product Added", map[string]any{"price": 90.0, "cart_id": "a"})
	w.clock.Advance(time.Minute)
	w.happens(dana, "Product Added", map[string]any{"price": 5.0, "cart_id": "b"})
	lines := w.explain("cart")
	if got := lines[len(lines)-1]; len(lines) != 3 || got.Fact != "Product Added#m2" || got.Reason != engine.NoWhere {
		t.Fatalf("got %s", explain.Text(lines))
	}
}

func TestOnlyTheConsentThatStartsTheJourneyIsHeldAgainstItsRun(t *testing.T) {
	def := cart()
	def.Entry = journey.Entry{Consent: &journey.ConsentEntry{Purpose: "marketing", Channel: "email"}}
	w := newWorld(t, def)
	w.happens(dana, "Consent Granted", map[string]any{"purpose": "marketing", "channel": "email", "state": "granted"})
	w.clock.Advance(time.Minute)
	w.happens(dana, "Consent Granted", map[string]any{"purpose": "personalization", "channel": "", "state": "granted"})
	w.happens(dana, "Consent Withdrawn", map[string]any{"purpose": "marketing", "channel": "email", "state": "withdrawn"})
	for _, l := range w.explain("cart") {
		if l.Decision == "not entered" {
			t.Fatalf("got %s", explain.Text(w.explain("cart")))
		}
	}
}

func TestWhatEndsARunIsToldBeforeTheRunItBegins(t *testing.T) {
	def := cart()
	def.Exit, def.Entry.Again = []journey.Exit{{Event: "Product Added"}}, journey.Again{}
	w := newWorld(t, def)
	for range 6 {
		w.happens(dana, "Product Added", tent)
		w.clock.Advance(time.Minute)
	}
	inside := false
	for _, l := range w.explain("cart") {
		if l.Decision != "entered" && l.Decision != "exit" {
			continue
		}
		if inside = !inside; inside != (l.Decision == "entered") {
			t.Fatalf("got %s", explain.Text(w.explain("cart")))
		}
	}
}

func TestAWouldBeEntryIsNeverToldAsOne(t *testing.T) {
	w := newWorld(t, cart())
	w.stores(dana, "Product Added", tent) // journey has not come to it
	lines := w.explain("cart")
	if len(lines) != 1 || lines[0].Decision != "not entered" || lines[0].Values[explain.ValueRecomputed] != true {
		t.Fatalf("got %+v", lines)
	}
	if n := len(w.store.Changes()); n != 2 { // the gate and the event
		t.Fatalf("explaining wrote: %d changes", n)
	}
}

func TestWithoutAFactThePermissionThatItLacksIsNamed(t *testing.T) {
	w := newWorld(t, cart())
	w.permit(dana, "marketing/email")
	lines := w.explain("")
	want := "no Product Added of hers is stored: it is kept for personalization, which she has not permitted"
	if len(lines) != 1 || lines[0].Reason != want {
		t.Fatalf("got %+v", lines)
	}
}

func TestConsentChangesStandInTheStoryOfTheJourneysThatRelyOnThem(t *testing.T) {
	other := journey.Definition{
		Name: "other", Purpose: "marketing", Entry: journey.Entry{Event: "Order Completed"}, Steps: []journey.Step{{End: &journey.End{}}},
	}
	w := newWorld(t, cart(), other)
	w.stores(dana, "Consent Granted", map[string]any{"purpose": "marketing", "channel": "email", "state": "granted"})
	w.stores(dana, "Consent Withdrawn", map[string]any{"purpose": "personalization", "channel": "", "state": "withdrawn"})
	w.stores(dana, "Unsubscribed", map[string]any{"email_id": "m-0"})
	texts := func(about string) (texts []string) {
		for _, l := range w.explain(about) {
			if l.Journey == "" {
				texts = append(texts, l.Sentence())
			}
		}
		return texts
	}
	all := []string{"marketing by email: granted", "use of data for personalization: withdrawn", "she used the unsubscribe link"}
	if got := texts("cart"); !slices.Equal(got, all) {
		t.Fatalf("cart: %q", got)
	}
	if got := texts("other"); !slices.Equal(got, []string{all[0], all[2]}) {
		t.Fatalf("other: %q", got)
	}
}

func TestABounceAndAComplaintStandInTheStory(t *testing.T) {
	w := newWorld(t, cart())
	w.stores(dana, "Email Bounced", map[string]any{"email_id": "m-0", "bounce_type": "Permanent"})
	w.stores(dana, "Email Marked as Spam", map[string]any{"email_id": "m-1", "feedback_type": "abuse"})
	w.stores(dana, "Email Bounced", map[string]any{"email_id": "m-2", "bounce_type": "Transient"})
	w.stores(dana, "Email Marked as Spam", map[string]any{"email_id": "m-2", "feedback_type": "not-spam"})
	lines := w.explain("cart")
	got := map[string]bool{}
	for _, l := range lines {
		got[l.Sentence()] = true
	}
	for _, want := range []string{
		"a mail to her bounced: nothing more is sent to that address", "she reported a mail as spam: nothing more is sent to that address",
		"a mail to her bounced, this once", "she says that a mail is no spam",
	} {
		if !got[want] {
			t.Errorf("nothing told of %q in\n%s", want, explain.Text(lines))
		}
	}
	if lines[0].Values[explain.ValueMessage] != "m-0" {
		t.Fatalf("got %+v", lines[0])
	}
}

func TestLinesAreInTheOrderOfTimeAndSayNothingAsEmptyLists(t *testing.T) {
	w := newWorld(t, cart())
	w.happens(dana, "Product Added", tent)
	w.passes(dana, time.Hour)
	w.settles(dana, message.Sent, "")
	w.stores(dana, "Consent Withdrawn", map[string]any{"purpose": "marketing", "channel": "email", "state": "withdrawn"})
	lines := w.explain("")
	if !slices.IsSortedFunc(lines, func(a, b explain.Line) int { return a.At.Compare(b.At) }) {
		t.Fatalf("got %s", explain.Text(lines))
	}
	for _, l := range lines {
		text, err := json.Marshal(l)
		w.must(err)
		var fields map[string]any
		w.must(json.Unmarshal(text, &fields))
		for _, name := range []string{"at", "fact", "journey", "step", "decision", "reason", "values"} {
			if fields[name] == nil {
				t.Fatalf("%s lacks %s", text, name)
			}
		}
	}
}

func TestWhoIsUnknownOrErasedOrAskedAboutNothingIsToldSo(t *testing.T) {
	w := newWorld(t, cart())
	if _, err := w.Explain(context.Background(), "nobody", ""); !errors.Is(err, explain.ErrUnknown) {
		t.Fatalf("unknown: %v", err)
	}
	var about *explain.AboutError
	if _, err := w.Explain(context.Background(), dana, "kart"); !errors.As(err, &about) || !slices.Equal(about.Journeys, []string{"cart"}) {
		t.Fatalf("about: %v", err)
	}
	w.happens(dana, "Product Added", tent)
	w.put(dana, item.SKGate, consent.Gate{Erased: t0.UnixMilli()})
	if lines := w.explain(""); len(lines) != 1 || lines[0].Decision != "end" {
		t.Fatalf("erased: %+v", lines)
	}
}

func TestARunWhoseReleaseIsGoneIsToldFromItsTrace(t *testing.T) {
	w := newWorld(t, cart())
	w.happens(dana, "Product Added", tent)
	run := w.run(dana)
	run.Release = "gone"
	w.put(dana, item.RunSK("cart", ""), run)
	if lines := w.explain("cart"); lines[1].Sentence() != "waits at wait-1h" {
		t.Fatalf("got %+v", lines[1])
	}
}

func TestRecentTellsTheNewestOfEverybodyAndWhoNeedsALook(t *testing.T) {
	w := newWorld(t, cart())
	const noa = "ab01"
	w.permit(noa, "marketing/email", "personalization")
	w.known(dana, "dana")
	w.known(noa, "noa")
	w.happens(dana, "Product Added", tent)
	w.happens(noa, "Product Added", tent)
	w.passes(dana, time.Hour)
	w.settles(dana, message.Skipped, message.ReasonCap)
	w.passes(noa, time.Minute)
	w.settles(noa, message.Unknown, "timeout")

	r, err := w.Recent(context.Background(), explain.Bounds{Customers: 100, Lines: 3}, func(*explain.Line) bool { return true })
	w.must(err)
	if r.Customers != 2 || r.Partial || len(r.Lines) != 3 {
		t.Fatalf("got %+v", r)
	}
	if newest := r.Lines[0]; newest.UserID != "noa" || newest.Decision != "unknown" || newest.Customer != noa {
		t.Fatalf("newest: %+v", newest)
	}
	if len(r.Look) != 1 || r.Look[0].UserID != "noa" {
		t.Fatalf("look: %+v", r.Look)
	}
	if r.Skipped["cart"][message.ReasonCap] != 1 {
		t.Fatalf("skipped: %v", r.Skipped)
	}
}

func TestRecentSaysWhenItDidNotLookAtEverybody(t *testing.T) {
	w := newWorld(t, cart())
	for _, customer := range []string{"a1", "a2", "a3"} {
		w.known(customer, customer)
	}
	r, err := w.Recent(context.Background(), explain.Bounds{Customers: 16, Lines: 1}, func(*explain.Line) bool { return true })
	w.must(err)
	if !r.Partial || r.Customers != 1 {
		t.Fatalf("looked at %d, partial %v", r.Customers, r.Partial)
	}
}

func TestWithoutAReleaseThereIsNothingToExplainBy(t *testing.T) {
	w := newWorld(t)
	w.Service.Releases = none{}
	if _, err := w.Explain(context.Background(), dana, ""); !errors.Is(err, flow.ErrNoRelease) {
		t.Fatalf("got %v", err)
	}
}

// none is a stack to which nothing has been published.
type none struct{ live }

func (none) Live(context.Context) (*release.Release, error) { return nil, flow.ErrNoRelease }
