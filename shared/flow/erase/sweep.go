package erase

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/profile"
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
	n, err := s.wipe(ctx, c.key, r.Epoch, false)
	r.Deleted = deleted + n
	if err != nil || s.Traces == nil {
		return r, err
	}
	where, err := s.partitions(ctx, c)
	if err != nil {
		return nil, err
	}
	for again := true; again; { // what was under way on this machine ends by Forget
		if err := s.Traces.Forget(ctx, c.key, where); err != nil {
			return nil, fmt.Errorf("erase: traces on this machine: %w", err)
		}
		n, err := s.wipe(ctx, c.key, r.Epoch, false)
		if err != nil {
			return nil, err
		}
		r.Deleted, again = r.Deleted+n, n > 0
	}
	return r, nil
}

// partitions are all that held anything of her.
func (s *Service) partitions(ctx context.Context, c *customer) ([]string, error) {
	all := []string{item.CustomerPK(c.key)}
	if c.profile.UserID != "" {
		all = append(all, item.PrefixInbox+c.profile.UserID.Reveal())
	}
	for _, o := range c.owners {
		all = append(all, profile.OwnerKey(o.Hash).PK)
	}
	err := flow.Each(ctx, s.Store, visitorsOf(c.key), func(link item.Item) error {
		all = append(all, item.PrefixVisitor+strings.TrimPrefix(link.SK, item.PrefixVisitorOf))
		return nil
	})
	return all, err
}

// Sweep is the chore that AGENDA reminds of: what was written past the tombstone
// goes now. It is done when it finds nothing, else it comes back.
func (s *Service) Sweep(ctx context.Context, key string) error {
	gates, err := s.Store.Get(ctx, flow.Strong, item.C(key, item.SKGate))
	if err != nil || gates[0] == nil {
		return err
	}
	epoch := gates[0].E
	found, err := s.wipe(ctx, key, epoch, true)
	if err != nil || found == 0 {
		return err
	}
	w := agenda.Writer{Store: s.Store, Tokens: s.Tokens}
	return w.Postpone(ctx, key, epoch, agenda.Sweep, s.Clock.Now(key).Add(lifetime))
}

// inbox deletes the calls that an AWS user put into the table for her and nobody
// has worked yet; her user id is known as long as she has a profile.
func (s *Service) inbox(ctx context.Context, c *customer) error {
	if c.profile.UserID == "" {
		return nil
	}
	_, err := s.pass(ctx, item.PrefixInbox+c.profile.UserID.Reveal(), func(*item.Item) bool { return true })
	return err
}

// wipe deletes what is older than the epoch from her partition, and the
// partitions of the visitors she was, until a pass finds nothing. Which visitors
// is forgotten by the sweep (links): until then some of their facts may still be
// under way. A browser that she shared loses what others did in it unnamed.
func (s *Service) wipe(ctx context.Context, key string, epoch int64, links bool) (deleted int, err error) {
	for range attempts {
		n, err := s.visitors(ctx, key, epoch)
		deleted += n
		if err != nil {
			return deleted, err
		}
		own, err := s.pass(ctx, item.CustomerPK(key), func(it *item.Item) bool {
			return it.E < epoch && (links || !strings.HasPrefix(it.SK, item.PrefixVisitorOf))
		})
		deleted += own
		if err != nil || n+own == 0 {
			return deleted, err
		}
	}
	return deleted, fmt.Errorf("erase: something goes on writing of an erased customer: %w", flow.ErrThrottled)
}

// visitors empties the partitions of the visitors she was.
func (s *Service) visitors(ctx context.Context, key string, epoch int64) (deleted int, err error) {
	err = flow.Each(ctx, s.Store, visitorsOf(key), func(link item.Item) error {
		if link.E >= epoch {
			return nil
		}
		visitor := strings.TrimPrefix(link.SK, item.PrefixVisitorOf)
		n, err := s.pass(ctx, item.PrefixVisitor+visitor, func(*item.Item) bool { return true })
		deleted += n
		return err
	})
	return deleted, err
}

// partition reads all of one partition, also what has expired and is not
// deleted by the engine yet: it is still there.
func partition(pk string) flow.Query {
	return flow.Query{Table: item.Customers, PK: pk, Consistency: flow.Strong, Expired: true}
}

// visitorsOf are the items that name the visitors she was.
func visitorsOf(key string) flow.Query {
	q := partition(item.CustomerPK(key))
	q.Prefix = item.PrefixVisitorOf
	return q
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
