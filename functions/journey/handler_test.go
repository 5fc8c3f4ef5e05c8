package journey_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/kesher-io/kesher/functions/journey"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/advance"
	"github.com/kesher-io/kesher/shared/flow/emit"
	"github.com/kesher-io/kesher/shared/flow/faults"
	"github.com/kesher-io/kesher/shared/flow/insights"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

type releases struct{ err error }

func (r releases) Live(context.Context) (*release.Release, error) { return &release.Release{}, r.err }
func (r releases) Get(context.Context, string) (*release.Release, error) {
	return &release.Release{}, r.err
}

// opted is a release that opted in one event.
type opted string

func (o opted) Live(context.Context) (*release.Release, error) {
	return &release.Release{Plan: &plan.Plan{}, Settings: &plan.Settings{Emit: []string{string(o)}}}, nil
}

func (o opted) Get(ctx context.Context, _ string) (*release.Release, error) { return o.Live(ctx) }

func newHandler(rels flow.Releases) (*journey.Handler, *faults.Service, *memstore.Store) {
	clock := fake.NewClock(time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC))
	store, tokens := memstore.New(clock.NowOf), fake.NewTokens(1)
	set := &faults.Service{Store: store, Clock: clock, Tokens: tokens}
	log := slog.New(slog.DiscardHandler)
	return &journey.Handler{
		Runs:   &advance.Service{Store: store, Clock: clock, Tokens: tokens, Releases: rels, Log: log},
		Faults: set, Counts: &insights.Counter{Store: store}, Log: log,
	}, set, store
}

func change(sk, body string, format int) item.Change {
	it := &item.Item{Key: item.C("abc", sk), V: 3, W: "w", F: format, Body: body}
	return item.Change{Key: it.Key, New: it}
}

// J19: poison becomes a FAULT item, and the shard goes on; a retry tells the
// record again and strikes the fault off.
func TestJ19PoisonIsSetAsideAndRetryHealsIt(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]item.Change{
		"unreadable":  change("EVENT#x#y#z", "{", 1),
		"of tomorrow": change("EVENT#x#y#z", "{}", item.Format+1),
	} {
		t.Run(name, func(t *testing.T) {
			h, set, store := newHandler(releases{})
			if err := store.Write(ctx, flow.Put(*c.New, flow.Absent)); err != nil {
				t.Fatal(err)
			}
			if err := h.Work(ctx, c); err != nil {
				t.Fatalf("poison stops the shard: %v", err)
			}
			list, err := set.List(ctx)
			if err != nil || len(list) != 1 || list[0].Key != c.Key || list[0].V != 3 || list[0].Reason == "" {
				t.Fatalf("faults %+v (%v)", list, err)
			}
			told := len(store.Changes())
			if err := set.Retry(ctx, c.Key); err != nil {
				t.Fatal(err)
			}
			if again := store.Changes()[told:]; again[0].Key != c.Key || again[0].New.V != 4 {
				t.Fatalf("the record is not told again: %+v", again)
			}
			if list, _ := set.List(ctx); len(list) != 0 {
				t.Fatalf("the fault stays: %+v", list)
			}
		})
	}
}

func TestWhatMayPassIsTriedAgain(t *testing.T) {
	h, set, _ := newHandler(releases{err: flow.ErrNoRelease})
	if err := h.Work(context.Background(), change("EVENT#x#y#z", "{}", 1)); !errors.Is(err, flow.ErrNoRelease) {
		t.Fatalf("err %v", err)
	}
	if list, _ := set.List(context.Background()); len(list) != 0 {
		t.Fatalf("set aside: %+v", list)
	}
}

// bus refuses events as long as it is down.
type bus struct {
	down error
	told []flow.Emitted
}

func (b *bus) Emit(_ context.Context, events ...flow.Emitted) error {
	if b.down == nil {
		b.told = append(b.told, events...)
	}
	return b.down
}

func TestAnEventThatTheBusDidNotTakeComesAgain(t *testing.T) {
	rels := opted(fact.MessageSkipped)
	h, set, store := newHandler(rels)
	b := &bus{down: errors.New("1 events could not be put: InternalFailure")}
	h.Outside = &emit.Service{Store: store, Releases: rels, Emitter: b}
	c := change("EVENT#Message Skipped#y#z", `{"n":"Message Skipped","i":"z","p":{"reason":"cap"}}`, 1)
	if err := h.Work(context.Background(), c); !errors.Is(err, b.down) {
		t.Fatalf("err %v", err)
	}
	if list, _ := set.List(context.Background()); len(list) != 0 {
		t.Fatalf("set aside: %+v", list)
	}
	b.down = nil
	if err := h.Work(context.Background(), c); err != nil || len(b.told) != 1 || b.told[0].Detail["reason"] != "cap" {
		t.Fatalf("told %+v (%v)", b.told, err)
	}
}

func TestAPanicIsOneRecordsAlone(t *testing.T) {
	h, set, _ := newHandler(releases{})
	h.Runs = nil
	if err := h.Work(context.Background(), change("EVENT#x#y#z", "{}", 1)); err != nil {
		t.Fatal(err)
	}
	if list, _ := set.List(context.Background()); len(list) != 1 {
		t.Fatalf("faults %+v", list)
	}
}
