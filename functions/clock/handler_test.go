package clock_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	clockfn "github.com/kesher-io/kesher/functions/clock"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/clock"
	"github.com/kesher-io/kesher/shared/flow/faults"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

// runs works an entry by taking it off its list; those of customer bad fail.
type runs struct {
	store *memstore.Store
	mu    sync.Mutex
	seen  map[string]int
}

func (r *runs) Look(ctx context.Context, customer, sk string) error { return r.Due(ctx, customer, sk) }

func (r *runs) Due(ctx context.Context, customer, sk string) error {
	r.mu.Lock()
	r.seen[customer]++
	r.mu.Unlock()
	switch customer {
	case "abad":
		return errors.New("not now")
	case "apanic":
		panic("a run that nobody foresaw")
	}
	return r.store.Write(ctx, flow.Delete(item.C(customer, sk), flow.Any))
}

// A backlog of every shard is worked off in one invocation, more than a page of
// it; what fails keeps nobody else from its turn and stays listed.
func TestABacklogIsWorkedOffAndAFailureBlocksNobody(t *testing.T) {
	ctx := context.Background()
	start := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	c := fake.NewClock(start)
	store := memstore.New(c.NowOf)
	work := &runs{store: store, seen: map[string]int{}}
	put := func(customer string, at time.Time) {
		it := item.Item{Key: item.C(customer, "RUN#x#-"), V: 1, W: "w", F: 1, IK: item.DueList(item.Shard(customer)), IS: item.Time(at), Body: "{}"}
		if err := store.Write(ctx, flow.Put(it, flow.Any)); err != nil {
			t.Fatal(err)
		}
	}
	put("abad", start.Add(-time.Hour)) // the oldest of its shard
	for i := range 300 {
		put("a"+string(rune('A'+i%26))+string(rune('A'+i/26)), start)
		put(string(item.Shards[i%16])+string(rune('a'+i%26))+string(rune('a'+i/26)), start)
	}
	h := &clockfn.Handler{Parallel: 4, Clock: &clock.Service{
		Store: store, Clock: c, Tokens: fake.NewTokens(1), Runs: work, Metrics: fake.NoMetrics{}, Log: slog.New(slog.DiscardHandler),
	}}
	answer, err := h.Handle(ctx, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	var r clockfn.Result
	if err := json.Unmarshal(answer, &r); err != nil || r.Worked != 600 || r.Failed == 0 {
		t.Fatalf("%+v (%v)", r, err)
	}
	left, err := store.Query(ctx, flow.Query{Table: item.Customers, List: "due#a"})
	if err != nil || len(left.Items) != 1 || left.Items[0].PK != "C#abad" {
		t.Fatalf("left %+v (%v)", left.Items, err)
	}
}

// The oldest of a shard may fail for ever, more of them than a page holds, and one
// may panic: whoever stands behind them has his turn all the same.
func TestJ19MoreFailuresThanAPageHoldsBlockNobody(t *testing.T) {
	ctx := context.Background()
	start := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	c := fake.NewClock(start)
	store := memstore.New(c.NowOf)
	work := &runs{store: store, seen: map[string]int{}}
	put := func(customer, sk string, at time.Time) {
		it := item.Item{Key: item.C(customer, sk), V: 1, W: "w", F: 1, IK: "due#a", IS: item.Time(at), Body: "{}"}
		if err := store.Write(ctx, flow.Put(it, flow.Any)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 600 {
		put("abad", fmt.Sprintf("RUN#%d#-", i), start.Add(-time.Hour))
	}
	put("apanic", "RUN#x#-", start.Add(-time.Minute))
	put("agood", "RUN#x#-", start)
	h := &clockfn.Handler{Clock: &clock.Service{
		Store: store, Clock: c, Tokens: fake.NewTokens(1), Runs: work, Metrics: fake.NoMetrics{}, Log: slog.New(slog.DiscardHandler),
	}}
	if _, err := h.Handle(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if work.seen["agood"] != 1 || work.seen["abad"] != 600 || work.seen["apanic"] != 1 {
		t.Fatalf("worked %v", work.seen)
	}
}

// mended fails at every run until somebody mends it.
type mended struct {
	*runs
	done bool
}

func (m *mended) Due(ctx context.Context, customer, sk string) error {
	if !m.done {
		return fmt.Errorf("due: %w", &item.DecodeError{Key: item.C(customer, sk), Err: errors.New("no run")})
	}
	return m.runs.Due(ctx, customer, sk)
}

// Poison that the clock meets minute after minute is one FAULT item; the run stays
// due, so that it moves on once a retry finds it mended.
func TestJ19PoisonThatIsDueIsOneFaultAndRetryHealsIt(t *testing.T) {
	ctx := context.Background()
	c := fake.NewClock(time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC))
	store, tokens := memstore.New(c.NowOf), fake.NewTokens(1)
	run := item.Item{Key: item.C("a1", "RUN#x#-"), V: 3, W: "w", F: 1, E: 2, IK: "due#a", IS: item.Time(c.Now("")), Body: "{}"}
	if err := store.Write(ctx, flow.Put(run, flow.Any)); err != nil {
		t.Fatal(err)
	}
	work := &mended{runs: &runs{store: store, seen: map[string]int{}}}
	set := &faults.Service{Store: store, Clock: c, Tokens: tokens}
	h := &clockfn.Handler{Faults: set, Clock: &clock.Service{
		Store: store, Clock: c, Tokens: tokens, Runs: work, Metrics: fake.NoMetrics{}, Log: slog.New(slog.DiscardHandler),
	}}
	minute := func(want string) {
		t.Helper()
		if answer, err := h.Handle(ctx, nil); err != nil || string(answer) != want {
			t.Fatalf("%s (%v), want %s", answer, err, want)
		}
		c.Advance(time.Minute)
	}
	minute(`{"worked":0,"failed":1}`)
	minute(`{"worked":0,"failed":1}`)
	list, err := set.List(ctx)
	if err != nil || len(list) != 1 || list[0].Key != run.Key || list[0].Consumer != "clock" || list[0].V != 3 {
		t.Fatalf("faults %+v (%v)", list, err)
	}
	stored, err := store.Get(ctx, flow.Strong, item.C("a1", item.FaultSK(run.SK)))
	if err != nil || stored[0].V != 1 || stored[0].E != 2 {
		t.Fatalf("the fault was written %d times, of epoch %d (%v)", stored[0].V, stored[0].E, err)
	}
	work.done = true
	if err := set.Retry(ctx, run.Key); err != nil {
		t.Fatal(err)
	}
	minute(`{"worked":1,"failed":0}`)
	if list, err := set.List(ctx); err != nil || len(list) != 0 || work.seen["a1"] != 1 {
		t.Fatalf("faults %+v, worked %v (%v)", list, work.seen, err)
	}
}

// What may pass by itself is no fault: the next minute tries it again.
func TestWhatMayPassBecomesNoFault(t *testing.T) {
	ctx := context.Background()
	c := fake.NewClock(time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC))
	store, tokens := memstore.New(c.NowOf), fake.NewTokens(1)
	run := item.Item{Key: item.C("abad", "RUN#x#-"), V: 1, W: "w", F: 1, IK: "due#a", IS: item.Time(c.Now("")), Body: "{}"}
	if err := store.Write(ctx, flow.Put(run, flow.Any)); err != nil {
		t.Fatal(err)
	}
	set := &faults.Service{Store: store, Clock: c, Tokens: tokens}
	h := &clockfn.Handler{Faults: set, Clock: &clock.Service{
		Store: store, Clock: c, Tokens: tokens, Runs: &runs{store: store, seen: map[string]int{}}, Metrics: fake.NoMetrics{}, Log: slog.New(slog.DiscardHandler),
	}}
	if answer, err := h.Handle(ctx, nil); err != nil || string(answer) != `{"worked":0,"failed":1}` {
		t.Fatalf("%s (%v)", answer, err)
	}
	if list, err := set.List(ctx); err != nil || len(list) != 0 {
		t.Fatalf("faults %+v (%v)", list, err)
	}
}

// A lagging index lists what was worked a moment ago: it is not worked over and
// over until the index has caught up.
func TestWhatALaggingIndexStillListsIsWorkedOnce(t *testing.T) {
	c := fake.NewClock(time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC))
	store := memstore.New(c.NowOf)
	it := item.Item{Key: item.C("a1", "RUN#x#-"), V: 1, W: "w", F: 1, IK: "due#a", IS: item.Time(c.Now("")), Body: "{}"}
	if err := store.Write(context.Background(), flow.Put(it, flow.Any)); err != nil {
		t.Fatal(err)
	}
	store.HoldIndex(true)
	work := &runs{store: store, seen: map[string]int{}}
	h := &clockfn.Handler{Clock: &clock.Service{Store: store, Clock: c, Tokens: fake.NewTokens(1), Runs: work, Metrics: fake.NoMetrics{}}}
	if _, err := h.Handle(context.Background(), nil); err != nil || work.seen["a1"] != 1 {
		t.Fatalf("worked %d times (%v)", work.seen["a1"], err)
	}
}

// asked counts the queries.
type asked struct {
	*memstore.Store
	mu sync.Mutex
	n  int
}

func (a *asked) Query(ctx context.Context, q flow.Query) (flow.Page, error) {
	a.mu.Lock()
	a.n++
	a.mu.Unlock()
	return a.Store.Query(ctx, q)
}

// A list that was read to its end is not read again, whatever it held: every minute
// of every shard costs two queries.
func TestWhatWasReadToItsEndIsNotReadAgain(t *testing.T) {
	c := fake.NewClock(time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC))
	store := &asked{Store: memstore.New(c.NowOf)}
	it := item.Item{Key: item.C("a1", "RUN#x#-"), V: 1, W: "w", F: 1, IK: "due#a", IS: item.Time(c.Now("")), Body: "{}"}
	if err := store.Write(context.Background(), flow.Put(it, flow.Any)); err != nil {
		t.Fatal(err)
	}
	work := &runs{store: store.Store, seen: map[string]int{}}
	h := &clockfn.Handler{Clock: &clock.Service{Store: store, Clock: c, Tokens: fake.NewTokens(1), Runs: work, Metrics: fake.NoMetrics{}}}
	if answer, err := h.Handle(context.Background(), nil); err != nil || string(answer) != `{"worked":1,"failed":0}` {
		t.Fatalf("%s (%v)", answer, err)
	}
	if want := 2 * len(item.Shards); store.n != want {
		t.Fatalf("%d queries, want %d", store.n, want)
	}
}

// unlisted is a store whose lists can't be read.
type unlisted struct{ *memstore.Store }

func (unlisted) Query(context.Context, flow.Query) (flow.Page, error) {
	return flow.Page{}, flow.ErrThrottled
}

// A minute in which nothing could be read is no quiet minute.
func TestAListThatCantBeReadIsAFailure(t *testing.T) {
	c := fake.NewClock(time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC))
	store := unlisted{memstore.New(c.NowOf)}
	h := &clockfn.Handler{Clock: &clock.Service{Store: store, Clock: c, Tokens: fake.NewTokens(1), Metrics: fake.NoMetrics{}}}
	if answer, err := h.Handle(context.Background(), nil); !errors.Is(err, flow.ErrThrottled) {
		t.Fatalf("%s (%v)", answer, err)
	}
}
