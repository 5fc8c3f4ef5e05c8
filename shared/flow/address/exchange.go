package address

import (
	"context"
	"maps"
	"slices"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/owner"
)

// exchange is everybody and every address that one move concerns.
type exchange struct {
	m        Mover
	merge    bool
	imported bool
	answered bool // by a link mailed to the new address
	self     *party
	old, to  *owner.Address // nil: none
	other    *party         // owner of to, when that is somebody else
}

func (x *exchange) read(ctx context.Context, mv *Move) (err error) {
	hash := ""
	if mv.To != "" {
		hash = x.m.Keys.Address(mv.To.Reveal())
	}
	if x.to, err = x.place(ctx, hash); err != nil {
		return err
	}
	if before := x.self.Profile.AddressHash; before != hash {
		if x.old, err = x.place(ctx, before); err != nil {
			return err
		}
	}
	if x.to == nil || x.to.Customer == "" || x.to.Customer == x.self.key {
		return nil
	}
	if x.other, err = x.m.open(ctx, x.to.Customer); err != nil {
		return err
	}
	if x.other.Gate.Erased != 0 {
		x.other = nil // her addresses are nobody's
	}
	return nil
}

// place reads an address; nil where there is none.
func (x *exchange) place(ctx context.Context, hash string) (*owner.Address, error) {
	if hash == "" {
		return nil, nil
	}
	return owner.Read(ctx, x.m.Store, hash)
}

func (x *exchange) put(a *owner.Address) (flow.Op, error) {
	return a.Put(x.m.Tokens.Token(), x.m.Clock.Now(x.self.key))
}

// takes: she becomes (or stays) the owner.
func (x *exchange) takes() bool { return x.other == nil || x.merge }

// binding are the statements that must stand in her gate before she has the
// address: what was withdrawn there, unless she agreed anew since; and when two
// profiles become one, what the other said (A40).
func (x *exchange) binding(p *plan.Plan) []consent.Statement {
	if x.to == nil {
		return nil
	}
	var must []consent.Statement
	want := map[string]consent.Permission{}
	for name, at := range x.to.Withdrawn {
		want[name] = consent.Permission{State: consent.Withdrawn, At: at}
	}
	if x.other != nil && x.merge {
		want = consent.Merge(want, x.other.Gate.States)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if st, ok := x.bind(name, want[name]); ok && st.Check(p) == nil {
			must = append(must, st)
		}
	}
	return must
}

// bind makes one of them; ok is false when her gate says as much already, or when she
// has asked anew since: then her request stands over that no from now on.
func (x *exchange) bind(name string, want consent.Permission) (consent.Statement, bool) {
	have := x.self.Gate.States[name]
	purpose, channel := consent.Split(name)
	agreedSince := have.State == consent.Granted && have.At > want.At && !x.takesFrom()
	askedSince := have.State == consent.Pending && have.At > want.At && channel == plan.ChannelEmail
	if askedSince && want.State.Refused() {
		have.No = max(have.No, want.At)
		x.self.Gate.States[name] = have
	}
	if consent.Stricter(have, want).State == have.State || agreedSince || askedSince || want.State == consent.Pending {
		return consent.Statement{}, false
	}
	st := consent.Statement{
		ID:      ident.Derive("address", x.self.key, x.to.Hash, name, string(want.State), want.Ledger),
		Purpose: purpose, Channel: channel, State: want.State, At: want.At, Expires: want.Expires,
		By: consent.Server, Surface: "address", Mechanism: "ownership",
	}
	if want.State == consent.Granted {
		st.Evidence = &consent.Evidence{Basis: "consent", Source: "a profile with the same address"}
		st.At = max(st.At, have.At+1)
	}
	st.At = max(st.At, x.self.Gate.Since) // she was erased since; the address remembers
	return st, true
}

// takesFrom: the address comes from another profile of the same person, so that
// nothing said there is outdated by what was said here.
func (x *exchange) takesFrom() bool { return x.other != nil && x.merge }

// ops are the whole move.
func (x *exchange) ops(to profile.Secret) ([]flow.Op, error) {
	w := &writes{}
	p := x.self.Profile
	p.Address, p.AddressHash, p.Shared = to, "", false
	x.self.Gate.Suppressed = nil
	if x.to != nil {
		p.AddressHash, p.Shared = x.to.Hash, !x.takes()
		x.arrive(w)
	}
	if x.old != nil && x.old.Customer == x.self.key {
		x.old.Customer = ""
		x.leaveBehind(x.old)
		w.add(x.put(x.old))
	}
	x.m.stamp(x.self, x.imported)
	w.add(x.m.putGate(x.self))
	w.add(x.m.putProfile(x.self))
	return w.ops, w.err
}

// arrive writes the new address and whoever owned it.
func (x *exchange) arrive(w *writes) {
	if s := x.to.Suppressed; s != nil && s.Reason == consent.SuppressErased && !x.imported {
		x.to.Suppressed = nil // she is a customer again
	}
	x.self.Gate.Suppressed = x.to.Suppressed
	if x.other != nil {
		w.add(x.m.putGate(x.other))
		if x.merge {
			x.inherit()
			if x.other.Stored.Profile != nil {
				w.add(x.m.putProfile(x.other))
			}
		}
	}
	if x.answered {
		x.to.Answered("")
	}
	if x.takes() {
		x.to.Customer = x.self.key
		x.leaveBehind(x.to)
	}
	w.add(x.put(x.to))
}

// inherit takes over what the other profile knows and this one does not.
func (x *exchange) inherit() {
	for name, t := range x.other.Profile.Traits {
		if _, known := x.self.Profile.Traits[name]; !known {
			x.self.Profile.Set(name, t)
		}
	}
	x.other.Profile.Shared = true
	x.m.stamp(x.other, false)
}

// leaveBehind records at an address what its owner has refused.
func (x *exchange) leaveBehind(a *owner.Address) {
	for name, p := range x.self.Gate.States {
		if _, channel := consent.Split(name); channel == plan.ChannelEmail && p.LastNo() != 0 {
			a.Lower(name, p.LastNo())
		}
	}
}

// writes collects ops, and the first error of making one.
type writes struct {
	ops []flow.Op
	err error
}

func (w *writes) add(op flow.Op, err error) {
	w.ops = append(w.ops, op)
	if w.err == nil {
		w.err = err
	}
}
