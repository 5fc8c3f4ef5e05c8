package collect

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/flow"
)

// ours are the events that Kesher writes itself. From outside they would start
// mails, or feign permission.
var ours = []string{
	fact.EmailDelivered, fact.EmailOpened, fact.EmailLinkClicked, fact.EmailBounced, fact.EmailMarkedAsSpam,
	fact.Unsubscribed, fact.ConsentGranted, fact.ConsentWithdrawn, fact.SurveyAnswered, fact.CustomerErased,
	fact.MessageSkipped, fact.MessageRequested, fact.SignalReceived,
}

// declared finds what the plan says of an event.
func (w *work) declared(name string) (plan.Event, *events.Refusal) {
	if slices.Contains(ours, name) {
		return plan.Event{}, events.Refuse(events.InvalidField, "event", "is one that only Kesher itself writes")
	}
	if decl, ok := w.rel.Plan.Events[name]; ok {
		return decl, nil
	}
	if purpose, keeps := w.rel.Plan.KeepsUnknown(); keeps {
		return plan.Event{Purposes: []string{purpose}}, nil
	}
	hint := ""
	if near, ok := plan.Nearest(name, slices.Sorted(maps.Keys(w.rel.Plan.Events))); ok {
		hint = " (did you mean " + near + "?)"
	}
	return plan.Event{}, events.Refuse(events.UnknownEvent, "event", "is not in the plan%s", hint)
}

// properties checks the declared properties and drops nulls, which are no value.
// A value of the wrong type refuses the event: half of it would mislead whoever
// reads it. Properties that the plan does not declare are kept under the event's
// purposes, as Segment keeps them.
func properties(decl plan.Event, given map[string]any) (map[string]any, *events.Refusal) {
	var props map[string]any
	for _, name := range slices.Sorted(maps.Keys(given)) {
		v := given[name]
		if v == nil {
			continue
		}
		if typ, ok := decl.Properties[name]; ok {
			if err := typ.Accepts(v); err != nil {
				return nil, events.Refuse(events.InvalidField, "properties."+name, "%v", err)
			}
		}
		if props == nil {
			props = make(map[string]any, len(given))
		}
		props[name] = v
	}
	return props, nil
}

// track stores an event: one plain conditional write for a known customer.
func (w *work) track(ctx context.Context, name string, given map[string]any) error {
	decl, r := w.declared(name)
	if r == nil {
		given, r = properties(decl, given)
	}
	if r != nil {
		w.out = refused(r)
		return nil
	}
	sk := func(at time.Time) string { return item.EventSK(name, at, w.id) }
	return w.storing(ctx, sk, func() ([]flow.Op, *events.Refusal, error) {
		if !w.st.mayUse(w.rel, decl.Purposes) {
			return nil, events.Refuse(events.NotPermitted, "event", "has no purpose that is permitted"), nil
		}
		return w.eventOps(name, given, time.Duration(decl.Keep))
	})
}

// storing writes what make makes: the fact's own ops first, and the customer's
// birth with them. A conflict on the fact says that it is stored already;
// any other that somebody wrote meanwhile, and make is asked again. sk is the
// fact's key for a time.
func (w *work) storing(ctx context.Context, sk func(time.Time) string, makeOps func() ([]flow.Op, *events.Refusal, error)) error {
	for range maxAttempts {
		ops, r, err := makeOps()
		if err != nil {
			return err
		}
		if r != nil {
			return w.refuse(ctx, r, sk)
		}
		facts := len(ops)
		if ops, err = w.born(ops); err != nil {
			return err
		}
		err = w.Store.Write(ctx, ops...)
		conflict, ok := flow.AsConflict(err)
		switch {
		case !ok:
			return err
		case conflict.Op < facts && factual(conflict.Key):
			w.out.Duplicate = true
			return nil
		}
		if err := w.reopen(ctx); err != nil {
			return err
		}
	}
	return errContended
}

// refuse refuses a fact, unless all that it lacks is a permission that it had when
// it came first: whoever sends it again is told that it is kept.
func (w *work) refuse(ctx context.Context, r *events.Refusal, sk func(time.Time) string) error {
	if r.Code == events.NotPermitted {
		items, err := w.Store.Get(ctx, flow.Strong, w.st.at(sk(w.m.key)), w.st.at(item.IDSK(w.id)))
		if err != nil {
			return err
		}
		if items[0] != nil || items[1] != nil {
			w.out.Duplicate = true
			return nil
		}
	}
	w.out = refused(r)
	return nil
}

// factual: the key is a fact's own, or the guard of its messageId.
func factual(k item.Key) bool {
	for _, prefix := range []string{item.PrefixEvent, item.PrefixID, item.PrefixResponse} {
		if len(k.SK) > len(prefix) && k.SK[:len(prefix)] == prefix {
			return true
		}
	}
	return false
}

// eventOps are the event and what makes its retries harmless.
func (w *work) eventOps(name string, props map[string]any, keep time.Duration) ([]flow.Op, *events.Refusal, error) {
	e := fact.Event{ID: w.id, Name: name, At: w.m.at, In: w.st.stamp(w.Tokens), Props: props, Imported: w.src.Import}
	if keep == 0 {
		keep = keepFor
	}
	ttl := time.UnixMilli(w.m.at).Add(keep)
	if !ttl.After(w.st.now) {
		return nil, events.Refuse(events.InvalidField, "timestamp", "is older than the plan keeps this event"), nil
	}
	put, err := w.put(item.EventSK(name, w.m.key, w.id), e, ttl)
	if err != nil {
		return nil, nil, err
	}
	guards, err := w.guards(func(at time.Time) string { return item.EventSK(name, at, w.id) })
	return append([]flow.Op{put}, guards...), nil, err
}

// keepID is how long a guard remembers a messageId: longer than any SDK retries.
const keepID = 7 * 24 * time.Hour

// guards are the ops beside a fact that recognise another attempt (see moment).
func (w *work) guards(sk func(time.Time) string) ([]flow.Op, error) {
	id := w.st.at(item.IDSK(w.id))
	if w.m.aged {
		return []flow.Op{flow.Check(id, flow.Absent)}, nil
	}
	if !w.m.guard {
		return nil, nil
	}
	put, err := w.put(id.SK, struct{}{}, w.st.now.Add(keepID))
	if w.m.own.IsZero() || w.m.own.Equal(w.m.key) {
		return []flow.Op{put}, err
	}
	return []flow.Op{put, flow.Check(w.st.at(sk(w.m.own)), flow.Absent)}, err
}

// put is a new item of the subject.
func (w *work) put(sk string, doc any, ttl time.Time) (flow.Op, error) {
	it := (*item.Item)(nil).Next(w.st.at(sk), w.Tokens.Token(), w.st.Epoch)
	it.TTL = ttl.Unix()
	err := it.Encode(doc)
	return flow.Put(it, flow.Absent), err
}
