// Package emit tells the outside what happened: those of Kesher's own events
// that the catalog opted in (settings.yaml, `emit`), as their facts pass
// `journey` (CONTRACTS section 6). It knows which properties are safe to tell; it
// does not know what the bus is, and moves no run.
package emit

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// Service emits events.
type Service struct {
	Store    flow.Store
	Releases flow.Releases
	Emitter  flow.Emitter
}

// Change puts a stored event on the bus, if its name was opted in; any other item
// is passed over. It is called again with the same one, and then tells it again
// under the same id: an error asks for that, since an event must not be lost.
func (s *Service) Change(ctx context.Context, it *item.Item) error {
	customer, ok := item.CustomerOf(it.PK)
	if !ok || !strings.HasPrefix(it.SK, item.PrefixEvent) {
		return nil
	}
	live, err := s.Releases.Live(ctx)
	if err != nil {
		return err
	}
	opted := func(name string) bool { return strings.HasPrefix(it.SK, item.EventPrefix(name)) }
	if !slices.ContainsFunc(live.Settings.Emit, opted) {
		return nil
	}
	if gone, err := s.erased(ctx, customer, it.E); gone || err != nil {
		return err
	}
	var e fact.Event
	if err := it.Decode(&e); err != nil {
		return err
	}
	return s.Emitter.Emit(ctx, flow.Emitted{
		// The event's own id may be the caller's (a survey's responseId): it is hashed.
		ID: ident.Derive("emitted", customer, e.Name, e.ID), Name: e.Name, Customer: customer,
		At: time.UnixMilli(e.At).UTC(), Detail: harmless(e.Props),
	})
}

// erased: the event is of a time before the customer was erased; the erasure
// itself is not.
func (s *Service) erased(ctx context.Context, customer string, epoch int64) (bool, error) {
	items, err := s.Store.Get(ctx, flow.Strong, item.C(customer, item.SKGate))
	if err != nil || items[0] == nil {
		return false, err
	}
	return epoch < items[0].E, nil
}

// told are the properties that leave: names out of the catalog, ids that Kesher
// made, SES's words. None of them is of a person; an answer, a link that was
// clicked and the id of a response may be, and stay.
var told = []string{
	"bounce_subtype", "bounce_type", "campaign_name", "channel", "email_id", "feedback_type", "notice", "purpose", "reason", "state", "step", "survey",
}

func harmless(props map[string]any) map[string]any {
	var safe map[string]any
	for _, name := range told {
		if v, ok := props[name].(string); ok && v != "" {
			if safe == nil {
				safe = map[string]any{}
			}
			safe[name] = v
		}
	}
	return safe
}
