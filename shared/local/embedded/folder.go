package embedded

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"

	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/local/folder"
)

// The engine's memory: enough for the lists that the clock works off, small
// enough for a million waiting runs within 300 MB. What the memtables take, two
// of them, the engine takes out of the cache: were nothing left, every read would
// go to the files. Files are small, so that forgetting one customer rewrites
// little.
const (
	cacheBytes    = 96 << 20
	memTableBytes = 16 << 20
	fileBytes     = 8 << 20
	levels        = 7
)

func (s *Store) openFolder() (err error) {
	s.folder, err = folder.Make(s.dir, "data folder", fileSystem(s.opts.NoFsync), s.opts.Reserve)
	if err != nil {
		return err
	}
	if s.lock, err = s.folder.Lock(); err != nil {
		return err
	}
	if s.db, err = s.openEngine(); err != nil {
		return errors.Join(err, s.lock.Close())
	}
	return nil
}

func (s *Store) openEngine() (*pebble.DB, error) {
	opts := &pebble.Options{CacheSize: cacheBytes, Lock: s.lock, MemTableSize: memTableBytes}
	for i := range levels {
		opts.TargetFileSizes[i] = fileBytes
		opts.Levels[i].IndexBlockSize = 256 << 10
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10) // most first writes ask for what is absent
	}
	return s.folder.Open(opts)
}

// full is the error of a write while the disk has no more than its reserve.
func (s *Store) full() error {
	if err := s.folder.Full(); err != nil {
		return fmt.Errorf("%w: %w", flow.ErrThrottled, err)
	}
	return nil
}
