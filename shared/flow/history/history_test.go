package history

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/condition"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

const dana = "0123456789abcdef0123456789abcdef"

var (
	now      = time.Date(2026, 11, 4, 12, 0, 0, 0, time.UTC)
	testPlan = &plan.Plan{
		Purposes: map[string]plan.Purpose{
			"personalization": {Basis: plan.BasisConsent}, "marketing": {Basis: plan.BasisConsent}, "service": {Basis: plan.BasisContract},
		},
		Events: map[string]plan.Event{
			"Product Added":   {Purposes: []string{"personalization"}, Properties: map[string]plan.Type{"product_id": "string"}},
			"Order Completed": {Purposes: []string{"service"}, Properties: map[string]plan.Type{"revenue": "number"}},
		},
		UnknownEvents: "keep: marketing",
		Collections: map[string]plan.Collection{"cart": {
			Key: "product_id", Add: plan.StringList{"Product Added"}, Clear: plan.StringList{"Order Completed"}, Keep: plan.Duration(30 * 24 * time.Hour),
		}},
	}
)

type world struct {
	t     *testing.T
	store *memstore.Store
	seq   int64
}

func newWorld(t *testing.T) *world {
	return &world{t: t, store: memstore.New(func(string) time.Time { return now })}
}

// stored puts an event whose key has the caller's time, and whose own time is at.
func (w *world) stored(name, id string, at, caller, in time.Time, epoch int64) {
	w.t.Helper()
	w.seq++
	it := item.Item{Key: item.C(dana, item.EventSK(name, caller, id)), V: 1, W: "w", E: epoch, F: item.Format}
	e := fact.Event{ID: id, Name: name, At: at.UnixMilli(), In: ident.NewStamp(in, w.seq), Props: map[string]any{"product_id": id}}
	if err := it.Encode(e); err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.Write(context.Background(), flow.Put(it, flow.Absent)); err != nil {
		w.t.Fatal(err)
	}
}

// did is an event of so many minutes ago.
func (w *world) did(name, id string, minutes int) {
	w.t.Helper()
	at := now.Add(-time.Duration(minutes) * time.Minute)
	w.stored(name, id, at, at, at, 0)
}

func (w *world) reader() Reader { return Reader{Store: w.store, Customer: dana} }

func (w *world) ids(name string, from time.Time) string {
	w.t.Helper()
	events, err := w.reader().Events(context.Background(), name, from)
	if err != nil {
		w.t.Fatal(err)
	}
	var ids []string
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return strings.Join(ids, " ")
}

func TestEventsComeInTheOrderOfTheirOwnTimeThenOfTheirArrival(t *testing.T) {
	w := newWorld(t)
	w.did("Product Added", "c", 1)
	w.did("Product Added", "b", 5) // arrived after c in this test, happened before
	w.did("Product Added", "b2", 5)
	w.did("Product Added", "a", 9)
	w.did("Product Added Twice", "other", 5)
	if got := w.ids("Product Added", now.Add(-time.Hour)); got != "a b b2 c" {
		t.Fatalf("got %q", got)
	}
	if got := w.ids("Product Added", now.Add(-5*time.Minute)); got != "b b2 c" {
		t.Fatalf("from exactly then: %q", got)
	}
}

func TestEventsAreFoundWhereTheCallersClockWasOff(t *testing.T) {
	w := newWorld(t)
	from := now.Add(-time.Hour)
	w.stored("Product Added", "slow", now, from.Add(-skew), now, 0) // its key is a day before the window
	w.stored("Product Added", "fast", now.Add(-2*time.Hour), now, now, 0)
	if got := w.ids("Product Added", from); got != "slow" {
		t.Fatalf("got %q", got)
	}
}

func TestEventsOfAnErasedLifeAreAbsent(t *testing.T) {
	w := newWorld(t)
	w.did("Product Added", "old", 5)
	r := w.reader()
	r.Epoch = 1
	events, err := r.Events(context.Background(), "Product Added", time.Time{}.Add(48*time.Hour))
	if err != nil || len(events) != 0 {
		t.Fatalf("%v, %v", events, err)
	}
}

