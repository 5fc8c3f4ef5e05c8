// Package journey is the function that reads facts from the stream: it feeds
// each to the runs it concerns, and then to the outside bus. It knows what may be
// retried and what is set aside, and nothing of how runs move (flow/advance), calls
// are taken in (flow/collect) or what the bus is told (flow/emit).
package journey

import (
	"context"
	"log/slog"
	"strings"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow/advance"
	"github.com/kesher-io/kesher/shared/flow/emit"
	"github.com/kesher-io/kesher/shared/flow/faults"
	"github.com/kesher-io/kesher/shared/flow/insights"
)

// Handler works the records of the stream that are facts.
type Handler struct {
	Runs *advance.Service
	// Outside tells the bus what the catalog opted in.
	Outside *emit.Service
	// Inbox takes a tracking call that an AWS user put into the table.
	Inbox  func(ctx context.Context, it item.Item) error
	Faults *faults.Service
	Counts *insights.Counter
	Log    *slog.Logger
}

// Work works one record. An error asks for it again; what can never be worked
// becomes a FAULT item, and the shard goes on (J19).
func (h *Handler) Work(ctx context.Context, c item.Change) (err error) {
	if c.New == nil {
		return nil
	}
	if err = h.work(ctx, c); err == nil || !faults.Poison(err) {
		return err
	}
	h.Log.Error("set aside", "pk", c.Key.PK, "item", kind(c.Key.SK), "error", err)
	return h.Faults.Record(ctx, "journey", c.New, err)
}

func (h *Handler) work(ctx context.Context, c item.Change) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &faults.Panic{Value: p}
		}
	}()
	if strings.HasPrefix(c.Key.PK, item.PrefixInbox) {
		return h.Inbox(ctx, *c.New)
	}
	if err := h.Runs.Change(ctx, c.Old, c.New); err != nil {
		return err
	}
	return h.Outside.Change(ctx, c.New)
}

// Done ends a batch: what was counted is added. It never fails a batch.
func (h *Handler) Done(ctx context.Context) {
	if err := h.Counts.Flush(ctx); err != nil {
		h.Log.Warn("counts dropped", "error", err)
	}
}

// kind is the part of a sort key that names no customer's data.
func kind(sk string) string {
	name, _, _ := strings.Cut(sk, "#")
	return name
}
