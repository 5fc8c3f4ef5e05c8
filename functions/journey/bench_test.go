package journey_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/functions/journey"
	"github.com/kesher-io/kesher/shared/aws/streams"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	corejourney "github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/advance"
	"github.com/kesher-io/kesher/shared/flow/delivery"
	"github.com/kesher-io/kesher/shared/flow/emit"
	"github.com/kesher-io/kesher/shared/flow/insights"
	"github.com/kesher-io/kesher/shared/testkit/fake"
)

// anybody is a store in which every customer has permitted everything, and in
// which nothing is kept: each record finds what the one before it found.
type anybody struct {
	gate string
	runs int
}

func (s *anybody) Get(_ context.Context, _ flow.Consistency, keys ...item.Key) ([]*item.Item, error) {
	items := make([]*item.Item, len(keys))
	for i, k := range keys {
		if k.SK == item.SKGate {
			items[i] = &item.Item{Key: k, V: 3, W: "w", F: item.Format, Body: s.gate}
		}
	}
	return items, nil
}

func (s *anybody) Query(context.Context, flow.Query) (flow.Page, error) { return flow.Page{}, nil }

func (s *anybody) Write(_ context.Context, ops ...flow.Op) error {
	if ops[0].Item.SK == item.RunSK("cart", "") {
		s.runs++
	}
	return nil
}

type live struct{ *release.Release }

func (l live) Live(context.Context) (*release.Release, error)        { return l.Release, nil }
func (l live) Get(context.Context, string) (*release.Release, error) { return l.Release, nil }

// BenchmarkRecord works a batch of events each of which begins a journey: from
// Lambda's bytes to the RUN as it would be stored, and the answer's bytes.
func BenchmarkRecord(b *testing.B) {
	now := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	p := &plan.Plan{
		Purposes: map[string]plan.Purpose{"marketing": {Contact: []string{"email"}, Basis: plan.BasisConsent}},
		Events:   map[string]plan.Event{"Product Added": {Purposes: []string{"marketing"}, Properties: map[string]plan.Type{"price": "number", "name": "string"}}},
	}
	j, problems := corejourney.Compile(corejourney.Definition{
		Name: "cart", Purpose: "marketing", Entry: corejourney.Entry{Event: "Product Added", Where: "event.price >= 20"},
		Steps: []corejourney.Step{{ID: "wait", Wait: &corejourney.Wait{For: plan.Duration(time.Hour)}}, {ID: "send", Send: &corejourney.Send{Template: "reminder"}}},
	}, corejourney.Names{Plan: p})
	if problems != nil {
		b.Fatal(problems)
	}
	rel := live{&release.Release{ID: "r1", Plan: p, Settings: &plan.Settings{}, Journeys: map[string]*corejourney.Journey{"cart": j}}}
	gate, err := json.Marshal(consent.Gate{States: map[string]consent.Permission{
		"marketing": {State: consent.Granted, At: 1, Ledger: "l1"}, "marketing/email": {State: consent.Granted, At: 1, Ledger: "l2"},
	}})
	if err != nil {
		b.Fatal(err)
	}
	clock, store, log := fake.NewClock(now), &anybody{gate: string(gate)}, slog.New(slog.DiscardHandler)
	h := &journey.Handler{
		Runs:    &advance.Service{Store: store, Clock: clock, Tokens: fake.NewTokens(1), Releases: rel, Log: log},
		Outside: &emit.Service{Store: store, Releases: rel}, Counts: &insights.Counter{Store: store}, Log: log,
	}
	handle := streams.Handler(h.Work, streams.Options{Parallel: 1})
	const batch = 100
	payload := entries(b, batch, now)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += batch {
		if _, err := handle(context.Background(), payload); err != nil {
			b.Fatal(err)
		}
	}
	if store.runs < b.N {
		b.Fatalf("%d runs began of %d", store.runs, b.N)
	}
}

func entries(b *testing.B, n int, now time.Time) []byte {
	var batch events.StreamEvent
	for i := range n {
		it := item.Item{Key: item.C(fmt.Sprintf("%032x", i), item.EventSK("Product Added", now, fmt.Sprint(i))), V: 1, W: "w", F: item.Format}
		err := it.Encode(fact.Event{
			ID: fmt.Sprint(i), Name: "Product Added", At: now.UnixMilli(), In: ident.NewStamp(now, int64(i)),
			Props: map[string]any{"product_id": "p-1", "name": "Tent for two", "price": 129.9, "quantity": 1, "url": "https://shop.example/p/1"},
		})
		if err != nil {
			b.Fatal(err)
		}
		batch.Records = append(batch.Records, delivery.RecordOf(item.Change{Seq: fmt.Sprint(i + 1), Key: it.Key, New: &it}, now))
	}
	return batch.Append(nil)
}
