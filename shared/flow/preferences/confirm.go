package preferences

import (
	"context"
	"errors"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow/consents"
)

// PendingFor is how long a permission or an address waits for its confirmation;
// then it is as if nobody had asked (A13).
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
	if err != nil || !genuine || p.erased() || p.profile == nil {
		return err
	}
	if p.pendingAt(c.Address) {
		if p, err = s.confirmAddress(ctx, p); err != nil {
			return err
		}
	}
	if p.profile == nil || p.profile.AddressHash != c.Address || c.Purpose == "" {
		return nil
	}
	return s.confirmPermission(ctx, p, c)
}

// pendingAt: this address waits for its confirmation.
func (p *person) pendingAt(hash string) bool {
	return p.profile.Pending != "" && p.profile.PendingHash == hash && p.now.UnixMilli() < p.profile.PendingTill
}

func (s *Service) confirmPermission(ctx context.Context, p *person, c token.Confirm) error {
	asked := p.gate.States[consent.Name(c.Purpose, c.Channel)]
	if asked.State != consent.Pending || p.now.Sub(time.UnixMilli(asked.At)) >= PendingFor {
		return nil
	}
	rel, err := s.Releases.Live(ctx)
	if err != nil {
		return err
	}
	_, err = s.Consents.Apply(ctx, p.key, rel, []consent.Statement{{
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
