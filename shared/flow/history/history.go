// Package history reads what a customer did: her stored events of one name, the
// windows that a condition looks back on, the collections that fold them (the
// cart), each as far as one journey may see it. All reads are strong. It decides
// nothing and writes nothing.
package history

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/collection"
	"github.com/kesher-io/kesher/shared/core/condition"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/flow"
)

// Reader reads the events of one customer. Items of an older epoch than hers
// count as absent.
type Reader struct {
	Store    flow.Store
	Customer string
	Epoch    int64
}

// skew is how far the time in an event's key, which is the caller's own, may lie
// from the corrected one: reads take keys so much wider, then filter
// (ARCHITECTURE section 3).
const skew = 24 * time.Hour

// Events of a name whose own time is not before from, in the order of their own
// time, then of their arrival.
func (r Reader) Events(ctx context.Context, name string, from time.Time) ([]fact.Event, error) {
	prefix := item.EventPrefix(name)
	q := flow.Query{
		Table: item.Customers, PK: item.CustomerPK(r.Customer), Prefix: prefix,
		From: prefix + item.Time(from.Add(-skew)), Consistency: flow.Strong,
	}
	var events []fact.Event
	err := flow.Each(ctx, r.Store, q, func(it item.Item) error {
		var e fact.Event
		if it.E != r.Epoch {
			return nil
		}
		if err := it.Decode(&e); err != nil {
			return err
		}
		if e.At >= from.UnixMilli() {
			events = append(events, e)
		}
		return nil
	})
	slices.SortFunc(events, func(a, b fact.Event) int { return cmp.Compare(a.In.Own(a.At), b.In.Own(b.At)) })
	return events, err
}

// Lens is what one journey may see of a customer now.
type Lens struct {
	Plan    *plan.Plan
	Gate    *consent.Gate
	Allowed []string // the journey's purpose and its uses
	Now     time.Time
}

// Sees says whether the journey may see events of this name: one of the purposes
// they are kept for is the journey's, and is permitted now. Kesher's own events
// about its own doing are seen by all.
func (l Lens) Sees(event string) bool {
	purposes, own := Purposes(l.Plan, event)
	if own {
		return true
	}
	common := slices.DeleteFunc(slices.Clone(purposes), func(p string) bool { return !slices.Contains(l.Allowed, p) })
	return len(common) > 0 && l.Gate.MayUse(l.Plan, common, l.Now.UnixMilli())
}

// ownEvents are written by Kesher about its own doing.
var ownEvents = []string{
	fact.EmailDelivered, fact.EmailBounced, fact.EmailMarkedAsSpam, fact.Unsubscribed, fact.ConsentGranted,
	fact.ConsentWithdrawn, fact.SurveyAnswered, fact.MessageSkipped, fact.MessageRequested,
}

// Purposes for which events of a name are kept; own says that Kesher writes them
// itself, and no purpose is needed to see them.
func Purposes(p *plan.Plan, event string) (purposes []string, own bool) {
	if e, ok := p.Events[event]; ok {
		return e.Purposes, false
	}
	if slices.Contains(ownEvents, event) {
		return nil, true
	}
	if purpose, ok := strings.CutPrefix(p.UnknownEvents, "keep:"); ok {
		return []string{strings.TrimSpace(purpose)}, false
	}
	return nil, false
}

// Fill gives a condition's input the events and collections that it reads.
func (r Reader) Fill(ctx context.Context, l Lens, c *condition.Condition, in *condition.Input) (err error) {
	events := map[string][]condition.Event{}
	for _, w := range c.Windows() {
		if events[w.Event], err = r.Window(ctx, l, w); err != nil {
			return err
		}
	}
	in.Events = func(name string) []condition.Event { return events[name] }
	in.Collections, err = r.Collections(ctx, l, c.Collections())
	return err
}

// Window is one look back, newest first, of what has arrived by now.
func (r Reader) Window(ctx context.Context, l Lens, w condition.Window) ([]condition.Event, error) {
	if !l.Sees(w.Event) {
		return nil, nil
	}
	stored, err := r.Events(ctx, w.Event, l.Now.Add(-w.Within))
	if err != nil {
		return nil, err
	}
	var list []condition.Event
	for _, e := range slices.Backward(stored) {
		if e.In.Milli() <= l.Now.UnixMilli() {
			list = append(list, condition.Event{At: time.UnixMilli(e.At).UTC(), Props: e.Props})
		}
	}
	return list, nil
}

// Collections folds the named collections. What adds to one must be visible;
// what removes or clears is heard always, as it only ever shows less: a cart that
// was paid for is empty, whoever may know of the order.
func (r Reader) Collections(ctx context.Context, l Lens, names []string) (map[string]any, error) {
	folded := make(map[string]any, len(names))
	for _, name := range names {
		c := l.Plan.Collections[name]
		var events []fact.Event
		for _, event := range collection.Reads(c) {
			if slices.Contains(c.Add, event) && !l.Sees(event) {
				continue
			}
			list, err := r.Events(ctx, event, collection.Since(c, l.Now))
			if err != nil {
				return nil, err
			}
			events = append(events, list...)
		}
		folded[name] = collection.Fold(c, events, l.Now)
	}
	return folded, nil
}
