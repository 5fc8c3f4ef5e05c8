package preferences

import (
	"context"
	"errors"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow/consents"
)

// grant gives one permission under the text she read. Her session came through
// her mailbox, so it needs no further confirmation.
func (s *Service) grant(ctx context.Context, p *person, rel *release.Release, c Choice, lang string) error {
	return s.state(ctx, p, rel, consent.Statement{
		Purpose: c.Purpose, Channel: c.Channel, State: consent.Granted,
		Notice: &consent.Notice{ID: c.Notice, Version: c.Version, Lang: lang},
	})
}

// withdrawChoice takes one permission back.
func (s *Service) withdrawChoice(ctx context.Context, p *person, rel *release.Release, c Choice) error {
	if rel.Plan.Purposes[c.Purpose].Basis == plan.BasisContract {
		return ErrRefused
	}
	if c.Channel == plan.ChannelEmail {
		return s.withdraw(ctx, p, rel, nil, refusable(p, []string{c.Purpose}))
	}
	if p.Gate.States[consent.Name(c.Purpose, c.Channel)].State.Refused() {
		return nil
	}
	return s.state(ctx, p, rel, consent.Statement{Purpose: c.Purpose, Channel: c.Channel, State: consent.Withdrawn})
}

// refusable are the purposes that she has not refused yet.
func refusable(p *person, purposes []string) []string {
	var list []string
	for _, purpose := range purposes {
		if !p.Gate.States[consent.Name(purpose, plan.ChannelEmail)].State.Refused() {
			list = append(list, purpose)
		}
	}
	return list
}

// state makes a statement of the centre. One that the catalog does not allow is
// refused, like any value that does not fit.
func (s *Service) state(ctx context.Context, p *person, rel *release.Release, st consent.Statement) error {
	st.ID = ident.Derive("preferences", p.key, s.Tokens.Token())
	st.At, st.By = p.now.UnixMilli(), consent.Person
	st.Surface, st.Mechanism = "preferences", "button"
	_, err := s.Consents.Apply(ctx, p.key, rel, []consent.Statement{st})
	for _, refusal := range []error{consent.ErrPurpose, consent.ErrNoEvidence, consents.ErrNotice} {
		if errors.Is(err, refusal) {
			return ErrRefused
		}
	}
	return err
}
