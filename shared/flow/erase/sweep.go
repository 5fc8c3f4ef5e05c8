package erase

import (
	"context"
	"fmt"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/agenda"
)

// finish removes everything of an older epoch until a pass finds nothing, and
// makes out the receipt.
func (s *Service) finish(ctx context.Context, c *customer, deleted int) (*Receipt, error) {
	r := &Receipt{Customer: c.key, Epoch: c.epoch, Erased: time.UnixMilli(c.erased).UTC(), Kept: kept, Gone: gone}
	if c.alive {
		r.Epoch, r.Erased = c.epoch+1, c.now.UTC()
	}
	n, err := s.wipe(ctx, c, r.Epoch)
	if err != nil {
		return nil, err
	}
	r.Deleted = deleted + n
	if s.Traces != nil {
		if err := s.Traces.Forget(ctx, c.key); err != nil {
			return nil, fmt.Errorf("erase: traces on this machine: %w", err)
		}
	}
	return r, nil
}

// Sweep is the chore that AGENDA reminds of: what was written past the tombstone
// goes now. It is done when it finds nothing, else it comes back.
func (s *Service) Sweep(ctx context.Context, key string) error {
	gates, err := s.Store.Get(ctx, flow.Strong, item.C(key, item.SKGate))
	if err != nil || gates[0] == nil {
		return err
	}
	c := &customer{key: key, epoch: gates[0].E, now: s.Clock.Now(key)}
	found, err := s.wipe(ctx, c, c.epoch)
	if err != nil || found == 0 {
		return err
	}
	w := agenda.Writer{Store: s.Store, Tokens: s.Tokens}
	return w.Postpone(ctx, key, c.epoch, agenda.Sweep, c.now.Add(lifetime))
}

// wipe deletes what is older than the epoch from her partition, and what she
// had written elsewhere, until a pass finds nothing.
func (s *Service) wipe(ctx context.Context, c *customer, epoch int64) (deleted int, err error) {
	old := func(it *item.Item) bool { return it.E < epoch }
	for range attempts {
		n, err := s.pass(ctx, item.CustomerPK(c.key), old)
		deleted += n
		if err != nil || n == 0 {
			return deleted, err
		}
	}
	return deleted, fmt.Errorf("erase: something goes on writing of an erased customer: %w", flow.ErrThrottled)
}

// partition reads all of one partition, also what has expired and is not
// deleted by the engine yet: it is still there.
func partition(pk string) flow.Query {
	return flow.Query{Table: item.Customers, PK: pk, Consistency: flow.Strong, Expired: true}
}

// pass deletes once over a partition, in transactions as large as they may be.
func (s *Service) pass(ctx context.Context, pk string, goes func(*item.Item) bool) (deleted int, err error) {
	var batch []flow.Op
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		n, err := s.remove(ctx, batch)
		deleted, batch = deleted+n, batch[:0]
		return err
	}
	err = flow.Each(ctx, s.Store, partition(pk), func(it item.Item) error {
		if !goes(&it) {
			return nil
		}
		if batch = append(batch, s.delete(&it)); len(batch) < flow.MaxOps {
			return nil
		}
		return flush()
	})
	if err != nil {
		return deleted, err
	}
	return deleted, flush()
}

// delete is held to the item as read: one that her new self has written since,
// under the same key, stays. An expired one counts as absent.
func (s *Service) delete(it *item.Item) flow.Op {
	if it.Expired(s.Clock.Now(customerOf(it.PK))) {
		return flow.Delete(it.Key, flow.Absent)
	}
	return flow.Delete(it.Key, flow.Is(it))
}

func customerOf(pk string) string {
	customer, _ := item.CustomerOf(pk)
	return customer
}

// remove carries out the deletes together, or one by one when one of them was
// overtaken; that one is for the next pass.
func (s *Service) remove(ctx context.Context, batch []flow.Op) (int, error) {
	err := s.Store.Write(ctx, batch...)
	if err == nil {
		return len(batch), nil
	}
	if _, conflict := flow.AsConflict(err); !conflict {
		return 0, err
	}
	for _, op := range batch {
		err := s.Store.Write(ctx, op)
		if _, conflict := flow.AsConflict(err); err != nil && !conflict {
			return 0, err
		}
	}
	return len(batch), nil
}
