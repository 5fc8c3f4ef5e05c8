package bus_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/local/bus"
)

func TestEventsAreLinesInTheFormOfEventBridge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "emitted.ndjson")
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	b := bus.New(path)
	for _, name := range []string{"Email Delivered", "Message Skipped"} {
		if err := b.Emit(t.Context(), flow.Emitted{ID: "e1", Name: name, Customer: "c0ffee", At: at, Detail: map[string]any{"reason": "cap"}}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %s", len(lines), text)
	}
	var last struct {
		Source     string
		DetailType string `json:"detail-type"`
		Time       time.Time
		Detail     events.Emitted
	}
	if err := json.Unmarshal([]byte(lines[1]), &last); err != nil {
		t.Fatal(err)
	}
	d := last.Detail
	if last.Source != "kesher.local" || last.DetailType != "Message Skipped" || !last.Time.Equal(at) ||
		d.ID != "e1" || d.Customer != "c0ffee" || d.Properties["reason"] != "cap" {
		t.Fatalf("got %+v", last)
	}
}

func TestAFolderThatIsGoneIsAnError(t *testing.T) {
	b := bus.New(filepath.Join(t.TempDir(), "gone", "emitted.ndjson"))
	if err := b.Emit(t.Context(), flow.Emitted{ID: "e1"}); err == nil {
		t.Fatal("the event is lost")
	}
}
