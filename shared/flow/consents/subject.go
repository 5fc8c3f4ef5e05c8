package consents

import (
	"context"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
)

// subject is whom statements are about: a customer, or a visitor.
type subject struct {
	key, pk string
	visitor bool

	gate    consent.Gate
	stored  *item.Item // GATE
	profile *profile.Profile
	epoch   int64
}

func (s *subject) at(sk string) item.Key { return item.Key{Table: item.Customers, PK: s.pk, SK: sk} }

// read takes in GATE and PROFILE, strongly. An item of an older epoch is absent.
func (s *subject) read(ctx context.Context, store flow.Store) error {
	items, err := store.Get(ctx, flow.Strong, s.at(item.SKGate), s.at(item.SKProfile))
	if err != nil {
		return err
	}
	s.gate, s.stored, s.profile = consent.Gate{}, items[0], nil
	if s.stored != nil {
		s.epoch = s.stored.E
		if err := s.stored.Decode(&s.gate); err != nil {
			return err
		}
	}
	if p := items[1]; p != nil && p.E >= s.epoch {
		s.profile = new(profile.Profile)
		return p.Decode(s.profile)
	}
	return nil
}

// current drops what was said before an erasure, and what an erased customer
// need not be asked: nothing is permitted there. Whatever raises begins her anew.
func (s *subject) current(statements []consent.Statement) []consent.Statement {
	var now []consent.Statement
	for _, st := range statements {
		if st.At < max(s.gate.Erased, s.gate.Since) {
			continue
		}
		if s.gate.Erased != 0 && st.State.Refused() {
			continue
		}
		now = append(now, st)
	}
	if len(now) > 0 {
		s.gate.Revive()
	}
	return now
}

// putGate writes the gate over the one that was read. A visitor's ends with the
// facts that it permits: nobody will ever erase it.
func (s *subject) putGate(token string, now int64) (flow.Op, error) {
	it := s.stored.Next(s.at(item.SKGate), token, s.epoch)
	if s.visitor {
		it.TTL = time.UnixMilli(now).Add(keepEvents).Unix()
	}
	err := it.Encode(&s.gate)
	return flow.Put(it, flow.Is(s.stored)), err
}