func lens(allowed []string, granted ...string) Lens {
	g := &consent.Gate{States: map[string]consent.Permission{}}
	for _, p := range granted {
		g.States[p] = consent.Permission{State: consent.Granted}
	}
	return Lens{Plan: testPlan, Gate: g, Allowed: allowed, Now: now}
}

func TestSees(t *testing.T) {
	for name, c := range map[string]struct {
		lens  Lens
		event string
		want  bool
	}{
		"allowed and granted":         {lens([]string{"personalization"}, "personalization"), "Product Added", true},
		"allowed, not granted":        {lens([]string{"personalization"}), "Product Added", false},
		"granted, not allowed":        {lens([]string{"marketing"}, "personalization", "marketing"), "Product Added", false},
		"a contract needs no grant":   {lens([]string{"service"}), "Order Completed", true},
		"unknown to the plan, kept":   {lens([]string{"marketing"}, "marketing"), "Never Declared", true},
		"unknown, its purpose is not": {lens([]string{"personalization"}, "personalization"), "Never Declared", false},
		"Kesher's own":                {lens(nil), fact.EmailBounced, true},
	} {
		if got := c.lens.Sees(c.event); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	l := lens([]string{"marketing"}, "marketing")
	refusing := *testPlan
	refusing.UnknownEvents, l.Plan = "refuse", &refusing
	if l.Sees("Never Declared") {
		t.Error("an event that the plan refuses is seen")
	}
}

func count(t *testing.T, w *world, l Lens, src string) bool {
	t.Helper()
	c, err := condition.Compile(src, condition.Env{
		Events:      testPlan.Events,
		Collections: map[string]map[string]plan.Type{"cart": testPlan.Events["Product Added"].Properties},
	})
	if err != nil {
		t.Fatal(err)
	}
	in := condition.Input{Now: l.Now, Zone: time.UTC}
	if err := w.reader().Fill(context.Background(), l, c, &in); err != nil {
		t.Fatal(err)
	}
	truth, err := c.Holds(in)
	if err != nil {
		t.Fatal(err)
	}
	return truth == condition.True
}

func TestAConditionGetsTheWindowsItReads(t *testing.T) {
	w := newWorld(t)
	w.did("Product Added", "a", 90)
	w.did("Product Added", "b", 30)
	w.stored("Product Added", "late", now.Add(-time.Minute), now.Add(-time.Minute), now.Add(time.Millisecond), 0)
	w.did("Order Completed", "o", 10)
	l := lens([]string{"personalization", "service"}, "personalization")
	for src, want := range map[string]bool{
		`count("Product Added", "1h") == 1`:                                         true, // what arrives after now does not count
		`count("Product Added", "2h") == 2`:                                         true,
		`count("Product Added", "1h") == 1 and count("Order Completed", "1h") == 1`: true,
	} {
		if got := count(t, w, l, src); got != want {
			t.Errorf("%s: %v", src, got)
		}
	}
	if !count(t, w, lens([]string{"service"}), `count("Product Added", "2h") == 0 and count("Order Completed", "1h") == 1`) {
		t.Error("a journey counts what it may not see")
	}
}

func TestCollectionsShowWhatMayBeSeenAndNeverWhatWasPaidFor(t *testing.T) {
	cart := func(w *world, l Lens) string {
		all, err := w.reader().Collections(context.Background(), l, []string{"cart"})
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, it := range all["cart"].(map[string]any)["items"].([]any) {
			ids = append(ids, fmt.Sprint(it.(map[string]any)["product_id"]))
		}
		return strings.Join(ids, " ")
	}
	may := lens([]string{"personalization"}, "personalization") // not orders
	w := newWorld(t)
	w.did("Product Added", "p1", 30)
	w.did("Product Added", "p2", 20)
	if got := cart(w, may); got != "p2 p1" {
		t.Fatalf("got %q", got)
	}
	if got := cart(w, lens([]string{"personalization"})); got != "" {
		t.Fatalf("without permission: %q", got)
	}
	w.did("Order Completed", "o", 25)
	if got := cart(w, may); got != "p2" {
		t.Fatalf("after an order that it may not see: %q", got)
	}
}
