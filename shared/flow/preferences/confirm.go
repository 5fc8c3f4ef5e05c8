package preferences

import (
	"context"
	"errors"
	"slices"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow/address"
	"github.com/kesher-io/kesher/shared/flow/consents"
)

// Confirm carries out a /c/ token: it confirms the address it was mailed to, and
// the one permission that was asked for, under the very text she saw (A15). What
// is not pending any more stays as it is, so an old link undoes no withdrawal. For
// what else waits for her answer another link is mailed, now that there is an
// address for it.
func (s *Service) Confirm(ctx context.Context, text string) error {
	c, genuine := s.Ring.OpenConfirm(text)
	if !genuine {
		c.Customer = s.nobody(text)
	}
	p, err := s.open(ctx, c.Customer)
	if err != nil || !genuine || p.erased() || p.Profile == nil {
		return err
	}
	rel, err := s.Releases.Live(ctx)
	if err != nil {
		return err
	}
	addresses := address.Mover{Store: s.Store, Clock: s.Clock, Tokens: s.Tokens, Keys: s.Keys, Consents: s.Consents}
	gate, err := addresses.Confirm(ctx, p.key, rel, c.Address)
	switch {
	case err != nil || gate == nil && p.Profile.AddressHash != c.Address:
		return err
	case gate != nil: // with what she has asked for meanwhile
		p.Gate = *gate
	}
	waiting := p.Gate.Asked(plan.ChannelEmail, p.now.UnixMilli())
	if i := slices.Index(waiting, consent.Name(c.Purpose, c.Channel)); i >= 0 {
		if err := s.confirmPermission(ctx, p, rel, c); err != nil {
			return err
		}
		waiting = slices.Delete(waiting, i, i+1)
	}
	if len(waiting) == 0 {
		return nil
	}
	return s.Collect.Waiting(ctx, p.key)
}

func (s *Service) confirmPermission(ctx context.Context, p *person, rel *release.Release, c token.Confirm) error {
	asked := p.Gate.States[consent.Name(c.Purpose, c.Channel)]
	_, err := s.Consents.Apply(ctx, p.key, rel, []consent.Statement{{
		ID:      ident.Derive("confirm", p.key, c.Purpose, c.Channel, asked.Ledger),
		Purpose: c.Purpose, Channel: c.Channel, State: consent.Granted, At: p.now.UnixMilli(),
		Notice: &consent.Notice{ID: c.Notice, Version: c.Version, Lang: p.locale()},
		By:     consent.Person, Surface: "confirmation", Mechanism: "double opt-in", Confirms: true,
	}})
	if errors.Is(err, consents.ErrNotice) || errors.Is(err, consent.ErrPurpose) {
		return nil // the text is another by now, or the purpose gone: nothing to agree to
	}
	return err
}
