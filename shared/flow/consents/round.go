package consents

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
)

// turn is one attempt after another to write the same statements.
type turn struct {
	w    Writer
	rel  *release.Release
	also []flow.Op
	told map[string]bool // keys of events that stand already
	head consent.Head    // a newer end of the history than the gate knew
}

// round reads what the statements depend on, decides, and writes.
func (t *turn) round(ctx context.Context, s subject, statements []consent.Statement) (Result, error) {
	if t.w.Known != nil {
		s.know(*t.w.Known)
	} else if err := s.read(ctx, t.w.Store); err != nil {
		return Result{}, err
	}
	at, err := t.w.addresses(ctx, &s, statements)
	if err != nil {
		return Result{}, err
	}
	d := t.draft(&s)
	for _, st := range s.current(statements) {
		if err := d.say(st, at.before(&s, &st)); err != nil {
			return Result{}, err
		}
	}
	more, err := t.spread(ctx, &s, at, d)
	if err != nil {
		return Result{}, err
	}
	ops, err := d.ops()
	if err != nil {
		return Result{}, err
	}
	ops = slices.Concat(ops, more, t.also)
	res := Result{Gate: s.gate, Epoch: s.epoch, Changes: d.changes}
	if len(ops) == 0 {
		return res, nil
	}
	return res, t.w.Store.Write(ctx, ops...)
}

// learn takes in what a conflict tells; false when it is none of ours.
func (t *turn) learn(c *flow.Conflict) bool {
	if slices.ContainsFunc(t.also, func(op flow.Op) bool { return op.Item.Key == c.Key }) {
		return false
	}
	switch {
	case strings.HasPrefix(c.Key.SK, item.PrefixEvent):
		t.told[c.Key.String()] = true
	case c.Key.Table == item.Ledger && c.Current != nil:
		// The gate's memory of the history was lost (a tombstone that expired):
		// the history itself goes on where it ended.
		var e consent.Entry
		if err := c.Current.Decode(&e); err != nil {
			return false
		}
		t.head = consent.Head{N: e.N, Hash: e.Hash}
	}
	return true
}

// draft collects what is to be written about one subject.
type draft struct {
	t       *turn
	s       *subject
	entries []flow.Op
	changes []Change
	now     int64
	dirty   bool
}

func (t *turn) draft(s *subject) *draft {
	d := &draft{t: t, s: s, now: t.w.Clock.Now(s.key).UnixMilli()}
	if t.head.N > s.gate.Ledger.N {
		s.gate.Ledger = t.head
	}
	return d
}

// say applies one statement to the gate, and writes it into the history.
func (d *draft) say(st consent.Statement, before consent.Permission) error {
	key := d.event(&st)
	if d.t.told[key.String()] {
		return nil
	}
	after, effect := st.Decide(before)
	if !effect {
		return nil
	}
	e := consent.NewEntry(&st, before.State, after.State, d.now)
	e.Release, e.Epoch = d.t.rel.ID, d.s.epoch
	if after.State.Refused() {
		e.InFlight = d.s.gate.InFlight(d.t.w.Clock.Real())
	}
	d.s.gate.Ledger = e.Follow(d.s.gate.Ledger)
	after.Ledger = consent.LedgerSK(e.N)
	if d.s.gate.States == nil {
		d.s.gate.States = map[string]consent.Permission{}
	}
	d.s.gate.States[st.Name()] = after
	d.changes, d.dirty = append(d.changes, Change{st, before, after}), true

	if err := d.put(item.Key{Table: item.Ledger, PK: d.s.pk, SK: after.Ledger}, e, 0); err != nil {
		return err
	}
	if !st.Announced(before, after) {
		return nil
	}
	return d.put(key, d.fact(&st, after), keepEvents)
}

// keepEvents is how long consent events stay in her log; the ledger stays.
const keepEvents = 400 * 24 * time.Hour

func (d *draft) put(key item.Key, doc any, keep time.Duration) error {
	it := (*item.Item)(nil).Next(key, d.t.w.Tokens.Token(), d.s.epoch)
	if keep != 0 {
		it.TTL = time.UnixMilli(d.now).Add(keep).Unix()
	}
	err := it.Encode(doc)
	d.entries = append(d.entries, flow.Put(it, flow.Absent))
	return err
}

// event is the key of the statement's event: the same for the same statement.
func (d *draft) event(st *consent.Statement) item.Key {
	return item.Key{Table: item.Customers, PK: d.s.pk, SK: item.EventSK(eventName(st.State), time.UnixMilli(st.At), st.ID)}
}

func eventName(said consent.State) string {
	if said == consent.Granted {
		return fact.ConsentGranted
	}
	return fact.ConsentWithdrawn
}

func (d *draft) fact(st *consent.Statement, after consent.Permission) fact.Event {
	props := map[string]any{"purpose": st.Purpose, "channel": st.Channel, "state": string(after.State)}
	if st.Notice != nil {
		props["notice"] = st.Notice.ID
	}
	return fact.Event{
		ID: st.ID, Name: eventName(st.State), At: st.At, Props: props,
		In: ident.NewStamp(time.UnixMilli(d.now), d.t.w.Tokens.Seq()),
	}
}

// ops are the gate and all that stands beside it; the gate first, so that a
// conflict names it before anything that merely follows from it.
func (d *draft) ops() ([]flow.Op, error) {
	if !d.dirty {
		return nil, nil
	}
	gate, err := d.s.putGate(d.t.w.Tokens.Token(), d.now)
	if err != nil {
		return nil, err
	}
	raises := slices.ContainsFunc(d.changes, func(c Change) bool { return !c.After.State.Refused() })
	if size := gate.Item.Size(); raises && size > message.MaxGate {
		// A no is always written: what bounds the item must never keep mail coming.
		return nil, fmt.Errorf("gate of %d bytes, %d are possible: %w", size, message.MaxGate, flow.ErrTooLarge)
	}
	return append([]flow.Op{gate}, d.entries...), nil
}
