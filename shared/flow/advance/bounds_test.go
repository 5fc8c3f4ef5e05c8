package advance_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
)

// I12: a run that outgrows its bound waits for a person, who sees why; no record
// fails for it, and none after it.
func TestI12ARunThatOutgrowsItsBoundIsParked(t *testing.T) {
	b := newBench(t, cart())
	b.happens("Product Added", map[string]any{"price": 30.0, "name": strings.Repeat("x", 33<<10)})
	run, it := b.run("cart")
	if run.State != engine.Parked || !strings.Contains(run.End, "grew to") || it.IK != item.ParkedList(item.Shard(customer)) {
		t.Fatalf("run %s in %q: %s", run.State, it.IK, run.End)
	}
	if it.Size() > 32<<10 {
		t.Fatalf("%d bytes are stored", it.Size())
	}
	b.happens("Product Added", dear)
	b.happens("Order Completed", nil)
}

// I12: a set that the profile has no room for is refused by name; the run goes on.
func TestI12ASetThatTheProfileHasNoRoomForIsRefused(t *testing.T) {
	b := newBench(t, journey.Definition{Name: "mark", Entry: journey.Entry{Event: "Product Added"}, Steps: []journey.Step{
		{Set: map[string]journey.Set{"vip": {Value: true}}}, {Wait: &journey.Wait{For: hours(1)}}}})
	var log bytes.Buffer
	b.Service.Log = slog.New(slog.NewTextHandler(&log, nil))
	full := profile.Profile{Traits: map[string]profile.Trait{}}
	it := (*item.Item)(nil).Next(item.C(customer, item.SKProfile), b.tokens.Token(), 0)
	full.Traits["note"] = profile.Trait{Value: strings.Repeat("x", profile.MaxSize)}
	b.must(it.Encode(full))
	note := full.Traits["note"].Value.(string)
	full.Traits["note"] = profile.Trait{Value: note[it.Size()-profile.MaxSize:]}
	b.must(it.Encode(full))
	if it.Size() != profile.MaxSize {
		t.Fatalf("%d bytes are not full", it.Size())
	}
	b.must(b.store.Write(context.Background(), flow.Put(it, flow.Any)))
	b.happens("Product Added", dear)
	if run, _ := b.run("mark"); run.State != engine.Waiting || run.Out != nil {
		t.Fatalf("run %+v", run)
	}
	if text := log.String(); !strings.Contains(text, "traits=[vip]") || strings.Contains(text, "xxx") {
		t.Fatalf("logged %q", text)
	}
}
