package sim

import (
	"context"
	"sync"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// Many customers came and agreed long before a history begins. What that left in
// the store is found out once for each of them, by a history of its own without
// faults, and put into the others as it is.

// past is what a customer's coming and agreeing left behind.
type past struct {
	ops []flow.Op
	n   int // messageIds given
}

var pasts sync.Map // of the customer of a number: func() past

func pastOf(i int) past {
	play, _ := pasts.LoadOrStore(i, sync.OnceValue(func() past { return playPast(i) }))
	return play.(func() past)()
}

func playPast(i int) past {
	w := newWorld(^uint64(i), Options{Journeys: []string{"cart"}, Plan: []Strike{}})
	w.begin = time.Date(2026, 2, 2, 7, 0, 0, 0, time.UTC)
	w.now = w.begin
	p := w.newPerson(i)
	p.agrees()
	for w.turn() {
	}
	if len(w.result.Violations) > 0 {
		panic("sim: she can't come: " + w.result.Violations[0].String())
	}
	made := past{n: p.n}
	keep := func(it *item.Item) {
		if it.PK != item.PKPace {
			made.ops = append(made.ops, flow.Put(*it, flow.Any))
		}
	}
	for _, it := range w.everything() {
		keep(it)
	}
	w.items(item.Ledger, item.CustomerPK(p.key), keep)
	w.abandon()
	return made
}

// isKnown puts what she left behind long ago into the history. Nothing of it is on
// its way any more.
func (p *person) isKnown(i int) {
	w, past := p.w, pastOf(i)
	p.n = past.n
	if err := w.store.Write(context.Background(), past.ops...); err != nil {
		panic(err) // memory does not fail
	}
	w.committed(&task{w: w, name: "long ago", about: p.key}, past.ops, func(*item.Change) {})
}
