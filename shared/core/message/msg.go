// Package message knows one mail: its states, the rules of the gate, templates,
// links and MIME. Pure: it sends nothing.
package message

import "github.com/kesher-io/kesher/shared/core/ident"

// State of a message.
type State string

const (
	Held    State = "held"    // will be looked at again at Until
	Sent    State = "sent"    // accepted by the mailer
	Skipped State = "skipped" // will not leave; Reason says why
	Unknown State = "unknown" // may or may not have been accepted
	Failed  State = "failed"  // the mailer or the template refused it for good
)

// Final says whether the state never changes by our doing. (A report may still
// turn any state into sent.)
func (s State) Final() bool { return s == Sent || s == Skipped || s == Failed }

// Reasons of a skipped, held or failed message, as they stand in reports.
const (
	ReasonNoConsent  = "no consent"
	ReasonSuppressed = "suppressed"
	ReasonCap        = "cap"
	ReasonQuiet      = "quiet hours"
	ReasonLate       = "late"
	ReasonExit       = "exit seen at the gate"
	ReasonStaging    = "staging"
	ReasonNoAddress  = "no address"
	ReasonPending    = "address not confirmed"
	ReasonShared     = "address belongs to another customer"
	ReasonTopic      = "topic turned off"
	ReasonPaused     = "paused by the customer"
	ReasonNotDue     = "no longer due"
	ReasonRecheck    = "no longer wanted" // late: recheck did not hold
	ReasonRender     = "render error"
	ReasonBrake      = "brake" // held: nothing is accepted for now
	ReasonThrottled  = "throttled"
)

// Msg is the document of a MSG# item. It is a fact for `journey`.
type Msg struct {
	ID       string      `json:"i"`
	State    State       `json:"s"`
	Reason   string      `json:"r,omitempty"`
	Journey  string      `json:"j"`
	RunKey   string      `json:"k"` // sort key of the RUN it belongs to
	Run      string      `json:"n"` // run id
	Step     string      `json:"st"`
	Visit    int         `json:"vi,omitempty"`
	Template string      `json:"tp"`
	Release  string      `json:"rl"`
	Purpose  string      `json:"pu"`
	Due      int64       `json:"d"`            // ms, when it fell due
	At       int64       `json:"at"`           // ms, the clock deliver saw
	In       ident.Stamp `json:"in"`           // when this state was stored
	Until    int64       `json:"u,omitempty"`  // held: ms
	Exit     string      `json:"x,omitempty"`  // skipped because of an exit: its event
	ExitFact string      `json:"xf,omitempty"` // and that fact's id, where the run had not seen it
	Provider string      `json:"p,omitempty"`  // the mailer's id
	Ledger   string      `json:"l,omitempty"`  // the consent relied on
	Because  []string    `json:"b,omitempty"`  // facts and traits used
	Lang     string      `json:"lg,omitempty"` // language it was written in
	Late     int64       `json:"lt,omitempty"` // ms between due and leaving
	Class    Class       `json:"pc,omitempty"` // who goes first when not everything can leave
	Hops     int         `json:"hp,omitempty"` // of its run: what is told of it is one more
	Tries    int         `json:"tr,omitempty"` // held: how often it was surely not accepted
}
