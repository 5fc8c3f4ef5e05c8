package cost_test

import (
	"context"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/infra/cost"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

func sized(sk string, bytes int) item.Item {
	return item.Item{Key: item.C("dana", sk), V: 1, W: "w", F: item.Format, Body: strings.Repeat("x", bytes)}
}

func listed(it item.Item, order string) item.Item {
	it.IK, it.IS = item.DueList("0"), order
	return it
}

// Each case asks one request of a store that holds a small item, one of 5 KB, and
// one that stands in the index; what AWS bills for it follows from the documents
// that Meter names.
func TestRequestsAreCountedInDynamoDBsUnits(t *testing.T) {
	small, large, due := sized("A", 100), sized("B", 5<<10), listed(sized("C", 100), "2026")
	get := func(c flow.Consistency, keys ...item.Key) func(context.Context, flow.Store) error {
		return func(ctx context.Context, s flow.Store) error { _, err := s.Get(ctx, c, keys...); return err }
	}
	query := func(q flow.Query) func(context.Context, flow.Store) error {
		return func(ctx context.Context, s flow.Store) error { _, err := s.Query(ctx, q); return err }
	}
	write := func(ops ...flow.Op) func(context.Context, flow.Store) error {
		return func(ctx context.Context, s flow.Store) error {
			err := s.Write(ctx, ops...)
			if _, conflict := flow.AsConflict(err); conflict {
				return nil
			}
			return err
		}
	}
	hers := flow.Query{Table: item.Customers, PK: small.PK, Consistency: flow.Strong}
	list := flow.Query{Table: item.Customers, List: item.DueList("0"), Consistency: flow.Strong}
	for name, c := range map[string]struct {
		ask         func(context.Context, flow.Store) error
		read, write float64
	}{
		"a strong read":                       {ask: get(flow.Strong, small.Key), read: 1},
		"an eventual read is half":            {ask: get(flow.Eventual, small.Key), read: 0.5},
		"every 4 KB is a unit":                {ask: get(flow.Strong, large.Key), read: 2},
		"an absent item counts":               {ask: get(flow.Strong, item.C("dana", "Z")), read: 1},
		"a batch rounds each item up":         {ask: get(flow.Strong, small.Key, large.Key), read: 3},
		"a query rounds its sum up":           {ask: query(hers), read: 2},
		"an index is never read strongly":     {ask: query(list), read: 0.5},
		"a write":                             {ask: write(flow.Put(small, flow.Any)), write: 1},
		"every 1 KB is a unit":                {ask: write(flow.Put(large, flow.Any)), write: 6},
		"the larger of before and after":      {ask: write(flow.Put(sized("B", 1), flow.Any)), write: 6},
		"a condition that fails counts":       {ask: write(flow.Put(sized("B", 1), flow.Absent)), write: 6},
		"a transaction is double":             {ask: write(flow.Put(small, flow.Any), flow.Check(due.Key, flow.Any)), write: 4},
		"an index entry that comes":           {ask: write(flow.Put(listed(small, "2027"), flow.Any)), write: 2},
		"one that moves goes and comes":       {ask: write(flow.Put(listed(sized("C", 1), "2027"), flow.Any)), write: 3},
		"one that stays costs nothing":        {ask: write(flow.Put(due, flow.Any)), write: 1},
		"one that goes":                       {ask: write(flow.Delete(due.Key, flow.Any)), write: 2},
		"nothing moves where nothing is done": {ask: write(flow.Put(listed(sized("C", 1), "2027"), flow.Absent)), write: 1},
		"counters":                            {ask: write(flow.Add(item.C("dana", "N"), map[string]int64{"n": 1})), write: 1},
	} {
		store := memstore.New(nil)
		for _, it := range []item.Item{small, large, due} {
			if err := store.Write(context.Background(), flow.Put(it, flow.Any)); err != nil {
				t.Fatal(err)
			}
		}
		meter := cost.NewMeter(store)
		if err := c.ask(context.Background(), meter.As("test")); err != nil {
			t.Fatal(err)
		}
		got := cost.Usage{Tables: meter.Tables()}.Sum()
		if want := (cost.Units{Requests: 1, Read: c.read, Write: c.write}); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

func TestABillIsUnitsTimesPrices(t *testing.T) {
	p := cost.Prices{WriteUnit: 2, ReadUnit: 3, Invocation: 5, GBSecond: 7, LogByte: 11, Emitted: 13}
	u := cost.Usage{
		Tables:      map[cost.Request]cost.Units{{Function: "journey", Kind: "PutItem"}: {Requests: 1, Read: 1, Write: 1}},
		Invocations: map[string]cost.Invocations{"journey": {Count: 1, Seconds: 2, MemoryMB: 512}},
		LogBytes:    1, Emitted: 1,
	}
	if got := p.Bill(u.Times(10)).Total(); got != 10*(2+3+5+7+11+13) {
		t.Fatalf("$%v", got)
	}
}
