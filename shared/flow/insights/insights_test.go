package insights_test

import (
	"context"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/insights"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

func TestCountsAreAddedOncePerFlush(t *testing.T) {
	store := memstore.New(func(string) time.Time { return time.Now() })
	c := &insights.Counter{Store: store}
	day := time.Date(2026, 11, 1, 23, 0, 0, 0, time.UTC)
	for range 3 {
		c.Count("cart", "v1", "send", "sent", day)
	}
	c.Count("cart", "v1", "send", "skipped: cap", day)
	for range 2 {
		if err := c.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	items, err := store.Get(context.Background(), flow.Strong, insights.Key("cart", "v1", day))
	if err != nil {
		t.Fatal(err)
	}
	if got := items[0].Counters; got[insights.Name("sent", "send")] != 3 || got[insights.Name("skipped: cap", "send")] != 1 {
		t.Fatalf("counters %v", got)
	}
	if items[0].Table != item.Insights || items[0].SK != "2026-11-01" {
		t.Fatalf("key %s", items[0].Key)
	}
}

func TestSumsAreOfOneVersionOverItsStepsAndDays(t *testing.T) {
	store := memstore.New(func(string) time.Time { return time.Now() })
	c := &insights.Counter{Store: store}
	day := time.Date(2026, 11, 1, 23, 0, 0, 0, time.UTC)
	c.Count("cart", "v1", "send", "sent", day)
	c.Count("cart", "v1", "again", "sent", day.Add(24*time.Hour))
	c.Count("cart", "v1", "", "not entered: cap", day)
	c.Count("cart", "v2", "send", "sent", day)
	c.Count("cart-2", "v1", "send", "sent", day)
	if err := c.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	sums, err := insights.Sums(context.Background(), store, "cart", "v1")
	if err != nil || sums["sent"] != 2 || sums["not entered: cap"] != 1 || len(sums) != 2 {
		t.Fatalf("sums %v, %v", sums, err)
	}
}
