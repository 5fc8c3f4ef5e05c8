// Package streams is the batch loop of the functions that read the customers
// table's stream: bytes from Lambda in, changes worked, bytes for Lambda out. It
// knows Lambda's partial batch responses and nothing of what the changes mean.
package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow/delivery"
)

// Options of Handler; the zero value is fit for use.
type Options struct {
	// Parallel is how many customers are worked at the same time; 0 is 16.
	Parallel int
	// Reserve is the time before the invocation's deadline from which no record
	// is begun any more; 0 is 5 s.
	Reserve time.Duration
	// Failed is told of every record that failed, and why; nil tells nobody.
	Failed func(ctx context.Context, c item.Change, err error)
	// Done is called when a batch has been worked; nil is not.
	Done func(ctx context.Context)
}

// ErrNoTime is the failure of a record that was not begun because the deadline
// was near.
var ErrNoTime = errors.New("the deadline is near")

// Handler makes a function's handler of work. Customers are worked in parallel,
// one customer's records in order. A record that fails ends its customer's turn.
// The answer names the lowest record that failed or was not begun; from there on
// Lambda delivers everything again, so nothing later is begun either, while
// everything earlier is still worked to its end.
func Handler(work func(ctx context.Context, c item.Change) error, opts Options) func(context.Context, []byte) ([]byte, error) {
	if opts.Parallel == 0 {
		opts.Parallel = 16
	}
	if opts.Reserve == 0 {
		opts.Reserve = 5 * time.Second
	}
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		event, err := events.ReadStream(payload)
		if err != nil {
			return nil, err
		}
		b := &batch{work: work, opts: opts, records: event.Records, failed: len(event.Records)}
		b.run(ctx)
		if opts.Done != nil {
			opts.Done(ctx)
		}
		return json.Marshal(b.response())
	}
}

// batch is one invocation under way.
type batch struct {
	work    func(context.Context, item.Change) error
	opts    Options
	records []events.StreamRecord

	mu     sync.Mutex
	failed int // place of the lowest failure; len(records): none
}

// run works all customers, Parallel at a time, in the order of their first
// records.
func (b *batch) run(ctx context.Context) {
	turns := make(chan []int)
	var wg sync.WaitGroup
	byCustomer := b.byCustomer()
	for range min(b.opts.Parallel, len(byCustomer)) {
		wg.Go(func() {
			for turn := range turns {
				b.workTurn(ctx, turn)
			}
		})
	}
	for _, turn := range byCustomer {
		turns <- turn
	}
	close(turns)
	wg.Wait()
}

// byCustomer are the places of each customer's records.
func (b *batch) byCustomer() [][]int {
	var turns [][]int
	at := map[string]int{}
	for place := range b.records {
		pk := b.records[place].DynamoDB.Keys[item.AttrPK].Text
		n, known := at[pk]
		if !known {
			n = len(turns)
			at[pk] = n
			turns = append(turns, nil)
		}
		turns[n] = append(turns[n], place)
	}
	return turns
}

// workTurn works one customer's records until one fails.
func (b *batch) workTurn(ctx context.Context, places []int) {
	for _, place := range places {
		if b.isBeyondFailure(place) {
			return
		}
		c, err := delivery.ChangeOf(&b.records[place])
		if err == nil {
			err = b.begin(ctx, c)
		}
		if err != nil {
			b.fail(place)
			if b.opts.Failed != nil {
				b.opts.Failed(ctx, c, err)
			}
			return
		}
	}
}

func (b *batch) isBeyondFailure(place int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return place > b.failed
}

func (b *batch) fail(place int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed = min(b.failed, place)
}

// begin works one change if there is time. A panic is that record's failure
// alone; its value is left out unless it is the runtime's, since others may hold
// personal data.
func (b *batch) begin(ctx context.Context, c item.Change) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < b.opts.Reserve {
		return ErrNoTime
	}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case runtime.Error:
			err = fmt.Errorf("panic: %w", p)
		default:
			err = fmt.Errorf("panic with a %T", p)
		}
	}()
	return b.work(ctx, c)
}

func (b *batch) response() events.StreamResponse {
	failures := []events.StreamFailure{}
	if b.failed < len(b.records) {
		failures = append(failures, events.StreamFailure{ItemIdentifier: b.records[b.failed].DynamoDB.SequenceNumber})
	}
	return events.StreamResponse{BatchItemFailures: failures}
}
