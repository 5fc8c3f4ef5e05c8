package console

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/flow/explain"
	"github.com/kesher-io/kesher/shared/flow/report"
)

// Intake says how many calls were taken and refused.
type Intake func(context.Context) (report.Intake, error)

// Release answers GET /admin/v1/release; an empty id says that nothing is live.
type Release struct {
	Release string `json:"release"`
}

// Status answers GET /admin/v1/status.
type Status struct {
	Release
	Now    time.Time      `json:"now"` // business time
	Look   []explain.Told `json:"look"`
	Faults int            `json:"faults"`
}

// Tail answers GET /admin/v1/tail.
type Tail struct {
	Lines []explain.Told `json:"lines"` // oldest first
	// Partial: there are more customers than one call looks at.
	Partial bool `json:"partial"`
}

// Bounds of a look at everybody, for one request within a function's time.
var (
	pageBounds = explain.Bounds{Customers: 4096, Lines: 100}
	tailBounds = explain.Bounds{Customers: 4096, Lines: 1000}
)

func (h *handler) release(r *http.Request) (any, error) {
	live, err := h.publish.Live(r.Context())
	return Release{live}, err
}

func (h *handler) status(r *http.Request) (any, error) {
	live, err := h.publish.Live(r.Context())
	if err != nil {
		return nil, err
	}
	recent, err := h.explain.Recent(r.Context(), pageBounds, nothing)
	if err != nil {
		return nil, err
	}
	list, err := h.faults.List(r.Context())
	return Status{Release: Release{live}, Now: h.Clock.Now("").UTC(), Look: recent.Look, Faults: len(list)}, err
}

func (h *handler) recount(r *http.Request) (any, error) { return h.counts(r.Context()) }

func (h *handler) counts(ctx context.Context) (*report.Report, error) {
	intake := report.Intake{}
	if h.Intake != nil {
		var err error
		if intake, err = h.Intake(ctx); err != nil {
			return nil, err
		}
	}
	return h.report.Recount(ctx, intake)
}

// tail tells the newest decisions. Who follows asks again with the time of the
// last line, and passes over what was told already: business time is each
// customer's own, so a later answer may bring an earlier line.
func (h *handler) tail(r *http.Request) (any, error) {
	bounds, since := tailBounds, time.Time{}
	q := r.URL.Query()
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > tailBounds.Lines {
			return nil, events.Refuse(events.InvalidField, "limit", "is no number from 1 to %d", tailBounds.Lines)
		}
		bounds.Lines = n
	}
	if text := q.Get("since"); text != "" {
		var err error
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			return nil, events.Refuse(events.InvalidField, "since", "is no time like 2026-11-24T09:00:00Z")
		}
	}
	recent, err := h.explain.Recent(r.Context(), bounds, func(l *explain.Line) bool { return !l.At.Before(since) })
	if err != nil {
		return nil, err
	}
	slices.Reverse(recent.Lines)
	return Tail{Lines: append([]explain.Told{}, recent.Lines...), Partial: recent.Partial}, nil
}

func (h *handler) examine(r *http.Request) (any, error) { return h.doctor.Examine(r.Context()) }

func nothing(*explain.Line) bool { return false }
