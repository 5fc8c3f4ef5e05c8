package preferences

import (
	"context"
	"time"

	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/flow"
)

// Click records that a link was followed and gives its target. A link that names
// nobody counts for its step; one that names a customer is an event of hers, if
// she lets her clicks be measured now (A23). ok is false for a forged link.
func (s *Service) Click(ctx context.Context, text string) (target string, ok bool, err error) {
	l, ok := s.Ring.OpenLink(text)
	if !ok {
		return "", false, nil
	}
	if l.Customer == "" {
		if s.Counts != nil {
			s.Counts.Count(l.Journey, "", l.Step, "clicked", s.Clock.Now(""))
		}
		return l.Target, true, nil
	}
	return l.Target, true, s.track(ctx, l.Customer, l.Message, fact.EmailLinkClicked, map[string]any{
		"email_id": l.Message, "campaign_name": l.Journey, "link_url": l.Target,
	})
}

// Open records that a pixel was fetched, if she lets her opens be measured now
// (A22).
func (s *Service) Open(ctx context.Context, text string) error {
	o, ok := s.Ring.OpenOpen(text)
	if !ok {
		return nil
	}
	return s.track(ctx, o.Customer, o.Message, fact.EmailOpened, map[string]any{
		"email_id": o.Message, "campaign_name": o.Journey,
	})
}

// track stores an engagement under the tracking purpose. Mail clients fetch
// again and again: one event a message and minute is enough.
func (s *Service) track(ctx context.Context, customer, message, name string, props map[string]any) error {
	p, err := s.open(ctx, customer)
	if err != nil || !p.known() {
		return err
	}
	if epoch, ok := ident.MessageEpoch(message); !ok || epoch != p.Epoch {
		return nil // a mail from before an erasure
	}
	rel, err := s.Releases.Live(ctx)
	if err != nil || !p.Gate.MayUse(rel.Plan, []string{plan.PurposeTracking}, p.now.UnixMilli()) {
		return err
	}
	at := p.now.Truncate(time.Minute)
	link, _ := props["link_url"].(string)
	op, err := s.event(p, name, ident.Derive(name, message, link), at, props)
	if err != nil {
		return err
	}
	err = s.Store.Write(ctx, op)
	if _, conflict := flow.AsConflict(err); conflict {
		return nil
	}
	return err
}
