package embedded

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Forget leaves no byte of what the partitions no longer hold: it drops their
// changes from the log, seen by every consumer or not, and compacts. It is the
// end of an erasure, after the items have been deleted or overwritten and the
// consumers have seen it.
func (s *Store) Forget(ctx context.Context, pks ...string) error {
	ranges := []*pebble.IterOptions{spaceBounds([]byte{spaceIndex}), spaceBounds([]byte{spaceLog})}
	for table := range tables {
		for _, pk := range pks {
			partition, err := partitionKey(table, pk)
			if err != nil {
				return err
			}
			ranges = append(ranges, spaceBounds(partition))
		}
	}
	if err := s.forgetChanges(pks); err != nil {
		return fmt.Errorf("forget changes: %w", err)
	}
	return s.compact(ctx, ranges)
}

// Compact leaves no byte of anything deleted or overwritten.
func (s *Store) Compact(ctx context.Context) error {
	return s.compact(ctx, []*pebble.IterOptions{{LowerBound: []byte{0}, UpperBound: []byte{0xff}}})
}

func (s *Store) forgetChanges(pks []string) error {
	erased := map[string]bool{}
	for _, pk := range pks {
		erased[pk] = true
	}
	return s.use(func(db *pebble.DB) error {
		batch := db.NewBatch()
		defer batch.Close()
		err := eachPair(db, []byte{spaceLog}, func(key, value []byte) error {
			pk, err := changePK(value)
			if err != nil || !erased[pk] {
				return err
			}
			return batch.Delete(key, nil)
		})
		if err != nil || batch.Empty() {
			return err
		}
		return batch.Commit(pebble.Sync)
	})
}

// compact rewrites the ranges without what is gone, then closes the engine and
// opens it again: only so does it let go of the write-ahead logs that it keeps
// for reuse, and of the manifest that names the first and last keys of files.
func (s *Store) compact(ctx context.Context, ranges []*pebble.IterOptions) error {
	err := s.useContext(ctx, func(db *pebble.DB) error {
		if err := db.Flush(); err != nil {
			return err
		}
		for _, r := range ranges {
			if err := db.Compact(ctx, r.LowerBound, r.UpperBound, false); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	return s.reopen()
}

func (s *Store) reopen() error {
	s.engine.Lock()
	defer s.engine.Unlock()
	if s.db == nil {
		return errClosed
	}
	err := s.db.Close()
	s.db = nil
	if err != nil {
		return folderError(s.dir, err)
	}
	s.db, err = s.openEngine()
	if err != nil {
		return folderError(s.dir, err)
	}
	return nil
}
