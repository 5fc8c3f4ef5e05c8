package publish_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/publish"
	"github.com/kesher-io/kesher/shared/flow/releases"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

var noon = time.Date(2026, 11, 16, 12, 0, 0, 0, time.UTC)

type stack struct {
	clock   *fake.Clock
	store   *memstore.Store
	service *publish.Service
	*releases.Releases
}

func newStack() *stack {
	s := &stack{clock: fake.NewClock(noon)}
	s.store = memstore.New(s.clock.NowOf)
	keys := ident.NewKeys([]byte("secret"))
	s.service = &publish.Service{Store: s.store, Clock: s.clock, Tokens: fake.NewTokens(1), Keys: keys}
	s.Releases = releases.New(s.store, keys, s.clock.Real)
	return s
}

func (s *stack) publish(t *testing.T, c *publish.Candidate, base string) {
	t.Helper()
	changed, err := s.service.Publish(context.Background(), c, base)
	if err != nil || !changed {
		t.Fatalf("publish: changed %v, %v", changed, err)
	}
}

func TestAPublishedReleaseIsLoadedAsItWasChecked(t *testing.T) {
	s, c := newStack(), compiled(t)
	s.publish(t, c, "")
	live, err := s.Live(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if live.ID != c.ID() {
		t.Errorf("live is %s, want %s", live.ID, c.ID())
	}
	for name, j := range c.Release.Journeys {
		if got := live.Journeys[name]; got == nil || got.Version != j.Version {
			t.Errorf("journey %s differs", name)
		}
	}
	for name, tpl := range c.Release.Templates {
		if got := live.Templates[name]; got == nil || !reflect.DeepEqual(got.Variables(), tpl.Variables()) {
			t.Errorf("template %s differs", name)
		}
	}
	for what, pair := range map[string][2]any{
		"plan": {live.Plan, c.Release.Plan}, "settings": {live.Settings, c.Release.Settings}, "offers": {live.Offers, c.Release.Offers},
		"surveys": {live.Surveys, c.Release.Surveys}, "notices": {live.Notices, c.Release.Notices},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s differ: %v and %v", what, pair[0], pair[1])
		}
	}
}

func TestTheSameCatalogIsTheSameRelease(t *testing.T) {
	if a, b := compiled(t), compiled(t); a.ID() != b.ID() {
		t.Fatalf("%s and %s", a.ID(), b.ID())
	}
	other := compiled(t, change{"journeys/cart.yaml", "wait: 1h", "wait: 2h"})
	if a := compiled(t); a.ID() == other.ID() {
		t.Fatal("another wait is the same release")
	}
}

func TestPublishingWhatIsLiveChangesNothing(t *testing.T) {
	s, c := newStack(), compiled(t)
	s.publish(t, c, "")
	writes := s.count()
	changed, err := s.service.Publish(context.Background(), c, "whatever")
	if changed || err != nil {
		t.Fatalf("changed %v, %v", changed, err)
	}
	if *writes != 0 {
		t.Fatalf("%d writes", *writes)
	}
}

func TestPublishIsRefusedWhenLiveHasMoved(t *testing.T) {
	s, first := newStack(), compiled(t)
	s.publish(t, first, "")
	second := compiled(t, change{"journeys/cart.yaml", "wait: 1h", "wait: 2h"})
	s.publish(t, second, first.ID())
	third := compiled(t, change{"journeys/cart.yaml", "wait: 1h", "wait: 3h"})
	_, err := s.service.Publish(context.Background(), third, first.ID())
	var moved *publish.MovedError
	if !errors.As(err, &moved) || moved.Live != second.ID() {
		t.Fatalf("error %v", err)
	}
	if id, _ := s.service.Live(context.Background()); id != second.ID() {
		t.Fatalf("live is %s", id)
	}
}

// count counts the ops that the service writes from now on.
func (s *stack) count() *int {
	c := &fake.Store{Store: s.service.Store}
	s.service.Store = c
	return &c.Ops
}

func TestOfTwoPublishersAtOnceOneIsRefused(t *testing.T) {
	s := newStack()
	winner := compiled(t, change{"journeys/cart.yaml", "wait: 1h", "wait: 2h"})
	loser := *s.service
	loser.Store = fake.Racing(s.store, item.SKLive, func() { s.publish(t, winner, "") })
	_, err := loser.Publish(context.Background(), compiled(t), "")
	var moved *publish.MovedError
	if !errors.As(err, &moved) || moved.Live != winner.ID() {
		t.Fatalf("error %v", err)
	}
}

func TestAnOlderReleaseCanBeMadeLiveAgain(t *testing.T) {
	s, first := newStack(), compiled(t)
	second := compiled(t, change{"journeys/cart.yaml", "wait: 1h", "wait: 2h"})
	s.publish(t, first, "")
	s.publish(t, second, first.ID())
	s.publish(t, first, second.ID())
	if id, _ := s.service.Live(context.Background()); id != first.ID() {
		t.Fatalf("live is %s", id)
	}
}

