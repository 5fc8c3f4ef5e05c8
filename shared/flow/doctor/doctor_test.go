package doctor_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/deliver"
	"github.com/kesher-io/kesher/shared/flow/doctor"
	"github.com/kesher-io/kesher/shared/flow/faults"
	"github.com/kesher-io/kesher/shared/flow/releases"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

var t0 = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// releases is a flow.Releases with one answer.
type fixed struct {
	live *release.Release
	err  error
}

func (r fixed) Live(context.Context) (*release.Release, error)        { return r.live, r.err }
func (r fixed) Get(context.Context, string) (*release.Release, error) { return r.live, r.err }

// healthy is a stage that lacks nothing.
func healthy() (*doctor.Service, *memstore.Store) {
	clock := fake.NewClock(t0)
	store := memstore.New(clock.NowOf)
	live := &release.Release{
		Settings: &plan.Settings{Sender: map[string]string{
			"marketing": "Nof <news@mail.shop.example>", "service": "orders@shop.example", "reply to": "care@elsewhere.example",
		}},
		Journeys: map[string]*journey.Journey{"cart": {Definition: journey.Definition{Name: "cart", Purpose: "marketing"}}},
	}
	return &doctor.Service{Store: store, Clock: clock, Releases: fixed{live: live}, Domain: "shop.example"}, store
}

func put(t *testing.T, store *memstore.Store, it item.Item, doc any) {
	t.Helper()
	if err := it.Encode(doc); err != nil {
		t.Fatal(err)
	}
	it.V, it.W, it.F = 1, "w", item.Format
	if err := store.Write(context.Background(), flow.Put(it, flow.Any)); err != nil {
		t.Fatal(err)
	}
}

func run(state engine.State, sk, list, order string) (item.Item, engine.Run) {
	it := item.Item{Key: item.C("c0ffee", sk), IK: list, IS: order}
	return it, engine.Run{Journey: "cart", State: state}
}

// ailments are made one at a time in a healthy stage.
var ailments = []struct {
	name   string // of the finding
	where  string // it must name
	ail    func(*testing.T, *doctor.Service, *memstore.Store)
	inCure string
}{
	{"no-release", "catalog", func(_ *testing.T, s *doctor.Service, _ *memstore.Store) {
		s.Releases, s.Target = fixed{err: flow.ErrNoRelease}, " --target aws:prod"
	}, "kesher publish --target aws:prod"},
	{"wrong-secret", "secret", func(_ *testing.T, s *doctor.Service, _ *memstore.Store) {
		s.Releases = fixed{err: releases.ErrWrongSecret}
	}, "restore"},
	{"missing-sender", "settings.yaml", func(_ *testing.T, s *doctor.Service, _ *memstore.Store) {
		delete(s.Releases.(fixed).live.Settings.Sender, "marketing")
	}, "marketing"},
	{"foreign-sender", "settings.yaml", func(_ *testing.T, s *doctor.Service, _ *memstore.Store) {
		s.Domain = "mail.shop.example"
	}, "mail.shop.example"},
	{"brake", "sending", func(t *testing.T, _ *doctor.Service, store *memstore.Store) {
		put(t, store, item.Item{Key: deliver.PaceKey}, message.Pace{Brake: t0.Add(time.Minute).UnixMilli(), Reason: "SendingPausedException"})
	}, "1m0s"},
	{"quota", "SES", func(t *testing.T, _ *doctor.Service, store *memstore.Store) {
		put(t, store, item.Item{Key: deliver.PaceKey}, message.Pace{Quota: 100, Used: 95})
	}, "quota"},
	{"parked", "cart (1)", func(t *testing.T, _ *doctor.Service, store *memstore.Store) {
		it, doc := run(engine.Parked, item.RunSK("cart", ""), item.ParkedList("c"), "cart#2026")
		put(t, store, it, doc)
	}, "explain"},
	{"unknown", "cart (1)", func(t *testing.T, _ *doctor.Service, store *memstore.Store) {
		it, doc := run(engine.Sending, item.RunSK("cart", ""), item.LookList("c"), "2026")
		doc.Looks = 1
		put(t, store, it, doc)
	}, "never sent again blindly"},
	{"stuck", "cart (1)", func(t *testing.T, _ *doctor.Service, store *memstore.Store) {
		it, doc := run(engine.Sending, item.RunSK("cart", ""), item.LookList("c"), "2026")
		doc.Due = t0.Add(-2 * time.Hour).UnixMilli()
		put(t, store, it, doc)
	}, "deliver"},
	{"faults", "journey (1)", func(t *testing.T, s *doctor.Service, store *memstore.Store) {
		f := faults.Service{Store: store, Clock: s.Clock, Tokens: fake.NewTokens(1)}
		if err := f.Record(context.Background(), "journey", &item.Item{Key: item.C("c0ffee", "EVENT#x"), V: 1}, errors.New("can't be read")); err != nil {
			t.Fatal(err)
		}
	}, "kesher faults"},
	{"failure-objects", "failure bucket", func(_ *testing.T, s *doctor.Service, _ *memstore.Store) {
		s.Failures = func(context.Context) (int, error) { return 2, nil }
	}, "retry KEY"},
}

func TestAHealthyStageHasNoFindings(t *testing.T) {
	s, _ := healthy()
	r, err := s.Examine(context.Background())
	if err != nil || len(r.Findings) != 0 {
		t.Fatalf("got %+v, %v", r, err)
	}
	if want := []string{"mail.shop.example", "shop.example"}; !slices.Equal(r.Senders, want) {
		t.Fatalf("senders %v, want %v", r.Senders, want)
	}
}

func TestEachAilmentIsFoundByNameWithItsPlaceAndCure(t *testing.T) {
	for _, a := range ailments {
		t.Run(a.name, func(t *testing.T) {
			s, store := healthy()
			a.ail(t, s, store)
			r, err := s.Examine(context.Background())
			if err != nil || len(r.Findings) != 1 {
				t.Fatalf("got %+v, %v", r, err)
			}
			f := r.Findings[0]
			if f.Name != a.name || !strings.Contains(f.Where, a.where) || !strings.Contains(f.Cure, a.inCure) || f.What == "" {
				t.Fatalf("got %+v", f)
			}
		})
	}
}

func TestAMessageThatIsDueForMinutesIsNoAilment(t *testing.T) {
	s, store := healthy()
	it, doc := run(engine.Sending, item.RunSK("cart", ""), item.LookList("c"), "2026")
	doc.Due = t0.Add(-10 * time.Minute).UnixMilli()
	put(t, store, it, doc)
	if r, err := s.Examine(context.Background()); err != nil || len(r.Findings) != 0 {
		t.Fatalf("got %+v, %v", r, err)
	}
}

func TestABrokenStoreIsAnErrorNotAFinding(t *testing.T) {
	s, _ := healthy()
	broken := errors.New("broken")
	s.Releases = fixed{err: broken}
	if _, err := s.Examine(context.Background()); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
}
