// Package embedded is the flow.Store of one machine: items, their sparse index
// and an ordered change log (the stream of ARCHITECTURE section 2) in one data
// folder. It passes shared/testkit/storetest. It knows nothing of what the items
// mean, and nobody but shared/local/pump reads its log.
//
// The engine is cockroachdb/pebble. Measured against etcd's bbolt in this very
// use (256 writers, each waiting until its item, its index entry and its change
// with both images are on the disk; group commit; one write in four replaces an
// item; 600-byte documents; 2 cores shared with other work, 20 s each): pebble
// 18,100 writes/s, bbolt 6,000, so three to one: bbolt writes whole pages where
// pebble appends. Erasure weighs the same way: pebble rewrites the files that
// held a customer's bytes, bbolt has to copy the whole database. What speaks for
// bbolt, a third of the code and of the compile time, weighs less: the engine is
// linked into the local program only. BenchmarkWrite measures ours as it stands.
//
// Blocks are not compressed, so that a scan of the folder for an erased
// customer's bytes finds them if they are there.
//
// Promises: what Write has acknowledged survives kill -9 at any moment (and a
// power cut, unless Options.NoFsync); a read shows nothing that a crash could
// still take back; changes come out of the log in the order of the writes.
package embedded

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/local/folder"
)

var _ flow.Store = (*Store)(nil)

// Options of Open; the zero value is fit for use.
type Options struct {
	// Now is the business time of a partition, by which its items expire; nil is
	// the wall clock.
	Now func(pk string) time.Time
	// Real is real time, for the age of changes; nil is the wall clock.
	Real func() time.Time
	// NoFsync acknowledges a write when the operating system has it: it survives
	// the death of the process but not of the machine.
	NoFsync bool
	// Reserve is how many bytes of the disk stay free; below, writes are refused
	// until there is room again. 0 is 64 MB.
	Reserve uint64
}

// Store is one open data folder. It is safe for concurrent use.
type Store struct {
	dir    string
	opts   Options
	folder *folder.Folder
	lock   *pebble.Lock

	// engine guards db, which Compact closes and opens again.
	engine sync.RWMutex
	db     *pebble.DB // nil: closed, or failed to open again

	requests chan *request
	groups   chan *group
	closing  chan struct{} // closed: no more writes
	gone     chan struct{} // closed: the last write has been answered
	closed   sync.Once

	flights flights
	log     changeLog
}

var errClosed = errors.New("the store is closed")

// Open opens the data folder dir, or makes it. One process at a time can have a
// folder open.
func Open(dir string, opts Options) (*Store, error) {
	s := &Store{
		dir:      dir,
		opts:     withDefaults(opts),
		requests: make(chan *request, maxGroup),
		groups:   make(chan *group),
		closing:  make(chan struct{}),
		gone:     make(chan struct{}),
		flights:  flights{byPartition: map[string]*group{}},
	}
	if err := s.openFolder(); err != nil {
		return nil, err
	}
	if err := s.loadLog(); err != nil {
		return nil, errors.Join(err, s.db.Close(), s.lock.Close())
	}
	go s.stageAll()
	go s.commitAll()
	return s, nil
}

func withDefaults(opts Options) Options {
	if opts.Now == nil {
		opts.Now = func(string) time.Time { return time.Now() }
	}
	if opts.Real == nil {
		opts.Real = time.Now
	}
	return opts
}

// Close finishes the writes in hand and releases the folder. It flushes, so that
// the next Open has no log of writes to go through.
func (s *Store) Close() error {
	s.closed.Do(func() { close(s.closing) })
	<-s.gone
	s.engine.Lock()
	defer s.engine.Unlock()
	if s.db == nil {
		return nil
	}
	db := s.db
	s.db = nil
	return errors.Join(db.Flush(), db.Close(), s.lock.Close())
}

// use lends the open database to f.
func (s *Store) use(f func(db *pebble.DB) error) error {
	s.engine.RLock()
	defer s.engine.RUnlock()
	if s.db == nil {
		return errClosed
	}
	return f(s.db)
}

// useContext is use unless ctx has ended.
func (s *Store) useContext(ctx context.Context, f func(db *pebble.DB) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.use(f)
}

// changeLog is what the store remembers of its log. Positions count changes
// from 1; 0 is before the first.
type changeLog struct {
	last atomic.Uint64 // of what is durable

	mu        sync.Mutex
	changed   chan struct{}     // closed when last grows
	positions map[string]uint64 // by consumer
	running   map[string]bool   // consumers that report in this process
	trimmed   uint64            // changes up to here are gone
	tried     uint64            // the place up to which trimming was tried last
}
