package deliver

import (
	"context"
	"time"

	"github.com/kesher-io/kesher/shared/core/condition"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow/history"
)

// input gathers what the gate decides by. The stored exits are read last, so
// that one which is stored before any of the gate's reads is always seen.
func (w *work) input(ctx context.Context, v *view) (message.GateInput, error) {
	in := message.GateInput{
		Customer: w.customer, Due: v.due, Gate: &v.gate, Profile: v.profile, Owner: v.owner, Stored: v.msg,
		Waited: v.msgItem != nil && v.msgItem.W == v.run.MsgW,
		Zone:   v.zone, Now: v.now, Real: v.real,
		Stage: w.Stage, Reaches: w.Reaches, Process: w.Process, CanAsk: w.Settler != nil,
	}
	if v.due == nil {
		return in, nil
	}
	in.Plan, in.Settings = v.live.Plan, v.live.Settings
	if v.msg != nil && v.msg.State != message.Held {
		return in, nil // decided: nothing more is read for a record that comes again
	}
	var err error
	if in.Brake, err = w.Pacer.brake(ctx); err != nil {
		return in, err
	}
	if v.due.Unwanted, err = w.unwanted(ctx, v); err != nil {
		return in, err
	}
	in.Exit, err = w.exit(ctx, v)
	return in, err
}

// exit is the event of the stored exit that ends this run: later than its entry,
// by its own time, then by its arrival, and the first to arrive, as `journey` would
// have it. It is read whatever `journey` knows of it by now.
func (w *work) exit(ctx context.Context, v *view) (string, error) {
	if v.run.Exiting != "" {
		return v.run.Exiting, nil
	}
	entry := &v.run.Entry
	var first fact.Event
	for _, x := range v.walk.Exits {
		events, err := w.history(v).Events(ctx, x.Event, time.UnixMilli(entry.At))
		if err != nil {
			return "", err
		}
		for _, e := range events {
			if e.In.Own(e.At) <= entry.Own() || first.In != "" && first.In <= e.In {
				continue
			}
			hit, err := w.holds(ctx, v, x.Where, e.Props)
			if err != nil {
				return "", err
			}
			if hit {
				first = e
			}
		}
	}
	if first.In != "" {
		v.exitFact = first.FactID()
	}
	return first.Name, nil
}

// unwanted: the step rechecks a condition, and it does not hold any more.
func (w *work) unwanted(ctx context.Context, v *view) (bool, error) {
	if v.node.Recheck == nil {
		return false, nil
	}
	holds, err := w.holds(ctx, v, v.node.Recheck, current(v).Props)
	return !holds, err
}

// current is the fact that event.* speaks of.
func current(v *view) *fact.Fact {
	if v.run.Event != nil {
		return v.run.Event
	}
	return &v.run.Entry
}

// holds evaluates a condition of the journey; none holds.
func (w *work) holds(ctx context.Context, v *view, c *condition.Condition, event map[string]any) (bool, error) {
	if c == nil {
		return true, nil
	}
	in := condition.Input{
		Now: v.now, Zone: v.zone, Profile: visible(v), Entry: v.run.Entry.Props, Event: event,
	}
	if err := w.history(v).Fill(ctx, lens(v), c, &in); err != nil {
		return false, err
	}
	truth, err := c.Holds(in)
	return truth == condition.True, err
}

func (w *work) history(v *view) history.Reader {
	return history.Reader{Store: w.Store, Customer: w.customer, Epoch: v.epoch()}
}

// lens is what the run's journey may see, by the purposes that hold today.
func lens(v *view) history.Lens {
	return history.Lens{Plan: v.live.Plan, Gate: &v.gate, Allowed: v.walk.Allowed(), Now: v.now}
}

func visible(v *view) map[string]any {
	return profile.Visible(v.profile, v.live.Plan, &v.gate, v.walk.Allowed(), v.now.UnixMilli())
}
