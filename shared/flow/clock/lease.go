package clock

import (
	"context"
	"fmt"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// lease is the document of a shard's lease: the real time until which one
// worker has the shard for itself. It spares work; no promise depends on it.
type lease struct {
	Until int64 `json:"u"` // ms, real time
}

func leaseKey(shard string) item.Key {
	return item.Key{Table: item.Customers, PK: item.PKPace, SK: "LEASE#" + shard}
}

// ReleaseAll gives every shard back: for one machine, where a process that
// starts knows that no other is alive.
func (s *Service) ReleaseAll(ctx context.Context) error {
	for _, shard := range item.Shards {
		if err := s.Store.Write(ctx, flow.Delete(leaseKey(string(shard)), flow.Any)); err != nil {
			return err
		}
	}
	return nil
}

// Lease takes the shard for this worker until the deadline; false when another
// has it.
func (s *Service) Lease(ctx context.Context, shard string, until time.Time) (bool, error) {
	key := leaseKey(shard)
	read, err := s.Store.Get(ctx, flow.Strong, key)
	if err != nil {
		return false, err
	}
	if read[0] != nil {
		var held lease
		if err := read[0].Decode(&held); err != nil {
			return false, err
		}
		if held.Until > s.Clock.Real().UnixMilli() {
			return false, nil
		}
	}
	return s.put(ctx, read[0], key, until)
}

// Release gives the shard back before its deadline.
func (s *Service) Release(ctx context.Context, shard string) error {
	key := leaseKey(shard)
	read, err := s.Store.Get(ctx, flow.Strong, key)
	if err != nil || read[0] == nil {
		return err
	}
	_, err = s.put(ctx, read[0], key, s.Clock.Real())
	return err
}

func (s *Service) put(ctx context.Context, read *item.Item, key item.Key, until time.Time) (bool, error) {
	it := read.Next(key, s.Tokens.Token(), 0)
	if err := it.Encode(lease{Until: until.UnixMilli()}); err != nil {
		return false, err
	}
	err := s.Store.Write(ctx, flow.Put(it, flow.Is(read)))
	if _, conflict := flow.AsConflict(err); conflict {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lease of shard %s: %w", key.SK, err)
	}
	return true, nil
}
