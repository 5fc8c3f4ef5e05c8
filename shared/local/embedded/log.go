package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kesher-io/kesher/shared/core/item"
)

// Record is one change in the log.
type Record struct {
	N  uint64    // its place; the first change ever is 1
	At time.Time // real time
	item.Change
}

// Sequence is a place in the log as a stream's sequence number: 21 digits, as
// DynamoDB's at least have.
func Sequence(n uint64) string { return fmt.Sprintf("%021d", n) }

const (
	// retention is how long a change is kept for a consumer that is known but
	// does not run, as DynamoDB's streams keep it.
	retention = 24 * time.Hour
	// trimEvery is how many changes are trimmed at a time.
	trimEvery = 4096
)

// loadLog reads where the log stands.
func (s *Store) loadLog() error {
	l := &s.log
	l.changed = make(chan struct{})
	l.positions, l.running = map[string]uint64{}, map[string]bool{}
	return s.use(func(db *pebble.DB) error {
		last, err := get(db, []byte{spaceSequence})
		if err != nil {
			return err
		}
		if len(last) == 8 {
			l.last.Store(binary.BigEndian.Uint64(last))
		}
		l.trimmed, err = firstChange(db)
		if err != nil {
			return err
		}
		return eachPair(db, []byte{spaceCheckpoint}, func(key, value []byte) error {
			if len(value) != 8 {
				return errBrokenValue
			}
			l.positions[string(key[1:])] = binary.BigEndian.Uint64(value)
			return nil
		})
	})
}

// firstChange is the place before the oldest change that is kept.
func firstChange(db *pebble.DB) (uint64, error) {
	iter, err := db.NewIter(spaceBounds([]byte{spaceLog}))
	if err != nil {
		return 0, err
	}
	first := uint64(0)
	if iter.First() {
		first = binary.BigEndian.Uint64(iter.Key()[1:]) - 1
	}
	return first, errors.Join(iter.Error(), iter.Close())
}

func spaceBounds(prefix []byte) *pebble.IterOptions {
	return &pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)}
}

// eachPair calls fn with everything that begins with prefix.
func eachPair(db *pebble.DB, prefix []byte, fn func(key, value []byte) error) (err error) {
	iter, err := db.NewIter(spaceBounds(prefix))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for ok := iter.First(); ok; ok = iter.Next() {
		if err := fn(iter.Key(), iter.Value()); err != nil {
			return err
		}
	}
	return iter.Error()
}

// Last is the place of the newest durable change. A write that has been
// acknowledged lies at or before it.
func (s *Store) Last() uint64 { return s.log.last.Load() }

// Tail is Last, and a channel that is closed as soon as there is more.
func (s *Store) Tail() (last uint64, more <-chan struct{}) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.last.Load(), s.log.changed
}

// announce makes changes up to last known.
func (s *Store) announce(last uint64) {
	l := &s.log
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last.Store(last)
	close(l.changed)
	l.changed = make(chan struct{})
}

// Changes reads at most limit durable changes after a place, in order.
func (s *Store) Changes(after uint64, limit int) ([]Record, error) {
	last := s.Last()
	if after >= last {
		return nil, nil
	}
	var records []Record
	err := s.use(func(db *pebble.DB) (err error) {
		iter, err := db.NewIter(&pebble.IterOptions{LowerBound: changeKey(after + 1), UpperBound: changeKey(last + 1)})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, iter.Close()) }()
		for ok := iter.First(); ok && len(records) < limit; ok = iter.Next() {
			n := binary.BigEndian.Uint64(iter.Key()[1:])
			rec, err := decodeChange(n, iter.Value())
			if err != nil {
				return fmt.Errorf("change %d: %w", n, err)
			}
			records = append(records, rec)
		}
		return iter.Error()
	})
	return records, err
}

// Position is how far a consumer has come: every change up to it needs no more
// of the consumer's attention. A new consumer stands at 0, before everything
// that is kept.
func (s *Store) Position(consumer string) uint64 {
	l := &s.log
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running[consumer] = true
	return l.positions[consumer]
}

// SetPosition notes how far a consumer has come, and trims the log behind the
// slowest. It is not waited for until it is on the disk: after a crash a
// consumer may see changes again, as with Lambda.
func (s *Store) SetPosition(consumer string, n uint64) error {
	value := binary.BigEndian.AppendUint64(nil, n)
	err := s.use(func(db *pebble.DB) error { return db.Set(checkpointKey(consumer), value, pebble.NoSync) })
	if err != nil {
		return err
	}
	l := &s.log
	l.mu.Lock()
	l.positions[consumer], l.running[consumer] = n, true
	all, running := l.slowest()
	due := running >= max(l.trimmed, l.tried)+trimEvery
	if due {
		l.tried = running
	}
	l.mu.Unlock()
	if !due {
		return nil
	}
	return s.trim(all, running)
}

// slowest is the least position of all consumers ever known, and of those that
// run in this process.
func (l *changeLog) slowest() (all, running uint64) {
	all, running = ^uint64(0), ^uint64(0)
	for name, n := range l.positions {
		all = min(all, n)
		if l.running[name] {
			running = min(running, n)
		}
	}
	for name := range l.running {
		if _, known := l.positions[name]; !known {
			return 0, 0
		}
	}
	return all, running
}

// trim drops what all consumers have passed, and of what only the running ones
// have passed all that is older than retention.
func (s *Store) trim(all, running uint64) error {
	upTo := all
	oldest := s.opts.Real().Add(-retention)
	for upTo < running {
		next, err := s.Changes(upTo, trimEvery)
		if err != nil {
			return err
		}
		old := 0
		for old < len(next) && next[old].N <= running && next[old].At.Before(oldest) {
			upTo = next[old].N
			old++
		}
		if old < len(next) || len(next) == 0 {
			break
		}
	}
	return s.dropUpTo(upTo)
}

func (s *Store) dropUpTo(n uint64) error {
	s.log.mu.Lock()
	from := s.log.trimmed
	s.log.trimmed = max(from, n)
	s.log.mu.Unlock()
	if n <= from {
		return nil
	}
	return s.use(func(db *pebble.DB) error {
		return db.DeleteRange(changeKey(from), changeKey(n+1), pebble.NoSync)
	})
}
