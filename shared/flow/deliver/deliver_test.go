package deliver

import (
	"context"
	"errors"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
)

func TestADueMessageLeavesAndIsWrittenDown(t *testing.T) {
	w := newWorld(t)
	w.event("Product Added", 50*time.Minute, map[string]any{"product_id": "p1", "name": "Tent", "quantity": 1.0})
	w.event("Product Added", 40*time.Minute, map[string]any{"product_id": "p2", "name": "Lamp", "quantity": 2.0})
	key, id := w.due("cart")
	w.clock.Advance(time.Minute)
	r := w.deliver(key)

	m := w.expect(id, message.Sent, "")
	if r.Message == nil || r.Message.State != message.Sent {
		t.Fatalf("result %+v", r)
	}
	want := message.Msg{
		ID: id, State: message.Sent, Journey: "cart", RunKey: key.SK, Run: "run-cart", Step: "send", Template: "cart-reminder",
		Release: "r1", Purpose: "marketing", Due: noon.UnixMilli(), At: noon.Add(time.Minute).UnixMilli(), In: m.In,
		Provider: "provider-" + id, Ledger: "CONSENT#0000000001", Lang: "en", Late: 60_000, Class: message.ClassTriggered,
	}
	because := m.Because
	m.Because = nil
	if got, want := text(m), text(want); got != want {
		t.Fatalf("MSG is\n%s, want\n%s", got, want)
	}
	if want := []string{"Product Added#e1", "cart", "profile.first_name"}; !slices.Equal(because, want) {
		t.Fatalf("because %v, want %v", because, want)
	}
	claim := w.gate().Claims[0]
	if claim.Message != id || !claim.Capped || claim.At != m.At || claim.Lease != w.clock.Real().Add(openEnded+leaseMargin).UnixMilli() {
		t.Fatalf("claim %+v", claim)
	}
	sent := w.mails(1)[0]
	if sent.From != "news@mail.shop.example" || sent.To != address || sent.Customer != dana || sent.Journey != "cart" || sent.Step != "send" || sent.Run != "run-cart" || sent.Purpose != "marketing" {
		t.Fatalf("mail %+v", sent)
	}
	raw := body(t, sent)
	for _, part := range []string{"You left Lamp", "Dana, [Lamp x 2][Tent x 1]", "https://m.shop.example/u/", "https://m.shop.example/p/", "1 Harbour St"} {
		if !strings.Contains(raw, part) {
			t.Errorf("the mail lacks %q:\n%s", part, raw)
		}
	}
}

// text is a value for comparison.
func text(v any) string {
	var it item.Item
	_ = it.Encode(v)
	return string(it.Body)
}

// body is the mail with soft line breaks undone and bidi isolates left out.
func body(t *testing.T, m flow.Mail) string {
	t.Helper()
	if _, err := mail.ReadMessage(strings.NewReader(string(m.Raw))); err != nil {
		t.Fatal(err)
	}
	s := strings.ReplaceAll(string(m.Raw), "=\r\n", "")
	s = strings.NewReplacer("=E2=81=A8", "", "=E2=81=A9", "", "\u2068", "", "\u2069", "", "=3D", "=").Replace(s)
	return s
}

func TestA01WithoutPermissionTheMessageIsSkippedAndCounted(t *testing.T) {
	w := newWorld(t)
	w.lower(withdraw)
	key, id := w.due("plain")
	w.deliver(key)
	w.expect(id, message.Skipped, message.ReasonNoConsent)
	w.mails(0)
	if n := w.metrics.count("Messages", flow.Dim{Name: "State", Value: "skipped"}, flow.Dim{Name: "Reason", Value: message.ReasonNoConsent}); n != 1 {
		t.Fatalf("counted %d", n)
	}
}

func TestB26ServiceMailTakesNoPlaceUnderTheCap(t *testing.T) {
	w := newWorld(t)
	w.live.Settings.Caps = plan.Caps{PerDay: 1}
	for _, name := range []string{"order", "receipt", "plain"} {
		key, id := w.due(name)
		w.deliver(key)
		w.expect(id, message.Sent, "")
	}
}

