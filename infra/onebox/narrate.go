package onebox

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/journey"
)

// narrator tells what happens, line by line, in a marketer's words. On one
// machine it may call people by the ids of the played file.
type narrator struct {
	mu    sync.Mutex
	out   io.Writer
	base  string // address of the server, for links to mails
	names map[string]string
	// kept are the lines of a play, which works customers side by side: they are
	// told in the order of time when it ends.
	kept  []told
	keeps bool
}

type told struct {
	at   int64
	text string
}

// keep begins to keep lines; tell ends that and tells them in order.
func (n *narrator) keep() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.keeps = true
}

func (n *narrator) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	slices.SortStableFunc(n.kept, func(a, b told) int { return cmp.Compare(a.at, b.at) })
	for _, line := range n.kept {
		fmt.Fprint(n.out, line.text)
	}
	n.kept, n.keeps = nil, false
}

func newNarrator(out io.Writer, base string) *narrator {
	return &narrator{out: out, base: base, names: map[string]string{}}
}

// know gives a customer's key the name under which she is spoken of.
func (n *narrator) know(customer, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names[customer] = name
}

// decided tells the decisions of one input.
func (n *narrator) decided(in engine.Input, res engine.Result) {
	name := ""
	for _, v := range []engine.Version{in.Walk, in.Live} {
		if v.Journey != nil {
			name = v.Journey.Name
		}
	}
	for i := range res.Made {
		if text := n.sentence(&in, &res, &res.Made[i], name); text != "" {
			n.say(res.Made[i].At, in.Customer, text)
		}
	}
}

// refused tells that a call was not taken.
func (n *narrator) refused(at time.Time, customer, what string, refusal *events.Refusal) {
	n.say(at.UnixMilli(), customer, fmt.Sprintf("%s not taken: %v", what, refusal))
}

func (n *narrator) say(at int64, customer, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	who := n.names[customer]
	if who == "" {
		who = customer[:min(8, len(customer))]
	}
	line := fmt.Sprintf("%s  %-12s  %s\n", clockTime(at), who, text)
	if n.keeps {
		n.kept = append(n.kept, told{at, line})
		return
	}
	fmt.Fprint(n.out, line)
}

func (n *narrator) sentence(in *engine.Input, res *engine.Result, d *engine.Decision, name string) string {
	if journey.IsBuiltin(name) && d.Kind != engine.KindSent && d.Kind != engine.KindSkipped {
		return ""
	}
	switch d.Kind {
	case engine.KindEntered:
		return "entered " + name
	case engine.KindNotEntered:
		if d.Ordinary() {
			return ""
		}
		return fmt.Sprintf("did not enter %s: %s", name, d.Reason)
	case engine.KindWait:
		return fmt.Sprintf("%s waits at %s until %s", name, d.Step, clockTime(res.Run.Due))
	case engine.KindSent:
		return fmt.Sprintf("SENT %s (%s): %s/mailbox/messages/%s", in.Run.Out.Send.Template, name, n.base, in.Run.Out.Send.Message)
	case engine.KindHeld:
		return fmt.Sprintf("held %s (%s) until %s: %s", d.Step, name, clockTime(res.Run.Due), d.Reason)
	case engine.KindSkipped, engine.KindFailed, engine.KindUnknown:
		return fmt.Sprintf("NOT SENT %s (%s): %s", d.Step, name, because(d))
	case engine.KindExit:
		return fmt.Sprintf("left %s: %s", name, d.Reason)
	case engine.KindEnd:
		return "finished " + name + suffix(d.Reason)
	case engine.KindSet:
		return fmt.Sprintf("%s noted %s", name, d.Step)
	case engine.KindParked:
		return fmt.Sprintf("%s needs a person: %s", name, d.Reason)
	}
	return ""
}

// clockTime is a moment as lines show it, in UTC.
func clockTime(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04") }

func because(d *engine.Decision) string {
	if d.Reason == "" {
		return d.Kind.Word()
	}
	if d.Kind == engine.KindSkipped {
		return d.Reason
	}
	return d.Kind.Word() + ", " + d.Reason
}

func suffix(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + reason + ")"
}
