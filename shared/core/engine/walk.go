package engine

import (
	"slices"
	"time"

	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/zone"
)

// walk goes on from a node until the run waits, has a command outstanding, or
// ends. The steps of one decision are committed together.
func (d *decision) walk(at int) error {
	d.changed = true
	for {
		if at == journey.Nowhere {
			d.end("")
			return nil
		}
		node := &d.in.Walk.Journey.Nodes[at]
		next, stop, err := d.step(node)
		if err != nil || stop {
			return err
		}
		at = next
	}
}

// step carries out one node; stop says that the run stays there.
func (d *decision) step(n *journey.Node) (next int, stop bool, err error) {
	switch n.Kind {
	case journey.KindWait, journey.KindWaitFor:
		d.wait(n)
		return 0, true, nil
	case journey.KindSend:
		d.send(n)
		return 0, true, nil
	case journey.KindSet:
		return 0, true, d.set(n)
	case journey.KindChoose:
		next, err = d.choose(n)
		return next, false, err
	case journey.KindOffer:
		return n.Next, false, d.offer(n)
	}
	d.end(n.Reason)
	return 0, true, nil
}

// arrive puts the run at a step.
func (d *decision) arrive(id string, state State) {
	r := d.run
	r.Step, r.State, r.At, r.Began = id, state, d.now, d.now
	r.Due, r.FirstDue, r.Out, r.Try, r.Looks = 0, 0, nil, 0, 0
	r.MsgV, r.MsgW = 0, ""
}

func (d *decision) wait(n *journey.Node) {
	d.arrive(n.ID, Waiting)
	d.run.Due = d.now.Time().Add(n.For).UnixMilli()
	d.mark(KindWait, n.ID, "", nil)
}

// send makes a message due. A held one comes here again: it keeps its first due,
// so that `late` counts from there, and what was seen of its MSG.
func (d *decision) send(n *journey.Node) {
	r := d.run
	before, held := *r, r.Step == n.ID && r.FirstDue != 0
	d.arrive(n.ID, Sending)
	r.FirstDue = d.now.Milli()
	if held {
		r.FirstDue, r.MsgV, r.MsgW = before.FirstDue, before.MsgV, before.MsgW
	}
	r.Due = r.FirstDue
	j := d.in.Walk.Journey
	r.Out = &Command{Send: &SendCommand{
		Message:  ident.MessageID(r.ID, n.ID, r.Visit, d.in.Epoch),
		Template: n.Send.Template, Purpose: j.Purpose, Topic: j.Topic, Due: r.FirstDue,
	}}
	d.mark(KindDue, n.ID, n.Send.Template, nil)
}

// NoBranch is the reason in the trace when no branch of a choose holds.
const NoBranch = "none"

func (d *decision) choose(n *journey.Node) (int, error) {
	for _, b := range n.Branches {
		ok, err := d.holds(b.When, &d.in.Walk, d.current(), &d.run.Entry)
		if err != nil {
			return 0, err
		}
		if ok {
			d.mark(KindBranch, n.ID, b.Text, d.branchValues(&b))
			return b.To, nil
		}
	}
	d.mark(KindBranch, n.ID, NoBranch, nil)
	return n.Next, nil
}

func (d *decision) branchValues(b *journey.NodeBranch) map[string]any {
	if b.When == nil || len(b.When.Traits()) == 0 {
		return nil
	}
	values := make(map[string]any, len(b.When.Traits()))
	for _, name := range b.When.Traits() {
		values["profile."+name] = d.in.Walk.View.Profile[name]
	}
	return values
}

// current is the fact that event.* speaks of.
func (d *decision) current() *fact.Fact {
	if d.run.Event != nil {
		return d.run.Event
	}
	return &d.run.Entry
}

// set leaves the values in the outbox; advance writes them after the commit.
func (d *decision) set(n *journey.Node) error {
	values := make(map[string]any, len(n.Set))
	for _, s := range n.Set {
		v := s.Value
		if s.From != nil {
			if err := d.fetched(s.From, &d.in.Walk); err != nil {
				return err
			}
			var err error
			if v, err = s.From.Value(d.input(&d.in.Walk, d.current(), &d.run.Entry)); err != nil {
				return err
			}
		}
		values[s.Trait] = v
	}
	d.arrive(n.ID, Doing)
	d.run.Out = &Command{Set: values}
	d.mark(KindSet, n.ID, "", values)
	return nil
}

// offer takes the offers that share a value with what she declared, in file
// order, never one that has run out or for what was just bought.
func (d *decision) offer(n *journey.Node) error {
	var match any
	if n.Match != nil {
		if err := d.fetched(n.Match, &d.in.Walk); err != nil {
			return err
		}
		var err error
		if match, err = n.Match.Value(d.input(&d.in.Walk, d.current(), &d.run.Entry)); err != nil {
			return err
		}
	}
	take := max(n.Offer.Take, 1)
	brand := zone.Or(d.in.Walk.Release.Settings.Brand.Zone, time.UTC)
	bought := append(d.current().Bought(), d.run.Entry.Bought()...)
	d.run.Offers = nil
	for _, o := range d.in.Walk.Release.Offers {
		if len(d.run.Offers) == take {
			break
		}
		if (n.Match == nil || shares(o.For, match)) && o.Stands(d.now.Time(), brand) && !slices.Contains(bought, o.Item) {
			d.run.Offers = append(d.run.Offers, o.ID)
		}
	}
	d.mark(KindOffer, n.ID, "", map[string]any{"offers": d.run.Offers})
	return nil
}

func shares(values []string, match any) bool {
	switch m := match.(type) {
	case string:
		return slices.Contains(values, m)
	case []any:
		return slices.ContainsFunc(m, func(v any) bool { s, ok := v.(string); return ok && slices.Contains(values, s) })
	case []string:
		return slices.ContainsFunc(m, func(s string) bool { return slices.Contains(values, s) })
	}
	return false
}

func (d *decision) end(reason string) {
	d.mark(KindEnd, d.run.Step, reason, nil)
	d.run.Tally.Ended++
	d.finish(Ended, reason)
}
