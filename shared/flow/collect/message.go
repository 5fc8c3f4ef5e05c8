package collect

import (
	"context"
	"maps"
	"slices"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
)

// Message takes a request for one transactional mail. It stores the fact; the
// built-in journey `api` sends it through the same gate as everything else.
func (s *Service) Message(ctx context.Context, c *events.MessageCall, src Source) (Outcome, error) {
	rel, err := s.Releases.Live(ctx)
	if err != nil {
		return Outcome{}, err
	}
	out, err := s.message(ctx, rel, c, src)
	return s.ended("message", out, err)
}

func (s *Service) message(ctx context.Context, rel *release.Release, c *events.MessageCall, src Source) (Outcome, error) {
	if src.Kind != Server {
		return refused(events.Refuse(events.Forbidden, "", "needs the server key")), nil
	}
	if _, ok := rel.Templates[c.Template]; !ok {
		hint := ""
		if near, ok := plan.Nearest(c.Template, slices.Sorted(maps.Keys(rel.Templates))); ok {
			hint = " (did you mean " + near + "?)"
		}
		return refused(events.Refuse(events.InvalidField, "template", "is not in the catalog%s", hint)), nil
	}
	st, err := s.open(ctx, s.customer(c.UserID.Reveal()))
	if err != nil {
		return Outcome{}, err
	}
	if st.Profile == nil || st.Gate.Erased != 0 {
		return refused(events.Refuse(events.UnknownUser, "userId", "belongs to nobody who is known")), nil
	}
	id := c.MessageID
	if id == "" {
		id = s.Tokens.Token()
	}
	return s.requestOnce(ctx, st, id, map[string]any{
		"kind": journey.API, "template": c.Template, "purpose": plan.PurposeService, "data": map[string]any(c.Data),
	})
}

// requestOnce stores the request unless its messageId was seen: it has no time of
// its own that could make its key.
func (s *Service) requestOnce(ctx context.Context, st *state, id string, props map[string]any) (Outcome, error) {
	op, err := s.request(st, id, st.now, props)
	if err != nil {
		return Outcome{}, err
	}
	guard := (*item.Item)(nil).Next(st.at(item.IDSK(id)), s.Tokens.Token(), st.Epoch)
	guard.TTL = st.now.Add(keepID).Unix()
	if err := guard.Encode(struct{}{}); err != nil {
		return Outcome{}, err
	}
	err = s.Store.Write(ctx, flow.Put(guard, flow.Absent), op)
	if _, conflict := flow.AsConflict(err); conflict {
		return Outcome{Duplicate: true}, nil
	}
	return Outcome{}, err
}
