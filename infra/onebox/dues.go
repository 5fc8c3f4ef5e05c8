package onebox

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/clock"
)

// dues is the index of what is due, by customer. The store's own index is by
// time over everybody; in play each customer has her own clock, and the player
// asks thousands of times a second what is due for one. It sees every write.
type dues struct {
	flow.Store
	mu sync.Mutex
	by map[string]map[string]clock.Entry // by partition, then sort key
}

// watchDues begins with what the store's index lists.
func watchDues(ctx context.Context, s flow.Store) (*dues, error) {
	d := &dues{Store: s, by: map[string]map[string]clock.Entry{}}
	for _, shard := range item.Shards {
		for _, list := range []string{item.DueList(string(shard)), item.LookList(string(shard))} {
			err := flow.Each(ctx, s, flow.Query{Table: item.Customers, List: list}, func(it item.Item) error {
				it.IK = list
				d.note(&it)
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return d, nil
}

func (d *dues) Write(ctx context.Context, ops ...flow.Op) error {
	err := d.Store.Write(ctx, ops...)
	if err == nil {
		for i := range ops {
			if k := ops[i].Kind; k == flow.OpPut || k == flow.OpDelete {
				d.note(&ops[i].Item)
			}
		}
	}
	return err
}

// note takes one item as it stands now; a deleted one stands in no list.
func (d *dues) note(it *item.Item) {
	if !strings.HasPrefix(it.PK, item.PrefixCustomer) {
		return
	}
	look := strings.HasPrefix(it.IK, "look#")
	at, err := time.Parse(item.TimeLayout, it.IS)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil || !look && !strings.HasPrefix(it.IK, "due#") {
		delete(d.by[it.PK], it.SK)
		if len(d.by[it.PK]) == 0 {
			delete(d.by, it.PK)
		}
		return
	}
	if d.by[it.PK] == nil {
		d.by[it.PK] = map[string]clock.Entry{}
	}
	d.by[it.PK][it.SK] = clock.Entry{Key: it.Key, Look: look, At: at}
}

// refresh takes an entry's item as it is stored: concurrent writers may have
// been noted out of order, and an entry that is not due must not come again.
func (d *dues) refresh(ctx context.Context, e clock.Entry) error {
	items, err := d.Store.Get(ctx, flow.Strong, e.Key)
	if err != nil {
		return err
	}
	if items[0] == nil {
		items[0] = &item.Item{Key: e.Key}
	}
	d.note(items[0])
	return nil
}

// first is a customer's earliest entry before a moment.
func (d *dues) first(customer string, before time.Time) (clock.Entry, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return earliest(d.by[item.CustomerPK(customer)], before)
}

// firsts are everybody's earliest entries before a moment.
func (d *dues) firsts(before time.Time) []clock.Entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []clock.Entry
	for _, list := range d.by {
		if e, ok := earliest(list, before); ok {
			all = append(all, e)
		}
	}
	return all
}

// next is when the first of all entries up to a moment is due.
func (d *dues) next(until time.Time) (first time.Time, ok bool) {
	for _, e := range d.firsts(until.Add(time.Millisecond)) {
		if !ok || e.At.Before(first) {
			first, ok = e.At, true
		}
	}
	return first, ok
}

func earliest(list map[string]clock.Entry, before time.Time) (first clock.Entry, ok bool) {
	for _, e := range list {
		if e.At.Before(before) && (!ok || e.At.Before(first.At) || e.At.Equal(first.At) && e.Key.SK < first.Key.SK) {
			first, ok = e, true
		}
	}
	return first, ok
}
