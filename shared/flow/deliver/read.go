package deliver

import (
	"context"
	"fmt"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/zone"
	"github.com/kesher-io/kesher/shared/flow"
)

// view is what one round read of one message and its customer. Items of another
// epoch than the gate's count as absent.
type view struct {
	now, real time.Time

	gate     consent.Gate
	gateItem *item.Item
	run      engine.Run
	profile  *profile.Profile
	msg      *message.Msg
	msgItem  *item.Item
	owner    *profile.Owner

	due  *message.Due // nil: nothing is due any more
	live *release.Release
	rel  *release.Release // the run's: it walks the version it started
	walk *journey.Journey
	node *journey.Node

	exitFact string // id of the stored exit that stops the message, if `journey` has not seen it

	zone      *time.Location
	zoneKnown bool
}

func (v *view) epoch() int64 {
	if v.gateItem == nil {
		return 0
	}
	return v.gateItem.E
}

// read is the gate's reads. GATE comes first and alone: whatever lowers
// permission writes GATE, so what is read after it can only be newer, and the
// claim's condition on GATE covers it.
func (w *work) read(ctx context.Context) (*view, error) {
	v := &view{now: w.Clock.Now(w.customer), real: w.Clock.Real()}
	if err := w.readGate(ctx, v); err != nil {
		return nil, err
	}
	if err := w.readRun(ctx, v); err != nil || v.due == nil {
		return v, err
	}
	return v, w.readMessage(ctx, v)
}

func (w *work) readGate(ctx context.Context, v *view) error {
	items, err := w.Store.Get(ctx, flow.Strong, item.C(w.customer, item.SKGate))
	if err != nil {
		return err
	}
	v.gateItem = items[0]
	if v.gateItem == nil {
		return nil
	}
	return v.gateItem.Decode(&v.gate)
}

// readRun reads RUN and PROFILE, and what the run wants to leave.
func (w *work) readRun(ctx context.Context, v *view) error {
	items, err := w.Store.Get(ctx, flow.Strong, item.C(w.customer, w.runSK), item.C(w.customer, item.SKProfile))
	if err != nil {
		return err
	}
	if found, err := decode(items[0], v.epoch(), &v.run); !found || err != nil {
		return err
	}
	if v.run.State != engine.Sending || v.run.Out == nil || v.run.Out.Send == nil {
		return nil
	}
	p := &profile.Profile{}
	if found, err := decode(items[1], v.epoch(), p); err != nil {
		return err
	} else if found {
		v.profile = p
	}
	if err := w.readRelease(ctx, v); err != nil {
		return err
	}
	v.zone, v.zoneKnown = zoneOf(v.profile, v.live.Settings.Brand)
	v.due = dueOf(v)
	return nil
}

// readMessage reads MSG and the owner of the address that it would go to.
func (w *work) readMessage(ctx context.Context, v *view) error {
	keys := []item.Key{item.C(w.customer, item.MsgSK(v.due.Message))}
	_, hash, _ := message.Recipient(v.profile, v.due, v.now)
	if hash != "" {
		keys = append(keys, profile.OwnerKey(hash))
	}
	items, err := w.Store.Get(ctx, flow.Strong, keys...)
	if err != nil {
		return err
	}
	m := &message.Msg{}
	found, err := decode(items[0], v.epoch(), m)
	if err != nil {
		return err
	}
	v.msgItem = items[0]
	if found {
		v.msg = m
	}
	if len(items) > 1 && items[1] != nil {
		v.owner = &profile.Owner{}
		return items[1].Decode(v.owner)
	}
	return nil
}

// decode reads an item's document; found is false for one that is absent or of
// another epoch.
func decode(it *item.Item, epoch int64, doc any) (found bool, err error) {
	if it == nil || it.E != epoch {
		return false, nil
	}
	return true, it.Decode(doc)
}

// readRelease finds the release that the run walks, and the live one, whose
// settings and purposes hold for everybody at once: a cap that was lowered today
// counts for a run that began two months ago.
func (w *work) readRelease(ctx context.Context, v *view) (err error) {
	if v.live, err = w.Releases.Live(ctx); err != nil {
		return err
	}
	v.rel = v.live
	if v.run.Release != v.live.ID {
		if v.rel, err = w.Releases.Get(ctx, v.run.Release); err != nil {
			return fmt.Errorf("release %s of run %s: %w", v.run.Release, v.run.ID, err)
		}
	}
	if v.walk = v.rel.Journeys[v.run.Journey]; v.walk != nil {
		v.node, _ = v.walk.Node(v.run.Step)
	}
	if v.node == nil || v.node.Send == nil {
		return &item.DecodeError{Key: item.C(w.customer, w.runSK), Err: stepMissing{v.rel.ID, v.run.Step}}
	}
	return nil
}

