package consents

import (
	"context"
	"maps"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/known"
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

func (s *subject) read(ctx context.Context, store flow.Store) error {
	p, err := known.Read(ctx, store, s.pk)
	s.know(p)
	return err
}

// know takes over what was read; the statements change a copy of its permissions.
func (s *subject) know(p known.Person) {
	s.gate, s.stored, s.profile, s.epoch = p.Gate, p.Stored.Gate, p.Profile, p.Epoch
	s.gate.States = maps.Clone(s.gate.States)
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

// putGate writes the gate over the one that was read. A visitor's ends by itself:
// nobody who stays unknown can ask to be erased.
func (s *subject) putGate(token string, now int64) (flow.Op, error) {
	it := s.stored.Next(s.at(item.SKGate), token, s.epoch)
	if s.visitor {
		it.TTL = time.UnixMilli(now).Add(keepEvents).Unix()
	}
	err := it.Encode(&s.gate)
	return flow.Put(it, flow.Is(s.stored)), err
}
