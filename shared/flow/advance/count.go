package advance

import (
	"time"

	"github.com/kesher-io/kesher/shared/core/engine"
)

// Counter takes decisions for insights, per journey, version, step and day. It
// must not fail: counters may undercount after a crash, never over.
type Counter interface {
	Count(journey, version, step, what string, at time.Time)
}

// count reports what was decided, once it is committed.
func (s *Service) count(in *engine.Input, res *engine.Result) {
	if s.Counts == nil {
		return
	}
	for _, m := range res.Made {
		if m.Ordinary() { // a write for most facts, of a number that nobody reads
			continue
		}
		v := in.Walk
		if m.Kind == engine.KindEntered || m.Kind == engine.KindNotEntered || v.Journey == nil {
			v = in.Live
		}
		what := m.Kind.Word()
		if m.Kind == engine.KindNotEntered || m.Kind == engine.KindSkipped {
			what += ": " + m.Reason
		}
		s.Counts.Count(v.Journey.Name, v.Journey.Version, m.Step, what, time.UnixMilli(m.At))
	}
}