// stepMissing: a run stands at a step that its release does not have. No retry
// mends that.
type stepMissing struct{ release, step string }

func (e stepMissing) Error() string {
	return fmt.Sprintf("release %s has no step %s that sends", e.release, e.step)
}

// dueOf is the message as its run and step want it.
func dueOf(v *view) *message.Due {
	out := v.run.Out.Send
	d := &message.Due{
		Message: out.Message, Purpose: out.Purpose, Topic: out.Topic, At: out.Due,
		Late: late(v.node.Send, v.live.Settings), CapWait: v.node.Send.CapWait, Resend: v.node.Send.Resend,
	}
	if v.walk.Name == journey.Confirm {
		d.Confirm = true
		d.Address, _ = v.run.Entry.Props["address"].(string)
	}
	return d
}

// defaultLate holds where neither the step nor the settings say anything
// (CONTRACTS section 4).
const defaultLate = plan.Duration(24 * time.Hour)

// late is the step's policy, else the settings'; a send that says `cap: wait`
// wants to wait, and is bounded by its own policy alone.
func late(send *journey.Send, s *plan.Settings) plan.Late {
	switch {
	case send.Late != nil:
		return plan.Late{Kind: send.Late.Kind, After: send.Late.After}
	case send.CapWait:
		return plan.Late{Kind: message.LateSend}
	case s.Late.Kind != "":
		return s.Late
	}
	return plan.Late{Kind: message.LateDrop, After: defaultLate}
}

// zoneOf is the customer's, else the brand's, and whether it is known to be hers:
// nobody is left out for want of one, and MSG says which it was.
func zoneOf(p *profile.Profile, b plan.Brand) (*time.Location, bool) {
	if p != nil && p.Zone != "" {
		if z, err := zone.Load(p.Zone); err == nil {
			return z, true
		}
	}
	return zone.Or(b.Zone, time.UTC), false
}

// base is what every state of the message has in common.
func (v *view) base(state message.State) message.Msg {
	m := message.Msg{
		ID: v.due.Message, State: state,
		Journey: v.run.Journey, RunKey: item.RunSK(v.run.Journey, v.run.Key), Run: v.run.ID,
		Step: v.run.Step, Visit: v.run.Visit, Template: templateName(v), Release: v.rel.ID,
		Purpose: v.due.Purpose, Due: v.due.At, At: v.now.UnixMilli(), Class: message.ClassOf(v.due),
		Hops: v.run.Hops,
	}
	m.Because = append(m.Because, v.run.Entry.ID)
	if v.run.Event != nil {
		m.Because = append(m.Because, v.run.Event.ID)
	}
	if !v.zoneKnown && !v.due.Service() {
		m.Because = append(m.Because, "zone unknown: "+v.zone.String())
	}
	return m
}

// outcome is what a verdict that sends nothing makes of the message.
func (v *view) outcome(verdict message.Verdict) message.Msg {
	state := map[message.Action]message.State{
		message.Skip: message.Skipped, message.Hold: message.Held, message.DontKnow: message.Unknown,
	}[verdict.Action]
	m := v.base(state)
	m.Reason, m.Exit, m.Ledger = verdict.Reason, verdict.Exit, verdict.Ledger
	if verdict.Exit != "" {
		m.ExitFact = v.exitFact
	}
	if verdict.Action == message.Hold {
		m.Until = verdict.Until.UnixMilli()
	}
	return m
}

// held is a message that was let through and could not leave for now.
func (v *view) held(reason string, wait time.Duration) message.Msg {
	m := v.base(message.Held)
	m.Reason, m.Until = reason, v.now.Add(wait).UnixMilli()
	return m
}

// sent is a message that was accepted.
func (v *view) sent(provider string) message.Msg {
	m := v.base(message.Sent)
	m.Provider, m.Late = provider, max(0, m.At-m.Due)
	return m
}
