package pump_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kesher-io/kesher/shared/aws/streams"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/delivery"
	"github.com/kesher-io/kesher/shared/local/embedded"
	"github.com/kesher-io/kesher/shared/local/pump"
)

// bench is the pump as it runs on one machine: both consumers with their
// deployed patterns, over the store itself.
type bench struct {
	store *embedded.Store
	pump  *pump.Pump
	dir   string
	work  map[delivery.Consumer]func(context.Context, item.Change) error
}

func (b *bench) start(t testing.TB) {
	t.Helper()
	store, err := embedded.Open(b.dir, embedded.Options{NoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	var mappings []pump.Mapping
	for _, c := range delivery.Consumers {
		mappings = append(mappings, pump.Mapping{
			Consumer: string(c), Patterns: delivery.For(c), Function: streams.Handler(b.work[c], streams.Options{}), Bisect: true,
		})
	}
	b.store = store
	b.pump, err = pump.Start(store, mappings, pump.Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
}

func (b *bench) stop(t testing.TB) {
	t.Helper()
	if err := b.pump.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, store flow.Store, it item.Item) {
	t.Helper()
	if err := store.Write(context.Background(), flow.Put(it, flow.Any)); err != nil {
		t.Error(err)
	}
}

// A click's way through both consumers, as in ARCHITECTURE section 2: an event
// makes a run with a message due, the run a message, the message ends the run;
// and again after a restart nothing comes twice.
func TestBothConsumersWorkAClickOverTheStore(t *testing.T) {
	var sent, worked atomic.Int64
	b := &bench{dir: t.TempDir()}
	b.work = map[delivery.Consumer]func(context.Context, item.Change) error{
		delivery.Journey: func(_ context.Context, c item.Change) error {
			worked.Add(1)
			customer, _ := item.CustomerOf(c.Key.PK)
			run := item.Item{Key: item.C(customer, item.RunSK("cart", "")), V: 1, W: "w"}
			if strings.HasPrefix(c.Key.SK, item.PrefixEvent) {
				run.Due = "message"
			}
			put(t, b.store, run)
			return nil
		},
		delivery.Deliver: func(_ context.Context, c item.Change) error {
			sent.Add(1)
			customer, _ := item.CustomerOf(c.Key.PK)
			put(t, b.store, item.Item{Key: item.C(customer, item.MsgSK(c.New.Due)), V: 1, W: "w"})
			return nil
		},
	}
	b.start(t)
	for n := range 100 {
		put(t, b.store, item.Item{Key: item.C(fmt.Sprint(n), "EVENT#Product Added#1#m"), V: 1, W: "w"})
	}
	for range 2 {
		if err := b.pump.Drain(context.Background()); err != nil {
			t.Fatal(err)
		}
		if sent.Load() != 100 || worked.Load() != 200 { // an event and a message each
			t.Fatalf("%d sent, %d worked", sent.Load(), worked.Load())
		}
		b.stop(t)
		b.start(t)
	}
	b.stop(t)
}

// BenchmarkPump is changes through both consumers with handlers that do nothing,
// decoding included, from the write on.
func BenchmarkPump(b *testing.B) {
	nothing := func(context.Context, item.Change) error { return nil }
	p := &bench{dir: b.TempDir(), work: map[delivery.Consumer]func(context.Context, item.Change) error{
		delivery.Journey: nothing, delivery.Deliver: nothing,
	}}
	p.start(b)
	body := strings.Repeat("x", 600)
	keys := []string{"EVENT#Product Added#1#", "RUN#cart#", "MSG#", "GATE#"}
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	var next atomic.Int64
	for range 64 {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				put(b, p.store, item.Item{Key: item.C(fmt.Sprintf("%x", n/4), keys[n%4]+fmt.Sprint(n)), V: 1, W: "w", Due: "m", Body: body})
			}
		})
	}
	wg.Wait()
	if err := p.pump.Drain(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.StopTimer()
	p.stop(b)
}

// BenchmarkDrain is one change and its way through: what play mode does for
// every line.
func BenchmarkDrain(b *testing.B) {
	nothing := func(context.Context, item.Change) error { return nil }
	p := &bench{dir: b.TempDir(), work: map[delivery.Consumer]func(context.Context, item.Change) error{
		delivery.Journey: nothing, delivery.Deliver: nothing,
	}}
	p.start(b)
	n := 0
	for b.Loop() {
		n++
		put(b, p.store, item.Item{Key: item.C(fmt.Sprint(n%100), fmt.Sprint("EVENT#x#1#", n)), V: 1, W: "w"})
		if err := p.pump.Drain(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	p.stop(b)
}
