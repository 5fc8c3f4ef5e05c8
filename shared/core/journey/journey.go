package journey

import (
	"slices"
	"time"

	"github.com/kesher-io/kesher/shared/core/condition"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/plan"
)

// Journey is a compiled definition: the same text, its conditions compiled, its
// steps laid flat. It is immutable and safe for concurrent use.
type Journey struct {
	Definition
	Version string // content hash of the definition

	EntryWhere *condition.Condition // nil: no where
	EntryWhen  *condition.Condition // entry by profile: the condition that became true
	EntryKey   *condition.Condition // nil: no key
	Exits      []CompiledExit
	Nodes      []Node
	// ReadsProfile: some condition reads a trait, or a time in her zone; else nobody
	// need look at the profile.
	ReadsProfile bool
	First        int // node where a run begins; Nowhere for a journey without steps

	byID map[string]int
}

// Nowhere is the node after the last one.
const Nowhere = -1

// CompiledExit is an exit with its condition.
type CompiledExit struct {
	Event string
	Where *condition.Condition // nil: always
}

// Kind of a node.
type Kind string

const (
	KindWait    Kind = "wait"
	KindWaitFor Kind = "wait-for"
	KindChoose  Kind = "choose"
	KindSend    Kind = "send"
	KindSet     Kind = "set"
	KindOffer   Kind = "offer"
	KindEnd     Kind = "end"
)

// Node is one step, with the nodes that may come after it.
type Node struct {
	ID   string
	Kind Kind
	Next int // where the list goes on; Nowhere = the run ends

	For      time.Duration        // wait, wait-for
	Event    string               // wait-for
	Where    *condition.Condition // wait-for
	Then     int                  // wait-for: the event came
	Else     int                  // wait-for: it did not
	Branches []NodeBranch         // choose
	Send     *Send                // send
	Recheck  *condition.Condition // send with late: recheck
	Set      []NodeSet            // set, by trait
	Offer    *Offer               // offer
	Match    *condition.Condition // offer
	Reason   string               // end
}

// NodeBranch is one branch of a choose; When is nil for otherwise.
type NodeBranch struct {
	When *condition.Condition
	To   int
	Text string // the condition as written, or "otherwise"
}

// NodeSet gives one trait a value.
type NodeSet struct {
	Trait string
	Value any
	From  *condition.Condition // nil: Value
}

// Node finds a step by its id.
func (j *Journey) Node(id string) (*Node, bool) {
	i, ok := j.byID[id]
	if !ok {
		return nil, false
	}
	return &j.Nodes[i], true
}

// Allowed are the purposes whose data this journey may read.
func (j *Journey) Allowed() []string {
	return append([]string{j.Purpose}, j.Uses...)
}

// Enters says whether a fact of this kind and name could start a run. It does
// not evaluate conditions.
func (j *Journey) Enters(f fact.Fact) bool {
	switch e := j.Entry; f.Kind {
	case fact.KindEvent:
		return e.Event != "" && e.Event == f.Name
	case fact.KindResponse:
		return e.Response != "" && e.Response == f.Name
	case fact.KindProfile:
		return e.Profile != ""
	case fact.KindConsent:
		return e.Consent != nil && e.Consent.matches(f) || e.Event == f.Name
	}
	return false
}

// Heeds says whether a fact of this kind and name could move a run under way: as
// one of its exits, or by coming where a step waits for it. It does not evaluate
// conditions.
func (j *Journey) Heeds(f fact.Fact) bool {
	if f.Kind != fact.KindEvent && f.Kind != fact.KindConsent {
		return false
	}
	return slices.ContainsFunc(j.Exits, func(x CompiledExit) bool { return x.Event == f.Name }) ||
		slices.ContainsFunc(j.Nodes, func(n Node) bool { return n.Kind == KindWaitFor && n.Event == f.Name })
}

func (c *ConsentEntry) matches(f fact.Fact) bool {
	state := map[string]string{fact.ConsentGranted: "granted", fact.ConsentWithdrawn: "withdrawn"}[f.Name]
	if state != c.state() || f.Props["purpose"] != c.Purpose {
		return false
	}
	return c.Channel == "" || f.Props["channel"] == c.Channel
}

func (c *ConsentEntry) state() string {
	if c.State == "" {
		return "granted"
	}
	return c.State
}

// FreshFor is how old an entry fact may be when it arrives.
func (j *Journey) FreshFor(s *plan.Settings) time.Duration {
	switch {
	case j.Entry.Fresh != 0:
		return time.Duration(j.Entry.Fresh)
	case s != nil && s.Fresh != 0:
		return time.Duration(s.Fresh)
	}
	return DefaultFresh
}

// DefaultFresh is how old an entry fact may be when nothing else is said
// (CONTRACTS section 2).
const DefaultFresh = time.Hour
