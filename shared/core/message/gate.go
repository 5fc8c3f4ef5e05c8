package message

import (
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
)

// The gate decides whether one due message leaves now. Its rules stand in one
// list, in the order in which they are asked, and each gives its own reason.
// Nothing but the arguments decides: what was read, and two clocks.
//
// Reference points (CONTRACTS section 4 asks for one table; each line has a test):
//
//	permission, topic, pause  the business clock at the claim; an expiry stops sends on its second
//	exit                      its own time, then its arrival, after the entry's
//	late: drop after D        D from the message's first due; exactly D still leaves; what it
//	                          spent held (quiet hours, brake, cap) counts, and a hold that would
//	                          outlast D is `late` at once rather than held for nothing
//	late: recheck             the moment it would leave
//	cap: wait                 is a wish to wait: the settings' `late` does not bound it, its own does
//	caps per day, per week    her local calendar day; that day and the six before it
//	quiet hours               her local wall clock, from included, to excluded; over a daylight
//	                          saving change the wall clock counts, not the hours passed
//	lease                     real time
//	brake                     real time; the hold it causes is as long on the business clock

// Action is what a verdict asks for.
type Action int

const (
	Nothing  Action = iota // leave everything as it is
	Go                     // claim it and send it
	Skip                   // it will not leave: MSG skipped
	Hold                   // not before Until: MSG held
	Ask                    // a claim's process died: ask the mailbox whether it left
	DontKnow               // a claim outlived its lease without an outcome: MSG unknown
)

// Verdict is the gate's decision about one message.
type Verdict struct {
	Action Action
	Reason string
	Until  time.Time // Hold: business time
	Exit   string    // Skip because of an exit: its event
	Ledger string    // the consent relied on, when there is one
}

// Reasons that the gate gives besides those of msg.go.
const (
	ReasonFinal   = "already decided"
	ReasonClaimed = "claimed by another worker"
	ReasonWaits   = "held until later"
	ReasonFull    = "gate is full"
	ReasonLease   = "no outcome before its lease ended"
)

// GateInput is everything that a verdict may depend on.
type GateInput struct {
	Customer string
	Plan     *plan.Plan
	Settings *plan.Settings
	// Due is the message that RUN wants to leave; nil: none any more.
	Due     *Due
	Gate    *consent.Gate    // empty for a customer without one
	Profile *profile.Profile // nil: none
	Owner   *profile.Owner   // of the address that Recipient names; nil: nobody
	Stored  *Msg             // nil: none
	Waited  bool             // Stored is a hold that the run has waited out
	Exit    string           // event of an exit stored since the run's entry
	Brake   Pace

	Zone *time.Location // hers, or the brand's
	Now  time.Time      // business time
	Real time.Time      // for leases and the brake

	Stage   string
	Reaches bool   // the mailer reaches people (SES, SMTP), not only the local mailbox
	Process string // one machine: the process that holds the store; "" elsewhere
	CanAsk  bool   // one machine: the mailbox can be asked
}

// Due is one message, as its run and step want it.
type Due struct {
	Message  string
	Purpose  string
	Topic    string
	At       int64     // ms, when it first fell due
	Late     plan.Late // the step's, or else the settings'
	Unwanted bool      // late: recheck, and it does not hold any more
	CapWait  bool      // cap: wait
	Resend   bool      // service only: once more when its lease ended without an outcome
	Confirm  bool      // the built-in confirmation, which alone mails a pending address
	Address  string    // confirmation: hash of the address it was asked for; "": any
}

// Service messages are owed to the customer: no cap, pause or quiet hour stops
// them.
func (d *Due) Service() bool { return d.Purpose == plan.PurposeService }

// rule gives a verdict, or lets the next one decide.
type rule func(*GateInput) (Verdict, bool)

// rules in the order in which they are asked: first what has happened to this
// message already, then what stops it for good, then what only delays it.
var rules = []rule{
	notDue, decided, claimed, exited, waits,
	permitted, topicOff, paused, addressed, suppressed, unwanted, stale, staged,
	quiet, capped, braked,
}

// Pass is the gate's decision.
func Pass(in GateInput) Verdict {
	v := pass(&in)
	if v.Action == Skip && resends(&in) {
		// The first attempt may have been accepted: skipped would be a lie.
		return dontKnow
	}
	if v.Action == Hold && lateAt(&in, v.Until) {
		return Verdict{Action: Skip, Reason: ReasonLate}
	}
	return v
}