func TestWhatIsWrittenLivesAsLongAsItShould(t *testing.T) {
	w := newWorld(t)
	gate := w.get(item.SKGate, new(any))
	gate.TTL, gate.V = noon.Add(time.Hour).Unix(), gate.V+1
	if err := w.mem.Write(context.Background(), flow.Put(*gate, flow.Any)); err != nil {
		t.Fatal(err)
	}
	key, id := w.due("plain")
	w.deliver(key)
	if got := w.get(item.SKGate, new(any)).TTL; got != gate.TTL {
		t.Fatalf("a claim moved GATE's expiry from %d to %d", gate.TTL, got)
	}
	if got, want := w.get(item.MsgSK(id), new(any)).TTL, noon.Add(400*24*time.Hour).Unix(); got != want {
		t.Fatalf("MSG expires at %d, want %d", got, want)
	}
}

func TestACustomerWithoutGateGetsServiceMailOnly(t *testing.T) {
	w := newWorld(t)
	if err := w.mem.Write(context.Background(), flow.Delete(item.C(dana, item.SKGate), flow.Any)); err != nil {
		t.Fatal(err)
	}
	key, id := w.due("plain")
	w.deliver(key)
	w.expect(id, message.Skipped, message.ReasonNoConsent)
	key, id = w.due("order")
	w.deliver(key)
	w.expect(id, message.Sent, "")
}

func TestJ02RecordsOfAFinishedHistoryChangeNothing(t *testing.T) {
	w := newWorld(t)
	key, _ := w.due("plain")
	w.deliver(key)
	w.deliver(key) // journey is behind: RUN still says due
	w.due("plain", func(r *engine.Run) { r.State, r.Out = engine.Ended, nil })
	w.clock.Advance(14 * 24 * time.Hour)
	before := len(w.mem.Changes())
	for range 3 {
		if r := w.deliver(key); r.Message != nil || r.Reason != message.ReasonNotDue {
			t.Fatalf("result %+v", r)
		}
	}
	if after := len(w.mem.Changes()); after != before {
		t.Fatalf("%d items were written", after-before)
	}
	w.mails(1)
}

func TestADecidedMessageIsDeliveredNoMoreWhateverTheRunSays(t *testing.T) {
	w := newWorld(t)
	key, id := w.due("plain")
	w.deliver(key)
	// Its claim has been let go for want of room; MSG alone remembers.
	w.lower(func(g *consent.Gate) { g.Claims = nil })
	w.deliver(key)
	w.expect(id, message.Sent, "")
	w.mails(1)
}

func TestARecordThatComesAgainReadsNoHistory(t *testing.T) {
	w := newWorld(t)
	key, _ := w.due("recheck")
	w.deliver(key)
	w.svc = w.service(w.hook(func(p point) error {
		if strings.HasPrefix(p.what, "query") {
			t.Errorf("%s for a message that is decided", p)
		}
		return nil
	}))
	w.deliver(key)
}

func TestAnExitIsWeighedByItsOwnTimeThenByItsArrival(t *testing.T) {
	for name, c := range map[string]struct {
		ago   time.Duration
		props map[string]any
		want  message.State
	}{
		"after the entry":                 {30 * time.Minute, nil, message.Skipped},
		"before the entry, arrived after": {2 * time.Hour, nil, message.Sent},
		"in the entry's millisecond":      {time.Hour, nil, message.Skipped}, // it arrived later
		"of another cart":                 {30 * time.Minute, map[string]any{"cart_id": "c2"}, message.Sent},
		"of this cart":                    {30 * time.Minute, map[string]any{"cart_id": "c1"}, message.Skipped},
	} {
		w := newWorld(t)
		w.event("Order Completed", c.ago, c.props)
		key, id := w.due("plain")
		w.deliver(key)
		if m := w.msg(id); m.State != c.want {
			t.Errorf("%s: %s %s, want %s", name, m.State, m.Reason, c.want)
		}
	}
}

func TestTheEntryFactIsNoExitOfItsOwnRun(t *testing.T) {
	w := newWorld(t)
	e := w.event("Order Completed", time.Hour, nil)
	key, id := w.due("plain", func(r *engine.Run) { r.Entry.Name, r.Entry.At, r.Entry.In = e.Name, e.At, e.In })
	w.deliver(key)
	w.expect(id, message.Sent, "")
}

