package deliver

import (
	"context"
	"errors"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/flow"
)

// keepMessage is how long MSG stays: as long as a run, so that a year's report
// can be counted from the items.
const keepMessage = 400 * 24 * time.Hour

// store writes the message's new state, unless what stands there by then may not
// be changed by it. It ends the work: result says what was stored.
func (w *work) store(ctx context.Context, v *view, m message.Msg, claimer bool) error {
	read, stored := v.msgItem, v.msg
	for range maxAttempts {
		if stored != nil && !message.Follows(m.State, stored, claimer) {
			w.result.Reason = message.ReasonFinal
			return nil
		}
		it, err := w.encode(v, read, &m)
		if err != nil {
			return err
		}
		written := w.Store.Write(ctx, flow.Put(it, flow.Is(read)))
		if written != nil {
			if read, stored, err = w.reread(ctx, v, &it, written); err != nil {
				return err
			}
		}
		if written == nil || read != nil && read.W == it.W { // only its reply was lost
			w.count(&m)
			w.result.Message = &m
			return nil
		}
	}
	return flow.ErrThrottled
}

func (w *work) encode(v *view, read *item.Item, m *message.Msg) (item.Item, error) {
	m.In = ident.NewStamp(w.Clock.Now(w.customer), w.Tokens.Seq())
	it := read.Next(item.C(w.customer, item.MsgSK(m.ID)), w.Tokens.Token(), v.epoch())
	it.TTL = v.now.Add(keepMessage).Unix()
	return it, it.Encode(m)
}

// reread finds out what stands there after a write failed.
func (w *work) reread(ctx context.Context, v *view, it *item.Item, failure error) (*item.Item, *message.Msg, error) {
	current, err := w.current(ctx, it.Key, failure)
	if err != nil {
		return nil, nil, err
	}
	m := &message.Msg{}
	found, err := decode(current, v.epoch(), m)
	if !found {
		m = nil
	}
	return current, m, err
}

// current is the item that stands at key after a write of it failed: a conflict
// brings it along, an unknown outcome is looked up.
func (w *work) current(ctx context.Context, key item.Key, failure error) (*item.Item, error) {
	if c, ok := flow.AsConflict(failure); ok {
		return c.Current, nil
	}
	if !errors.Is(failure, flow.ErrUnknown) {
		return nil, failure
	}
	items, err := w.Store.Get(ctx, flow.Strong, key)
	if err != nil {
		return nil, errors.Join(failure, err)
	}
	return items[0], nil
}

// putGate writes GATE on the condition that nothing changed since it was read.
func (w *work) putGate(ctx context.Context, v *view, g *consent.Gate) error {
	it, err := w.gateItem(v, g)
	if err != nil {
		return err
	}
	return w.Store.Write(ctx, flow.Put(it, flow.Is(v.gateItem)))
}

func (w *work) gateItem(v *view, g *consent.Gate) (item.Item, error) {
	it := v.gateItem.Next(item.C(w.customer, item.SKGate), w.Tokens.Token(), v.epoch())
	if v.gateItem != nil {
		it.TTL, it.IK, it.IS = v.gateItem.TTL, v.gateItem.IK, v.gateItem.IS
	}
	return it, it.Encode(g)
}

// letGo takes a claim out of GATE, whoever else writes it meanwhile. A claim
// that is not there is let go already.
func (w *work) letGo(ctx context.Context, v *view, claim consent.Claim) error {
	for range maxAttempts {
		again := &view{now: v.now, real: v.real}
		items, err := w.Store.Get(ctx, flow.Strong, item.C(w.customer, item.SKGate))
		if err != nil {
			return err
		}
		if again.gateItem = items[0]; again.gateItem == nil {
			return nil
		}
		if err := again.gateItem.Decode(&again.gate); err != nil {
			return err
		}
		rest, found := message.Release(&again.gate, claim)
		if !found {
			return nil
		}
		err = w.putGate(ctx, again, rest)
		if _, conflict := flow.AsConflict(err); !conflict && !errors.Is(err, flow.ErrUnknown) {
			return err
		}
	}
	return flow.ErrThrottled
}

// errFull: GATE has no room for one more claim, and the message can wait.
var errFull = errors.New(message.ReasonFull)

// claimIt records the claim in GATE: the one write that decides consent,
// suppression, caps and de-duplication at once.
func (w *work) claimIt(ctx context.Context, v *view) error {
	if w.claim == nil {
		w.claim = &consent.Claim{
			Message: v.due.Message, Lease: w.deadline.Add(leaseMargin).UnixMilli(),
			Token: w.Tokens.Token(), By: w.Process, Capped: !v.due.Service(),
		}
	}
	w.claim.At = v.now.UnixMilli()
	next, err := w.fit(ctx, v, message.Claim(&v.gate, *w.claim, v.now))
	if err != nil {
		return err
	}
	return w.putGate(ctx, v, next)
}

// shedBatch is how many claims are looked at when GATE is full. It is made a
// good deal smaller than it may be, so that the next mails need not do it again.
const (
	shedBatch = 40
	shedTo    = message.MaxGate * 3 / 4
)

// fit keeps GATE to its bound by letting claims go whose message is stored. A
// service mail is never refused for size.
func (w *work) fit(ctx context.Context, v *view, g *consent.Gate) (*consent.Gate, error) {
	size, err := w.gateSize(v, g)
	if err != nil || size <= message.MaxGate {
		return g, err
	}
	stored, err := w.stored(ctx, v, g.Claims[:min(len(g.Claims), shedBatch)])
	if err != nil {
		return nil, err
	}
	g = message.Shed(g, stored, v.now, func(g *consent.Gate) bool {
		size, _ = w.gateSize(v, g) // it could be encoded above
		return size <= shedTo
	})
	if size > message.MaxGate && !v.due.Service() {
		return nil, errFull
	}
	return g, nil
}

func (w *work) gateSize(v *view, g *consent.Gate) (int, error) {
	it, err := w.gateItem(v, g)
	return it.Size(), err
}

// stored says of which of the claims the outcome is stored.
func (w *work) stored(ctx context.Context, v *view, claims []consent.Claim) (map[string]bool, error) {
	keys := make([]item.Key, len(claims))
	for i, c := range claims {
		keys[i] = item.C(w.customer, item.MsgSK(c.Message))
	}
	items, err := w.Store.Get(ctx, flow.Strong, keys...)
	if err != nil {
		return nil, err
	}
	final := map[string]bool{}
	for i, it := range items {
		var m message.Msg
		found, err := decode(it, v.epoch(), &m)
		if err != nil {
			return nil, err
		}
		final[claims[i].Message] = found && m.State.Final()
	}
	return final, nil
}

func (w *work) count(m *message.Msg) {
	dims := []flow.Dim{{Name: "State", Value: string(m.State)}}
	if m.Reason != "" {
		dims = append(dims, flow.Dim{Name: "Reason", Value: m.Reason})
	}
	w.Metrics.Count("Messages", 1, dims...)
	switch m.State {
	case message.Unknown:
		w.Metrics.Count(MetricUnknown, 1)
	case message.Sent:
		w.Metrics.Observe(MetricLateness, time.Duration(m.Late)*time.Millisecond)
	}
	if w.Log != nil {
		w.Log.Info("message", "id", m.ID, "journey", m.Journey, "step", m.Step, "state", string(m.State), "reason", m.Reason)
	}
}
