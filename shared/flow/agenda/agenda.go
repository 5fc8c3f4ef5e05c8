// Package agenda keeps, per customer, what is due for her and is no run: one
// item, a time per kind, listed under the earliest. Any flow may write it; the
// clock works it.
package agenda

import (
	"context"
	"fmt"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// Kinds of chores.
const (
	Copies  = "copies"  // copy a visitor's late facts after an identify
	Pending = "pending" // purge an address that nobody confirmed
	Sweep   = "sweep"   // look once more for what was written past an erasure
	Erase   = "erase"   // forget her: she asked for it on her page, which may delete nothing itself
)

// Agenda is the document of AGENDA: when each kind is due (ms).
type Agenda map[string]int64

// Writer writes agendas.
type Writer struct {
	Store  flow.Store
	Tokens flow.Tokens
}

// Read returns what is due for a customer, and the item for a later condition.
func (w Writer) Read(ctx context.Context, customer string) (Agenda, *item.Item, error) {
	items, err := w.Store.Get(ctx, flow.Strong, item.C(customer, item.SKAgenda))
	if err != nil || items[0] == nil {
		return Agenda{}, nil, err
	}
	a := Agenda{}
	return a, items[0], items[0].Decode(&a)
}

// Remind makes kind due at a time, unless it is due earlier already.
func (w Writer) Remind(ctx context.Context, customer string, epoch int64, kind string, at time.Time) error {
	return w.change(ctx, customer, epoch, func(a Agenda) bool {
		if old, ok := a[kind]; ok && old <= at.UnixMilli() {
			return false
		}
		a[kind] = at.UnixMilli()
		return true
	})
}

// Postpone makes kind due at a time, whenever it was due before: what a chore
// calls that is not finished, and who has more for it to do.
func (w Writer) Postpone(ctx context.Context, customer string, epoch int64, kind string, at time.Time) error {
	return w.change(ctx, customer, epoch, due(kind, at))
}

// Plan is Postpone as operations, for a write that must not come about without them.
func (w Writer) Plan(ctx context.Context, customer string, epoch int64, kind string, at time.Time) ([]flow.Op, error) {
	return w.plan(ctx, customer, epoch, due(kind, at))
}

func due(kind string, at time.Time) func(Agenda) bool {
	return func(a Agenda) bool {
		before := a[kind]
		a[kind] = at.UnixMilli()
		return a[kind] != before
	}
}

// Done strikes kind off, if it is still due at the time that was worked.
func (w Writer) Done(ctx context.Context, customer string, epoch int64, kind string, worked int64) error {
	return w.change(ctx, customer, epoch, func(a Agenda) bool {
		if a[kind] != worked {
			return false
		}
		delete(a, kind)
		return true
	})
}

const maxAttempts = 12

func (w Writer) change(ctx context.Context, customer string, epoch int64, edit func(Agenda) bool) error {
	for range maxAttempts {
		ops, err := w.plan(ctx, customer, epoch, edit)
		if err != nil || len(ops) == 0 {
			return err
		}
		err = w.Store.Write(ctx, ops...)
		if _, conflict := flow.AsConflict(err); !conflict {
			return err
		}
	}
	return fmt.Errorf("agenda of %s is written by others all the time: %w", customer, flow.ErrThrottled)
}

// plan is an edit of her agenda as it stands; none where it changes nothing.
func (w Writer) plan(ctx context.Context, customer string, epoch int64, edit func(Agenda) bool) ([]flow.Op, error) {
	a, read, err := w.Read(ctx, customer)
	if err != nil || read != nil && read.E > epoch {
		return nil, err // she was erased meanwhile: with her went what was to be done
	}
	if read != nil && read.E < epoch {
		a = Agenda{}
	}
	if !edit(a) {
		return nil, nil
	}
	op, err := w.op(customer, epoch, a, read)
	return []flow.Op{op}, err
}

func (w Writer) op(customer string, epoch int64, a Agenda, read *item.Item) (flow.Op, error) {
	key := item.C(customer, item.SKAgenda)
	if len(a) == 0 {
		return flow.Delete(key, flow.Is(read)), nil
	}
	it := read.Next(key, w.Tokens.Token(), epoch)
	it.IK, it.IS = item.DueList(item.Shard(customer)), item.Time(time.UnixMilli(a.earliest()))
	err := it.Encode(a)
	return flow.Put(it, flow.Is(read)), err
}

func (a Agenda) earliest() int64 {
	first := int64(0)
	for _, at := range a {
		if first == 0 || at < first {
			first = at
		}
	}
	return first
}
