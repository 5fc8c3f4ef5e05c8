package pump

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/local/embedded"
)

// memoryLog is a Log of which tests know every change.
type memoryLog struct {
	mu        sync.Mutex
	records   []embedded.Record
	erased    map[uint64]bool
	more      chan struct{}
	positions map[string]uint64
}

func newLog() *memoryLog {
	return &memoryLog{erased: map[uint64]bool{}, more: make(chan struct{}), positions: map[string]uint64{}}
}

// add logs the insertion of one item and says where.
func (l *memoryLog) add(customer, sk string) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := uint64(len(l.records) + 1)
	it := &item.Item{Key: item.C(customer, sk), V: 1, W: "w", F: 1}
	change := item.Change{Seq: embedded.Sequence(n), Key: it.Key, New: it}
	l.records = append(l.records, embedded.Record{N: n, At: time.Now(), Change: change})
	close(l.more)
	l.more = make(chan struct{})
	return n
}

func (l *memoryLog) Tail() (uint64, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.records)), l.more
}

func (l *memoryLog) Changes(after uint64, limit int) ([]embedded.Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []embedded.Record
	for _, r := range l.records[min(int(after), len(l.records)):] {
		if len(found) < limit && !l.erased[r.N] {
			found = append(found, r)
		}
	}
	return found, nil
}

func (l *memoryLog) Position(consumer string) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.positions[consumer]
}

func (l *memoryLog) SetPosition(consumer string, n uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.positions[consumer] = n
	return nil
}

// function notes every call and answers what the test says.
type function struct {
	mu     sync.Mutex
	calls  []call
	answer func(ctx context.Context, c call) (string, error) // nil: success
}

// call is one call: when it came and the sort keys of its records.
type call struct {
	after time.Duration // since the test began
	keys  []string
	event events.StreamEvent
}

func (c call) String() string { return strings.Join(c.keys, " ") }

// has says whether the call holds the record.
func (c call) has(key string) bool { return c.at(key) >= 0 }

func (c call) at(key string) int {
	for i, k := range c.keys {
		if k == key {
			return i
		}
	}
	return -1
}

// failing is the answer that reports these records.
func (c call) failing(keys ...string) string {
	var failures []string
	for _, key := range keys {
		seq := c.event.Records[c.at(key)].DynamoDB.SequenceNumber
		failures = append(failures, fmt.Sprintf(`{"itemIdentifier":%q}`, seq))
	}
	return `{"batchItemFailures":[` + strings.Join(failures, ",") + `]}`
}

// began is when a test in a synctest bubble begins.
var began = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (f *function) call(ctx context.Context, payload []byte) ([]byte, error) {
	event, err := events.ReadStream(payload)
	if err != nil {
		return nil, err
	}
	c := call{after: time.Since(began), event: event}
	for _, r := range event.Records {
		c.keys = append(c.keys, r.DynamoDB.Keys["sk"].Text)
	}
	f.mu.Lock()
	f.calls = append(f.calls, c)
	answer := f.answer
	f.mu.Unlock()
	if answer == nil {
		return nil, nil
	}
	text, err := answer(ctx, c)
	return []byte(text), err
}

// made are the calls so far.
func (f *function) made() []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// seen are the calls so far, their records joined.
func (f *function) seen() string {
	var all []string
	for _, c := range f.made() {
		all = append(all, c.String())
	}
	return strings.Join(all, " | ")
}

// inBubble runs a test whose time passes only when everything waits.
func inBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

func silent() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// start starts a pump with one consumer, and stops it when the test ends.
func start(t *testing.T, log Log, f *function, m Mapping, opts Options) *Pump {
	t.Helper()
	m.Consumer, m.Function = "journey", f.call
	opts.Log = silent()
	if opts.Failures == "" {
		opts.Failures = t.TempDir()
	}
	p, err := Start(log, []Mapping{m}, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, p) })
	return p
}

func stop(t *testing.T, p *Pump) {
	t.Helper()
	if err := p.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func drain(t *testing.T, p *Pump) {
	t.Helper()
	if err := p.Drain(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func wantSeen(t *testing.T, f *function, want string) {
	t.Helper()
	if got := f.seen(); got != want {
		t.Fatalf("delivered %q, want %q", got, want)
	}
}

func wantPosition(t *testing.T, log Log, want uint64) {
	t.Helper()
	if got := log.Position("journey"); got != want {
		t.Fatalf("the position is %d, want %d", got, want)
	}
}