func pass(in *GateInput) Verdict {
	for _, r := range rules {
		if v, stop := r(in); stop {
			return v
		}
	}
	_, ledger := permits(in)
	return Verdict{Action: Go, Ledger: ledger}
}

var (
	goOn     = Verdict{}
	dontKnow = Verdict{Action: DontKnow, Reason: ReasonLease}
)

func skip(reason string) (Verdict, bool) { return Verdict{Action: Skip, Reason: reason}, true }

func leave(reason string) (Verdict, bool) { return Verdict{Reason: reason}, true }

func hold(until time.Time, reason string) (Verdict, bool) {
	return Verdict{Action: Hold, Until: until, Reason: reason}, true
}

func notDue(in *GateInput) (Verdict, bool) {
	if in.Due == nil {
		return leave(ReasonNotDue)
	}
	return goOn, false
}

// decided: a final state never changes by our doing, and an unknown one is never
// resent blindly.
func decided(in *GateInput) (Verdict, bool) {
	if in.Stored != nil && (in.Stored.State.Final() || in.Stored.State == Unknown) {
		return leave(ReasonFinal)
	}
	return goOn, false
}

// claimed: whoever holds the claim has until its lease to say what became of it.
func claimed(in *GateInput) (Verdict, bool) {
	c := ClaimOf(in.Gate, in.Due.Message)
	switch {
	case c == nil:
		return goOn, false
	case in.CanAsk && c.By != in.Process:
		return Verdict{Action: Ask}, true // the store has one process: that one is dead
	case in.Real.UnixMilli() < c.Lease:
		return leave(ReasonClaimed)
	case in.CanAsk:
		return Verdict{Action: Ask}, true
	case resends(in):
		return goOn, false
	}
	return dontKnow, true
}

// resends: a service message that opted in has one more try after its lease.
func resends(in *GateInput) bool {
	if in.Due == nil || !in.Due.Resend || !in.Due.Service() || in.CanAsk {
		return false
	}
	c := ClaimOf(in.Gate, in.Due.Message)
	return c != nil && !c.Again && in.Real.UnixMilli() >= c.Lease
}

// exited: an exit that was stored before the gate's reads always stops the mail,
// however far behind `journey` is (J01).
func exited(in *GateInput) (Verdict, bool) {
	if in.Exit == "" {
		return goOn, false
	}
	return Verdict{Action: Skip, Reason: ReasonExit, Exit: in.Exit}, true
}

// waits: a hold is not cut short by a record that comes again. One that the run
// knows of and has waited out is over, though this clock may be a little behind.
func waits(in *GateInput) (Verdict, bool) {
	if in.Stored != nil && in.Stored.State == Held && !in.Waited && in.Now.UnixMilli() < in.Stored.Until {
		return leave(ReasonWaits)
	}
	return goOn, false
}

func permits(in *GateInput) (ok bool, ledger string) {
	ok, ledger = in.Gate.Permits(in.Plan, in.Due.Purpose, plan.ChannelEmail, in.Now.UnixMilli())
	return ok && !withdrawnThere(in), ledger
}

// withdrawnThere: whoever owned the address before withdrew this permission
// there, and she has not granted it since.
func withdrawnThere(in *GateInput) bool {
	if in.Owner == nil || in.Plan.Purposes[in.Due.Purpose].Basis == plan.BasisContract {
		return false
	}
	name := consent.Name(in.Due.Purpose, plan.ChannelEmail)
	at, withdrawn := in.Owner.Withdrawn[name]
	return withdrawn && at >= in.Gate.States[name].At
}

func permitted(in *GateInput) (Verdict, bool) {
	if ok, _ := permits(in); !ok {
		return skip(ReasonNoConsent)
	}
	return goOn, false
}

func topicOff(in *GateInput) (Verdict, bool) {
	if _, off := in.Gate.Topics[in.Due.Topic]; off && in.Due.Topic != "" {
		return skip(ReasonTopic)
	}
	return goOn, false
}

func paused(in *GateInput) (Verdict, bool) {
	if !in.Due.Service() && in.Now.UnixMilli() < in.Gate.Paused {
		return skip(ReasonPaused)
	}
	return goOn, false
}

