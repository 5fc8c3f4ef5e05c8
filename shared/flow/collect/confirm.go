package collect

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/agenda"
	"github.com/kesher-io/kesher/shared/flow/consents"
	"github.com/kesher-io/kesher/shared/flow/owner"
)

// ask keeps an address that a public key gave until a link mailed to it is
// followed, and asks for that mail. Nothing but the confirmation goes there.
func (w *work) ask(ctx context.Context, to profile.Secret, edit func(*profile.Profile, *consent.Gate) bool) error {
	hash := w.Keys.Address(to.Reveal())
	now := w.st.now.UnixMilli()
	for range maxAttempts {
		p := w.profile()
		changed := edit(&p, &w.st.Gate)
		waiting := p.PendingHash == hash && now < p.PendingTill
		if waiting && !changed {
			return nil
		}
		if !waiting {
			p.Pending, p.PendingHash, p.PendingTill = to, hash, now+profile.ConfirmFor.Milliseconds()
		}
		err := w.askOnce(ctx, p, hash)
		if _, conflict := flow.AsConflict(err); !conflict {
			return err
		}
		if err := w.reopen(ctx); err != nil {
			return err
		}
	}
	return errContended
}

// askOnce keeps the address together with the chore that forgets it: whoever dies
// leaves none that nobody would.
func (w *work) askOnce(ctx context.Context, p profile.Profile, hash string) error {
	ops, err := w.askOps(ctx, p, hash)
	if err != nil {
		return err
	}
	forget, err := w.agenda().Plan(ctx, w.st.key, w.st.Epoch, agenda.Pending, time.UnixMilli(p.PendingTill))
	if err != nil {
		return err
	}
	return w.Store.Write(ctx, append(ops, forget...)...)
}

// Address takes an address that a known customer gives herself, in her preference
// centre: like one that a public key gave, it becomes hers by a link mailed to it.
// epoch is hers as she gave it: if she was erased since, it is forgotten.
func (s *Service) Address(ctx context.Context, customer string, epoch int64, to profile.Secret) error {
	rel, err := s.Releases.Live(ctx)
	if err != nil {
		return err
	}
	st, err := s.open(ctx, subject{key: customer, pk: item.CustomerPK(customer)})
	if err != nil || st.Epoch != epoch || st.Profile == nil || st.Profile.AddressHash == s.Keys.Address(to.Reveal()) {
		return err
	}
	w := &work{Service: s, rel: rel, src: Source{Kind: Public}, c: &events.Call{}, st: st, m: moment{at: st.now.UnixMilli()}}
	err = w.ask(ctx, to, func(*profile.Profile, *consent.Gate) bool { return false })
	if errors.Is(err, errErased) {
		return nil
	}
	return err
}

func (w *work) askOps(ctx context.Context, p profile.Profile, hash string) ([]flow.Op, error) {
	put, err := w.putProfile(p)
	if err != nil {
		return nil, err
	}
	ops, err := w.born([]flow.Op{put})
	if err != nil {
		return nil, err
	}
	names := w.st.Gate.Asked(plan.ChannelEmail, w.st.now.UnixMilli())
	if len(names) == 0 {
		names = []string{""} // the address alone
	}
	more, err := w.requests(ctx, w.st, hash, names)
	return append(ops, more...), err
}

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
	most := maxRequests
	if st.Profile == nil || st.Profile.AddressHash != hash {
		most = 1
		if o.Waits(st.now.UnixMilli()) {
			return nil, nil
		}
	}
	var ops []flow.Op
	for _, name := range names[:min(len(names), most)] {
		if !o.Ask(name, st.now.UnixMilli()) {
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

// askFor asks her to confirm what was said on her behalf and waits for that, at the
// address she has or at the one that waits. It goes by what stands in the gate, not
// by what this call changed there: an earlier attempt may have ended in between.
func (s *Service) askFor(ctx context.Context, st *state, said []consent.Statement, res consents.Result) error {
	names := waiting(said, &res.Gate, st.now)
	if len(names) == 0 || st.visitor || st.Profile == nil {
		return nil
	}
	st.Gate, st.Epoch = res.Gate, res.Epoch
	hash := st.Profile.AddressHash
	if st.Profile.PendingHash != "" && st.now.UnixMilli() < st.Profile.PendingTill {
		hash = st.Profile.PendingHash
	}
	if hash == "" {
		return nil // asked once an address is given
	}
	return s.askAt(ctx, st, hash, names)
}

func (s *Service) askAt(ctx context.Context, st *state, hash string, names []string) error {
	for range maxAttempts {
		ops, err := s.requests(ctx, st, hash, names)
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

// Waiting asks, at an address that she has confirmed, for what else waits for her
// answer.
func (s *Service) Waiting(ctx context.Context, customer, hash string) error {
	st, err := s.open(ctx, subject{key: customer, pk: item.CustomerPK(customer)})
	if err != nil || st.Profile == nil || st.Profile.AddressHash != hash {
		return err
	}
	return s.askAt(ctx, st, hash, st.Gate.Asked(plan.ChannelEmail, st.now.UnixMilli()))
}

// waiting are the permissions to mail her that statements are about and that wait
// for a confirmation.
func waiting(said []consent.Statement, gate *consent.Gate, now time.Time) []string {
	return slices.DeleteFunc(gate.Asked(plan.ChannelEmail, now.UnixMilli()), func(name string) bool {
		return !slices.ContainsFunc(said, func(st consent.Statement) bool { return st.Name() == name })
	})
}

// Purge forgets an address that nobody confirmed in time: the chore
// agenda.Pending. One that was given later waits on.
func (s *Service) Purge(ctx context.Context, customer string) error {
	st := &state{subject: subject{key: customer, pk: item.CustomerPK(customer)}, now: s.Clock.Now(customer)}
	for range maxAttempts {
		if err := st.read(ctx, s.Store); err != nil {
			return err
		}
		p := st.Profile
		if p == nil || p.PendingHash == "" {
			return nil
		}
		if till := p.PendingTill; st.now.UnixMilli() < till {
			return s.agenda().Postpone(ctx, customer, st.Epoch, agenda.Pending, time.UnixMilli(till))
		}
		p.Pending, p.PendingHash, p.PendingTill = "", "", 0
		it := st.Stored.Profile.Next(st.at(item.SKProfile), s.Tokens.Token(), st.Epoch)
		it.IK, it.IS = st.Stored.Profile.IK, st.Stored.Profile.IS
		if err := it.Encode(p); err != nil {
			return err
		}
		err := s.Store.Write(ctx, flow.Put(it, flow.Is(st.Stored.Profile)))
		if _, conflict := flow.AsConflict(err); !conflict {
			return err
		}
	}
	return errContended
}
