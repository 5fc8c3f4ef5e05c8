package embedded

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// Writes go through two goroutines. The stager takes what has come in, holds
// every condition against the items as they stand, and forms a group; the
// committer writes a group with one fsync and answers. While one group is on its
// way to the disk the next is staged, so it looks first at what the group before
// it writes.

// maxGroup is the most writes that share one fsync.
const maxGroup = 1024

// request is one Write under way.
type request struct {
	ops  []staged
	err  error // its outcome, once its group is durable
	done chan struct{}
}

// staged is one op with its key and value encoded by the caller's goroutine.
type staged struct {
	flow.Op
	key       []byte
	partition string
	value     []byte // as it will be; nil: removed
	placed    header // of value

	// Filled in by the stager: the item as it stands, expired or not.
	before    []byte
	beforeHdr header
}

// group is a number of requests that share one fsync.
type group struct {
	requests   []*request
	changes    map[string][]byte // item keys and their new values (nil: removed)
	batch      []pair            // everything to be written, in order
	partitions []string
	last       uint64 // sequence of the last change; 0: none
	durable    chan struct{}
}

type pair struct{ key, value []byte } // a nil value removes

// Write carries out all ops or none.
func (s *Store) Write(ctx context.Context, ops ...flow.Op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := flow.Validate(ops); err != nil {
		return err
	}
	r := &request{ops: make([]staged, len(ops)), done: make(chan struct{})}
	for i, op := range ops {
		var err error
		if r.ops[i], err = stage(op); err != nil {
			return err
		}
	}
	select {
	case s.requests <- r:
	case <-s.closing:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-r.done:
		return r.err
	case <-s.gone:
		return s.missed(r)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// missed is the answer to r when the store has closed: it may have been served
// last of all, or not at all.
func (s *Store) missed(r *request) error {
	select {
	case <-r.done:
		return r.err
	default:
		return errClosed
	}
}

func stage(op flow.Op) (staged, error) {
	partition, err := partitionKey(op.Item.Table, op.Item.PK)
	if err != nil {
		return staged{}, err
	}
	st := staged{Op: op, partition: string(partition), key: appendPart(partition, op.Item.SK)}
	if op.Kind == flow.OpPut {
		st.value, st.placed = encodeItem(&op.Item), headerOf(&op.Item)
	}
	return st, nil
}

func (s *Store) stageAll() {
	defer close(s.groups)
	var before *group
	next := s.log.last.Load()
	for {
		select {
		case first := <-s.requests:
			g := s.form(first, before, &next)
			s.flights.depart(g)
			s.groups <- g
			before = g
		case <-s.closing:
			return
		}
	}
}

// form makes a group of first and of whatever else is waiting.
func (s *Store) form(first *request, before *group, next *uint64) *group {
	g := &group{changes: map[string][]byte{}, durable: make(chan struct{})}
	st := stager{store: s, group: g, before: before, next: next}
	full := s.full()
	for r := first; r != nil; r = s.waiting(len(g.requests)) {
		if r.err = full; full == nil {
			r.err = st.stage(r)
		}
		g.requests = append(g.requests, r)
	}
	if len(g.batch) > 0 {
		g.batch = append(g.batch, pair{[]byte{spaceSequence}, binary.BigEndian.AppendUint64(nil, *next)})
	}
	return g
}

// waiting is the next request for a group that has n already, if one has come.
func (s *Store) waiting(n int) *request {
	if n >= maxGroup {
		return nil
	}
	select {
	case r := <-s.requests:
		return r
	default:
		return nil
	}
}

// stager decides the requests of one group, one after another.
type stager struct {
	store  *Store
	group  *group
	before *group // the group before this one; the engine may not show it yet
	next   *uint64
}

// stage carries out all of r in the group, or answers why not.
func (st *stager) stage(r *request) error {
	for i := range r.ops {
		if err := st.prepare(i, &r.ops[i]); err != nil {
			return err
		}
	}
	for i := range r.ops {
		if r.ops[i].Kind != flow.OpCheck {
			st.set(&r.ops[i])
		}
	}
	return nil
}

// prepare reads what stands under the op's key and holds its condition to it.
func (st *stager) prepare(i int, op *staged) error {
	err := st.read(op)
	if err == nil && op.Kind == flow.OpAdd {
		err = op.add()
	}
	if err != nil {
		return fmt.Errorf("item %s: %w", op.Item.Key, err)
	}
	return st.meets(i, op)
}

func (st *stager) read(op *staged) (err error) {
	if op.before, err = st.current(op.key); err != nil || op.before == nil {
		return err
	}
	op.beforeHdr, err = decodeHeader(op.before)
	return err
}

// current is the item as it stands after everything staged before, expired or
// not; nil if there is none.
func (st *stager) current(key []byte) ([]byte, error) {
	if value, ok := st.group.changes[string(key)]; ok {
		return value, nil
	}
	if st.before != nil {
		if value, ok := st.before.changes[string(key)]; ok {
			return value, nil
		}
	}
	var value []byte
	err := st.store.use(func(db *pebble.DB) (err error) {
		value, err = get(db, key)
		return err
	})
	return value, err
}

// meets holds the op's condition to the item as it stands. The document is
// decoded only for whoever has to be told of it.
func (st *stager) meets(i int, op *staged) error {
	k, h := op.Item.Key, op.beforeHdr
	var current *item.Item
	if op.before != nil && !h.expired(st.store.opts.Now(k.PK)) {
		current = &item.Item{V: h.V, W: h.W}
	}
	if op.If.Met(current) {
		return nil
	}
	if current != nil {
		var err error
		if current, err = decodeItem(k, op.before); err != nil {
			return fmt.Errorf("item %s: %w", k, err)
		}
	}
	return &flow.Conflict{Op: i, Key: k, Current: current}
}

// add makes the new value of an Add.
func (op *staged) add() error {
	sum, err := decodeImage(op.Item.Key, op.before)
	if err != nil {
		return err
	}
	if sum == nil {
		sum = &item.Item{Key: op.Item.Key}
	}
	if sum.Counters == nil {
		sum.Counters = map[string]int64{}
	}
	for name, n := range op.Deltas {
		sum.Counters[name] += n
	}
	op.value, op.placed = encodeItem(sum), headerOf(sum)
	return nil
}

// set replaces the item and, in the customers table, moves its index entry and
// logs the change.
func (st *stager) set(op *staged) {
	if op.before == nil && op.value == nil {
		return
	}
	g, k := st.group, op.Item.Key
	g.changes[string(op.key)] = op.value
	g.batch = append(g.batch, pair{op.key, op.value})
	g.partitions = append(g.partitions, op.partition)
	if k.Table != item.Customers {
		return
	}
	if old := op.beforeHdr; old.IK != "" {
		g.batch = append(g.batch, pair{entryKey(old, k), nil})
	}
	if op.placed.IK != "" {
		g.batch = append(g.batch, pair{entryKey(op.placed, k), []byte{}})
	}
	*st.next++
	g.last = *st.next
	g.batch = append(g.batch, pair{changeKey(g.last), encodeChange(st.store.opts.Real(), k, op.before, op.value)})
}

func (s *Store) commitAll() {
	defer close(s.gone)
	for g := range s.groups {
		err := s.use(func(db *pebble.DB) error { return commit(db, g.batch) })
		if err != nil {
			err = fmt.Errorf("%w: %w", flow.ErrUnknown, err)
		} else if g.last > 0 {
			s.announce(g.last)
		}
		s.flights.land(g)
		for _, r := range g.requests {
			if r.err == nil {
				r.err = err
			}
			close(r.done)
		}
	}
}

func commit(db *pebble.DB, pairs []pair) error {
	if len(pairs) == 0 {
		return nil
	}
	batch := db.NewBatch()
	defer batch.Close()
	for _, p := range pairs {
		var err error
		if p.value == nil {
			err = batch.Delete(p.key, nil)
		} else {
			err = batch.Set(p.key, p.value, nil)
		}
		if err != nil {
			return err
		}
	}
	return batch.Commit(pebble.Sync)
}

// flights knows which partitions have a group on its way to the disk. The engine
// shows a write before it is durable; a reader who saw one waits until it is.
type flights struct {
	mu          sync.Mutex
	byPartition map[string]*group
}

func (f *flights) depart(g *group) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range g.partitions {
		f.byPartition[p] = g
	}
}

func (f *flights) land(g *group) {
	f.mu.Lock()
	for _, p := range g.partitions {
		if f.byPartition[p] == g {
			delete(f.byPartition, p)
		}
	}
	f.mu.Unlock()
	close(g.durable)
}

// wait returns when all of the partition that can have been read is durable.
func (f *flights) wait(ctx context.Context, partition string) error {
	f.mu.Lock()
	g := f.byPartition[partition]
	f.mu.Unlock()
	if g == nil {
		return nil
	}
	select {
	case <-g.durable:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
