package collect

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/flow/collect"
)

// parallel is how many people of one batch are worked side by side.
const parallel = 8

// members works a batch: people in parallel, the calls of one person in order.
func (h *handler) members(ctx context.Context, b *events.Batch, src collect.Source) ([]collect.Outcome, error) {
	outs := make([]collect.Outcome, len(b.Batch))
	calls := make([]*events.Call, len(b.Batch))
	for i := range b.Batch {
		c, refusal := b.Member(i)
		if refusal != nil {
			outs[i] = h.Flow.Refuse(refusal)
			continue
		}
		calls[i] = c
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, person := range people(calls) {
		group.Go(func() error {
			for _, i := range person {
				var err error
				if outs[i], err = h.Flow.Collect(ctx, calls[i], src); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return outs, group.Wait()
}

// people shares calls out so that those which name a common id, directly or
// through others, stay together and in order.
func people(calls []*events.Call) [][]int {
	first := map[string]int{} // id -> a call that named it
	root := make([]int, len(calls))
	find := func(i int) int {
		for root[i] != i {
			i = root[i]
		}
		return i
	}
	for i, c := range calls {
		root[i] = i
		if c == nil {
			continue
		}
		for _, id := range []string{"u" + c.UserID.Reveal(), "a" + c.AnonymousID.Reveal(), "a" + c.PreviousID.Reveal()} {
			if len(id) == 1 {
				continue
			}
			if j, seen := first[id]; seen {
				root[find(i)] = find(j)
			} else {
				first[id] = i
			}
		}
	}
	var groups [][]int
	place := map[int]int{}
	for i, c := range calls {
		if c == nil {
			continue
		}
		at, ok := place[find(i)]
		if !ok {
			at = len(groups)
			place[find(i)], groups = at, append(groups, nil)
		}
		groups[at] = append(groups[at], i)
	}
	return groups
}
