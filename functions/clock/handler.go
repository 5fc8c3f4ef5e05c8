// Package clock is the function that a rule starts every minute: it works off
// what is due, one worker per shard, customers side by side. It knows how to
// share out work and nothing of what the work is.
package clock

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/clock"
	"github.com/kesher-io/kesher/shared/flow/faults"
)

// Handler serves the minute rule.
type Handler struct {
	Clock *clock.Service
	// Faults keeps what can never be worked; nil keeps nothing.
	Faults *faults.Service
	// Parallel is how many entries a shard works side by side.
	Parallel int
	// Reserve is how long before its deadline an invocation takes no more work.
	Reserve time.Duration
}

// Result says what one invocation did.
type Result struct {
	Worked int `json:"worked"`
	Failed int `json:"failed"`
}

// longest is how long a worker works when its context has no deadline.
const longest = 50 * time.Second

// Handle works what is due in every shard until the time is up; the rest waits a
// minute. The event itself says nothing that matters.
func (h *Handler) Handle(ctx context.Context, _ []byte) ([]byte, error) {
	until := h.Clock.Clock.Real().Add(longest)
	if d, ok := ctx.Deadline(); ok {
		until = d.Add(-h.Reserve)
	}
	var mu sync.Mutex
	var total Result
	var errs []error
	var shards sync.WaitGroup
	for _, shard := range item.Shards {
		shards.Go(func() {
			r, err := h.Shard(ctx, string(shard), until)
			mu.Lock()
			defer mu.Unlock()
			total.Worked += r.Worked
			total.Failed += r.Failed
			errs = append(errs, err)
		})
	}
	shards.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return json.Marshal(total)
}

// Shard works what is due in one shard, page by page, until it has seen it all or
// the time is up. What comes due meanwhile waits a minute. Nothing keeps another
// worker away: an invocation ends before the next minute's begins, and two of them
// would do the same work twice and nothing wrong.
func (h *Handler) Shard(ctx context.Context, shard string, until time.Time) (r Result, err error) {
	had := map[clock.Entry]bool{}
	for more := true; more && h.Clock.Clock.Real().Before(until); {
		var entries []clock.Entry
		if entries, more, err = h.Clock.Take(ctx, shard, had); err != nil {
			return r, err
		}
		batch := h.work(ctx, entries)
		r.Worked += batch.Worked
		r.Failed += batch.Failed
		for _, e := range entries {
			had[e] = true
		}
	}
	return r, nil
}

// work fires entries, several customers at once and one customer in order.
func (h *Handler) work(ctx context.Context, entries []clock.Entry) Result {
	customers := byCustomer(entries)
	var next, worked, failed atomic.Int64
	worker := func() {
		for i := next.Add(1) - 1; i < int64(len(customers)); i = next.Add(1) - 1 {
			for _, e := range customers[i] {
				err := h.Clock.Fire(ctx, e)
				h.setAside(ctx, e, err)
				if err != nil {
					failed.Add(1)
				} else {
					worked.Add(1)
				}
			}
		}
	}
	var others sync.WaitGroup
	for range min(h.Parallel, len(customers)) - 1 {
		others.Go(worker)
	}
	worker()
	others.Wait()
	return Result{Worked: int(worked.Load()), Failed: int(failed.Load())}
}

// setAside makes a FAULT item of an entry that can never be worked, so that it is
// listed and can be retried (J19). The entry stays due, and nothing of it is lost.
func (h *Handler) setAside(ctx context.Context, e clock.Entry, cause error) {
	if h.Faults == nil || !faults.Poison(cause) {
		return
	}
	items, err := h.Clock.Store.Get(ctx, flow.Strong, e.Key)
	if err == nil && items[0] != nil {
		err = h.Faults.Record(ctx, "clock", items[0], cause)
	}
	if err != nil { // the next minute meets the entry again
		h.Clock.Log.Warn("a fault is not recorded", "error", err)
	}
}

func byCustomer(entries []clock.Entry) [][]clock.Entry {
	at := map[string]int{}
	var lists [][]clock.Entry
	for _, e := range entries {
		i, ok := at[e.Key.PK]
		if !ok {
			i = len(lists)
			at[e.Key.PK] = i
			lists = append(lists, nil)
		}
		lists[i] = append(lists[i], e)
	}
	return lists
}
