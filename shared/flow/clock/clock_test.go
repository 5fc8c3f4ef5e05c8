package clock_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/agenda"
	"github.com/kesher-io/kesher/shared/flow/clock"
	"github.com/kesher-io/kesher/shared/flow/faults"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

var t0 = time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)

type runs struct{ due, looked []string }

func (r *runs) Due(_ context.Context, customer, sk string) error {
	r.due = append(r.due, customer+" "+sk)
	return nil
}

func (r *runs) Look(_ context.Context, customer, sk string) error {
	r.looked = append(r.looked, customer+" "+sk)
	return nil
}

type lateness struct{ seen []time.Duration }

func (l *lateness) Count(string, int64, ...flow.Dim) {}
func (l *lateness) Observe(_ string, d time.Duration, _ ...flow.Dim) {
	l.seen = append(l.seen, d)
}

type bench struct {
	*clock.Service
	store *memstore.Store
	time  *fake.Clock
	runs  *runs
	late  *lateness
}

func newBench() *bench {
	c := fake.NewClock(t0)
	b := &bench{store: memstore.New(c.NowOf), time: c, runs: &runs{}, late: &lateness{}}
	b.Service = &clock.Service{
		Store: b.store, Clock: c, Tokens: fake.NewTokens(1), Runs: b.runs, Metrics: b.late, Log: slog.New(slog.DiscardHandler),
		Chores: map[string]clock.Chore{},
	}
	return b
}

func (b *bench) list(t *testing.T, key item.Key, list string, at time.Time) {
	t.Helper()
	it := item.Item{Key: key, V: 1, W: "w", F: 1, IK: list, IS: item.Time(at), Body: "{}"}
	if err := b.store.Write(context.Background(), flow.Put(it, flow.Any)); err != nil {
		t.Fatal(err)
	}
}

func TestDueAndLooksAreTakenInOrderAndNotBeforeTheirTime(t *testing.T) {
	b := newBench()
	ctx := context.Background()
	b.list(t, item.C("a1", "RUN#x#-"), "due#a", t0)
	b.list(t, item.C("a2", "RUN#x#-"), "due#a", t0.Add(-time.Minute))
	b.list(t, item.C("a3", "RUN#x#-"), "due#a", t0.Add(time.Millisecond))
	b.list(t, item.C("a4", "RUN#x#-"), "look#a", t0)
	b.list(t, item.C("b1", "RUN#x#-"), "due#b", t0)
	entries, _, err := b.Take(ctx, "a", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := b.Fire(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.runs.due) != 2 || b.runs.due[0] != "a2 RUN#x#-" || len(b.runs.looked) != 1 {
		t.Fatalf("due %v looked %v", b.runs.due, b.runs.looked)
	}
	if len(b.late.seen) != 1 || b.late.seen[0] != time.Minute {
		t.Fatalf("lateness %v", b.late.seen)
	}
}

func TestChoresAreDoneWhenDueAndStruckOff(t *testing.T) {
	b := newBench()
	ctx := context.Background()
	w := agenda.Writer{Store: b.store, Tokens: fake.NewTokens(2)}
	for kind, at := range map[string]time.Time{"copies": t0, "pending": t0.Add(time.Hour)} {
		if err := w.Remind(ctx, "a1", 0, kind, at); err != nil {
			t.Fatal(err)
		}
	}
	done := []string{}
	b.Chores["copies"] = func(context.Context, string) error { done = append(done, "copies"); return nil }
	fail := errors.New("later")
	b.Chores["pending"] = func(context.Context, string) error { done = append(done, "pending"); return fail }
	fire := func() error {
		entries, _, err := b.Take(ctx, "a", nil)
		if err != nil || len(entries) == 0 {
			return err
		}
		return b.Fire(ctx, entries[0])
	}
	if err := fire(); err != nil || len(done) != 1 {
		t.Fatalf("%v, done %v", err, done)
	}
	b.time.Advance(time.Hour)
	if err := fire(); !errors.Is(err, fail) {
		t.Fatalf("a failing chore says %v", err)
	}
	fail = nil
	if err := fire(); err != nil {
		t.Fatal(err)
	}
	if a, read, _ := w.Read(ctx, "a1"); len(a) != 0 || read != nil {
		t.Fatalf("agenda %v stays", a)
	}
}

// What panics is told, and never taken for done.
func TestAPanicIsAFailureThatIsTold(t *testing.T) {
	b := newBench()
	var log strings.Builder
	b.Log = slog.New(slog.NewTextHandler(&log, nil))
	b.Chores["copies"] = func(context.Context, string) error { panic("boom") }
	w := agenda.Writer{Store: b.store, Tokens: fake.NewTokens(2)}
	if err := w.Remind(context.Background(), "a1", 0, "copies", t0); err != nil {
		t.Fatal(err)
	}
	entries, _, err := b.Take(context.Background(), "a", nil)
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	var panicked *faults.Panic
	if err := b.Fire(context.Background(), entries[0]); !errors.As(err, &panicked) {
		t.Fatalf("%v", err)
	}
	if !strings.Contains(log.String(), "level=ERROR") || strings.Contains(log.String(), "boom") {
		t.Fatalf("told %q", log.String())
	}
}
