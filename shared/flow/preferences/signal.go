package preferences

import (
	"context"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
)

// Signal honours a privacy signal of her browser, such as Global Privacy
// Control: it is stored once and withdraws tracking (A25). It is never a grant
// (A26), and what she grants by hand afterwards holds: the law lets her own
// choice outweigh her browser's.
func (s *Service) Signal(ctx context.Context, c token.Cookie, signal string) error {
	p, err := s.session(ctx, c)
	if err != nil || p == nil {
		return err
	}
	if at, err := s.signalled(ctx, p); err != nil || at != 0 {
		return err
	}
	rel, err := s.Releases.Live(ctx)
	if err != nil {
		return err
	}
	var statements []consent.Statement
	if _, declared := rel.Plan.Purposes[plan.PurposeTracking]; declared && !p.Gate.States[plan.PurposeTracking].State.Refused() {
		statements = append(statements, consent.Statement{
			ID: ident.Derive("signal", p.key, signal), Purpose: plan.PurposeTracking, State: consent.Withdrawn,
			At: p.now.UnixMilli(), By: consent.Person, Surface: "browser", Mechanism: signal,
		})
	}
	also, err := s.once(p, ident.Derive("signal", p.key, signal), fact.SignalReceived, map[string]any{"signal": signal})
	if err != nil {
		return err
	}
	_, err = s.Consents.Apply(ctx, p.key, rel, statements, also...)
	if c, conflict := flow.AsConflict(err); conflict && c.Key == also[0].Item.Key {
		return nil
	}
	return err
}
