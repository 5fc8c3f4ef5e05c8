// Package engine decides: a pure function of (journey, run, customer, input,
// now) to the run's next state and the commands of this one decision. It knows
// no store, no clock and no chance; the same input gives the same bytes.
package engine

import (
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
)

// State of a run.
type State string

const (
	Waiting State = "waiting" // for a timer or a fact; listed in due#
	Sending State = "sending" // a message is due; listed in look#
	Doing   State = "doing"   // commands are outstanding; listed in look#
	Ended   State = "ended"   // by its end
	Exited  State = "exited"  // by an exit
	Parked  State = "parked"  // needs a person; listed in parked#
)

// Live says whether the run still has a way to go.
func (s State) Live() bool { return s != Ended && s != Exited }

// Run is the document of a RUN# or PAST# item: one customer's passage through
// one version of a journey. It stays under 1 KB until its third decision
// (reasons as codes), since every write of it is paid by the kilobyte.
type Run struct {
	ID      string      `json:"i"`
	Journey string      `json:"j"`
	Key     string      `json:"k,omitempty"`
	Release string      `json:"rl"` // the release whose definition it walks
	Version string      `json:"vn"` // content hash of that definition
	State   State       `json:"s"`
	Step    string      `json:"st,omitempty"`
	Visit   int         `json:"vi,omitempty"`
	Began   ident.Stamp `json:"b"`           // when this step began
	Due     int64       `json:"d,omitempty"` // ms: timer, or when the message fell due
	At      ident.Stamp `json:"at"`          // the last decision's now
	// FirstDue (ms) of the message of this step: a hold moves Due, never this.
	FirstDue int64      `json:"fd,omitempty"`
	Entry    fact.Fact  `json:"e"`
	Event    *fact.Fact `json:"ev,omitempty"` // the current fact, once it is another
	Offers   []string   `json:"of,omitempty"` // what the last offer step took
	Out      *Command   `json:"x,omitempty"`  // the outbox: this decision's command
	// Exiting: an exit came while a message was due; the run leaves through its MSG.
	Exiting string `json:"ex,omitempty"`
	// Next is that exit's fact, where it may enter anew once the run has left.
	Next *fact.Fact `json:"nx,omitempty"`
	// Left is the id of the exit by which the gate ended the run before the exit's
	// own record came: that fact may enter anew, though it is older than At.
	Left string `json:"lf,omitempty"`
	// Try is bumped to wake deliver about the same message.
	Try   int    `json:"try,omitempty"`
	Looks int    `json:"lk,omitempty"` // looks at an unknown outcome
	MsgV  int64  `json:"mv,omitempty"` // MSG version last seen
	MsgW  string `json:"mw,omitempty"`
	Hops  int    `json:"hp,omitempty"`

	Entered ident.Stamp `json:"en"`           // when it began
	EndAt   ident.Stamp `json:"ea,omitempty"` // when it ended
	End     string      `json:"er,omitempty"` // why it ended: end's text, exit's event, parked's reason
	Tally   Tally       `json:"c"`            // over all passages under this key
}

// Tally counts passages, so that a report can be counted from the items alone.
type Tally struct {
	Started int `json:"s"`
	Exited  int `json:"x,omitempty"`
	Ended   int `json:"e,omitempty"`
}

// Decision is one line of the trace.
type Decision struct {
	At     int64          `json:"a"`
	Fact   string         `json:"f,omitempty"` // id of the fact, "timer", or the message's state
	Step   string         `json:"s,omitempty"`
	Kind   Kind           `json:"d"`
	Reason string         `json:"r,omitempty"`
	Values map[string]any `json:"v,omitempty"`
}

// Kind of a decision, stored as a code.
type Kind string

const (
	KindEntered    Kind = "in"
	KindNotEntered Kind = "no"
	KindWait       Kind = "w"
	KindSent       Kind = "s"
	KindSkipped    Kind = "k"
	KindHeld       Kind = "h"
	KindUnknown    Kind = "u"
	KindFailed     Kind = "f"
	KindDue        Kind = "m" // a message fell due
	KindBranch     Kind = "b"
	KindSet        Kind = "t"
	KindOffer      Kind = "o"
	KindExit       Kind = "x"
	KindEnd        Kind = "e"
	KindParked     Kind = "p"
)

// Word is the kind as CONTRACTS section 4 prints it.
func (k Kind) Word() string {
	if w, ok := words[k]; ok {
		return w
	}
	return string(k)
}

var words = map[Kind]string{
	KindEntered: "entered", KindNotEntered: "not entered", KindWait: "wait", KindSent: "sent",
	KindSkipped: "skipped", KindHeld: "held", KindUnknown: "unknown", KindFailed: "failed",
	KindDue: "wait", KindBranch: "branch", KindSet: "set", KindOffer: "set", KindExit: "exit",
	KindEnd: "end", KindParked: "failed",
}

// Command is what a decision wants done.
type Command struct {
	Send *SendCommand   `json:"s,omitempty"`
	Set  map[string]any `json:"t,omitempty"`
}

// SendCommand: this message is due. deliver works it; see ARCHITECTURE section 4.
type SendCommand struct {
	Message  string `json:"m"` // message id
	Template string `json:"t"`
	Purpose  string `json:"p"`
	Topic    string `json:"to,omitempty"`
	Due      int64  `json:"d"` // ms, first due; a hold does not change it
}
