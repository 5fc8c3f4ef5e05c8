// Package consent knows permission: the gate, which every send must pass, and
// the rules by which a statement of the customer changes it. Pure.
package consent

import (
	"slices"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/plan"
)

// State of one permission.
type State string

const (
	Unknown   State = "" // never stated
	Granted   State = "granted"
	Pending   State = "pending" // waits for a confirmation (double opt-in)
	Denied    State = "denied"
	Withdrawn State = "withdrawn"
)

// Gate is the one item per customer that every send must pass. Its write is
// the claim: consent, suppression, caps and de-duplication are decided together.
type Gate struct {
	// States by Name(purpose, channel).
	States map[string]Permission `json:"s,omitempty"`
	// Topics she turned off, with the time.
	Topics map[string]int64 `json:"t,omitempty"`
	// Paused until this time (ms): nothing but service.
	Paused int64 `json:"p,omitempty"`
	// Suppressed: no mail of any purpose reaches this address any more.
	Suppressed *Suppression `json:"x,omitempty"`
	Claims     []Claim      `json:"c,omitempty"`
	// Sends are the times (ms) of marketing sends for the caps, newest last, when
	// their claims have been let go.
	Sends []int64 `json:"n,omitempty"`
	// Ledger is the newest entry of her history, which the next one follows. It
	// outlives an erasure: the history is append-only, and holds no more of her
	// than her opaque key.
	Ledger Head `json:"h,omitzero"`
	// Erased at this time (ms); the envelope's epoch counts erasures. A new call
	// moves it to Since, and she is a customer again.
	Erased int64 `json:"z,omitempty"`
	// Since is when she was last erased (ms): what happened before is not hers
	// any more, however late it arrives.
	Since int64 `json:"zb,omitempty"`
}

// Permission is the present state of one purpose and channel.
type Permission struct {
	State   State  `json:"s"`
	At      int64  `json:"a"`           // ms, when it was stated
	Ledger  string `json:"l,omitempty"` // id of the ledger entry that holds the evidence
	Expires int64  `json:"x,omitempty"` // ms
	Notice  string `json:"n,omitempty"` // pending: the text that a confirmation will be about
	// No is, while pending, when she last said no (ms): the request hides it, and a
	// yes must still be later.
	No int64 `json:"no,omitempty"`
}

// Suppression of an address.
type Suppression struct {
	Reason string `json:"r"`
	At     int64  `json:"a"`
}

// Reasons of a suppression. The one that an erasure leaves behind blocks
// imports, and yields when she signs up again (A38).
const (
	SuppressBounce    = "bounce"
	SuppressComplaint = "complaint"
	SuppressErased    = "erased"
)

// Claim is one message that was let through. Without a MSG it is unknown, but
// only after its lease (real time) ended.
type Claim struct {
	Message string `json:"m"`
	At      int64  `json:"a"`           // ms, business time: counts for the caps
	Lease   int64  `json:"e"`           // ms, real time
	Capped  bool   `json:"k,omitempty"` // counts for the caps (not service)
	Token   string `json:"w"`           // tells this claim from any other of the same message
	Again   bool   `json:"g,omitempty"` // the one resend that a service message may opt into
	By      string `json:"b,omitempty"` // one machine: the process that claimed
}

// InFlight are the messages whose claim came first and whose worker may still be
// sending them, by the real clock: nothing that is written now stops them.
func (g *Gate) InFlight(real time.Time) (messages []string) {
	for _, c := range g.Claims {
		if c.Lease > real.UnixMilli() {
			messages = append(messages, c.Message)
		}
	}
	return messages
}

// Name of a permission: purpose alone is data use, with a channel it is contact.
func Name(purpose, channel string) string {
	if channel == "" {
		return purpose
	}
	return purpose + "/" + channel
}

// Split is the inverse of Name.
func Split(name string) (purpose, channel string) {
	purpose, channel, _ = strings.Cut(name, "/")
	return purpose, channel
}

// Permits says whether she may be contacted for a purpose on a channel now (data
// use: channel ""), and which ledger entry holds the evidence. A contract needs
// no permission; a purpose that the plan does not know has none.
func (g *Gate) Permits(p *plan.Plan, purpose, channel string, now int64) (ok bool, ledger string) {
	declared, known := p.Purposes[purpose]
	if !known {
		return false, ""
	}
	if declared.Basis == plan.BasisContract {
		return true, ""
	}
	state := g.States[Name(purpose, channel)]
	return state.holds(now), state.Ledger
}

// holds: granted, and not expired on this very millisecond (A16).
func (p Permission) holds(now int64) bool {
	return p.State == Granted && (p.Expires == 0 || now < p.Expires)
}

// MayUse says whether data kept for these purposes may be used now: one of them
// must be permitted.
func (g *Gate) MayUse(p *plan.Plan, purposes []string, now int64) bool {
	return slices.ContainsFunc(purposes, func(purpose string) bool { return g.mayUse(p, purpose, now) })
}

// mayUse: a permission to contact her for a purpose covers using data for it,
// unless she said no to that use later on.
func (g *Gate) mayUse(p *plan.Plan, purpose string, now int64) bool {
	if ok, _ := g.Permits(p, purpose, "", now); ok {
		return true
	}
	use := g.States[purpose]
	for _, channel := range p.Purposes[purpose].Contact {
		contact := g.States[Name(purpose, channel)]
		if contact.holds(now) && (!use.State.Refused() || contact.At > use.At) {
			return true
		}
	}
	return false
}

// Refused: she said no.
func (s State) Refused() bool { return s == Denied || s == Withdrawn }

// ConfirmFor is how long a permission, or an address, waits for its confirmation; then
// it is as if nobody had asked (A13).
const ConfirmFor = 7 * 24 * time.Hour

// Asked are the permissions to use a channel that were asked for under a notice and
// wait for a confirmation, by name.
func (g *Gate) Asked(channel string, now int64) []string {
	var names []string
	for name, p := range g.States {
		if _, c := Split(name); c == channel && p.State == Pending && p.Notice != "" && now < p.At+ConfirmFor.Milliseconds() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Revive is the gate with which an erased customer begins anew.
func (g *Gate) Revive() {
	if g.Erased != 0 {
		g.Erased, g.Since = 0, g.Erased
	}
}