func TestAnExitThatTheRunKnowsOfEndsAHeldMessage(t *testing.T) {
	w := newWorld(t)
	key, id := w.due("plain", func(r *engine.Run) { r.Exiting = "Order Completed" })
	w.put(item.MsgSK(id), 0, &message.Msg{ID: id, State: message.Held, Until: noon.Add(time.Hour).UnixMilli()})
	w.deliver(key)
	if m := w.expect(id, message.Skipped, message.ReasonExit); m.Exit != "Order Completed" {
		t.Fatalf("exit %q", m.Exit)
	}
}

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

func TestErasedCustomersGetNothing(t *testing.T) {
	w := newWorld(t)
	key, id := w.due("order")
	w.put(item.SKGate, 1, &consent.Gate{Erased: noon.UnixMilli()})
	before := len(w.mem.Changes())
	w.deliver(key)
	if after := len(w.mem.Changes()); after != before || w.msg(id).State != "" {
		t.Fatal("something was written about an erased customer")
	}
	// Back again: the run is of her former life.
	w.put(item.SKGate, 1, &consent.Gate{Since: noon.UnixMilli()})
	w.deliver(key)
	w.mails(0)
	// A new run of the new life, with a profile of the old one.
	it := w.get(key.SK, &engine.Run{})
	it.E, it.V = 1, it.V+1
	if err := w.mem.Write(context.Background(), flow.Put(*it, flow.Any)); err != nil {
		t.Fatal(err)
	}
	w.deliver(key)
	w.expect(id, message.Skipped, message.ReasonNoAddress)
}

func TestB26CapWaitIsHeldUntilASlotFreesAndThenLeaves(t *testing.T) {
	w := newWorld(t)
	w.live.Settings.Caps = plan.Caps{PerDay: 1}
	w.live.Settings.QuietHours = plan.QuietHours{From: "21:00", To: "08:00", Then: message.QuietHold}
	w.live.Settings.Late = plan.Late{Kind: message.LateDrop, After: plan.Duration(time.Hour)} // does not bound it
	key, _ := w.due("plain")
	w.deliver(key)
	key, id := w.due("patient")
	w.deliver(key)
	jerusalem, err := time.LoadLocation("Asia/Jerusalem")
	if err != nil {
		t.Fatal(err)
	}
	midnight := time.Date(2026, 11, 5, 0, 0, 0, 0, jerusalem)
	if m := w.expect(id, message.Held, message.ReasonCap); m.Until != midnight.UnixMilli() {
		t.Fatalf("held until %v", time.UnixMilli(m.Until).In(jerusalem))
	}
	w.clock.Set(midnight)
	w.deliver(key)
	if m := w.expect(id, message.Held, message.ReasonQuiet); m.Until != midnight.Add(8*time.Hour).UnixMilli() {
		t.Fatalf("held until %v", time.UnixMilli(m.Until).In(jerusalem))
	}
	w.clock.Set(midnight.Add(8 * time.Hour))
	w.deliver(key)
	w.expect(id, message.Sent, "")
	w.mails(2)
}

func TestJ09WithoutAKnownZoneTheBrandsHoldsAndTheMessageSaysSo(t *testing.T) {
	w := newWorld(t)
	w.live.Settings.QuietHours = plan.QuietHours{From: "11:00", To: "13:00", Then: message.QuietHold} // it is 12:00 in Jerusalem, 10:00 UTC
	for _, zone := range []string{"", "Mars/Olympus"} {
		w.put(item.SKProfile, 0, &profile.Profile{Address: address, AddressHash: hash, Zone: zone})
		key, id := w.due("plain", func(r *engine.Run) { r.Out.Send.Message += "x" })
		w.deliver(key)
		m := w.expect(id, message.Held, message.ReasonQuiet)
		if !slices.Contains(m.Because, "zone unknown: Asia/Jerusalem") {
			t.Fatalf("zone %q: because %v", zone, m.Because)
		}
		if err := w.mem.Write(context.Background(), flow.Delete(item.C(dana, item.MsgSK(id)), flow.Any)); err != nil {
			t.Fatal(err)
		}
	}
	w.put(item.SKProfile, 0, &profile.Profile{Address: address, AddressHash: hash, Zone: "Europe/London"})
	key, id := w.due("plain")
	w.deliver(key)
	if m := w.msg(id); slices.ContainsFunc(m.Because, func(b string) bool { return strings.HasPrefix(b, "zone") }) {
		t.Fatalf("a known zone is called unknown: %v", m.Because)
	}
}

