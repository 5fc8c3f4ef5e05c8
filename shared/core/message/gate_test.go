package message

import (
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
)

const (
	dana   = "0123456789abcdef0123456789abcdef"
	danas  = "hash-of-dana"
	thisID = "abcdefghijklmnop-0"
)

// noon of a day far from any change of clocks.
var noon = time.Date(2026, 11, 4, 12, 0, 0, 0, time.UTC)

// open is the input of a marketing message that passes every rule.
func open() *GateInput {
	return &GateInput{
		Customer: dana,
		Plan: &plan.Plan{Purposes: map[string]plan.Purpose{
			"marketing": {Contact: []string{"email"}, Basis: plan.BasisConsent},
			"news":      {Contact: []string{"email"}, Basis: plan.BasisConsent},
			"service":   {Contact: []string{"email"}, Basis: plan.BasisContract},
		}},
		Settings: &plan.Settings{},
		Due: &Due{
			Message: thisID, Purpose: "marketing", Topic: "cart", At: noon.UnixMilli(),
			Late: plan.Late{Kind: LateDrop, After: plan.Duration(6 * time.Hour)},
		},
		Gate: &consent.Gate{States: map[string]consent.Permission{
			"marketing/email": {State: consent.Granted, At: 1, Ledger: "CONSENT#0000000007"},
		}},
		Profile: &profile.Profile{Address: "dana@shop.example", AddressHash: danas},
		Owner:   &profile.Owner{Customer: dana},
		Zone:    time.UTC, Now: noon, Real: noon, Stage: Prod, Reaches: true,
	}
}

// but is open with a change.
func but(change func(*GateInput)) GateInput {
	in := open()
	change(in)
	return *in
}

func service(in *GateInput) { in.Due.Purpose = "service" }

func ms(t time.Time) int64 { return t.UnixMilli() }

func check(t *testing.T, name string, in GateInput, action Action, reason string) {
	t.Helper()
	got := Pass(in)
	if got.Action != action || got.Reason != reason {
		t.Errorf("%s: got %d %q, want %d %q", name, got.Action, got.Reason, action, reason)
	}
}

func TestAMessageThatNothingStopsLeavesAndNamesItsPermission(t *testing.T) {
	if got := Pass(*open()); got != (Verdict{Action: Go, Ledger: "CONSENT#0000000007"}) {
		t.Fatalf("got %+v", got)
	}
}

func TestA01WithoutPermissionForThisPurposeByMailNothingLeaves(t *testing.T) {
	for _, state := range []consent.State{consent.Unknown, consent.Pending, consent.Denied, consent.Withdrawn} {
		check(t, string(state), but(func(in *GateInput) {
			in.Gate.States["marketing/email"] = consent.Permission{State: state}
			in.Gate.States["marketing"] = consent.Permission{State: consent.Granted}        // data use
			in.Gate.States["news/email"] = consent.Permission{State: consent.Granted}       // another purpose
			in.Gate.States["marketing/letter"] = consent.Permission{State: consent.Granted} // another channel
		}), Skip, ReasonNoConsent)
	}
	check(t, "nothing ever stated", but(func(in *GateInput) { in.Gate = &consent.Gate{} }), Skip, ReasonNoConsent)
	check(t, "a purpose the plan no longer has", but(func(in *GateInput) { delete(in.Plan.Purposes, "marketing") }), Skip, ReasonNoConsent)
}

func TestI08AWithdrawalAtTheAddressHoldsWhoeverOwnsIt(t *testing.T) {
	withdrawn := func(at, granted int64) GateInput {
		return but(func(in *GateInput) {
			in.Owner.Withdrawn = map[string]int64{"marketing/email": at}
			in.Gate.States["marketing/email"] = consent.Permission{State: consent.Granted, At: granted}
		})
	}
	check(t, "withdrawn after her grant", withdrawn(6, 5), Skip, ReasonNoConsent)
	check(t, "withdrawn at her grant", withdrawn(5, 5), Skip, ReasonNoConsent)
	check(t, "granted after it", withdrawn(5, 6), Go, "")
	check(t, "another purpose", but(func(in *GateInput) { in.Owner.Withdrawn = map[string]int64{"news/email": 9} }), Go, "")
	check(t, "service", but(func(in *GateInput) {
		in.Owner.Withdrawn = map[string]int64{"service/email": 9}
		service(in)
	}), Go, "")
}

