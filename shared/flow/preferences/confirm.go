package preferences

import (
	"context"
	"errors"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow/address"
	"github.com/kesher-io/kesher/shared/flow/consents"
)

// PendingFor is how long a permission waits for its confirmation; then it is as
// if nobody had asked (A13). An address says so itself.
const PendingFor = 7 * 24 * time.Hour

// Confirm carries out a /c/ token: it confirms the address it was mailed to, and
// the one permission that was asked for, under the very text she saw (A15). What
// is not pending any more stays as it is, so an old link undoes no withdrawal.
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
	moved, err := addresses.Confirm(ctx, p.key, rel, c.Address)
	if err != nil || c.Purpose == "" || !moved && p.Profile.AddressHash != c.Address {
		return err
	}
	return s.confirmPermission(ctx, p, rel, c)
}

func (s *Service) confirmPermission(ctx context.Context, p *person, rel *release.Release, c token.Confirm) error {
	asked := p.Gate.States[consent.Name(c.Purpose, c.Channel)]
	if asked.State != consent.Pending || p.now.Sub(time.UnixMilli(asked.At)) >= PendingFor {
		return nil
	}
	_, err := s.Consents.Apply(ctx, p.key, rel, []consent.Statement{{
		ID:      ident.Derive("confirm", p.key, c.Purpose, c.Channel, asked.Ledger),
		Purpose: c.Purpose, Channel: c.Channel, State: consent.Granted, At: p.now.UnixMilli(),
		Notice: &consent.Notice{ID: c.Notice, Version: c.Version, Lang: p.locale()},
		By:     consent.Person, Surface: "confirmation", Mechanism: "double opt-in",
	}})
	if errors.Is(err, consents.ErrNotice) || errors.Is(err, consent.ErrPurpose) {
		return nil // the text is another by now, or the purpose gone: nothing to agree to
	}
	return err
}
