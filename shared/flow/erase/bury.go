package erase

import (
	"strings"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/agenda"
	"github.com/kesher-io/kesher/shared/flow/owner"
)

// bury is the one transaction after which she is erased: the tombstone, the
// reminder of the sweep, the fact, and her addresses, which keep nothing but
// that they are not to be mailed.
func (s *Service) bury(c *customer) ([]flow.Op, error) {
	gate := c.gate.Next(item.C(c.key, item.SKGate), s.Tokens.Token(), c.epoch+1)
	gate.TTL = c.now.Add(keepTombstone).Unix()
	if err := gate.Encode(tombstone(c)); err != nil {
		return nil, err
	}
	sweep, err := s.remind(c)
	if err != nil {
		return nil, err
	}
	said, err := s.say(c)
	if err != nil {
		return nil, err
	}
	ops := []flow.Op{flow.Put(gate, flow.Is(c.gate)), sweep, said}
	if c.stored != nil { // so that no address of hers is missed
		ops = append(ops, flow.Delete(c.stored.Key, flow.Is(c.stored)))
	}
	for _, o := range c.owners {
		op, err := s.release(c, o)
		if err != nil {
			return nil, err
		}
		ops = append(ops, op)
	}
	return ops, nil
}

// tombstone is what is left of a gate: when it was, and where the history of
// consent goes on, which is append-only and holds no more of her than her key.
func tombstone(c *customer) *consent.Gate {
	return &consent.Gate{Erased: c.now.UnixMilli(), Ledger: c.doc.Ledger}
}

func (s *Service) remind(c *customer) (flow.Op, error) {
	due := c.now.Add(lifetime)
	it := c.agenda.Next(item.C(c.key, item.SKAgenda), s.Tokens.Token(), c.epoch+1)
	it.IK, it.IS = item.DueList(item.Shard(c.key)), item.Time(due)
	err := it.Encode(agenda.Agenda{agenda.Sweep: due.UnixMilli()})
	return flow.Put(it, flow.Is(c.agenda)), err
}

// say is the event Customer Erased, without data.
func (s *Service) say(c *customer) (flow.Op, error) {
	id := ident.Derive("erased", c.key, s.Tokens.Token())
	key := item.C(c.key, item.EventSK(fact.CustomerErased, c.now, id))
	it := (*item.Item)(nil).Next(key, s.Tokens.Token(), c.epoch+1)
	it.TTL = c.now.Add(keepTombstone).Unix()
	err := it.Encode(fact.Event{
		ID: id, Name: fact.CustomerErased, At: c.now.UnixMilli(), In: ident.NewStamp(c.now, s.Tokens.Seq()),
	})
	return flow.Put(it, flow.Absent), err
}

// release takes her out of an address. The address stays suppressed, by its hash
// alone: a stronger reason than the erasure goes on. An address that belongs to
// another customer is hers, and left alone.
func (s *Service) release(c *customer, o *owner.Address) (flow.Op, error) {
	if o.Customer != c.key && o.Customer != "" {
		return o.Check(), nil
	}
	if o.Customer == c.key {
		// What was asked there was asked of her who is forgotten. Where she had not
		// confirmed the address it stands: an account that erases itself could have a
		// stranger mailed again and again (E09).
		o.Asked = nil
	}
	o.Customer = ""
	if o.Suppressed == nil {
		o.Suppressed = &consent.Suppression{Reason: consent.SuppressErased, At: c.now.UnixMilli()}
	}
	return o.Put(s.Tokens.Token(), c.now)
}

// ours are the items that an erasure leaves behind.
func ours(sk string) bool {
	return sk == item.SKGate || sk == item.SKAgenda || strings.HasPrefix(sk, item.EventPrefix(fact.CustomerErased))
}
