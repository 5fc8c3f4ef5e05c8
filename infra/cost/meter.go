package cost

import (
	"context"
	"fmt"
	"maps"
	"math"
	"sync"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// Meter counts what functions ask of a store, in DynamoDB's units (developer
// guide, "Read and write operations" and "Capacity unit consumption"). It is safe
// for concurrent use; what one item costs is exact while nobody else writes it.
type Meter struct {
	store flow.Store

	mu     sync.Mutex
	tables map[Request]Units
}

// NewMeter counts what is asked of the store.
func NewMeter(s flow.Store) *Meter { return &Meter{store: s, tables: map[Request]Units{}} }

// As is the store as a function sees it.
func (m *Meter) As(function string) flow.Store { return &metered{m, function} }

// Tables is what has been counted so far.
func (m *Meter) Tables() map[Request]Units {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.tables)
}

// Reset begins anew.
func (m *Meter) Reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.tables)
}

func (m *Meter) count(r Request, read, write float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.tables[r]
	m.tables[r] = Units{u.Requests + 1, u.Read + read, u.Write + write}
}

type metered struct {
	*Meter
	function string
}

func (s *metered) Get(ctx context.Context, c flow.Consistency, keys ...item.Key) ([]*item.Item, error) {
	items, err := s.store.Get(ctx, c, keys...)
	if err != nil || len(keys) == 0 {
		return items, err
	}
	read := 0.0
	for _, it := range items { // each is rounded up by itself, an absent one counts as well
		read += readUnits(sizeOf(it), c)
	}
	kind := "GetItem"
	if len(keys) > 1 {
		kind = fmt.Sprintf("BatchGetItem of %d", len(keys))
	}
	s.count(Request{s.function, kind}, read, 0)
	return items, nil
}

func (s *metered) Query(ctx context.Context, q flow.Query) (flow.Page, error) {
	page, err := s.store.Query(ctx, q)
	if err != nil {
		return page, err
	}
	size := 0
	for i := range page.Items {
		size += page.Items[i].Size()
	}
	kind, consistency := "Query", q.Consistency
	if q.List != "" {
		kind, consistency = "Query of the index", flow.Eventual
	}
	s.count(Request{s.function, kind}, readUnits(size, consistency), 0)
	return page, nil
}

func (s *metered) Write(ctx context.Context, ops ...flow.Op) error {
	keys := make([]item.Key, len(ops))
	for i := range ops {
		keys[i] = ops[i].Item.Key
	}
	before, err := s.store.Get(ctx, flow.Strong, keys...)
	if err != nil {
		return err
	}
	written := s.store.Write(ctx, ops...)
	total := 0.0
	for i := range ops {
		total += writeUnits(&ops[i], before[i], written == nil)
	}
	if len(ops) > 1 {
		total *= 2 // prepared, then committed
	}
	s.count(Request{s.function, kindOf(ops)}, 0, total)
	return written
}

func kindOf(ops []flow.Op) string {
	if len(ops) > 1 {
		return fmt.Sprintf("TransactWriteItems of %d", len(ops))
	}
	return map[flow.OpKind]string{
		flow.OpPut: "PutItem", flow.OpDelete: "DeleteItem", flow.OpAdd: "UpdateItem", flow.OpCheck: "TransactWriteItems of 1",
	}[ops[0].Kind]
}

func sizeOf(it *item.Item) int {
	if it == nil {
		return 0
	}
	return it.Size()
}

func units(size, step int) float64 { return math.Max(1, math.Ceil(float64(size)/float64(step))) }

// readUnits of a read of so many bytes; an eventual one costs half.
func readUnits(size int, c flow.Consistency) float64 {
	if c == flow.Strong {
		return units(size, 4<<10)
	}
	return units(size, 4<<10) / 2
}

// writeUnits of one op: by the larger of the item before and after it, also when
// its condition did not hold; and by what becomes of its entry in the index.
func writeUnits(op *flow.Op, before *item.Item, done bool) float64 {
	size := sizeOf(before)
	if op.Kind == flow.OpPut {
		size = max(size, op.Item.Size())
	}
	n := units(size, 1<<10)
	if done && (op.Kind == flow.OpPut || op.Kind == flow.OpDelete) {
		n += indexUnits(before, &op.Item)
	}
	return n
}

// indexUnits: an entry that comes or goes is one write, one that moves is both
// (developer guide, "Provisioned throughput considerations for Global Secondary
// Indexes"). An entry holds keys alone, so it never changes in place. AWS does not
// say whether a transaction doubles them; they are doubled like the rest.
func indexUnits(before, after *item.Item) (n float64) {
	var was, is [2]string
	if before != nil {
		was = [2]string{before.IK, before.IS}
	}
	is = [2]string{after.IK, after.IS}
	if was == is {
		return 0
	}
	if was[0] != "" {
		n++
	}
	if is[0] != "" {
		n++
	}
	return n
}
