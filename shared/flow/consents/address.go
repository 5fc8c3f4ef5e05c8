package consents

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/owner"
)

// address is A# as it was read.
type address struct {
	*owner.Address
	touched bool
}

// addresses that the statements bear on: the one her mail goes to, and those that
// a statement names.
type addresses []*address

// mailed: the statement is about contact by e-mail.
func mailed(st *consent.Statement) bool { return st.Channel == plan.ChannelEmail }

// addresses reads them when a statement is about contact by e-mail.
func (w Writer) addresses(ctx context.Context, s *subject, statements []consent.Statement) (addresses, error) {
	var hashes []string
	for i := range statements {
		if st := &statements[i]; mailed(st) {
			hashes = append(hashes, s.address(), st.Address)
		}
	}
	slices.Sort(hashes)
	var all addresses
	for _, hash := range slices.Compact(hashes) {
		if hash == "" {
			continue
		}
		a, err := owner.Read(ctx, w.Store, hash)
		if err != nil {
			return nil, err
		}
		all = append(all, &address{Address: a})
	}
	return all, nil
}

func (s *subject) address() string {
	if s.profile == nil {
		return ""
	}
	return s.profile.AddressHash
}

// before is the permission that a statement meets: hers, and to a grant what was
// withdrawn at the address her mail goes to, which it must be later than as well.
func (all addresses) before(s *subject, st *consent.Statement) consent.Permission {
	hers := s.gate.States[st.Name()]
	if st.State.Refused() {
		return hers
	}
	for _, a := range all {
		at, ok := a.Withdrawn[st.Name()]
		if !ok || !mailed(st) || a.Hash != s.address() {
			continue
		}
		if hers.State == consent.Pending { // a request stands over that no as over her own
			hers.No = max(hers.No, at)
			return hers
		}
		return consent.Stricter(hers, consent.Permission{State: consent.Withdrawn, At: at})
	}
	return hers
}

// spread writes what her changes mean for the addresses, and for the owner of one
// when that is somebody else: a withdrawal holds for the address, whatever user
// id made it (I08), while only its owner lifts it again.
func (t *turn) spread(ctx context.Context, s *subject, all addresses, d *draft) ([]flow.Op, error) {
	var ops []flow.Op
	others := map[string][]consent.Statement{}
	for _, a := range all {
		lowered := a.take(s, d.changes)
		if !a.touched {
			continue
		}
		put, err := a.Put(t.w.Tokens.Token(), time.UnixMilli(d.now))
		if err != nil {
			return nil, err
		}
		ops = append(ops, put)
		if owner := a.Customer; owner != "" && owner != s.key && len(lowered) > 0 {
			others[owner] = append(others[owner], lowered...)
		}
	}
	for _, owner := range slices.Sorted(maps.Keys(others)) {
		more, err := t.lowerOwner(ctx, owner, others[owner])
		if err != nil {
			return nil, err
		}
		ops = append(ops, more...)
	}
	return ops, nil
}

// take applies her changes to the address, and returns what lowered it.
func (a *address) take(s *subject, changes []Change) (lowered []consent.Statement) {
	own := a.Hash == s.address() && a.Customer == s.key
	for _, c := range changes {
		st := c.Statement
		switch {
		case !mailed(&st):
		case c.After.State.Refused() && (a.Hash == s.address() || a.Hash == st.Address):
			a.Lower(st.Name(), c.After.At)
			lowered, a.touched = append(lowered, st), true
		case c.After.State == consent.Granted && own:
			a.Lift(st.Name(), c.After.At)
			a.Answered(st.Name())
			a.touched = true
			a.welcome(s, &st)
		}
	}
	return lowered
}

// welcome lifts the suppression that an erasure left behind, when its owner
// agrees to a text anew. A bounce or complaint stays.
func (a *address) welcome(s *subject, st *consent.Statement) {
	if x := a.Suppressed; x != nil && x.Reason == consent.SuppressErased && st.Notice != nil {
		a.Suppressed, s.gate.Suppressed = nil, nil
	}
}

// lowerOwner obeys the withdrawals in the gate of an address's owner.
func (t *turn) lowerOwner(ctx context.Context, customer string, lowered []consent.Statement) ([]flow.Op, error) {
	owner := subject{key: customer, pk: item.CustomerPK(customer)}
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
