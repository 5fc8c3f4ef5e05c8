package collect

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/consents"
	"github.com/kesher-io/kesher/shared/flow/owner"
)

// maxRequests bounds the mails that one call can cause, and its transaction.
const maxRequests = 4

// requests are the facts on which the built-in journey `confirm` mails a link, one
// per permission, unless the address was asked for it lately (E09). An address that
// nobody has confirmed gets one mail; once it is answered, Waiting asks the rest
// (A13).
func (s *Service) requests(ctx context.Context, st *state, hash string, names []string) ([]flow.Op, error) {
	o, err := owner.Read(ctx, s.Store, hash)
	if err != nil {
		return nil, err
	}
	var ops []flow.Op
	if st.Profile == nil || st.Profile.AddressHash != hash {
		if o.Waits(st.now.UnixMilli()) {
			return nil, nil
		}
		count, err := s.countAsked(ctx, st)
		if err != nil {
			return nil, err
		}
		names, ops = names[:1], append(ops, count)
	}
	for _, name := range names {
		if len(ops) == maxRequests || !o.Ask(name, st.now.UnixMilli()) {
			continue
		}
		purpose, channel := consent.Split(name)
		props := map[string]any{"kind": journey.Confirm, "template": "kesher-confirm", "address": hash}
		if name != "" {
			props["purpose"], props["channel"], props["notice"] = purpose, channel, st.Gate.States[name].Notice
		}
		op, err := s.request(st, ident.Derive("confirm", st.key, hash, name, s.Tokens.Token()), st.now, props)
		if err != nil {
			return nil, err
		}
		ops = append(ops, op)
	}
	if len(ops) == 0 {
		return nil, nil
	}
	put, err := o.Put(s.Tokens.Token(), st.now)
	return append(ops, put), err
}

// request is the fact `Message Requested`, which a built-in journey works.
func (s *Service) request(st *state, id string, at time.Time, props map[string]any) (flow.Op, error) {
	props["message_id"] = id
	e := fact.Event{ID: id, Name: fact.MessageRequested, At: at.UnixMilli(), In: st.stamp(s.Tokens), Props: props}
	it := (*item.Item)(nil).Next(st.at(item.EventSK(fact.MessageRequested, at, id)), s.Tokens.Token(), st.Epoch)
	it.TTL = st.now.Add(keepFor).Unix()
	err := it.Encode(e)
	return flow.Put(it, flow.Absent), err
}

// askFor asks her to confirm what was said on her behalf, if it waits for that. It goes
// by what stands in the gate, not by what this call changed there: an earlier attempt
// may have ended in between.
func (s *Service) askFor(ctx context.Context, st *state, said []consent.Statement, res consents.Result) error {
	waits := func(said consent.Statement) bool {
		return said.Channel == plan.ChannelEmail && res.Gate.States[said.Name()].State == consent.Pending
	}
	if st.visitor || !slices.ContainsFunc(said, waits) {
		return nil
	}
	return s.Waiting(ctx, st.key)
}

// Waiting asks for what waits for her confirmation, at the address that her mail goes
// to, or else at the one that waits itself; without one, once there is one.
func (s *Service) Waiting(ctx context.Context, customer string) error {
	st := &state{subject: subject{key: customer, pk: item.CustomerPK(customer)}, now: s.Clock.Now(customer)}
	for range maxAttempts {
		if err := st.read(ctx, s.Store); err != nil {
			return err
		}
		names := st.Gate.Asked(plan.ChannelEmail, st.now.UnixMilli())
		hash := st.mailed()
		if len(names) == 0 || hash == "" {
			return nil
		}
		ops, err := s.requests(ctx, st, hash, names)
		if errors.Is(err, ErrManyAsked) {
			return nil // until she asks again tomorrow
		}
		if err != nil || len(ops) == 0 {
			return err
		}
		err = s.Store.Write(ctx, ops...)
		if _, conflict := flow.AsConflict(err); !conflict {
			return err
		}
	}
	return errContended
}

// mailed is the address at which she may be asked; "" if there is none.
func (st *state) mailed() string {
	switch p := st.Profile; {
	case p == nil:
		return ""
	case p.AddressHash != "":
		return p.AddressHash
	case st.now.UnixMilli() < p.PendingTill:
		return p.PendingHash
	}
	return ""
}

const (
	// skAsked bounds the mails that ask at addresses which are not hers: whoever holds
	// the public key could have anybody mailed (E09).
	skAsked  = "LIMIT#address"
	MaxAsked = 5 // a day
)

// ErrManyAsked: she has given MaxAsked addresses today.
var ErrManyAsked = errors.New("too many addresses for a day")

// countAsked is the write that counts one more.
func (s *Service) countAsked(ctx context.Context, st *state) (flow.Op, error) {
	key := st.at(skAsked)
	items, err := s.Store.Get(ctx, flow.Strong, key)
	if err != nil {
		return flow.Op{}, err
	}
	var asked profile.Limit
	if items[0] != nil && items[0].E == st.Epoch {
		if err := items[0].Decode(&asked); err != nil {
			return flow.Op{}, err
		}
	}
	if asked.At = asked.Today(st.now); len(asked.At) >= MaxAsked {
		return flow.Op{}, ErrManyAsked
	}
	asked.At = append(asked.At, st.now.UnixMilli())
	it := items[0].Next(key, s.Tokens.Token(), st.Epoch)
	it.TTL = st.now.Add(profile.Day).Unix()
	err = it.Encode(asked)
	return flow.Put(it, flow.Is(items[0])), err
}
