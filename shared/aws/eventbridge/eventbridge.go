// Package eventbridge is flow.Emitter over Amazon EventBridge. It knows
// PutEvents and its limits; what is emitted, and that none of it is personal,
// is decided before.
package eventbridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/aws/backoff"
	"github.com/kesher-io/kesher/shared/flow"
)

var _ flow.Emitter = (*Emitter)(nil)

// Emitter is safe for concurrent use.
type Emitter struct {
	client *eventbridge.Client
	bus    string
	source string
	delay  backoff.Delay
}

// New returns an emitter to a bus, by its name or ARN, for the stack of a stage.
func New(cfg aws.Config, bus, stage string) *Emitter {
	return &Emitter{
		client: eventbridge.NewFromConfig(cfg),
		bus:    bus,
		source: events.EmittedSource + "." + stage,
		delay:  backoff.Jitter,
	}
}

// Limits of one PutEvents request (EventBridge API reference, "PutEvents"; user
// guide, "Calculating PutEvents event entry size").
const (
	maxEntries = 10
	maxBytes   = 256 * 1024
	timeBytes  = 14
)

// Emit puts events on the bus, at least once each: an event may come again when
// a reply is lost, under the same id. The error tells which could not be put,
// after all others were.
func (e *Emitter) Emit(ctx context.Context, emitted ...flow.Emitted) error {
	var problems []error
	var batch []types.PutEventsRequestEntry
	bytes := 0
	flush := func() {
		if len(batch) > 0 {
			problems = append(problems, e.put(ctx, batch))
		}
		batch, bytes = nil, 0
	}
	for _, event := range emitted {
		entry, err := e.entry(event)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		size := timeBytes + len(*entry.Source) + len(*entry.DetailType) + len(*entry.Detail)
		if size > maxBytes {
			problems = append(problems, fmt.Errorf("event %q of %d bytes is too large for EventBridge", event.Name, size))
			continue
		}
		if len(batch) == maxEntries || bytes+size > maxBytes {
			flush()
		}
		batch, bytes = append(batch, entry), bytes+size
	}
	flush()
	return errors.Join(problems...)
}

func (e *Emitter) entry(event flow.Emitted) (types.PutEventsRequestEntry, error) {
	detail, err := json.Marshal(events.Emitted{
		ID: event.ID, Customer: event.Customer, At: event.At.UTC(), Properties: event.Detail,
	})
	if err != nil {
		return types.PutEventsRequestEntry{}, fmt.Errorf("event %q: %w", event.Name, err)
	}
	return types.PutEventsRequestEntry{
		EventBusName: &e.bus,
		Source:       &e.source,
		DetailType:   aws.String(event.Name),
		Detail:       aws.String(string(detail)),
		Time:         aws.Time(event.At.UTC()),
	}, nil
}

// put repeats those entries that EventBridge could not take; a request that
// fails whole has been repeated by the SDK.
func (e *Emitter) put(ctx context.Context, entries []types.PutEventsRequestEntry) error {
	codes := map[string]int{}
	for attempt := range backoff.Attempts {
		if attempt > 0 {
			if err := e.delay.Wait(ctx, attempt-1); err != nil {
				return err
			}
		}
		out, err := e.client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries})
		if err != nil {
			return fmt.Errorf("put %d events: %w", len(entries), err)
		}
		entries, codes = failed(entries, out.Entries)
		if len(entries) == 0 {
			return nil
		}
	}
	return fmt.Errorf("%d events could not be put: %v", len(entries), codes)
}

// failed are the entries whose result, at the same place, is an error.
func failed(entries []types.PutEventsRequestEntry, results []types.PutEventsResultEntry) ([]types.PutEventsRequestEntry, map[string]int) {
	var again []types.PutEventsRequestEntry
	codes := map[string]int{}
	for i, r := range results {
		if code := aws.ToString(r.ErrorCode); code != "" && i < len(entries) {
			again = append(again, entries[i])
			codes[code]++
		}
	}
	return again, codes
}
