package memstore

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// Query reads part of one partition or of one index list. As in DynamoDB an
// expired item takes its place in the page and is left out afterwards.
func (s *Store) Query(ctx context.Context, q flow.Query) (flow.Page, error) {
	if err := ctx.Err(); err != nil {
		return flow.Page{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.List != "" {
		return page(s.lists[q.List], q, func(e *item.Item) string { return e.IS }, entryPlace), nil
	}
	sortKey := func(i *item.Item) string { return i.SK }
	found := page(s.partitions[partition{q.Table, q.PK}], q, sortKey, sortKey)
	now := s.now(q.PK)
	found.Items = slices.DeleteFunc(found.Items, func(i item.Item) bool { return !q.Expired && i.Expired(now) })
	return found, nil
}

// page cuts one page out of items, which are sorted by place; the query's range
// is one of order.
func page(items []*item.Item, q flow.Query, order, place func(*item.Item) string) flow.Page {
	var p flow.Page
	size := 0
	for n := range items {
		i := items[n]
		if q.Backward {
			i = items[len(items)-1-n]
		}
		if !inRange(q, order(i)) || q.Cursor != "" && !beyond(q, place(i)) {
			continue
		}
		full := q.Limit > 0 && len(p.Items) == q.Limit
		if full || len(p.Items) > 0 && size+i.Size() > flow.MaxPage {
			p.Cursor = place(&p.Items[len(p.Items)-1])
			return p
		}
		size += i.Size()
		one := *i
		one.Counters = maps.Clone(i.Counters)
		p.Items = append(p.Items, one)
	}
	return p
}

func inRange(q flow.Query, key string) bool {
	return strings.HasPrefix(key, q.Prefix) && key >= q.From && (q.To == "" || key <= q.To)
}

func beyond(q flow.Query, place string) bool {
	if q.Backward {
		return place < q.Cursor
	}
	return place > q.Cursor
}
