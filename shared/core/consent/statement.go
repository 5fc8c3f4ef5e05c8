package consent

import (
	"errors"
	"maps"
	"slices"

	"github.com/kesher-io/kesher/shared/core/plan"
)

// Statement is what somebody says about one permission.
type Statement struct {
	ID      string // messageId: said twice, it counts once
	Purpose string
	Channel string // "" = data use
	State   State  // Granted, Denied or Withdrawn
	At      int64  // ms, when it was said; a time to come is no time
	Expires int64  // ms; 0 = never
	By      Authority

	// Address is the hash of the one that a mail went to, when a link in it is what
	// she used: a withdrawal holds there as well, wherever her mail goes by now.
	Address string

	// A grant rests on a text she saw or on evidence from elsewhere (A08, A39).
	Notice   *Notice
	Evidence *Evidence
	// Surface is where it was said (api, survey, preferences, one-click, ...),
	// Mechanism how (button, import, snapshot, ...).
	Surface   string
	Mechanism string

	// Snapshot: no act, but the state of a cookie banner as a call carried it.
	// Updated is when she last touched the banner (ms), if the caller knows.
	Snapshot bool
	Updated  int64
	// Answered: she typed answers under this very notice, which shows more than
	// a call of a public key could claim.
	Answered bool
	// Confirms: a link answers what was asked in her name. Where nothing is asked any
	// more, or was before she last said no, it says nothing.
	Confirms bool
}

// Name of the permission the statement is about.
func (s *Statement) Name() string { return Name(s.Purpose, s.Channel) }

// Authority of whoever makes a statement.
type Authority string

const (
	Server Authority = "server" // the shop's own systems
	Public Authority = "public" // a browser: anybody can hold that key
	Person Authority = "person" // she herself, through a link mailed to her
)

// Notice is the text she saw: enough to show that it was this one, to the letter.
type Notice struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Hash    string `json:"hash"` // of the text in this language (TextHash)
	Lang    string `json:"lang"`
}

// Evidence of a permission that was not given under one of our notices.
type Evidence struct {
	Basis  string `json:"basis"`
	Source string `json:"source"`
	Text   string `json:"text,omitempty"`
}

// Bases that evidence may have (CONTRACTS section 2).
var Bases = []string{"consent", "contract", "existing-customer", "legal"}

var (
	// ErrNoEvidence: a grant rests on nothing.
	ErrNoEvidence = errors.New("a grant needs a notice or evidence")
	// ErrPurpose: the plan knows no such purpose, or does not contact for it on
	// this channel.
	ErrPurpose = errors.New("no such purpose and channel in the plan")
	// ErrState: it is none that can be stated.
	ErrState = errors.New("state must be granted, denied or withdrawn")
)

// Check refuses what can never count, whatever the gate says.
func (s *Statement) Check(p *plan.Plan) error {
	if s.State != Granted && !s.State.Refused() {
		return ErrState
	}
	if !declared(p, s.Purpose, s.Channel) {
		return ErrPurpose
	}
	if s.State != Granted || s.Snapshot {
		return nil
	}
	if s.Notice == nil && (s.Evidence == nil || s.Evidence.Basis == "" || s.Evidence.Source == "") {
		return ErrNoEvidence
	}
	return nil
}

// declared: the plan has the purpose, and contacts for it on this channel.
func declared(p *plan.Plan, purpose, channel string) bool {
	d, ok := p.Purposes[purpose]
	if !ok || channel == "" {
		return ok
	}
	for _, c := range d.Contact {
		if c == channel {
			return true
		}
	}
	return false
}

// Decide is the permission after s, given the one before; effect is false when s
// changes nothing.
//
// Whoever says no is obeyed, however late or out of order: an unwanted mail is
// worse than a missing one. Whoever says yes must say it after the last no.
func (s *Statement) Decide(before Permission) (after Permission, effect bool) {
	if s.State.Refused() {
		return s.lower(before)
	}
	if s.Confirms && (before.State != Pending || before.At <= before.No) {
		return before, false
	}
	state := s.reach()
	if s.Snapshot && !s.choice(before) || !s.Snapshot && !s.later(before, state) {
		return before, false
	}
	if before.State == Granted && state == Pending {
		return before, false // a browser takes nothing away by asking for more
	}
	after = Permission{State: state, At: s.said(), Expires: s.Expires}
	if state == Pending {
		after.No, after.Notice = before.LastNo(), before.Notice // under which it was asked before, if at all
		if s.Notice != nil {
			after.Notice = s.Notice.ID
		}
	}
	if s.Snapshot && after.State == before.State {
		return before, false
	}
	return after, true
}

// later: a yes comes after what is known. A request is no no: anybody with the
// public key can make one, so it neither has to be waited for nor holds up what she
// has granted before it. Only the no that it stands over does.
func (s *Statement) later(before Permission, state State) bool {
	if before.State == Pending && state == Granted {
		return s.At > before.No
	}
	return before.State == Unknown || s.At > before.At
}

// LastNo is when she last said no, 0 if she never did or has said yes since.
func (p Permission) LastNo() int64 {
	if p.State.Refused() {
		return p.At
	}
	return p.No
}

// lower obeys a no. It never moves the permission's time back, so that only what
// is later than everything known can lift it.
func (s *Statement) lower(before Permission) (Permission, bool) {
	if before.State.Refused() && (s.Snapshot || s.At <= before.At) || s.stale(before) {
		return before, false
	}
	state := s.State
	if s.Snapshot && before.State == Unknown {
		state = Denied // she never gave what she could have taken back
	}
	return Permission{State: state, At: max(s.said(), before.At)}, true
}

// stale: the banner as it stood before her last choice, and known to.
func (s *Statement) stale(before Permission) bool {
	return s.Snapshot && s.Updated != 0 && before.State != Unknown && s.Updated <= before.At
}

// choice: a snapshot raises only where nothing is known, or where she touched
// the banner after the last change (I03).
func (s *Statement) choice(before Permission) bool {
	return before.State == Unknown || s.Updated > before.At
}

// Announced says whether the change is a fact that journeys hear of. A renewed
// grant is none, nor is a request that she has yet to confirm, nor a banner
// refused by somebody who never agreed.
func (s *Statement) Announced(before, after Permission) bool {
	switch {
	case after.State == Granted:
		return before.State != Granted
	case after.State.Refused():
		return !s.Snapshot || before.State != Unknown
	}
	return false
}

// said is when she said it: of a snapshot, when she touched the banner.
func (s *Statement) said() int64 {
	if s.Snapshot && s.Updated != 0 {
		return s.Updated
	}
	return s.At
}

// reach is how far the statement may raise: a public key asks, and a link mailed
// to her address answers. What a banner says about use of her data in that very
// browser needs no such link, nor does the notice above the answers she gives.
func (s *Statement) reach() State {
	if s.By == Public && (s.Channel != "" || !s.Snapshot && !s.Answered) {
		return Pending
	}
	return Granted
}

// Snapshot reads the state of a cookie banner: one statement about data use for
// every category that the plan maps. Contact is never among them (I04), and a
// category that is absent says nothing.
func Snapshot(p *plan.Plan, categories map[string]bool, base Statement) []Statement {
	var all []Statement
	for _, category := range slices.Sorted(maps.Keys(categories)) {
		purpose, ok := p.ConsentCategories[category]
		if !ok {
			continue
		}
		s := base
		s.Purpose, s.Channel, s.Snapshot = purpose, "", true
		s.ID = base.ID + "/" + purpose
		s.State = Withdrawn
		if categories[category] {
			s.State = Granted
		}
		all = append(all, s)
	}
	return all
}
