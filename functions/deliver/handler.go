// Package deliver is the function that reads runs with a message due from the
// stream, and takes each message through the gate. It knows what may be retried
// and what is set aside, and nothing of how a message leaves (flow/deliver).
package deliver

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow/deliver"
	"github.com/kesher-io/kesher/shared/flow/faults"
)

// Handler works the records of the stream that make a message due.
type Handler struct {
	Messages *deliver.Service
	Faults   *faults.Service
	Log      *slog.Logger
}

// Work works one record. An error asks for it again; what can never be worked
// becomes a FAULT item, and the shard goes on (J19). Rate, quota and pause are
// no errors: the message is held.
func (h *Handler) Work(ctx context.Context, c item.Change) error {
	if c.New == nil || c.New.Due == "" || !strings.HasPrefix(c.Key.SK, item.PrefixRun) {
		return nil
	}
	err := h.work(ctx, c.Key)
	if err == nil || !faults.Poison(err) {
		return err
	}
	h.Log.Error("set aside", "pk", c.Key.PK, "message", c.New.Due, "error", err)
	return h.Faults.Record(ctx, "deliver", c.New, err)
}

func (h *Handler) work(ctx context.Context, key item.Key) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &faults.Panic{Value: p}
		}
	}()
	_, err = h.Messages.Deliver(ctx, key)
	return err
}

// Sleep is what deliver.Pacer waits by.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
