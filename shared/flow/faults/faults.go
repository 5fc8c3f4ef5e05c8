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

// Record stores why an item could not be worked, once for each version of it: the
// clock meets the same one every minute. The reason names what is wrong, never
// what the item holds. A fault has the epoch of its item, so that an erasure's
// sweep takes both; an item that was erased already has none.
func (s *Service) Record(ctx context.Context, consumer string, it *item.Item, cause error) error {
	at := place(it.Key)
	read, err := s.Store.Get(ctx, flow.Strong, at, item.Key{Table: item.Customers, PK: it.PK, SK: item.SKGate})
	if err != nil {
		return err
	}
	if gate := read[1]; gate != nil && it.E < gate.E {
		return nil
	}
	now := s.Clock.Now(customer(it.Key))
	f := Fault{Key: it.Key, V: it.V, Consumer: consumer, Reason: cause.Error(), At: now.UnixMilli(), Tries: 1}
	var before Fault
	if read[0] != nil && read[0].E == it.E && read[0].Decode(&before) == nil {
		if before.V == it.V {
			return nil
		}
		f.Tries = before.Tries + 1
	}
	fault := read[0].Next(at, s.Tokens.Token(), it.E)
	fault.IK, fault.IS = item.ParkedList(item.Shard(customer(it.Key))), "fault#"+item.Time(now)
	fault.TTL = now.Add(keep).Unix()
	if err := fault.Encode(f); err != nil {
		return err
	}
	err = s.Store.Write(ctx, flow.Put(fault, flow.Is(read[0])))
	if _, conflict := flow.AsConflict(err); conflict {
		return nil // another worker has just recorded it
	}
	return err
}

// place is where the fault of the item at key lies.
func place(key item.Key) item.Key {
	return item.Key{Table: item.Customers, PK: key.PK, SK: item.FaultSK(key.SK)}
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
// more, and strikes the fault off in the same write: should it fail again, the new
// fault stays. A run is bumped, so that deliver takes it up; what is due stays
// listed, so that the clock does.
func (s *Service) Retry(ctx context.Context, key item.Key) error {
	at := place(key)
	read, err := s.Store.Get(ctx, flow.Strong, key, at)
	if err != nil {
		return err
	}
	if read[0] == nil && read[1] == nil {
		return fmt.Errorf("there is no fault of %s", key.SK)
	}
	var ops []flow.Op
	if read[0] != nil {
		it := *read[0]
		it.V, it.W = read[0].V+1, s.Tokens.Token()
		ops = append(ops, flow.Put(it, flow.Is(read[0])))
	}
	if read[1] != nil {
		ops = append(ops, flow.Delete(at, flow.Any))
	}
	if err := s.Store.Write(ctx, ops...); err != nil {
		return fmt.Errorf("retry %s: %w", key.SK, err)
	}
	return nil
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
