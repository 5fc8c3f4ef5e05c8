// Package pump is Lambda's event source mapping on one machine: it reads the
// change log of shared/local/embedded and calls the functions with the bytes
// that Lambda would send them. What it keeps of Lambda's semantics each test of
// the package states (Lambda developer guide, "How Lambda processes records from
// stream and queue-based event sources", "Configuring partial batch response with
// DynamoDB and Lambda", "Control which events Lambda sends to your function").
// It knows nothing of what the functions do.
package pump

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/kesher-io/kesher/shared/flow/delivery"
	"github.com/kesher-io/kesher/shared/local/embedded"
)

// Log is the change log that is read: an *embedded.Store.
type Log interface {
	// Tail is the place of the newest change, and a channel that is closed as
	// soon as there is a newer one.
	Tail() (last uint64, more <-chan struct{})
	// Changes reads at most limit changes after a place, in order.
	Changes(after uint64, limit int) ([]embedded.Record, error)
	// Position is how far a consumer has come; SetPosition notes it.
	Position(consumer string) uint64
	SetPosition(consumer string, n uint64) error
}

var _ Log = (*embedded.Store)(nil)

// Function is a function's handler: an event's bytes in, its answer's out.
type Function func(ctx context.Context, payload []byte) ([]byte, error)

// Mapping maps the log to one function, as AWS::Lambda::EventSourceMapping does.
type Mapping struct {
	Consumer string // names the checkpoint and the failures
	Function Function
	Patterns []delivery.Pattern // a record that matches none is passed over

	BatchSize       int           // records in a batch at most; 0 is 100
	Window          time.Duration // how long a batch may wait to be filled
	Parallelization int           // batches of one shard at the same time, 1 to 10; 0 is 1
	MaxAge          time.Duration // older records are given up; 0: never
	MaxAttempts     int           // calls with a record before it is given up; 0: any number
	Bisect          bool          // a batch that failed as a whole is split in two
	Timeout         time.Duration // of one call; 0 is a minute
}

// Options of Start; the zero value is fit for use, but for Failures.
type Options struct {
	// Failures is the folder for records that were given up, one file for each
	// batch, with the payload. It is made when needed.
	Failures string
	// Shards is how many parts the log is read in; all changes of one partition
	// key are in one. 0 is 4.
	Shards int
	// Backoff is the pause before another attempt, the first being 1; nil doubles
	// it from 100 ms to a minute.
	Backoff func(attempt int) time.Duration
	// Memory is how many bytes of waiting records each consumer keeps; beyond,
	// records are read from the log again when their turn comes. 0 is 32 MB.
	Memory int
	// Log gets what failed; nil is slog's default.
	Log *slog.Logger
}

// Pump is a number of mappings at work.
type Pump struct {
	log       Log
	consumers []*consumer

	stopping   chan struct{} // closed: begin nothing more
	stopOnce   sync.Once
	running    sync.WaitGroup
	calls      context.Context // of all function calls
	abortCalls context.CancelFunc

	mu    sync.Mutex
	moved chan struct{} // closed when a consumer's position has moved
}

// Start begins to read each mapping's changes where its consumer stopped.
func Start(log Log, mappings []Mapping, opts Options) (*Pump, error) {
	p := &Pump{log: log, stopping: make(chan struct{}), moved: make(chan struct{})}
	for _, m := range mappings {
		filter, err := delivery.NewFilter(m.Patterns...)
		if err == nil && opts.Failures == "" && (m.MaxAge > 0 || m.MaxAttempts > 0) {
			err = errors.New("records may be given up, but there is no folder for them")
		}
		if err != nil {
			return nil, fmt.Errorf("consumer %s: %w", m.Consumer, err)
		}
		p.consumers = append(p.consumers, newConsumer(p, withMappingDefaults(m), filter, withDefaults(opts)))
	}
	p.calls, p.abortCalls = context.WithCancel(context.Background())
	for _, c := range p.consumers {
		c.start()
	}
	return p, nil
}

func withDefaults(opts Options) Options {
	if opts.Shards == 0 {
		opts.Shards = 4
	}
	if opts.Backoff == nil {
		opts.Backoff = backoff
	}
	if opts.Memory == 0 {
		opts.Memory = 32 << 20
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	return opts
}

func withMappingDefaults(m Mapping) Mapping {
	if m.BatchSize == 0 {
		m.BatchSize = 100
	}
	if m.Parallelization == 0 {
		m.Parallelization = 1
	}
	if m.Timeout == 0 {
		m.Timeout = time.Minute
	}
	return m
}

func backoff(attempt int) time.Duration {
	const first, most = 100 * time.Millisecond, time.Minute
	if attempt > 10 {
		return most
	}
	return min(first<<(attempt-1), most)
}

// Drain returns when every consumer has handled every change, those included
// that the functions made meanwhile.
func (p *Pump) Drain(ctx context.Context) error {
	for {
		moved := p.watch()
		if p.idle() {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		case <-p.stopping:
			return errors.New("the pump is stopping")
		}
	}
}

// idle says whether every consumer stands at the end of the log. The end is
// looked up last: what a function has written before it was handled counts.
func (p *Pump) idle() bool {
	least := ^uint64(0)
	for _, c := range p.consumers {
		least = min(least, c.position())
	}
	last, _ := p.log.Tail()
	return least >= last
}

// watch is a channel that is closed when a consumer moves.
func (p *Pump) watch() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.moved
}

func (p *Pump) notify() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.moved)
	p.moved = make(chan struct{})
}

// Stop lets every call in hand end, begins none, and returns; what was not
// handled comes again after the next Start. When ctx ends first, so do the calls.
func (p *Pump) Stop(ctx context.Context) error {
	p.stopOnce.Do(func() { close(p.stopping) })
	stopAborting := context.AfterFunc(ctx, p.abortCalls)
	defer stopAborting()
	p.running.Wait()
	p.abortCalls()
	return ctx.Err()
}
