package collect

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/consents"
	"github.com/kesher-io/kesher/shared/flow/known"
)

// state is what is known of a subject while one call about it is worked.
type state struct {
	subject
	known.Person
	now time.Time
}

// open reads a subject as it stands when a call about it arrives.
func (s *Service) open(ctx context.Context, who subject) (*state, error) {
	st := &state{subject: who, now: s.Clock.Now(who.key)}
	return st, st.read(ctx, s.Store)
}

func (st *state) at(sk string) item.Key { return item.Key{Table: item.Customers, PK: st.pk, SK: sk} }

func (st *state) read(ctx context.Context, store flow.Store) (err error) {
	st.Person, err = known.Read(ctx, store, st.pk)
	return err
}

// refuses what happened before she was erased, however late it comes: it belongs
// to somebody who is forgotten. What happens since begins a new customer.
func (st *state) refuses(at int64) *events.Refusal {
	if at < max(st.Gate.Erased, st.Gate.Since) {
		return beforeErasure
	}
	return nil
}

var beforeErasure = events.Refuse(events.Erased, "timestamp", "lies before the customer was erased")

// apply writes consent of the subject.
func (st *state) apply(ctx context.Context, w consents.Writer, rel *release.Release, said []consent.Statement, also ...flow.Op) (consents.Result, error) {
	w.Known = &st.Person
	if st.visitor {
		return w.ApplyVisitor(ctx, st.key, rel, said, also...)
	}
	return w.Apply(ctx, st.key, rel, said, also...)
}

// mayUse says whether data kept for these purposes may be stored now.
func (st *state) mayUse(rel *release.Release, purposes []string) bool {
	return st.Gate.MayUse(rel.Plan, purposes, st.now.UnixMilli())
}

// stamp is the next arrival at the subject.
func (st *state) stamp(t flow.Tokens) ident.Stamp { return ident.NewStamp(st.now, t.Seq()) }

// born adds to ops what a first fact must not stand without: PROFILE, which lists
// the customer, and the gate of one who comes back after an erasure.
func (w *work) born(ops []flow.Op) ([]flow.Op, error) {
	st := w.st
	if st.visitor {
		return ops, nil
	}
	if st.Profile == nil && !slices.ContainsFunc(ops, func(op flow.Op) bool { return op.Item.SK == item.SKProfile }) {
		put, err := w.putProfile(profile.Profile{})
		if err != nil {
			return nil, err
		}
		ops = append(ops, put)
	}
	if st.Gate.Erased == 0 {
		return ops, nil
	}
	gate, err := st.revive(w.Tokens)
	return append(ops, gate), err
}

// revive begins the new epoch of an erased customer.
func (st *state) revive(t flow.Tokens) (flow.Op, error) {
	st.Gate.Revive()
	it := st.Stored.Gate.Next(st.at(item.SKGate), t.Token(), st.Epoch)
	err := it.Encode(&st.Gate)
	return flow.Put(it, flow.Is(st.Stored.Gate)), err
}

// putProfile writes p as changed by this call.
func (w *work) putProfile(p profile.Profile) (flow.Op, error) {
	st := w.st
	if st.userID != "" {
		p.UserID = st.userID
	}
	p.At, p.In = w.m.at, string(st.stamp(w.Tokens))
	p.By, p.Hops, p.Imported = "", 0, w.src.Import
	it := st.Stored.Profile.Next(st.at(item.SKProfile), w.Tokens.Token(), st.Epoch)
	it.IK, it.IS = item.AllList(item.Shard(st.key)), st.key
	err := it.Encode(p)
	if err == nil && it.Size() > profile.MaxSize {
		err = fmt.Errorf("profile of %d bytes, %d are possible: %w", it.Size(), profile.MaxSize, flow.ErrTooLarge)
	}
	return flow.Put(it, flow.Is(st.Stored.Profile)), err
}
