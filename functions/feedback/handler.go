// Package feedback is the function that SES's events reach through EventBridge.
// It decodes one event and calls one flow. An error makes Lambda call again (twice,
// then the on-failure destination: "Asynchronous invocation", AWS Lambda
// developer guide); an event that can't be read never gets better and is let go.
package feedback

import (
	"context"
	"log/slog"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/feedback"
)

// MetricMalformed counts events that could not be read.
const MetricMalformed = "ReportMalformed"

// Handler works one event at a time.
type Handler struct {
	Flow    *feedback.Service
	Metrics flow.Metrics
	Log     *slog.Logger
}

// Handle takes EventBridge's bytes; nobody reads the answer.
func (h *Handler) Handle(ctx context.Context, raw []byte) ([]byte, error) {
	e, err := events.DecodeSES(raw)
	if err != nil {
		h.Metrics.Count(MetricMalformed, 1)
		h.Log.Error("report let go", "error", err) // which quotes nothing of it
		return []byte("null"), nil
	}
	return []byte("null"), h.Flow.Take(ctx, e)
}
