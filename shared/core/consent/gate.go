// Package consent knows permission: the gate, which every send must pass, and
// the rules by which a statement of the customer changes it. Pure.
package consent

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
	// Erased at this time (ms); the envelope's epoch counts erasures.
	Erased int64 `json:"z,omitempty"`
	// Sweep is the time (ms) of the next sweep after an erasure.
	Sweep int64 `json:"zs,omitempty"`
}

// Permission is the present state of one purpose and channel.
type Permission struct {
	State   State  `json:"s"`
	At      int64  `json:"a"`           // ms, when it was stated
	Ledger  string `json:"l,omitempty"` // id of the ledger entry that holds the evidence
	Expires int64  `json:"x,omitempty"` // ms
}

// Suppression of an address.
type Suppression struct {
	Reason string `json:"r"` // bounce | complaint | erased | operator
	At     int64  `json:"a"`
}

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

// Name of a permission: purpose alone is data use, with a channel it is contact.
func Name(purpose, channel string) string {
	if channel == "" {
		return purpose
	}
	return purpose + "/" + channel
}
