package deliver

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
)

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

func TestTheGateNamesTheExitThatArrivedFirst(t *testing.T) {
	w := newWorld(t)
	key, id := w.due("plain")
	first := w.event("Order Completed", 10*time.Minute, nil)
	late := w.event("Order Completed", 20*time.Minute, nil) // of earlier own time, and told later
	at := time.UnixMilli(late.At)
	late.In = ident.NewStamp(noon, w.tokens.Seq())
	w.put(item.EventSK(late.Name, at, late.ID), 0, &late)
	w.deliver(key)
	if m := w.expect(id, message.Skipped, message.ReasonExit); m.Exit != "Order Completed" || m.ExitFact != first.FactID() {
		t.Fatalf("exit %q by %q, want %q", m.Exit, m.ExitFact, first.FactID())
	}
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

// The clock that fires a run and the one that judges its message are two machines'.
// When the second is a little behind, the message is not left for a look to find, a
// quarter of an hour later: it is judged, and what still holds it holds it again.
func TestAHoldThatTheRunHasWaitedOutIsNotWaitedForAgain(t *testing.T) {
	w := newWorld(t)
	w.live.Settings.QuietHours = plan.QuietHours{From: "11:00", To: "13:00", Then: message.QuietHold} // it is 12:00 in Jerusalem
	key, id := w.due("plain")
	w.deliver(key)
	held := w.expect(id, message.Held, message.ReasonQuiet)
	end := time.UnixMilli(held.Until)
	w.clock.Set(end.Add(-2 * time.Second))
	if r := w.deliver(key); r.Message != nil || r.Reason != message.ReasonWaits {
		t.Fatalf("a record that came again changed it: %+v", r)
	}
	stored := w.get(item.MsgSK(id), &message.Msg{})
	w.due("plain", func(r *engine.Run) { r.MsgV, r.MsgW, r.Out.Send.Due = stored.V, stored.W, held.Due })
	if r := w.deliver(key); r.Message == nil || r.Message.State != message.Held || r.Message.Until != held.Until {
		t.Fatalf("%+v", r)
	}
	w.clock.Set(end)
	w.due("plain", func(r *engine.Run) { r.MsgV, r.MsgW, r.Out.Send.Due = stored.V, stored.W, held.Due })
	w.deliver(key)
	w.expect(id, message.Sent, "")
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

// A chain's depth goes from the run into what is told of its message.
func TestAMessageRemembersHowDeepItsChainIs(t *testing.T) {
	w := newWorld(t)
	key, id := w.due("plain", func(r *engine.Run) { r.Hops = 5 })
	w.deliver(key)
	if m := w.msg(id); m.Hops != 5 {
		t.Fatalf("hops %d", m.Hops)
	}
}

// A rechecked condition speaks of her own day.
func TestARecheckGoesByHerZone(t *testing.T) {
	w := newWorld(t)
	w.live.Journeys["dated"] = compileRecheck(`now >= date("2026-11-05")`)
	w.clock.Set(time.Date(2026, 11, 4, 22, 30, 0, 0, time.UTC)) // the fifth in Jerusalem
	key, id := w.due("dated")
	w.deliver(key)
	w.expect(id, message.Sent, "")
}

func compileRecheck(cond string) *journey.Journey {
	return compile("dated", "marketing", journey.Send{Template: "plain", Late: &journey.Late{Kind: "recheck", Recheck: cond}})
}
