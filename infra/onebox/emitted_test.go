package onebox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/infra/onebox"
)

// A mail that she never permitted: her log says so, and whoever listens hears it.
func TestWhatTheCatalogOptedInStandsInTheFileOfTheBus(t *testing.T) {
	catalog := t.TempDir()
	if err := os.CopyFS(catalog, os.DirFS("testdata/cart")); err != nil {
		t.Fatal(err)
	}
	settings, err := os.ReadFile("testdata/cart/settings.yaml")
	if err != nil {
		t.Fatal(err)
	}
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(catalog, "settings.yaml"), string(settings)+"emit: [Message Skipped]\n")
	data, play := t.TempDir(), filepath.Join(t.TempDir(), "play.ndjson")
	write(play, strings.Join([]string{
		`{"type":"consent","messageId":"1","userId":"dana","time":"2026-03-01T08:00:00Z","purpose":"personalization","state":"granted","evidence":{"basis":"consent","source":"shop"}}`,
		`{"type":"track","messageId":"2","userId":"dana","timestamp":"2026-03-01T08:00:00Z","event":"Product Added","properties":{"price":30}}`,
		`{"type":"track","messageId":"3","userId":"noa","timestamp":"2026-03-01T10:00:00Z","event":"Order Completed"}`,
	}, "\n"))
	c := onebox.Config{Data: data, Catalog: catalog, EventClock: true, Play: play, ExitWhenIdle: true}
	if err := onebox.Run(context.Background(), c, new(bytes.Buffer), os.Stderr); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(data, onebox.EmittedFile))
	if err != nil {
		t.Fatal(err)
	}
	var told struct {
		DetailType string `json:"detail-type"`
		Detail     events.Emitted
	}
	if err := json.Unmarshal(text, &told); err != nil { // one line: her consent was not opted in
		t.Fatalf("%v: %s", err, text)
	}
	if p := told.Detail.Properties; told.DetailType != "Message Skipped" || p["reason"] != "no consent" || p["campaign_name"] != "cart" {
		t.Fatalf("told %s", text)
	}
}
