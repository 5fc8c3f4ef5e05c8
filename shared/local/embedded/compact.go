package embedded

import (
	"bytes"
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

// compact rewrites the ranges without what is gone, then opens the engine anew
// twice. Only so does it let go of the write-ahead logs that it keeps for reuse
// and of its manifests, which name the first and last key of every file: it
// always keeps the manifest before the present one.
func (s *Store) compact(ctx context.Context, ranges []*pebble.IterOptions) error {
	for _, r := range ranges {
		err := s.useContext(ctx, func(db *pebble.DB) error { return rewrite(ctx, db, r.LowerBound, r.UpperBound) })
		if err != nil {
			return fmt.Errorf("compact: %w", err)
		}
	}
	for range 2 {
		if err := s.reopen(); err != nil {
			return err
		}
	}
	return nil
}

// rewrite has every file with keys from lower up to upper written anew. The
// engine's own Compact merges level by level but moves a lone file down as it
// is, and with it the keys of what was deleted. Two files that span the range
// stand in the way of that: the first pass brings all of it to the bottom
// level, the second merges into the bottom level, where nothing deleted stays.
func rewrite(ctx context.Context, db *pebble.DB, lower, upper []byte) error {
	for range 2 {
		for range 2 {
			if err := span(db, lower, upper); err != nil {
				return err
			}
		}
		if err := db.Compact(ctx, lower, upper, false); err != nil {
			return err
		}
	}
	return nil
}

// span makes a file that reaches from lower to upper and holds nothing: it
// deletes two keys that are never given out, the one too short, the other
// ending in bytes that no text has.
func span(db *pebble.DB, lower, upper []byte) error {
	last := bytes.Clone(upper)
	last[len(last)-1]--
	last = append(last, 0xff, 0xff)
	for _, key := range [][]byte{lower, last} {
		if err := db.Delete(key, pebble.NoSync); err != nil {
			return err
		}
	}
	return db.Flush()
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
		return s.folder.Explain(err)
	}
	s.db, err = s.openEngine()
	return err
}
