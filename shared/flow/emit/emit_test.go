package emit_test

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/emit"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const customer = "0123456789abcdef0123456789abcdef"

// world is a service with a bus that remembers, or refuses.
type world struct {
	testing.TB
	*emit.Service
	store *memstore.Store
	told  []flow.Emitted
	down  error
}

func newWorld(t testing.TB, opted ...string) *world {
	w := &world{TB: t, store: memstore.New(fake.NewClock(noon).NowOf)}
	rel := &release.Release{Settings: &plan.Settings{Emit: opted}}
	w.Service = &emit.Service{Store: w.store, Releases: releases{rel}, Emitter: w}
	return w
}

type releases struct{ *release.Release }

func (r releases) Live(context.Context) (*release.Release, error)        { return r.Release, nil }
func (r releases) Get(context.Context, string) (*release.Release, error) { return r.Release, nil }

func (w *world) Emit(_ context.Context, events ...flow.Emitted) error {
	if w.down == nil {
		w.told = append(w.told, events...)
	}
	return w.down
}

func event(t testing.TB, pk, name, id string, epoch int64, props map[string]any) *item.Item {
	t.Helper()
	it := (*item.Item)(nil).Next(item.Key{Table: item.Customers, PK: pk, SK: item.EventSK(name, noon, id)}, "w", epoch)
	if err := it.Encode(fact.Event{ID: id, Name: name, At: noon.UnixMilli(), In: ident.NewStamp(noon, 1), Props: props}); err != nil {
		t.Fatal(err)
	}
	return &it
}

func (w *world) change(it *item.Item) {
	w.Helper()
	if err := w.Change(context.Background(), it); err != nil {
		w.Fatal(err)
	}
}

func TestOnlyWhatWasOptedInLeaves(t *testing.T) {
	w := newWorld(t, fact.EmailBounced)
	pk := item.CustomerPK(customer)
	w.change(event(t, pk, fact.EmailBounced, "m1", 0, map[string]any{"bounce_type": "Permanent"}))
	w.change(event(t, pk, fact.EmailDelivered, "m2", 0, nil))
	w.change(event(t, item.PrefixVisitor+"v", fact.EmailBounced, "m3", 0, nil))
	w.change(&item.Item{Key: item.C(customer, item.SKProfile)})
	if len(w.told) != 1 || w.told[0].Name != fact.EmailBounced || w.told[0].Customer != customer || !w.told[0].At.Equal(noon) {
		t.Fatalf("told %+v", w.told)
	}
}

func TestNothingPersonalLeaves(t *testing.T) {
	w := newWorld(t, fact.SurveyAnswered, fact.EmailLinkClicked)
	pk := item.CustomerPK(customer)
	w.change(event(t, pk, fact.SurveyAnswered, "dana@shop.example", 0, map[string]any{"survey": "style", "response_id": "dana@shop.example"}))
	w.change(event(t, pk, fact.EmailLinkClicked, "c1", 0, map[string]any{"email_id": "abc-0", "link_url": "https://shop.example/?name=dana"}))
	want := []map[string]any{{"survey": "style"}, {"email_id": "abc-0"}}
	for i, e := range w.told {
		if !maps.Equal(e.Detail, want[i]) || e.ID == "dana@shop.example" || e.ID == "" {
			t.Errorf("told %+v", e)
		}
	}
	if len(w.told) != len(want) {
		t.Fatalf("told %d events", len(w.told))
	}
}

func TestARecordThatComesAgainIsToldUnderTheSameID(t *testing.T) {
	w := newWorld(t, fact.Unsubscribed)
	it := event(t, item.CustomerPK(customer), fact.Unsubscribed, "u1", 0, nil)
	w.change(it)
	w.change(it)
	w.change(event(t, item.CustomerPK(customer), fact.Unsubscribed, "u2", 0, nil))
	if w.told[0].ID != w.told[1].ID || w.told[0].ID == w.told[2].ID {
		t.Fatalf("ids %s, %s, %s", w.told[0].ID, w.told[1].ID, w.told[2].ID)
	}
}

func TestABusThatIsDownFailsTheRecord(t *testing.T) {
	w := newWorld(t, fact.Unsubscribed)
	w.down = errors.New("1 events could not be put")
	it := event(t, item.CustomerPK(customer), fact.Unsubscribed, "u1", 0, nil)
	if err := w.Change(context.Background(), it); !errors.Is(err, w.down) {
		t.Fatalf("got %v", err)
	}
}

func TestOfAnErasedCustomerOnlyTheErasureIsTold(t *testing.T) {
	w := newWorld(t, fact.Outward...)
	gate := (*item.Item)(nil).Next(item.C(customer, item.SKGate), "w", 1)
	if err := gate.Encode(consent.Gate{Erased: noon.UnixMilli()}); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Write(context.Background(), flow.Put(gate, flow.Absent)); err != nil {
		t.Fatal(err)
	}
	w.change(event(t, item.CustomerPK(customer), fact.EmailDelivered, "m1", 0, nil))
	w.change(event(t, item.CustomerPK(customer), fact.CustomerErased, "e1", 1, nil))
	if len(w.told) != 1 || w.told[0].Name != fact.CustomerErased {
		t.Fatalf("told %+v", w.told)
	}
}