func TestA16PermissionExpiresOnItsSecond(t *testing.T) {
	expiring := func(at time.Time) GateInput {
		return but(func(in *GateInput) {
			in.Gate.States["marketing/email"] = consent.Permission{State: consent.Granted, Expires: ms(at)}
		})
	}
	check(t, "a millisecond before", expiring(noon.Add(time.Millisecond)), Go, "")
	check(t, "on it", expiring(noon), Skip, ReasonNoConsent)
}

func TestTopicsAndPause(t *testing.T) {
	check(t, "topic off", but(func(in *GateInput) { in.Gate.Topics = map[string]int64{"cart": 1} }), Skip, ReasonTopic)
	check(t, "another topic off", but(func(in *GateInput) { in.Gate.Topics = map[string]int64{"news": 1} }), Go, "")
	check(t, "a journey without topic", but(func(in *GateInput) {
		in.Due.Topic, in.Gate.Topics = "", map[string]int64{"": 1}
	}), Go, "")
	paused := func(until time.Time) func(*GateInput) { return func(in *GateInput) { in.Gate.Paused = ms(until) } }
	check(t, "paused", but(paused(noon.Add(time.Millisecond))), Skip, ReasonPaused)
	check(t, "pause over", but(paused(noon)), Go, "")
	check(t, "service is not paused", but(func(in *GateInput) { paused(noon.Add(time.Hour))(in); service(in) }), Go, "")
}

func TestAddresses(t *testing.T) {
	pending := func(in *GateInput) {
		in.Profile = &profile.Profile{Pending: "new@shop.example", PendingHash: "hash-of-new", PendingTill: ms(noon) + 1}
		service(in)
	}
	confirm := func(in *GateInput) { pending(in); in.Due.Confirm = true }
	check(t, "no profile", but(func(in *GateInput) { in.Profile = nil }), Skip, ReasonNoAddress)
	check(t, "no address", but(func(in *GateInput) { in.Profile = &profile.Profile{} }), Skip, ReasonNoAddress)
	check(t, "pending", but(pending), Skip, ReasonPending)
	check(t, "confirmation of the pending one", but(confirm), Go, "")
	check(t, "confirmation after it has expired", but(func(in *GateInput) { confirm(in); in.Profile.PendingTill = ms(noon) }), Skip, ReasonNoAddress)
	check(t, "confirmation for one given before", but(func(in *GateInput) { confirm(in); in.Due.Address = "hash-of-older" }), Skip, ReasonNoAddress)
	check(t, "confirmation for the very one", but(func(in *GateInput) { confirm(in); in.Due.Address = "hash-of-new" }), Go, "")
	check(t, "shared", but(func(in *GateInput) { in.Profile.Shared = true }), Skip, ReasonShared)
	check(t, "owned by another", but(func(in *GateInput) { in.Owner.Customer = "another" }), Skip, ReasonShared)
	check(t, "shared, service", but(func(in *GateInput) { in.Profile.Shared = true; in.Owner.Customer = "another"; service(in) }), Go, "")
	check(t, "nobody ever owned it", but(func(in *GateInput) { in.Owner = nil }), Go, "")
	check(t, "nobody owns it now", but(func(in *GateInput) { in.Owner.Customer = "" }), Go, "")
}

func TestAConfirmationGoesToThePendingAddressAndNothingElseDoes(t *testing.T) {
	p := &profile.Profile{
		Address: "dana@shop.example", AddressHash: danas,
		Pending: "new@shop.example", PendingHash: "hash-of-new", PendingTill: ms(noon) + 1,
	}
	for name, c := range map[string]struct {
		due  Due
		want string
	}{
		"a message":                          {Due{}, danas},
		"a confirmation":                     {Due{Confirm: true}, "hash-of-new"},
		"a confirmation for the old address": {Due{Confirm: true, Address: danas}, danas},
	} {
		if _, hash, reason := Recipient(p, &c.due, noon); hash != c.want || reason != "" {
			t.Errorf("%s goes to %s (%s), want %s", name, hash, reason, c.want)
		}
	}
}

