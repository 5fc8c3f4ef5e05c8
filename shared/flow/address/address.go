// Package address moves mail addresses between customers: one address has one
// owner, who alone may be mailed there for anything but service, and what was
// withdrawn at an address binds whoever owns it next (I08). PROFILE, the GATEs of
// old and new owner and both addresses change in one transaction, so that a claim
// that `deliver` makes meanwhile overlooks nothing. It knows no kind of call.
package address

import (
	"context"
	"errors"
	"fmt"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/consents"
	"github.com/kesher-io/kesher/shared/flow/known"
)

// SameAddress of settings.identity: what a second profile with an owned address
// means.
const (
	First = "first" // it stays unmailable but for service
	Merge = "merge" // it takes the address over, with everything that was refused there
)

// Mover moves addresses.
type Mover struct {
	Store    flow.Store
	Clock    flow.Clock
	Tokens   flow.Tokens
	Keys     flow.Keys
	Consents consents.Writer
}

// Move is one change of where a customer's mail goes.
type Move struct {
	Customer string
	// Known is what was read of her when the move was decided; the first attempt
	// reads it not again. Once her epoch is another, ErrErased.
	Known known.Person
	// To is the new address; "" gives the present one up.
	To profile.Secret
	// Imported: history tells of the address, not a living customer. It does not
	// lift what an erasure left behind (A38).
	Imported bool
	// Confirmed: by a link mailed to it.
	Confirmed bool
	// Edit changes the rest of the profile in the same write. It may be called
	// several times.
	Edit func(*profile.Profile, *consent.Gate)
}

// ErrErased: she was erased since the move was decided; nothing was moved.
var ErrErased = errors.New("the customer was erased meanwhile")

const maxAttempts = 16

// Move carries out m, and returns her gate as it was written.
func (m Mover) Move(ctx context.Context, rel *release.Release, mv Move) (*consent.Gate, error) {
	self := newParty(mv.Known.Clone(), mv.Customer)
	for range maxAttempts {
		done, err := m.round(ctx, rel, &mv, self)
		_, conflict := flow.AsConflict(err)
		switch {
		case err != nil && !conflict:
			return nil, err
		case done && !conflict:
			return &self.Gate, nil
		}
		if self, err = m.open(ctx, mv.Customer); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("address is written by others all the time: %w", flow.ErrThrottled)
}

// Confirm makes the pending address of this hash the one her mail goes to, and returns
// her gate as it was written; nil if the address is not pending (any more).
func (m Mover) Confirm(ctx context.Context, customer string, rel *release.Release, hash string) (*consent.Gate, error) {
	p, err := m.open(ctx, customer)
	if err != nil {
		return nil, err
	}
	now := m.Clock.Now(customer).UnixMilli()
	if p.Profile.Pending == "" || p.Profile.PendingHash != hash || now >= p.Profile.PendingTill {
		return nil, nil
	}
	edit := func(doc *profile.Profile, _ *consent.Gate) {
		if doc.PendingHash == hash {
			doc.Pending, doc.PendingHash, doc.PendingTill = "", "", 0
		}
		if decl, ok := rel.Plan.Traits[profile.TraitEmail]; ok {
			doc.Set(profile.TraitEmail, profile.NewTrait(decl, p.Profile.Pending.Reveal(), now))
		}
	}
	gate, err := m.Move(ctx, rel, Move{Customer: customer, Known: p.Person, To: p.Profile.Pending, Confirmed: true, Edit: edit})
	if errors.Is(err, ErrErased) {
		return nil, nil
	}
	return gate, err
}

// party is one customer as read, with an empty profile where there is none.
type party struct {
	known.Person
	key string
}

func newParty(read known.Person, customer string) *party {
	if read.Profile == nil {
		read.Profile = &profile.Profile{}
	}
	return &party{read, customer}
}

func (m Mover) open(ctx context.Context, customer string) (*party, error) {
	read, err := known.Read(ctx, m.Store, item.CustomerPK(customer))
	return newParty(read, customer), err
}

// round reads the rest, decides and writes once. done is false when something had
// to be written first, and everything is to be read anew.
func (m Mover) round(ctx context.Context, rel *release.Release, mv *Move, self *party) (done bool, err error) {
	if self.Epoch != mv.Known.Epoch {
		return false, ErrErased
	}
	x := &exchange{m: m, self: self, merge: rel.Settings.Identity.SameAddress == Merge, imported: mv.Imported, answered: mv.Confirmed}
	if err := x.read(ctx, mv); err != nil {
		return false, err
	}
	if x.self.Gate.Erased != 0 {
		x.self.Gate.Revive()
		gate, err := m.putGate(x.self)
		if err != nil {
			return false, err
		}
		return false, m.Store.Write(ctx, gate)
	}
	mv.Edit(x.self.Profile, &x.self.Gate)
	if must := x.binding(rel.Plan); len(must) > 0 {
		// What binds at the new address binds her before she has it: should the
		// second write never come, there is a mail too few, and none too many.
		res, err := m.Consents.Apply(ctx, mv.Customer, rel, must)
		if err != nil || len(res.Changes) > 0 {
			return false, err
		}
		// All of it was told before, and she has spoken since.
	}
	ops, err := x.ops(mv.To)
	if err != nil {
		return false, err
	}
	return true, m.Store.Write(ctx, ops...)
}

// stamp marks the profile as written now, by a call.
func (m Mover) stamp(p *party, imported bool) {
	now := m.Clock.Now(p.key)
	p.Profile.At, p.Profile.In = now.UnixMilli(), string(ident.NewStamp(now, m.Tokens.Seq()))
	p.Profile.By, p.Profile.Hops, p.Profile.Imported = "", 0, imported
}

func (m Mover) putProfile(p *party) (flow.Op, error) {
	it := p.Stored.Profile.Next(item.C(p.key, item.SKProfile), m.Tokens.Token(), p.Epoch)
	it.IK, it.IS = item.AllList(item.Shard(p.key)), p.key
	err := it.Encode(p.Profile)
	if err == nil && it.Size() > profile.MaxSize {
		err = fmt.Errorf("profile of %d bytes, %d are possible: %w", it.Size(), profile.MaxSize, flow.ErrTooLarge)
	}
	return flow.Put(it, flow.Is(p.Stored.Profile)), err
}

// putGate writes the gate, changed or not: whoever read it before must read again.
func (m Mover) putGate(p *party) (flow.Op, error) {
	it := p.Stored.Gate.Next(item.C(p.key, item.SKGate), m.Tokens.Token(), p.Epoch)
	err := it.Encode(&p.Gate)
	return flow.Put(it, flow.Is(p.Stored.Gate)), err
}
