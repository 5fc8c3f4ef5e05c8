package collect

import (
	"context"
	"errors"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/agenda"
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
			o, err := owner.Read(ctx, w.Store, hash)
			if err != nil || o.Waits(now) {
				return err
			}
			waiting = false // what was asked there was asked of another, and is over
		}
		if !waiting {
			p.Pending, p.PendingHash, p.PendingTill = to, hash, now+consent.ConfirmFor.Milliseconds()
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