// Recipient is where the message would go, or why nowhere. A pending address is
// one that nobody confirmed: only its own confirmation may go there.
func Recipient(p *profile.Profile, d *Due, now time.Time) (address profile.Secret, hash, reason string) {
	if p == nil {
		return "", "", ReasonNoAddress
	}
	pending := p.Pending != "" && now.UnixMilli() < p.PendingTill
	switch {
	case d.Confirm && pending && (d.Address == "" || d.Address == p.PendingHash):
		return p.Pending, p.PendingHash, ""
	case d.Confirm && d.Address != "" && d.Address != p.AddressHash:
		return "", "", ReasonNoAddress // she has given another one since
	case p.Address != "":
		return p.Address, p.AddressHash, ""
	case pending:
		return "", "", ReasonPending
	}
	return "", "", ReasonNoAddress
}

func addressed(in *GateInput) (Verdict, bool) {
	_, _, reason := Recipient(in.Profile, in.Due, in.Now)
	if reason != "" {
		return skip(reason)
	}
	if !in.Due.Service() && (in.Profile.Shared || ownedByAnother(in)) {
		return skip(ReasonShared)
	}
	return goOn, false
}

func ownedByAnother(in *GateInput) bool {
	return in.Owner != nil && in.Owner.Customer != "" && in.Owner.Customer != in.Customer
}

// suppressed: GATE speaks of her confirmed address, A# of every address, and
// both of every purpose. Who was erased there and signs up again is asked whether
// it is she (A38).
func suppressed(in *GateInput) (Verdict, bool) {
	_, hash, _ := Recipient(in.Profile, in.Due, in.Now)
	stops := func(s *consent.Suppression) bool {
		return s != nil && !(in.Due.Confirm && s.Reason == consent.SuppressErased)
	}
	if hash == in.Profile.AddressHash && stops(in.Gate.Suppressed) || in.Owner != nil && stops(in.Owner.Suppressed) {
		return skip(ReasonSuppressed)
	}
	return goOn, false
}

func unwanted(in *GateInput) (Verdict, bool) {
	if in.Due.Unwanted {
		return skip(ReasonRecheck)
	}
	return goOn, false
}

// Kinds of a late policy.
const (
	LateSend = "send"
	LateDrop = "drop"
)

func stale(in *GateInput) (Verdict, bool) {
	if lateAt(in, in.Now) {
		return skip(ReasonLate)
	}
	return goOn, false
}

func lateAt(in *GateInput, at time.Time) bool {
	l := in.Due.Late
	return l.Kind == LateDrop && at.UnixMilli()-in.Due.At > time.Duration(l.After).Milliseconds()
}

// Prod is the one stage that mails everybody.
const Prod = "prod"

// simulator is the domain of SES's mailbox simulator (SES developer guide,
// "Using the mailbox simulator").
const simulator = "@simulator.amazonses.com"

// staged: a stage that is not prod mails nobody but its testers (J16).
func staged(in *GateInput) (Verdict, bool) {
	if in.Stage == Prod || !in.Reaches {
		return goOn, false
	}
	address, _, _ := Recipient(in.Profile, in.Due, in.Now)
	to := strings.ToLower(address.Reveal())
	for _, tester := range in.Settings.Test.Recipients {
		if to == strings.ToLower(tester) {
			return goOn, false
		}
	}
	if strings.HasSuffix(to, simulator) {
		return goOn, false
	}
	return skip(ReasonStaging)
}

func quiet(in *GateInput) (Verdict, bool) {
	hours := in.Settings.QuietHours
	if in.Due.Service() || !quietAt(hours, in.Now.In(in.Zone)) {
		return goOn, false
	}
	if hours.Then == QuietDrop {
		return skip(ReasonQuiet)
	}
	return hold(quietEnd(hours, in.Now, in.Zone), ReasonQuiet)
}

func capped(in *GateInput) (Verdict, bool) {
	today := dayOf(in.Now.In(in.Zone))
	if in.Due.Service() || free(in.Settings.Caps, in.Gate, today, in.Zone) {
		return goOn, false
	}
	if !in.Due.CapWait {
		return skip(ReasonCap)
	}
	return hold(slot(in.Settings.Caps, in.Gate, today, in.Zone), ReasonCap)
}

func braked(in *GateInput) (Verdict, bool) {
	left := in.Brake.Left(in.Real)
	if left <= 0 {
		return goOn, false
	}
	return hold(in.Now.Add(left), ReasonBrake)
}

// Follows says whether a message may change to a state from the one that is
// stored (nil: none). claimer is whoever holds the message's claim: it alone
// knows what became of the mail, so its word stands over others' guesses. That a
// mail left stands over everything.
func Follows(next State, stored *Msg, claimer bool) bool {
	switch {
	case stored == nil || stored.State == Held:
		return true
	case stored.State == Unknown:
		return claimer
	}
	return next == Sent && stored.State != Sent && claimer
}
