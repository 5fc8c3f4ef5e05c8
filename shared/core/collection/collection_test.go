package collection

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/plan"
)

var (
	now  = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	cart = plan.Collection{
		Key: "product_id", Add: plan.StringList{"Product Added"}, Remove: plan.StringList{"Product Removed"},
		Clear: plan.StringList{"Order Completed"}, Keep: plan.Duration(30 * 24 * time.Hour),
	}
)

// at is an event so many minutes after noon; seq is the order of arrival.
func at(minute, seq int, name string, props map[string]any) fact.Event {
	t := now.Add(time.Duration(minute) * time.Minute)
	return fact.Event{Name: name, At: t.UnixMilli(), In: ident.NewStamp(t, int64(seq)), Props: props}
}

func added(minute, seq int, id, name string, quantity any) fact.Event {
	props := map[string]any{"product_id": id, "name": name}
	if quantity != nil {
		props["quantity"] = quantity
	}
	return at(minute, seq, "Product Added", props)
}

// summary is name x quantity of each entry.
func summary(c map[string]any) string {
	s := ""
	for _, it := range c[Items].([]any) {
		m := it.(map[string]any)
		s += fmt.Sprintf("%v x %v; ", m["name"], m["quantity"])
	}
	return s
}

func TestFold(t *testing.T) {
	remove := func(minute int, id any) fact.Event {
		return at(minute, 9, "Product Removed", map[string]any{"product_id": id})
	}
	for name, c := range map[string]struct {
		events []fact.Event
		want   string
	}{
		"nothing":                 {nil, ""},
		"newest first":            {[]fact.Event{added(-3, 1, "p1", "Tent", 1.0), added(-2, 2, "p2", "Lamp", 1.0)}, "Lamp x 1; Tent x 1; "},
		"added again is newest":   {[]fact.Event{added(-3, 1, "p1", "Tent", 1.0), added(-2, 2, "p2", "Lamp", 1.0), added(-1, 3, "p1", "Tent", 1.0)}, "Tent x 2; Lamp x 1; "},
		"last properties win":     {[]fact.Event{added(-3, 1, "p1", "Old name", 2.0), added(-2, 2, "p1", "New name", 3.0)}, "New name x 5; "},
		"no quantity is one":      {[]fact.Event{added(-3, 1, "p1", "Tent", nil), added(-2, 2, "p1", "Tent", nil)}, "Tent x 2; "},
		"removed":                 {[]fact.Event{added(-3, 1, "p1", "Tent", 2.0), added(-3, 2, "p2", "Lamp", 1.0), remove(-1, "p1")}, "Lamp x 1; "},
		"added after its removal": {[]fact.Event{remove(-3, "p1"), added(-2, 1, "p1", "Tent", 1.0)}, "Tent x 1; "},
		"cleared by an order":     {[]fact.Event{added(-3, 1, "p1", "Tent", 1.0), at(-2, 2, "Order Completed", nil), added(-1, 3, "p2", "Lamp", 1.0)}, "Lamp x 1; "},
		"keys that are numbers":   {[]fact.Event{at(-2, 1, "Product Added", map[string]any{"product_id": 7.0, "name": "Tent"}), remove(-1, 7.0)}, ""},
		"an event without key":    {[]fact.Event{at(-2, 1, "Product Added", map[string]any{"name": "Tent"})}, ""},
		"another event":           {[]fact.Event{at(-2, 1, "Product Viewed", map[string]any{"product_id": "p1"})}, ""},
		"exactly as old as keep":  {[]fact.Event{added(-30*24*60, 1, "p1", "Tent", 1.0)}, "Tent x 1; "},
		"older than keep":         {[]fact.Event{added(-30*24*60-1, 1, "p1", "Tent", 1.0)}, ""},
		"equal times by arrival":  {[]fact.Event{at(-1, 5, "Order Completed", nil), added(-1, 6, "p1", "Tent", 1.0), added(-1, 4, "p2", "Lamp", 1.0)}, "Tent x 1; "},
	} {
		if got := summary(Fold(cart, c.events, now)); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestFoldLeavesTheEventsAlone(t *testing.T) {
	events := []fact.Event{added(-3, 1, "p1", "Tent", 2.0), added(-2, 2, "p1", "Tent", 3.0)}
	Fold(cart, events, now)
	if got := events[1].Props["quantity"]; got != 3.0 {
		t.Fatalf("folding changed an event's quantity to %v", got)
	}
}

func TestFoldDoesNotDependOnTheOrderInWhichEventsAreRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var events []fact.Event
		for seq := range rapid.IntRange(0, 12).Draw(t, "events") {
			name := rapid.SampledFrom([]string{"Product Added", "Product Added", "Product Removed", "Order Completed"}).Draw(t, "name")
			id := rapid.SampledFrom([]string{"p1", "p2", "p3"}).Draw(t, "id")
			minute := rapid.IntRange(-5, 0).Draw(t, "minute")
			events = append(events, at(minute, seq, name, map[string]any{"product_id": id, "name": id}))
		}
		want := Fold(cart, events, now)
		rand.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		if got := Fold(cart, events, now); !reflect.DeepEqual(got, want) {
			t.Fatalf("shuffled: got %v, want %v", got, want)
		}
	})
}

// A late call about an early removal takes nothing out that was added since.
func TestACollectionGoesByWhenItHappenedNotByWhenItCame(t *testing.T) {
	c := plan.Collection{Key: "id", Add: []string{"add"}, Remove: []string{"remove"}, Keep: plan.Duration(time.Hour)}
	now := time.UnixMilli(10_000)
	items := Fold(c, []fact.Event{
		{Name: "add", At: 9000, In: "0000000009000.1", Props: map[string]any{"id": "a"}},
		{Name: "remove", At: 8000, In: "0000000009500.2", Props: map[string]any{"id": "a"}},
	}, now)[Items].([]any)
	if len(items) != 1 {
		t.Fatalf("%v", items)
	}
}
