package advance

import (
	"context"

	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/item"
)

// Reconsider decides whether a stored fact would start a run of a journey, had it
// arrived when it did and were everything else as it is today. It writes nothing
// and counts nothing: it is for telling why there is no run. Nothing is decided
// about a journey that the fact is no entry of, or of which a run is under way.
// Store, Clock and Releases are all it needs.
func (s *Service) Reconsider(ctx context.Context, customer, journey string, stored *item.Item) ([]engine.Decision, error) {
	live, err := s.Releases.Live(ctx)
	if err != nil {
		return nil, err
	}
	c, err := s.open(ctx, customer, live, nil)
	if err != nil || c == nil {
		return nil, err
	}
	f, err := factOf(live, nil, stored)
	j := live.Journeys[journey]
	if err != nil || f == nil || f.Epoch < c.epoch || j == nil || !j.Enters(f.Fact) {
		return nil, err
	}
	in := engine.Input{Customer: customer, Epoch: c.epoch, Key: engine.EntryKey(j, &f.Fact), Fact: &f.Fact, Clock: f.In.Time()}
	run, err := c.run(runKey{journey, in.Key}.sk())
	switch {
	case err != nil || run != nil && run.live():
		return nil, err
	case run != nil:
		in.Run = run.doc
	}
	if in.Live, err = c.version(ctx, j, live, s.Clock.Now(customer), f); err != nil {
		return nil, err
	}
	unrecorded := Service{} // the record is of what was decided, not of what would be
	res, err := unrecorded.engine(ctx, c, &in)
	return res.Made, err
}
