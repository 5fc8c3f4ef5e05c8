package runtime

import (
	"context"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow/insights"
)

// Counting adds what an event counted for insights when it has been worked.
func (s *Stack) Counting(counts *insights.Counter, h Handler) Handler {
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		defer func() {
			if err := counts.Flush(ctx); err != nil {
				s.Log.Warn("counts dropped", "error", err)
			}
		}()
		return h(ctx, payload)
	}
}

// RecordFailed writes down why a record of the stream comes again, by its number
// in the stream: a key of the inbox would hold a userId.
func (s *Stack) RecordFailed(_ context.Context, c item.Change, err error) {
	s.Log.Warn("record failed, it comes again", "record", c.Seq, "error", err)
}
