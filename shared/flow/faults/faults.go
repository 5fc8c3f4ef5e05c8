// Package faults keeps what could not be worked, so that poison never blocks a
// shard: a FAULT item per record, with its key and the reason and never its
// payload. `kesher faults` lists and retries.
package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/condition"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// Fault is the document of a FAULT item.
type Fault struct {
	Key      item.Key `json:"k"` // the item that could not be worked
	V        int64    `json:"v"`
	Consumer string   `json:"c"`
	Reason   string   `json:"r"`
	At       int64    `json:"a"` // ms
	Tries    int      `json:"n"`
}

// Service records and retries faults.
type Service struct {
	Store  flow.Store
	Clock  flow.Clock
	Tokens flow.Tokens
}

// Poison says whether working the same record again can't help: it can't be
// read, is newer than this release, or its condition can't be evaluated.
// Everything else is retried.
func Poison(err error) bool {
	var decode *item.DecodeError
	var format *item.FormatError
	var cond *condition.Error
	var panicked *Panic
	return errors.As(err, &decode) || errors.As(err, &format) || errors.As(err, &cond) || errors.As(err, &panicked)
}

// Panic is a panic of one record's work, caught so that the others go on.
type Panic struct{ Value any }

func (p *Panic) Error() string { return fmt.Sprintf("panic: %T", p.Value) }

// keep is how long a fault stays listed.
const keep = 90 * 24 * time.Hour

// Record stores why the item at key could not be worked. The reason names what
// is wrong, never what the record holds.
func (s *Service) Record(ctx context.Context, consumer string, key item.Key, v int64, cause error) error {
	at := item.Key{Table: item.Customers, PK: key.PK, SK: item.FaultSK(key.SK)}
	read, err := s.Store.Get(ctx, flow.Strong, at)
	if err != nil {
		return err
	}
	now := s.Clock.Now(customer(key))
	f := Fault{Key: key, V: v, Consumer: consumer, Reason: cause.Error(), At: now.UnixMilli(), Tries: 1}
	var before Fault
	if read[0] != nil && read[0].Decode(&before) == nil {
		f.Tries = before.Tries + 1
	}
	it := read[0].Next(at, s.Tokens.Token(), epoch(read[0]))
	it.IK, it.IS = item.ParkedList(item.Shard(customer(key))), "fault#"+item.Time(now)
	it.TTL = now.Add(keep).Unix()
	if err := it.Encode(f); err != nil {
		return err
	}
	err = s.Store.Write(ctx, flow.Put(it, flow.Is(read[0])))
	if _, conflict := flow.AsConflict(err); conflict {
		return nil // another worker has just recorded it
	}
	return err
}

func epoch(it *item.Item) int64 {
	if it == nil {
		return 0
	}
	return it.E
}

func customer(key item.Key) string {
	c, _ := item.CustomerOf(key.PK)
	return c
}

// List returns every fault, by shard and time.
func (s *Service) List(ctx context.Context) ([]Fault, error) {
	var all []Fault
	for _, shard := range item.Shards {
		q := flow.Query{Table: item.Customers, List: item.ParkedList(string(shard)), Prefix: "fault#"}
		err := flow.Each(ctx, s.Store, q, func(entry item.Item) error {
			read, err := s.Store.Get(ctx, flow.Strong, entry.Key)
			if err != nil || read[0] == nil {
				return err
			}
			var f Fault
			if err := read[0].Decode(&f); err != nil {
				return err
			}
			all = append(all, f)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Retry rewrites the item at key as it is, which sends it down the stream once
// more, and strikes the fault off. A run is bumped, so that deliver takes it up.
func (s *Service) Retry(ctx context.Context, key item.Key) error {
	at := item.Key{Table: item.Customers, PK: key.PK, SK: item.FaultSK(key.SK)}
	read, err := s.Store.Get(ctx, flow.Strong, key, at)
	if err != nil {
		return err
	}
	if read[0] == nil {
		if read[1] == nil {
			return fmt.Errorf("there is no fault of %s", key.SK)
		}
		return s.Store.Write(ctx, flow.Delete(at, flow.Any))
	}
	it := *read[0]
	it.V, it.W = read[0].V+1, s.Tokens.Token()
	if err := s.Store.Write(ctx, flow.Put(it, flow.Is(read[0]))); err != nil {
		return fmt.Errorf("retry %s: %w", key.SK, err)
	}
	if read[1] == nil {
		return nil
	}
	return s.Store.Write(ctx, flow.Delete(at, flow.Any))
}

// Parked lists runs that wait for a person, by shard, journey and time.
func (s *Service) Parked(ctx context.Context) ([]item.Key, error) {
	var keys []item.Key
	for _, shard := range item.Shards {
		q := flow.Query{Table: item.Customers, List: item.ParkedList(string(shard))}
		err := flow.Each(ctx, s.Store, q, func(entry item.Item) error {
			if strings.HasPrefix(entry.SK, item.PrefixRun) {
				keys = append(keys, entry.Key)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return keys, nil
}
