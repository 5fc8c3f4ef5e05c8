package engine

import (
	"time"

	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
)

// Decide makes one decision. The only errors are *Need and those of a condition
// that can't be evaluated, which a checked catalog does not produce.
func Decide(in Input) (Result, error) {
	d := &decision{in: in}
	if in.Run != nil {
		run := *in.Run
		d.run = &run
	}
	if err := d.decide(); err != nil {
		return Result{}, err
	}
	res := Result{Past: d.past, Made: d.made, Own: d.own}
	if d.changed {
		res.Run = d.run
	}
	return res, nil
}

// decision is one decision under way. run is a copy of the input's.
type decision struct {
	in      Input
	run     *Run
	past    *Run
	made    []Decision
	own     int // where in made the decisions of run begin
	changed bool
	now     ident.Stamp
	cause   string // what the trace names as the fact
}

func (d *decision) decide() error {
	switch {
	case d.in.Fact != nil:
		return d.onFact(d.in.Fact)
	case d.in.Look && (d.in.Msg == nil || d.stale(d.in.Msg)):
		d.onLook()
	case d.in.Msg != nil:
		return d.onMessage(d.in.Msg)
	case d.in.Timer:
		return d.onTimer()
	case d.in.Done:
		return d.onDone()
	}
	return nil
}

// stale: all that is stored of the message is the hold it came from.
func (d *decision) stale(m *MsgInput) bool {
	return d.run != nil && m.W == d.run.MsgW && m.State == message.Held
}

// at begins the decision: its now is the later of the run's last decision and
// the input's own moment.
func (d *decision) at(moment ident.Stamp, cause string) {
	d.now, d.cause = moment, cause
	if d.run != nil && d.run.At > moment {
		d.now = d.run.At
	}
}

func (d *decision) onFact(f *fact.Fact) error {
	d.at(f.In, f.ID)
	if d.run != nil && d.run.State.Live() {
		done, err := d.leave(f)
		if done || err != nil {
			return err
		}
		done, err = d.come(f)
		if done || err != nil {
			return err
		}
	}
	return d.enter(f)
}

// leave ends the run when f is one of its exits. While a command is outstanding
// it only marks the run, which then leaves when its outcome is known, so that a
// claim is never orphaned. It returns false when f ended the run at once: the
// same fact may then enter anew.
func (d *decision) leave(f *fact.Fact) (done bool, err error) {
	hit, err := d.exits(f)
	if !hit || err != nil {
		return false, err
	}
	if d.run.Out != nil {
		d.exitLater(f)
		return true, nil
	}
	if node, ok := d.in.Walk.Journey.Node(d.run.Step); ok && node.Kind == journey.KindSend && d.run.State == Waiting {
		// A held message: deliver, woken once more, records that it will not leave.
		d.changed = true
		d.send(node)
		d.exitLater(f)
		return true, nil
	}
	d.exit(f.Name)
	return false, nil
}

// exitLater marks the run with the exit that waits for its command's outcome.
func (d *decision) exitLater(f *fact.Fact) {
	if d.run.Exiting != "" {
		return
	}
	d.run.Exiting, d.changed = f.Name, true
	if d.mayEnter(f) {
		d.run.Next = f
	}
}

// depart ends the run by an exit that waited. Its fact may enter anew now, as it
// would have at once.
func (d *decision) depart(event string) error {
	next := d.run.Next
	d.exit(event)
	if next == nil {
		return nil
	}
	d.cause = next.ID
	return d.enter(next)
}

