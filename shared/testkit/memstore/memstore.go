// Package memstore is a flow.Store in memory, for tests only. It is small and
// truthful: copies go in and copies come out, expired items stay until they are
// overwritten, a page may be short although more follows, and the index can be
// made to lag. It knows nothing of what the items mean.
package memstore

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

var _ flow.Store = (*Store)(nil)

// Store is safe for concurrent use.
type Store struct {
	now func(pk string) time.Time

	mu         sync.Mutex
	partitions map[partition][]*item.Item // each by sort key
	lists      map[string][]*item.Item    // index entries, each list by IS and key
	log        []item.Change              // of table customers
	indexed    int                        // changes the index has seen
	holding    bool                       // the index lags
}

type partition struct {
	table item.Table
	pk    string
}

// New returns an empty store whose readers judge expiry by now of the
// partition; nil is the wall clock.
func New(now func(pk string) time.Time) *Store {
	if now == nil {
		now = func(string) time.Time { return time.Now() }
	}
	return &Store{now: now, partitions: map[partition][]*item.Item{}, lists: map[string][]*item.Item{}}
}

// Changes is the log so far.
func (s *Store) Changes() []item.Change {
	changes := slices.Clone(s.ChangesAfter(0))
	for i := range changes {
		changes[i].Old, changes[i].New = changes[i].Old.Clone(), changes[i].New.Clone()
	}
	return changes
}

// ChangesAfter is the log without its first n changes, as it stands: nobody may
// change an item of it.
func (s *Store) ChangesAfter(n int) []item.Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log[n:len(s.log):len(s.log)]
}

// HoldIndex makes index reads stale until it is called with false.
func (s *Store) HoldIndex(hold bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holding = hold
	s.catchUp()
}

// Get reads items by key.
func (s *Store) Get(ctx context.Context, _ flow.Consistency, keys ...item.Key) ([]*item.Item, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	items := make([]*item.Item, len(keys))
	for i, k := range keys {
		items[i] = s.live(k).Clone()
	}
	return items, nil
}

// Write carries out all ops or none.
func (s *Store) Write(ctx context.Context, ops ...flow.Op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := flow.Validate(ops); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, op := range ops {
		if current := s.live(op.Item.Key); !op.If.Met(current) {
			return &flow.Conflict{Op: i, Key: op.Item.Key, Current: current.Clone()}
		}
	}
	for _, op := range ops {
		s.apply(op)
	}
	s.catchUp()
	return nil
}

func (s *Store) apply(op flow.Op) {
	key := op.Item.Key
	old := s.stored(key)
	switch op.Kind {
	case flow.OpPut:
		s.set(key, old, op.Item.Clone())
	case flow.OpDelete:
		s.set(key, old, nil)
	case flow.OpAdd:
		sum := old.Clone()
		if sum == nil {
			sum = &item.Item{Key: key}
		}
		if sum.Counters == nil {
			sum.Counters = map[string]int64{}
		}
		for name, n := range op.Deltas {
			sum.Counters[name] += n
		}
		s.set(key, old, sum)
	}
}

const zeros = "000000000000000000000"

// set replaces old by new (nil: none) and logs the change.
func (s *Store) set(key item.Key, old, next *item.Item) {
	if old == nil && next == nil {
		return
	}
	p := partition{key.Table, key.PK}
	at, found := s.find(p, key.SK)
	switch {
	case next == nil:
		s.partitions[p] = slices.Delete(s.partitions[p], at, at+1)
	case found:
		s.partitions[p][at] = next
	default:
		s.partitions[p] = slices.Insert(s.partitions[p], at, next)
	}
	if key.Table == item.Customers {
		n := strconv.Itoa(len(s.log) + 1)
		s.log = append(s.log, item.Change{Seq: zeros[len(n):] + n, Key: key, Old: old, New: next})
	}
}

// catchUp brings the index, which is made from the log, up to date.
func (s *Store) catchUp() {
	if s.holding {
		return
	}
	for ; s.indexed < len(s.log); s.indexed++ {
		change := s.log[s.indexed]
		if change.Old != nil && change.Old.IK != "" {
			s.unlist(entry(change.Old))
		}
		if change.New != nil && change.New.IK != "" {
			s.list(entry(change.New))
		}
	}
}

func (s *Store) list(e *item.Item) {
	at, found := slices.BinarySearchFunc(s.lists[e.IK], e, compareEntries)
	if !found {
		s.lists[e.IK] = slices.Insert(s.lists[e.IK], at, e)
	}
}

func (s *Store) unlist(e *item.Item) {
	if at, found := slices.BinarySearchFunc(s.lists[e.IK], e, compareEntries); found {
		s.lists[e.IK] = slices.Delete(s.lists[e.IK], at, at+1)
	}
}

// entry is what the index holds of an item.
func entry(i *item.Item) *item.Item { return &item.Item{Key: i.Key, IK: i.IK, IS: i.IS} }

// entryPlace sorts entries by IS, then by key.
func entryPlace(e *item.Item) string { return e.IS + "\x00" + e.PK + "\x00" + e.SK }

func compareEntries(a, b *item.Item) int { return strings.Compare(entryPlace(a), entryPlace(b)) }

func (s *Store) find(p partition, sk string) (int, bool) {
	return slices.BinarySearchFunc(s.partitions[p], sk, func(i *item.Item, sk string) int {
		return strings.Compare(i.SK, sk)
	})
}

func (s *Store) stored(k item.Key) *item.Item {
	p := partition{k.Table, k.PK}
	if at, found := s.find(p, k.SK); found {
		return s.partitions[p][at]
	}
	return nil
}

// live is the stored item unless it has expired.
func (s *Store) live(k item.Key) *item.Item {
	if i := s.stored(k); !i.Expired(s.now(k.PK)) {
		return i
	}
	return nil
}