func TestRecheckIsEvaluatedAtTheGate(t *testing.T) {
	w := newWorld(t)
	key, id := w.due("recheck")
	w.deliver(key)
	w.expect(id, message.Skipped, message.ReasonRecheck)
	w = newWorld(t)
	w.event("Product Added", time.Hour, nil)
	key, id = w.due("recheck")
	w.deliver(key)
	w.expect(id, message.Sent, "")
	// What she does not let this journey see, it does not see here either.
	w = newWorld(t)
	w.event("Product Added", time.Hour, nil)
	w.lower(func(g *consent.Gate) { delete(g.States, "personalization") })
	key, id = w.due("recheck")
	w.deliver(key)
	w.expect(id, message.Skipped, message.ReasonRecheck)
}

func TestLatePolicies(t *testing.T) {
	for name, c := range map[string]struct {
		journey string
		late    time.Duration
		want    message.State
	}{
		"the step's, in time":       {"cart", 6 * time.Hour, message.Sent},
		"the step's":                {"cart", 6*time.Hour + time.Millisecond, message.Skipped},
		"the settings', in time":    {"plain", 12 * time.Hour, message.Sent},
		"the settings'":             {"plain", 12*time.Hour + time.Millisecond, message.Skipped},
		"the default of all":        {"no settings", 24*time.Hour + time.Millisecond, message.Skipped},
		"the default of all, after": {"no settings", 24 * time.Hour, message.Sent},
	} {
		w := newWorld(t)
		w.live.Settings.Late.After = plan.Duration(12 * time.Hour)
		if c.journey == "no settings" {
			c.journey, w.live.Settings.Late = "plain", plan.Late{}
		}
		key, id := w.due(c.journey)
		w.clock.Advance(c.late)
		w.event("Product Added", time.Minute, map[string]any{"product_id": "p1", "name": "Tent"})
		w.deliver(key)
		if m := w.msg(id); m.State != c.want {
			t.Errorf("%s: %s %s, want %s", name, m.State, m.Reason, c.want)
		}
	}
}

func TestJ16AStagingStageSkipsCustomers(t *testing.T) {
	w := newWorld(t)
	w.svc.Stage = "staging"
	key, id := w.due("order")
	w.deliver(key)
	w.expect(id, message.Skipped, message.ReasonStaging)
	w.mails(0)
}

// A run finishes on the journey it started, but today's caps, quiet hours and
// purposes hold for everybody.
func TestARunOfAnOlderReleaseIsHeldToTodaysSettings(t *testing.T) {
	w := newWorld(t)
	old := newRelease("r0")
	w.older["r0"] = old
	delete(w.live.Journeys, "plain")
	w.live.Settings.Caps = plan.Caps{PerDay: 1}
	run := func(message string) func(*engine.Run) {
		return func(r *engine.Run) { r.Release, r.Out.Send.Message = "r0", message }
	}
	w.live.Journeys["plain"] = old.Journeys["plain"]
	key, id := w.due("plain", run("first-0"))
	delete(w.live.Journeys, "plain")
	w.deliver(key)
	if m := w.expect(id, message.Sent, ""); m.Release != "r0" {
		t.Fatalf("release %s", m.Release)
	}
	w.live.Journeys["plain"] = old.Journeys["plain"]
	key, id = w.due("plain", run("second-0"))
	w.deliver(key)
	w.expect(id, message.Skipped, message.ReasonCap)

	w.due("plain", func(r *engine.Run) { r.Release = "gone" })
	if _, err := w.svc.Deliver(context.Background(), key); !errors.Is(err, flow.ErrNoRelease) {
		t.Fatalf("a release that can't be read now: %v", err)
	}
}

func TestARunAtAStepThatDoesNotExistIsPoison(t *testing.T) {
	w := newWorld(t)
	key, _ := w.due("plain", func(r *engine.Run) { r.Step = "gone" })
	var poison *item.DecodeError
	if _, err := w.svc.Deliver(context.Background(), key); !errors.As(err, &poison) {
		t.Fatalf("got %v", err)
	}
}