func TestB20ASuppressedAddressGetsNothingOfAnyPurpose(t *testing.T) {
	bounced := &consent.Suppression{Reason: "bounce"}
	for name, suppress := range map[string]func(*GateInput){
		"by GATE": func(in *GateInput) { in.Gate.Suppressed = bounced },
		"by A#":   func(in *GateInput) { in.Owner.Suppressed = bounced },
	} {
		check(t, name, but(suppress), Skip, ReasonSuppressed)
		check(t, name+", service", but(func(in *GateInput) { suppress(in); service(in) }), Skip, ReasonSuppressed)
	}
	// Her old address bounced; the new one may be confirmed.
	check(t, "a new address", but(func(in *GateInput) {
		in.Gate.Suppressed, in.Due.Confirm = bounced, true
		in.Profile.Pending, in.Profile.PendingHash, in.Profile.PendingTill = "new@shop.example", "hash-of-new", ms(noon)+1
		in.Owner = nil
		service(in)
	}), Go, "")
}

func TestA38WhoWasErasedAtAnAddressIsAskedThereAndMailedNothingElse(t *testing.T) {
	erased := &consent.Suppression{Reason: consent.SuppressErased}
	for name, suppress := range map[string]func(*GateInput){
		"by GATE": func(in *GateInput) { in.Gate.Suppressed = erased },
		"by A#":   func(in *GateInput) { in.Owner.Suppressed = erased },
	} {
		check(t, name, but(suppress), Skip, ReasonSuppressed)
		check(t, name+", service", but(func(in *GateInput) { suppress(in); service(in) }), Skip, ReasonSuppressed)
		check(t, name+", whether it is she", but(func(in *GateInput) { suppress(in); service(in); in.Due.Confirm = true }), Go, "")
	}
}

