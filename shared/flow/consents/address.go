package consents

import (
	"context"
	"slices"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
)

// address is A# as it was read.
type address struct {
	owner profile.Owner
	hash  string
	item  *item.Item
}

// contact: the statement is about mail.
func contact(st *consent.Statement) bool { return st.Channel == plan.ChannelEmail }

// address reads A# of the customer's mail when a statement is about contact by
// e-mail; nil otherwise.
func (w Writer) address(ctx context.Context, s *subject, statements []consent.Statement) (*address, error) {
	mail := slices.ContainsFunc(statements, func(st consent.Statement) bool { return contact(&st) })
	if !mail || s.profile == nil || s.profile.AddressHash == "" {
		return nil, nil
	}
	return w.readAddress(ctx, s.profile.AddressHash)
}

func (w Writer) readAddress(ctx context.Context, hash string) (*address, error) {
	items, err := w.Store.Get(ctx, flow.Strong, profile.OwnerKey(hash))
	if err != nil {
		return nil, err
	}
	a := &address{hash: hash, item: items[0]}
	if a.item != nil {
		err = a.item.Decode(&a.owner)
	}
	return a, err
}

// before is the permission that a statement meets: hers, or what was withdrawn
// at the address she has.
func (a *address) before(st consent.Statement, hers consent.Permission) consent.Permission {
	if a == nil || !contact(&st) {
		return hers
	}
	if at, ok := a.owner.Withdrawn[st.Name()]; ok {
		return consent.Stricter(hers, consent.Permission{State: consent.Withdrawn, At: at})
	}
	return hers
}

// put writes A# over what was read.
func (a *address) put(token string) (flow.Op, error) {
	it := a.item.Next(profile.OwnerKey(a.hash), token, 0)
	err := it.Encode(&a.owner)
	return flow.Put(it, flow.Is(a.item)), err
}

// spread writes what the changes mean for the address, and for its owner when
// that is somebody else: a withdrawal holds for the address, whatever user id
// made it (I08), while only its owner lifts it again.
func (t *turn) spread(ctx context.Context, s *subject, a *address, changes []Change) ([]flow.Op, error) {
	if a == nil {
		return nil, nil
	}
	var lowered []consent.Statement
	touched := false
	for _, c := range changes {
		switch st := c.Statement; {
		case !contact(&st):
		case c.After.State.Refused():
			a.owner.Lower(st.Name(), c.After.At)
			lowered, touched = append(lowered, st), true
		case c.After.State == consent.Granted && a.owner.Customer == s.key:
			a.owner.Lift(st.Name(), c.After.At)
			touched = true
		}
	}
	if !touched {
		return nil, nil
	}
	put, err := a.put(t.w.Tokens.Token())
	if err != nil {
		return nil, err
	}
	owner, err := t.lowerOwner(ctx, s, a, lowered)
	return append(owner, put), err
}

// lowerOwner obeys the withdrawals in the gate of the address's owner.
func (t *turn) lowerOwner(ctx context.Context, s *subject, a *address, lowered []consent.Statement) ([]flow.Op, error) {
	if len(lowered) == 0 || a.owner.Customer == "" || a.owner.Customer == s.key {
		return nil, nil
	}
	owner := subject{key: a.owner.Customer, pk: item.CustomerPK(a.owner.Customer)}
	if err := owner.read(ctx, t.w.Store); err != nil {
		return nil, err
	}
	d := (&turn{w: t.w, rel: t.rel, told: t.told}).draft(&owner)
	for _, st := range owner.current(lowered) {
		st.Mechanism = "same address"
		if err := d.say(st, owner.gate.States[st.Name()]); err != nil {
			return nil, err
		}
	}
	return d.ops()
}