// exits says whether f ends this run: it is an exit of the version the run
// walks, later than the entry by its own time, then by arrival, and its
// condition holds.
func (d *decision) exits(f *fact.Fact) (bool, error) {
	if f.Kind != fact.KindEvent && f.Kind != fact.KindConsent || f.Own() <= d.run.Entry.Own() {
		return false, nil
	}
	for _, x := range d.in.Walk.Journey.Exits {
		if x.Event != f.Name {
			continue
		}
		if ok, err := d.holds(x.Where, &d.in.Walk, f, &d.run.Entry); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// come lets a wait-for go on when f is what it waits for: later than the step's
// beginning by its own time and by arrival, and no later than the deadline.
func (d *decision) come(f *fact.Fact) (done bool, err error) {
	if d.run.State != Waiting {
		return false, nil
	}
	node, ok := d.in.Walk.Journey.Node(d.run.Step)
	if !ok || node.Kind != journey.KindWaitFor || !d.counts(f, node) {
		return false, nil
	}
	if ok, err := d.holds(node.Where, &d.in.Walk, f, &d.run.Entry); !ok || err != nil {
		return false, err
	}
	d.run.Event = f
	d.mark(KindBranch, node.ID, f.Name, nil)
	return true, d.walk(node.Then)
}

func (d *decision) counts(f *fact.Fact, node *journey.Node) bool {
	return f.Name == node.Event && f.Kind != fact.KindResponse && d.in.Walk.View.Visible && !f.Imported &&
		f.In > d.run.Began && f.Own() > d.run.Began && f.In.Milli() <= d.run.Due
}

// onTimer goes on when the run's time has come.
func (d *decision) onTimer() error {
	if d.run == nil || d.run.State != Waiting || d.run.Due == 0 {
		return nil
	}
	d.at(ident.Until(time.UnixMilli(d.run.Due)), "timer")
	node, ok := d.in.Walk.Journey.Node(d.run.Step)
	if !ok {
		return d.park("step " + d.run.Step + " is not in this version")
	}
	switch node.Kind {
	case journey.KindWaitFor:
		d.mark(KindBranch, node.ID, "no "+node.Event, nil)
		return d.walk(node.Else)
	case journey.KindSend: // held until now
		return d.walk(d.index(node.ID))
	}
	return d.walk(node.Next)
}

// onDone clears the outbox that advance has carried out.
func (d *decision) onDone() error {
	if d.run == nil || d.run.State != Doing {
		return nil
	}
	d.at(d.run.At, "done")
	node, ok := d.in.Walk.Journey.Node(d.run.Step)
	if !ok {
		return d.park("step " + d.run.Step + " is not in this version")
	}
	d.run.Out = nil
	if d.run.Exiting != "" {
		return d.depart(d.run.Exiting)
	}
	return d.walk(node.Next)
}

// onLook wakes whoever has to carry out the command, once more.
func (d *decision) onLook() {
	if d.run == nil || d.run.Out == nil || d.run.State == Parked {
		return
	}
	d.at(ident.Until(d.in.Clock), "look")
	d.run.At = d.now
	d.run.Try++
	d.changed = true
}

// maxLooks at an unknown outcome, 6 h apart, before the run is parked.
const maxLooks = 3

// onMessage takes the outcome of the message that is due.
func (d *decision) onMessage(m *MsgInput) error {
	r := d.run
	if r == nil || r.Out == nil || r.Out.Send == nil || r.Out.Send.Message != m.ID || m.Run != r.ID {
		return nil
	}
	if m.W == r.MsgW && m.State != message.Unknown || m.W != r.MsgW && m.V < r.MsgV {
		return nil // seen already, or older than what has been seen
	}
	d.at(m.In, string(m.State))
	seen := m.W == r.MsgW
	r.MsgV, r.MsgW = m.V, m.W
	switch m.State {
	case message.Held:
		return d.held(m)
	case message.Unknown:
		return d.unknown(m, seen)
	}
	return d.settled(m)
}

// held re-arms the due: the step stays, its time moves. A run that an exit has
// marked meanwhile does not wait: deliver, woken once more, records that its
// message will not leave.
func (d *decision) held(m *MsgInput) error {
	r := d.run
	d.mark(KindHeld, r.Step, m.Reason, nil)
	if r.Exiting != "" {
		r.Try++
		r.At, d.changed = d.now, true
		return nil
	}
	r.Out, r.Try, r.Looks = nil, 0, 0
	r.State, r.Due, r.At = Waiting, m.Until, d.now
	d.changed = true
	return nil
}

// unknown leaves the run in look#; a look that finds it so still counts up.
func (d *decision) unknown(m *MsgInput, seen bool) error {
	r := d.run
	if seen && !d.in.Look {
		return nil
	}
	if d.in.Look {
		d.at(ident.Until(d.in.Clock), string(m.State))
	} else {
		d.mark(KindUnknown, r.Step, m.Reason, nil)
	}
	r.Looks++
	r.At = d.now
	d.changed = true
	if r.Looks > maxLooks {
		return d.park("unknown whether the message was accepted")
	}
	return nil
}

// settled moves the run on: sent, skipped or failed.
func (d *decision) settled(m *MsgInput) error {
	r := d.run
	kind := map[message.State]Kind{message.Sent: KindSent, message.Skipped: KindSkipped, message.Failed: KindFailed}[m.State]
	d.mark(kind, r.Step, m.Reason, nil)
	node, ok := d.in.Walk.Journey.Node(r.Step)
	if !ok {
		return d.park("step " + r.Step + " is not in this version")
	}
	exit := r.Exiting
	if m.Reason == message.ReasonExit && exit == "" {
		exit, r.Left = m.Exit, m.ExitFact
	}
	r.Out, r.Exiting = nil, ""
	if exit != "" {
		return d.depart(exit)
	}
	return d.walk(node.Next)
}

// exit ends the run by an exit.
func (d *decision) exit(event string) {
	d.mark(KindExit, d.run.Step, event, nil)
	d.run.Tally.Exited++
	d.finish(Exited, event)
}

func (d *decision) finish(state State, why string) {
	r := d.run
	r.State, r.End, r.EndAt, r.At = state, why, d.now, d.now
	r.Out, r.Exiting, r.Next, r.Due, r.Try, r.Looks = nil, "", nil, 0, 0, 0
	d.changed = true
}

// park sets the run aside for a person; nothing is lost.
func (d *decision) park(why string) error {
	d.mark(KindParked, d.run.Step, why, nil)
	d.run.State, d.run.End, d.run.At = Parked, why, d.now
	d.changed = true
	return nil
}

func (d *decision) mark(kind Kind, step, reason string, values map[string]any) {
	d.made = append(d.made, Decision{At: d.now.Milli(), Fact: d.cause, Step: step, Kind: kind, Reason: reason, Values: values})
}

func (d *decision) index(id string) int {
	for i := range d.in.Walk.Journey.Nodes {
		if d.in.Walk.Journey.Nodes[i].ID == id {
			return i
		}
	}
	return journey.Nowhere
}
