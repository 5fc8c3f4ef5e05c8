package preferences

import (
	"context"
	"errors"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
)

// confirmAddress makes a pending address the one her mail goes to, and her its
// owner unless it has one. PROFILE, both addresses and her GATE change together,
// so that no claim overlooks it; reductions stand at the address and bind her
// from now on.
func (s *Service) confirmAddress(ctx context.Context, p *person) (*person, error) {
	hash := p.profile.PendingHash
	for range attempts {
		if !p.pendingAt(hash) {
			return p, nil // somebody else did it, or another address took its place
		}
		ops, err := s.moveAddress(ctx, p)
		if err != nil {
			return nil, err
		}
		err = s.Store.Write(ctx, ops...)
		if _, conflict := flow.AsConflict(err); err != nil && !conflict {
			return nil, err
		}
		if p, err = s.open(ctx, p.key); err != nil {
			return nil, err
		}
		if p.erased() || p.profile == nil {
			return p, nil
		}
	}
	return nil, flow.ErrThrottled
}

// moveAddress is the transaction of confirmAddress.
func (s *Service) moveAddress(ctx context.Context, p *person) ([]flow.Op, error) {
	doc := *p.profile
	old, err := s.readOwner(ctx, doc.AddressHash)
	if err != nil {
		return nil, err
	}
	next, err := s.readOwner(ctx, doc.PendingHash)
	if err != nil {
		return nil, err
	}
	doc.Shared = next.doc.Customer != "" && next.doc.Customer != p.key
	gate := p.gate
	gate.Suppressed = next.doc.Suppressed // GATE speaks of the confirmed address
	var w writes
	if old.hash != next.hash && old.doc.Customer == p.key {
		old.doc.Customer = ""
		w.add(s.put(old.item, profile.OwnerKey(old.hash), 0, &old.doc))
	}
	if !doc.Shared {
		next.doc.Customer = p.key
		w.add(s.put(next.item, profile.OwnerKey(next.hash), 0, &next.doc))
	}
	doc.Address, doc.AddressHash = doc.Pending, doc.PendingHash
	doc.Pending, doc.PendingHash, doc.PendingTill = "", "", 0
	w.add(s.putProfile(p, &doc))
	w.add(s.put(p.stored.gate, item.C(p.key, item.SKGate), p.epoch, &gate))
	return w.ops, w.err
}

// writes collects ops, and the first error of making one.
type writes struct {
	ops []flow.Op
	err error
}

func (w *writes) add(op flow.Op, err error) {
	w.ops, w.err = append(w.ops, op), errors.Join(w.err, err)
}

// storedOwner is an address as read; without a hash, none.
type storedOwner struct {
	hash string
	item *item.Item
	doc  profile.Owner
}

func (s *Service) readOwner(ctx context.Context, hash string) (*storedOwner, error) {
	o := &storedOwner{hash: hash}
	if hash == "" {
		return o, nil
	}
	items, err := s.Store.Get(ctx, flow.Strong, profile.OwnerKey(hash))
	if err != nil || items[0] == nil {
		return o, err
	}
	o.item = items[0]
	return o, o.item.Decode(&o.doc)
}
