// Package collection folds a customer's own events into collections: the cart,
// what she viewed last. A collection is computed when it is read and never
// stored, so it can't be stale or wrong for longer than its events. The package
// knows the plan's rule for it and the events; it reads nothing, and who may see
// which event is decided before. Pure.
package collection

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/plan"
)

// Items is the name under which a collection holds its entries.
const Items = "items"

// Quantity is the property that is summed; an event without it counts as one.
const Quantity = "quantity"

// Fold makes a collection out of events, in any order, as of now: what was added
// and neither removed nor cleared since, newest first. Each entry has the
// properties of the last event that added it, and the quantity of them all.
// Events older than the collection's `keep` do not count; exactly that old does.
func Fold(c plan.Collection, events []fact.Event, now time.Time) map[string]any {
	f := fold{entries: map[string]*entry{}}
	oldest := Since(c, now).UnixMilli()
	for _, e := range inOrder(events) {
		if e.At >= oldest {
			f.apply(c, &e)
		}
	}
	return map[string]any{Items: f.items()}
}

// Since is the own time from which events count.
func Since(c plan.Collection, now time.Time) time.Time {
	return now.Add(-time.Duration(c.Keep))
}

// Reads are the names of the events that make the collection.
func Reads(c plan.Collection) []string {
	return slices.Concat(c.Add, c.Remove, c.Clear)
}

type fold struct {
	entries map[string]*entry
	n       int
}

type entry struct {
	props    map[string]any
	quantity float64
	last     int // place of the last event that added it
}

func (f *fold) apply(c plan.Collection, e *fact.Event) {
	f.n++
	if slices.Contains(c.Clear, e.Name) {
		clear(f.entries)
		return
	}
	key, ok := keyOf(e.Props[c.Key])
	switch {
	case !ok:
	case slices.Contains(c.Remove, e.Name):
		delete(f.entries, key)
	case slices.Contains(c.Add, e.Name):
		f.add(key, e.Props)
	}
}

func (f *fold) add(key string, props map[string]any) {
	added := f.entries[key]
	if added == nil {
		added = &entry{}
		f.entries[key] = added
	}
	added.props, added.last = props, f.n
	added.quantity += quantity(props)
}

func (f *fold) items() []any {
	sorted := slices.SortedFunc(maps.Values(f.entries), func(a, b *entry) int { return cmp.Compare(b.last, a.last) })
	items := make([]any, 0, len(sorted))
	for _, e := range sorted {
		props := maps.Clone(e.props)
		props[Quantity] = e.quantity
		items = append(items, props)
	}
	return items
}

// keyOf is what an entry is told by. An event without the key names nothing.
func keyOf(v any) (string, bool) {
	if v == nil || v == "" {
		return "", false
	}
	return fmt.Sprint(v), true
}

func quantity(props map[string]any) float64 {
	switch n := props[Quantity].(type) {
	case float64:
		return n
	case int:
		return float64(n)
	case int64:
		return float64(n)
	}
	return 1
}

// inOrder sorts by own time, then by arrival.
func inOrder(events []fact.Event) []fact.Event {
	return slices.SortedFunc(slices.Values(events), func(a, b fact.Event) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.In, b.In))
	})
}