func TestItemsOfANewerReleaseAreRefusedNotGuessed(t *testing.T) {
	for _, sk := range []string{item.SKGate, item.SKProfile, item.RunSK("plain", "")} {
		w := newWorld(t)
		key, _ := w.due("plain")
		it := w.get(sk, new(any))
		it.F = item.Format + 1
		if err := w.mem.Write(context.Background(), flow.Put(*it, flow.Any)); err != nil {
			t.Fatal(err)
		}
		var format *item.FormatError
		if _, err := w.svc.Deliver(context.Background(), key); !errors.As(err, &format) {
			t.Errorf("%s: %v", sk, err)
		}
		w.mails(0)
	}
}

func TestLookGivesWhatIsStoredAboutTheMessageThatIsDue(t *testing.T) {
	w := newWorld(t)
	key, _ := w.due("plain")
	look := func() *item.Item {
		t.Helper()
		it, err := w.svc.Look(context.Background(), key)
		if err != nil {
			t.Fatal(err)
		}
		return it
	}
	if it := look(); it != nil {
		t.Fatalf("found %+v before anything was stored", it)
	}
	w.deliver(key)
	if it := look(); it == nil || it.V != 1 || it.W == "" {
		t.Fatalf("found %+v", it)
	}
	w.due("plain", func(r *engine.Run) { r.State = engine.Waiting })
	if it := look(); it != nil {
		t.Fatal("found the message of a run that waits for something else")
	}
}

func TestAFullGateLetsStoredMessagesGoAndStillKnowsThem(t *testing.T) {
	w := newWorld(t)
	w.live.Settings.Caps = plan.Caps{PerWeek: 1000}
	ids := fillGate(w, 110, true)
	key, id := w.due("plain")
	w.deliver(key)
	w.expect(id, message.Sent, "")
	g := w.gate()
	if it := w.get(item.SKGate, &g); it.Size() > message.MaxGate {
		t.Fatalf("GATE has %d bytes", it.Size())
	}
	if len(g.Sends)+len(g.Claims) != len(ids)+1 {
		t.Fatalf("%d sends and %d claims of %d: the caps have forgotten some", len(g.Sends), len(g.Claims), len(ids)+1)
	}
	// The oldest is due again; MSG knows it.
	key, _ = w.due("plain", func(r *engine.Run) { r.Out.Send.Message = ids[0] })
	w.deliver(key)
	w.mails(1)
}

func TestAFullGateThatNothingCanLeaveHoldsAllButService(t *testing.T) {
	w := newWorld(t)
	fillGate(w, 110, false)
	key, id := w.due("plain")
	w.deliver(key)
	w.expect(id, message.Held, message.ReasonFull)
	key, id = w.due("order")
	w.deliver(key)
	w.expect(id, message.Sent, "")
}

// fillGate makes n sends of the last days, with or without their MSG.
func fillGate(w *world, n int, stored bool) []string {
	var ids []string
	w.lower(func(g *consent.Gate) {
		for i := range n {
			id := ident.MessageID("run", "send", i, 0)
			at := noon.Add(-time.Duration(n-i) * time.Hour).UnixMilli()
			ids = append(ids, id)
			g.Claims = append(g.Claims, consent.Claim{Message: id, At: at, Lease: at, Token: w.tokens.Token(), Capped: true})
			if stored {
				w.put(item.MsgSK(id), 0, &message.Msg{ID: id, State: message.Sent})
			}
		}
	})
	return ids
}

func TestTheOffersAreThoseOfTheStepInHerLanguageWithoutWhatShesBoughtOrIsOver(t *testing.T) {
	offers := func(w *world) string {
		key, id := w.due("offers", func(r *engine.Run) { r.Offers = []string{"tent", "boots", "gone"} })
		w.deliver(key)
		w.expect(id, message.Sent, "")
		return body(w.t.(*testing.T), w.mails(1)[0])
	}
	w := newWorld(t)
	if mail := offers(w); !strings.Contains(mail, "[Tent weekend https://shop.example/tents][Boots https://shop.example/boots]") {
		t.Fatalf("mail %s", mail)
	}
	w = newWorld(t)
	w.event("Order Completed", 10*time.Minute, map[string]any{"cart_id": "another", "products": []any{map[string]any{"product_id": "p1"}}})
	if mail := offers(w); strings.Contains(mail, "Tent") || !strings.Contains(mail, "Boots") {
		t.Fatalf("bought: %s", mail)
	}
	w = newWorld(t)
	w.clock.Set(time.Date(2026, 11, 4, 22, 0, 0, 0, time.UTC)) // the fifth in the brand's zone
	if mail := offers(w); strings.Contains(mail, "Boots") {
		t.Fatalf("over: %s", mail)
	}
	w = newWorld(t)
	w.put(item.SKProfile, 0, &profile.Profile{Address: address, AddressHash: hash, Locale: "he"})
	if mail := offers(w); !strings.Contains(mail, "=D7=A1=D7=95=D7=A3") && !strings.Contains(mail, "סוף") {
		t.Fatalf("Hebrew: %s", mail)
	}
}

