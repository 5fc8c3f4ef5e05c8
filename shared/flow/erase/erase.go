// Package erase forgets a customer. Her GATE becomes a tombstone, which every
// flow reads before it writes; everything else of her goes. It knows the items
// of her partitions by their keys alone, never what stands in them, so that an
// item invented tomorrow is erased as well.
//
// What may still be written by somebody who read before the tombstone stood is
// of an older epoch: it counts as absent at once, and a sweep finds it one
// invocation lifetime later (ARCHITECTURE section 4, last paragraph).
package erase

import (
	"context"
	"fmt"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/owner"
)

const (
	// keepTombstone is at least as long as anything may still speak of her: a RUN
	// or MSG (400 d), a report of SES, a record in a failure bucket.
	keepTombstone = 400 * 24 * time.Hour
	// lifetime is the longest that an invocation can live (AWS Lambda quotas,
	// "Function timeout": 900 s): whoever read before the tombstone stood is done.
	lifetime = 15 * time.Minute
	attempts = 16
)

// Service erases customers.
type Service struct {
	Store  flow.Store
	Clock  flow.Clock
	Tokens flow.Tokens
	// Traces is what a single machine keeps of her besides the store; nil on AWS.
	Traces Traces
}

// Traces forgets what is no item: her mails in the mailbox, and of the partitions
// that held anything of her the change log and freed pages. It returns when
// nothing is left, and does no harm when done twice.
type Traces interface {
	Forget(ctx context.Context, customer string, partitions []string) error
}

// Receipt says what was done. It holds nothing personal.
type Receipt struct {
	Customer string    `json:"customer"` // the opaque key
	Epoch    int64     `json:"epoch"`
	Erased   time.Time `json:"erased"`
	Deleted  int       `json:"deleted"` // items, by this call
	Kept     []string  `json:"kept"`
	Gone     []string  `json:"gone"` // by when what is in flight is gone, too
}

// What is kept, and by when the rest is gone; on every receipt.
var (
	kept = []string{
		"a keyed hash of the address, so that no import mails it again",
		"the history of consent under the opaque key",
		"a tombstone of the opaque key, for 400 days",
	}
	gone = []string{
		"live stores: at once", "what was in flight: within the hour", fmt.Sprintf("the stream: in %d h", 24*StreamDays),
		fmt.Sprintf("failure storage: in %d d", FailureDays), fmt.Sprintf("backups: in at most %d d, and never restored", BackupDays),
	}
)

// Erase forgets the customer and says so. Erasing her again finds nothing to do;
// if she has come back meanwhile, it erases what came with her.
func (s *Service) Erase(ctx context.Context, customer string) (*Receipt, error) {
	for range attempts {
		c, err := s.read(ctx, customer)
		if err != nil {
			return nil, err
		}
		if !c.alive {
			return s.finish(ctx, c, 0)
		}
		if err := s.inbox(ctx, c); err != nil {
			return nil, err
		}
		ops, err := s.bury(c)
		if err != nil {
			return nil, err
		}
		err = s.Store.Write(ctx, ops...)
		if _, conflict := flow.AsConflict(err); conflict {
			continue // somebody wrote of her meanwhile: read again
		}
		if err != nil {
			return nil, fmt.Errorf("erase: %w", err)
		}
		deleted := 0 // beside what is written in her place
		if c.stored != nil {
			deleted = 1
		}
		return s.finish(ctx, c, deleted)
	}
	return nil, fmt.Errorf("erase: written by others all the time: %w", flow.ErrThrottled)
}

// Asked erases a customer who asked for it on her page: the chore agenda.Erase,
// which goes with the agenda of the epoch that it ends.
func (s *Service) Asked(ctx context.Context, customer string) error {
	_, err := s.Erase(ctx, customer)
	return err
}

// customer is what was read of her for an erasure.
type customer struct {
	key     string
	now     time.Time
	epoch   int64 // the one that ends
	alive   bool  // there is something to bury
	erased  int64 // of the tombstone that stands already
	gate    *item.Item
	doc     consent.Gate
	agenda  *item.Item
	stored  *item.Item // PROFILE
	profile profile.Profile
	owners  []*owner.Address // A# of her addresses
}

func (s *Service) read(ctx context.Context, key string) (*customer, error) {
	items, err := s.Store.Get(ctx, flow.Strong,
		item.C(key, item.SKGate), item.C(key, item.SKAgenda), item.C(key, item.SKProfile))
	if err != nil {
		return nil, err
	}
	c := &customer{key: key, now: s.Clock.Now(key), gate: items[0], agenda: items[1], stored: items[2]}
	if c.gate != nil {
		c.epoch = c.gate.E
		if err := c.gate.Decode(&c.doc); err != nil {
			return nil, err
		}
		c.erased = c.doc.Erased
	}
	if c.stored != nil {
		if err := c.stored.Decode(&c.profile); err != nil {
			return nil, err
		}
	}
	if err := s.readOwners(ctx, c); err != nil {
		return nil, err
	}
	c.alive, err = s.alive(ctx, c)
	return c, err
}

func (s *Service) readOwners(ctx context.Context, c *customer) error {
	for _, hash := range []string{c.profile.AddressHash, c.profile.PendingHash} {
		if hash == "" || len(c.owners) > 0 && hash == c.profile.AddressHash {
			continue
		}
		o, err := owner.Read(ctx, s.Store, hash)
		if err != nil {
			return err
		}
		c.owners = append(c.owners, o)
	}
	return nil
}

// alive: no tombstone stands, or something was written by her new self since.
func (s *Service) alive(ctx context.Context, c *customer) (bool, error) {
	if c.erased == 0 {
		return true, nil
	}
	found := false
	err := flow.Each(ctx, s.Store, partition(item.CustomerPK(c.key)), func(it item.Item) error {
		found = found || it.E >= c.epoch && !ours(it.SK)
		return nil
	})
	return found, err
}
