// Package bus is flow.Emitter on one machine: a file to which every event is
// appended as a line of JSON, in the form in which EventBridge would deliver it
// (EventBridge user guide, "AWS service event metadata"). It knows no reader.
package bus

import (
	"context"
	"encoding/json"
	"os"
	"sync"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/flow"
)

var _ flow.Emitter = (*Bus)(nil)

// Bus is safe for concurrent use.
type Bus struct {
	mu   sync.Mutex
	path string
}

// New returns the bus that a file stands for. Nothing is made before there is an
// event.
func New(path string) *Bus { return &Bus{path: path} }

// line is an event as a rule's target would get it.
type line struct {
	ID         string         `json:"id"`
	Source     string         `json:"source"`
	DetailType string         `json:"detail-type"`
	Time       time.Time      `json:"time"`
	Detail     events.Emitted `json:"detail"`
}

// Emit appends events, at least once each.
func (b *Bus) Emit(_ context.Context, emitted ...flow.Emitted) error {
	var text []byte
	for _, e := range emitted {
		one, err := json.Marshal(line{
			ID: e.ID, Source: events.EmittedSource + ".local", DetailType: e.Name, Time: e.At,
			Detail: events.Emitted{ID: e.ID, Customer: e.Customer, At: e.At, Properties: e.Detail},
		})
		if err != nil {
			return err
		}
		text = append(append(text, one...), '\n')
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	file, err := os.OpenFile(b.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}