// requested is a run of a built-in journey.
func requested(props map[string]any) func(*engine.Run) {
	return func(r *engine.Run) {
		r.Entry = fact.Fact{Kind: fact.KindEvent, ID: "Message Requested#m1", Name: fact.MessageRequested, At: noon.UnixMilli(), In: ident.NewStamp(noon, 1), Props: props}
	}
}

func TestAMessageByAPISeesTheDataThatCameWithIt(t *testing.T) {
	w := newWorld(t)
	key, id := w.due("api", requested(map[string]any{"kind": "api", "template": "api-mail", "data": map[string]any{"order_id": "o-77"}}))
	w.deliver(key)
	if m := w.expect(id, message.Sent, ""); m.Template != "api-mail" || m.Class != message.ClassService {
		t.Fatalf("message %+v", m)
	}
	mail := w.mails(1)[0]
	if !strings.Contains(body(t, mail), "Order o-77") || mail.From != "orders@shop.example" {
		t.Fatalf("mail %s", mail.Raw)
	}
	if strings.Contains(string(mail.Raw), "List-Unsubscribe") {
		t.Fatal("a service mail carries List-Unsubscribe")
	}
}

func TestAConfirmationAsksThePendingAddressForThisTextOnly(t *testing.T) {
	w := newWorld(t)
	w.put(item.SKProfile, 0, &profile.Profile{Pending: "new@shop.example", PendingHash: "00ff00ff", PendingTill: noon.Add(time.Hour).UnixMilli(), Locale: "en"})
	key, id := w.due("confirm", requested(map[string]any{"kind": "confirm", "purpose": "marketing", "channel": "email", "notice": "newsletter"}))
	w.deliver(key)
	w.expect(id, message.Sent, "")
	mail := w.mails(1)[0]
	if mail.To != "new@shop.example" {
		t.Fatal("it went elsewhere")
	}
	token := between(t, body(t, mail), `href="https://m.shop.example/c/`, `"`)
	c, ok := w.keyring().OpenConfirm(token)
	if !ok || c.Customer != dana || c.Address != "00ff00ff" || c.Purpose != "marketing" || c.Channel != "email" || c.Notice != "newsletter" || c.Version != "v7" {
		t.Fatalf("token %+v (%v)", c, ok)
	}
}

func TestAConfirmationForAnAddressSheNoLongerGivesIsSkipped(t *testing.T) {
	w := newWorld(t)
	key, id := w.due("confirm", requested(map[string]any{"kind": "confirm", "address": "hash-of-another"}))
	w.deliver(key)
	w.expect(id, message.Skipped, message.ReasonNoAddress)
	w.mails(0)
}

func TestALinkMailCarriesASessionOfHalfAnHour(t *testing.T) {
	w := newWorld(t)
	key, id := w.due("link", requested(map[string]any{"kind": "link"}))
	w.deliver(key)
	w.expect(id, message.Sent, "")
	raw := body(t, w.mails(1)[0])
	s, ok := w.keyring().OpenSession(between(t, raw, `href="https://m.shop.example/p/`, `"`))
	if !ok || s.Customer != dana || s.Nonce != id || s.Expires != noon.Add(30*time.Minute).UnixMilli() {
		t.Fatalf("session %+v (%v)", s, ok)
	}
}

func between(t *testing.T, s, before, after string) string {
	t.Helper()
	_, s, ok1 := strings.Cut(s, before)
	s, _, ok2 := strings.Cut(s, after)
	if !ok1 || !ok2 {
		t.Fatalf("nothing between %q and %q", before, after)
	}
	return s
}