func TestJ01AnExitStopsTheMailWhateverElseHolds(t *testing.T) {
	exit := func(in *GateInput) { in.Exit = "Order Completed" }
	for name, in := range map[string]GateInput{
		"plainly":         but(exit),
		"service":         but(func(in *GateInput) { exit(in); service(in) }),
		"held until then": but(func(in *GateInput) { exit(in); in.Stored = &Msg{State: Held, Until: ms(noon) + 1} }),
		"no consent":      but(func(in *GateInput) { exit(in); in.Gate.States = nil }),
	} {
		got := Pass(in)
		if want := (Verdict{Action: Skip, Reason: ReasonExit, Exit: "Order Completed"}); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

func TestWhatHappenedToTheMessageAlready(t *testing.T) {
	check(t, "not due", but(func(in *GateInput) { in.Due = nil }), Nothing, ReasonNotDue)
	for _, s := range []State{Sent, Skipped, Failed, Unknown} {
		check(t, string(s), but(func(in *GateInput) { in.Stored = &Msg{State: s}; in.Exit = "Order Completed" }), Nothing, ReasonFinal)
	}
	held := func(until time.Time) GateInput {
		return but(func(in *GateInput) { in.Stored = &Msg{State: Held, Until: ms(until)} })
	}
	check(t, "held for a while yet", held(noon.Add(time.Millisecond)), Nothing, ReasonWaits)
	check(t, "held until now", held(noon), Go, "")
}

func TestClaimsOfOthers(t *testing.T) {
	claimed := func(lease time.Time, more func(*GateInput, *consent.Claim)) GateInput {
		return but(func(in *GateInput) {
			in.Gate.Claims = []consent.Claim{{Message: thisID, At: ms(noon), Lease: ms(lease), Token: "t", By: "p1", Capped: true}}
			if more != nil {
				more(in, &in.Gate.Claims[0])
			}
		})
	}
	running, over := noon.Add(time.Millisecond), noon
	check(t, "under lease", claimed(running, nil), Nothing, ReasonClaimed)
	check(t, "under lease, with an exit", claimed(running, func(in *GateInput, _ *consent.Claim) { in.Exit = "x" }), Nothing, ReasonClaimed)
	check(t, "under lease, held before", claimed(running, func(in *GateInput, _ *consent.Claim) { in.Stored = &Msg{State: Held} }), Nothing, ReasonClaimed)
	check(t, "lease over", claimed(over, nil), DontKnow, ReasonLease)
	check(t, "lease over, with an exit", claimed(over, func(in *GateInput, _ *consent.Claim) { in.Exit = "x" }), DontKnow, ReasonLease)
	check(t, "lease over, held before", claimed(over, func(in *GateInput, _ *consent.Claim) { in.Stored = &Msg{State: Held} }), DontKnow, ReasonLease)
	check(t, "another message's claim", claimed(over, func(_ *GateInput, c *consent.Claim) { c.Message = "other" }), Go, "")

	resend := func(in *GateInput, _ *consent.Claim) { service(in); in.Due.Resend = true }
	check(t, "service that may be resent, under lease", claimed(running, resend), Nothing, ReasonClaimed)
	check(t, "service that may be resent", claimed(over, resend), Go, "")
	check(t, "service that was resent", claimed(over, func(in *GateInput, c *consent.Claim) { resend(in, c); c.Again = true }), DontKnow, ReasonLease)
	check(t, "marketing is never resent", claimed(over, func(in *GateInput, _ *consent.Claim) { in.Due.Resend = true }), DontKnow, ReasonLease)
	check(t, "a resend that may not leave any more is not called skipped", claimed(over, func(in *GateInput, c *consent.Claim) {
		resend(in, c)
		in.Exit = "x"
	}), DontKnow, ReasonLease)

	oneMachine := func(process string) func(*GateInput, *consent.Claim) {
		return func(in *GateInput, _ *consent.Claim) { in.CanAsk, in.Process = true, process }
	}
	check(t, "of a dead process", claimed(running, oneMachine("p2")), Ask, "")
	check(t, "of this process", claimed(running, oneMachine("p1")), Nothing, ReasonClaimed)
	check(t, "of this process, lease over", claimed(over, oneMachine("p1")), Ask, "")
}

func TestJ16AStageThatIsNotProdMailsOnlyTestersAndTheSimulator(t *testing.T) {
	to := func(address string, more func(*GateInput)) GateInput {
		return but(func(in *GateInput) {
			in.Stage, in.Profile.Address = "staging", profile.Secret(address)
			in.Settings.Test.Recipients = []string{"Team@shop.example"}
			if more != nil {
				more(in)
			}
		})
	}
	check(t, "a customer", to("dana@shop.example", nil), Skip, ReasonStaging)
	check(t, "a customer, service", to("dana@shop.example", service), Skip, ReasonStaging)
	check(t, "no stage at all", to("dana@shop.example", func(in *GateInput) { in.Stage = "" }), Skip, ReasonStaging)
	check(t, "a tester", to("team@SHOP.example", nil), Go, "")
	check(t, "the simulator", to("bounce+1@simulator.amazonses.com", nil), Go, "")
	check(t, "who only looks like the simulator", to("dana@simulator.amazonses.com.evil.example", nil), Skip, ReasonStaging)
	check(t, "another domain that ends so", to("dana@not-simulator.amazonses.com", nil), Skip, ReasonStaging)
	check(t, "the local mailbox", to("dana@shop.example", func(in *GateInput) { in.Reaches = false }), Go, "")
	check(t, "prod", to("dana@shop.example", func(in *GateInput) { in.Stage = Prod }), Go, "")
}

func TestTheBrakeHoldsForAsLongAsItIsOn(t *testing.T) {
	in := but(func(in *GateInput) {
		in.Real = noon.Add(1000 * time.Hour) // two clocks that have nothing in common
		in.Brake = Pace{}.Braked("SendingPausedException", in.Real)
	})
	if got, want := Pass(in), (Verdict{Action: Hold, Reason: ReasonBrake, Until: noon.Add(firstBrake)}); got != want {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	in.Real = in.Real.Add(firstBrake)
	check(t, "released by itself", in, Go, "")
}

func TestFollows(t *testing.T) {
	states := []State{Held, Sent, Skipped, Unknown, Failed}
	for _, next := range states {
		if !Follows(next, nil, false) || !Follows(next, &Msg{State: Held}, false) {
			t.Errorf("%s does not follow nothing, or a hold", next)
		}
		for _, stored := range states[1:] {
			claimers := next == Sent && stored != Sent || stored == Unknown
			if got := Follows(next, &Msg{State: stored}, true); got != claimers {
				t.Errorf("the claimer's %s follows %s: %v", next, stored, got)
			}
			if Follows(next, &Msg{State: stored}, false) {
				t.Errorf("anybody's %s follows %s", next, stored)
			}
		}
	}
}