func TestLiveIsReadAgainAfterAMinuteAndOldReleasesStayReachable(t *testing.T) {
	ctx := context.Background()
	s, first := newStack(), compiled(t)
	s.publish(t, first, "")
	live := func() string {
		t.Helper()
		r, err := s.Live(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return r.ID
	}
	live()
	second := compiled(t, change{"journeys/cart.yaml", "wait: 1h", "wait: 2h"})
	s.publish(t, second, first.ID())
	s.clock.Set(noon.Add(59 * time.Second))
	if live() != first.ID() {
		t.Error("read again before the minute was over")
	}
	s.clock.Set(noon.Add(60 * time.Second))
	if live() != second.ID() {
		t.Error("not read again after the minute")
	}
	old, err := releases.New(s.store, ident.NewKeys([]byte("secret")), s.clock.Real).Get(ctx, first.ID())
	if err != nil || old.Journeys["cart"].Version != first.Release.Journeys["cart"].Version {
		t.Errorf("old release: %v", err)
	}
}

func TestAFreshStackHasNoRelease(t *testing.T) {
	if _, err := newStack().Live(context.Background()); !errors.Is(err, flow.ErrNoRelease) {
		t.Fatalf("error %v", err)
	}
	if _, err := newStack().Get(context.Background(), "none"); !errors.Is(err, flow.ErrNoRelease) {
		t.Fatalf("error %v", err)
	}
}

func TestJ17AnotherSecretStopsPublishingAndLoading(t *testing.T) {
	s := newStack()
	s.publish(t, compiled(t), "")
	wrong := ident.NewKeys([]byte("another secret"))
	if _, err := releases.New(s.store, wrong, s.clock.Real).Live(context.Background()); !errors.Is(err, releases.ErrWrongSecret) {
		t.Errorf("live: %v", err)
	}
	service := *s.service
	service.Keys = wrong
	other := compiled(t, change{"journeys/cart.yaml", "wait: 1h", "wait: 2h"})
	if _, err := service.Publish(context.Background(), other, ""); !errors.Is(err, releases.ErrWrongSecret) {
		t.Errorf("publish: %v", err)
	}
}

func TestA09APublishedNoticeNeverChangesItsText(t *testing.T) {
	ctx := context.Background()
	s, first := newStack(), compiled(t)
	s.publish(t, first, "")
	gone := compiled(t, change{"notices/newsletter.yaml", "", ""})
	s.publish(t, gone, first.ID())
	changed := compiled(t, change{"notices/newsletter.yaml", "Send me offers.", "Send me anything."})
	_, err := s.service.Publish(ctx, changed, gone.ID())
	var refused *publish.RefusedError
	if !errors.As(err, &refused) {
		t.Fatalf("error %v", err)
	}
	want := `notices/newsletter.yaml:2:1: the notice "newsletter" has been published with another text or other grants (customers agreed to that one: give the new text an id of its own)`
	if err.Error() != want {
		t.Errorf("error %v", err)
	}
	s.publish(t, first, gone.ID())
}

func TestSourcesComeBackAsTheyWerePublished(t *testing.T) {
	s, c := newStack(), compiled(t)
	s.publish(t, c, "")
	files, err := releases.Sources(context.Background(), s.store, c.ID())
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(base) {
		t.Errorf("%d files, want %d", len(files), len(base))
	}
	for name, text := range base {
		if string(files[name]) != text {
			t.Errorf("%s differs", name)
		}
	}
}

func TestOnlyNewPartsAreStored(t *testing.T) {
	s, first := newStack(), compiled(t)
	s.publish(t, first, "")
	writes := s.count()
	second := compiled(t, change{"journeys/cart.yaml", "wait: 1h", "wait: 2h"})
	s.publish(t, second, first.ID())
	// The journey, its source, the record of the release and the pointer.
	if *writes != 4 {
		t.Fatalf("%d writes", *writes)
	}
}

func TestAPartTooLargeForAnItemIsRefused(t *testing.T) {
	// Five texts of signs that JSON writes with six bytes each.
	var b strings.Builder
	for i := range 5 {
		fmt.Fprintf(&b, "offer-%d: {title: {en: Tents}, text: {en: \"%s\"}, url: \"https://shop.example\"}\n", i, strings.Repeat("<", 15_000))
	}
	_, problems := publish.Compile(catalogWith(t, change{"offers.yaml", "", b.String()}))
	want := "offers.yaml:1:1: this takes 439 KB in the release (a part has 350 KB at most: shorten it)"
	if len(problems) != 1 || problems[0].String() != want {
		t.Fatalf("%v", problems)
	}
}

func TestAPartThatIsGoneIsNamed(t *testing.T) {
	ctx := context.Background()
	s, c := newStack(), compiled(t)
	s.publish(t, c, "")
	page, err := s.store.Query(ctx, flow.Query{Table: item.Catalog, PK: item.PKCatalog, Prefix: item.PrefixPart})
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range page.Items {
		if err := s.store.Write(ctx, flow.Delete(it.Key, flow.Any)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Live(ctx); err == nil || !strings.Contains(err.Error(), "is gone") {
		t.Fatalf("error %v", err)
	}
}
