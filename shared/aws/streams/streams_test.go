package streams_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/aws/streams"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow/delivery"
)

// payload is a batch with one record per customer named, numbered from 1.
func payload(customers ...string) []byte {
	var e events.StreamEvent
	for i, customer := range customers {
		n := fmt.Sprint(i + 1)
		it := &item.Item{Key: item.C(customer, "EVENT#"+n), V: 1, W: "w", F: 1, Body: `{"n":` + n + `}`}
		change := item.Change{Seq: "70000000000088874700" + n, Key: it.Key, New: it}
		e.Records = append(e.Records, delivery.RecordOf(change, time.Unix(1_795_514_400, 0)))
	}
	return e.Append(nil)
}

// worker notes what it worked and fails where it is told to.
type worker struct {
	mu     sync.Mutex
	worked []string
	fails  map[string]error // by sort key
}

func (w *worker) work(_ context.Context, c item.Change) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.worked = append(w.worked, c.Key.PK+"/"+c.Key.SK)
	return w.fails[c.Key.SK]
}

func invoke(t *testing.T, ctx context.Context, w *worker, opts streams.Options, customers ...string) string {
	t.Helper()
	answer, err := streams.Handler(w.work, opts)(ctx, payload(customers...))
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

const (
	success   = `{"batchItemFailures":[]}`
	failureAt = `{"batchItemFailures":[{"itemIdentifier":"70000000000088874700%d"}]}`
)

var errBroken = errors.New("broken")

func TestBatchWithoutFailureAnswersAnEmptyList(t *testing.T) {
	w := &worker{}
	if got := invoke(t, context.Background(), w, streams.Options{}, "a", "b", "a"); got != success {
		t.Fatalf("answered %s", got)
	}
	slices.Sort(w.worked)
	if got := strings.Join(w.worked, " "); got != "C#a/EVENT#1 C#a/EVENT#3 C#b/EVENT#2" {
		t.Fatalf("worked %s", got)
	}
}

func TestOneCustomersRecordsAreWorkedInOrder(t *testing.T) {
	w := &worker{}
	invoke(t, context.Background(), w, streams.Options{}, "a", "b", "a", "b", "a")
	last := map[string]string{}
	for _, worked := range w.worked {
		customer, sk, _ := strings.Cut(worked, "/")
		if sk <= last[customer] {
			t.Fatalf("%s came after %s", worked, last[customer])
		}
		last[customer] = sk
	}
}

func TestCustomersAreWorkedInParallel(t *testing.T) {
	var together sync.WaitGroup
	together.Add(3)
	work := func(context.Context, item.Change) error {
		together.Done()
		together.Wait() // returns only when all three have begun
		return nil
	}
	if _, err := streams.Handler(work, streams.Options{Parallel: 3})(context.Background(), payload("a", "b", "c")); err != nil {
		t.Fatal(err)
	}
}

func TestNoMoreCustomersThanAllowedAreWorkedAtOnce(t *testing.T) {
	var mu sync.Mutex
	busy, most := 0, 0
	add := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		busy += n
		most = max(most, busy)
	}
	work := func(context.Context, item.Change) error {
		add(1)
		defer add(-1)
		return nil
	}
	handler := streams.Handler(work, streams.Options{Parallel: 2})
	if _, err := handler(context.Background(), payload("a", "b", "c", "d", "e")); err != nil || most > 2 {
		t.Fatalf("%d at once, %v", most, err)
	}
}

func TestLowestFailureIsAnswered(t *testing.T) {
	w := &worker{fails: map[string]error{"EVENT#2": errBroken, "EVENT#4": errBroken}}
	got := invoke(t, context.Background(), w, streams.Options{}, "a", "b", "c", "d")
	if want := fmt.Sprintf(failureAt, 2); got != want {
		t.Fatalf("answered %s, want %s", got, want)
	}
}

// What stands before the lowest failure is not delivered again, so it has to be
// worked; what stands behind it comes again, so it is not begun.
func TestEverythingBeforeTheFailureIsWorkedAndNothingBehind(t *testing.T) {
	w := &worker{fails: map[string]error{"EVENT#3": errBroken}}
	got := invoke(t, context.Background(), w, streams.Options{Parallel: 1}, "a", "b", "a", "b", "c", "a")
	if want := fmt.Sprintf(failureAt, 3); got != want {
		t.Fatalf("answered %s, want %s", got, want)
	}
	if got := strings.Join(w.worked, " "); got != "C#a/EVENT#1 C#a/EVENT#3 C#b/EVENT#2" {
		t.Fatalf("worked %s", got)
	}
}

func TestFailureIsTold(t *testing.T) {
	w := &worker{fails: map[string]error{"EVENT#1": errBroken}}
	var told []string
	opts := streams.Options{Failed: func(_ context.Context, c item.Change, err error) {
		told = append(told, c.Key.SK+": "+err.Error())
	}}
	invoke(t, context.Background(), w, opts, "a")
	if len(told) != 1 || told[0] != "EVENT#1: broken" {
		t.Fatalf("told %v", told)
	}
}

func TestNoRecordIsBegunNearTheDeadline(t *testing.T) {
	ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(time.Minute))
	defer cancel()
	w := &worker{}
	got := invoke(t, ctx, w, streams.Options{Reserve: 2 * time.Minute}, "a", "b")
	if want := fmt.Sprintf(failureAt, 1); got != want || len(w.worked) > 0 {
		t.Fatalf("answered %s, worked %v", got, w.worked)
	}
}

func TestPanicIsTheFailureOfItsRecordAlone(t *testing.T) {
	var told error
	work := func(_ context.Context, c item.Change) error {
		if c.Key.SK == "EVENT#2" {
			panic("dana@shop.example")
		}
		return nil
	}
	opts := streams.Options{Failed: func(_ context.Context, _ item.Change, err error) { told = err }}
	answer, err := streams.Handler(work, opts)(context.Background(), payload("a", "b"))
	if err != nil || string(answer) != fmt.Sprintf(failureAt, 2) {
		t.Fatalf("answered %s, %v", answer, err)
	}
	if told == nil || strings.Contains(told.Error(), "dana") {
		t.Fatalf("told %v", told)
	}
}

func TestMalformedPayloadFailsTheInvocation(t *testing.T) {
	for _, payload := range []string{"", "{", `{"Records":[{"eventName":"INSERT"}]}`} {
		if answer, err := streams.Handler((&worker{}).work, streams.Options{})(context.Background(), []byte(payload)); err == nil {
			t.Errorf("%q was answered with %s", payload, answer)
		}
	}
}

func TestRecordThatIsNoItemFailsAlone(t *testing.T) {
	broken := strings.Replace(string(payload("a", "b")), `"v":{"N":"1"}`, `"v":{"N":"1.5"}`, 1)
	w := &worker{}
	answer, err := streams.Handler(w.work, streams.Options{})(context.Background(), []byte(broken))
	if err != nil || string(answer) != fmt.Sprintf(failureAt, 1) {
		t.Fatalf("answered %s, %v", answer, err)
	}
}

// BenchmarkRecord is the part of QUALITY's budget for one stream record that is
// not the decision: decode, hand over, encode the answer.
func BenchmarkRecord(b *testing.B) {
	customers := make([]string, 100)
	for i := range customers {
		customers[i] = fmt.Sprintf("%032x", i)
	}
	batch := payload(customers...)
	handler := streams.Handler(func(context.Context, item.Change) error { return nil }, streams.Options{})
	b.ReportAllocs()
	for n := 0; n < b.N; n += len(customers) {
		if _, err := handler(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	}
}
