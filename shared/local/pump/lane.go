package pump

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// maxPayload is the largest payload of one call (Lambda quotas, "Invocation
// payload, synchronous").
const maxPayload = 6 << 20

// lane is one shard, or one part of it: its records in order, one batch at a
// time. The queue is guarded by the consumer's mutex; records leave it when they
// have been handled.
type lane struct {
	consumer *consumer
	queue    []*entry
	wake     chan struct{}
}

// batch is records to be delivered together, and how often they have been.
type batch struct {
	entries []*entry
	tries   int
}

func (l *lane) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *lane) run() {
	for {
		entries := l.gather()
		if entries == nil {
			return
		}
		for work := []batch{{entries: entries}}; len(work) > 0; {
			if l.consumer.isStopping() {
				return
			}
			work = l.deliver(work[0], work[1:])
		}
	}
}

// gather waits for a batch: as many records as fit, or what is there when the
// first has waited for the window. It is nil when the pump is stopping.
func (l *lane) gather() []*entry {
	for {
		entries, wait := l.ready()
		if entries != nil {
			return entries
		}
		var due <-chan time.Time
		if wait > 0 {
			due = time.After(wait)
		}
		select {
		case <-l.wake:
		case <-due:
		case <-l.consumer.pump.stopping:
			return nil
		}
	}
}

// ready is the next batch if it is due, else how long to wait for it; 0 when the
// lane is empty.
func (l *lane) ready() ([]*entry, time.Duration) {
	c := l.consumer
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(l.queue) == 0 {
		return nil, 0
	}
	wait := c.Window - time.Since(l.queue[0].queued)
	if len(l.queue) < c.BatchSize && wait > 0 {
		return nil, wait
	}
	size := 0
	for i, e := range l.queue {
		if size += e.size; i == c.BatchSize || i > 0 && size > maxPayload {
			return l.queue[:i:i], 0
		}
	}
	return l.queue[:len(l.queue):len(l.queue)], 0
}

// deliver delivers one batch and says what is left to be delivered: of it, then
// rest.
func (l *lane) deliver(b batch, rest []batch) []batch {
	c := l.consumer
	b.entries = l.dropOld(l.load(b.entries))
	if len(b.entries) == 0 {
		return rest
	}
	b.tries++
	failed, err := l.call(b.entries)
	switch {
	case failed == len(b.entries):
		l.release(b.entries)
		return rest
	case failed == whole && c.Bisect && len(b.entries) > 1:
		// Splitting does not use up an attempt ("Retain discarded records for a
		// DynamoDB event source in Lambda").
		half := len(b.entries) / 2
		return append([]batch{{b.entries[:half], b.tries - 1}, {b.entries[half:], b.tries - 1}}, rest...)
	case failed > 0:
		l.release(b.entries[:failed])
		b = batch{entries: b.entries[failed:], tries: 1}
	}
	if c.MaxAttempts > 0 && b.tries >= c.MaxAttempts {
		l.giveUp(b, "RetryAttemptsExhausted")
		return rest
	}
	c.opts.Log.Warn("pump: a batch failed and will be tried again", "consumer", c.Consumer,
		"records", len(b.entries), "attempt", b.tries, "first", b.entries[0].n, "error", err)
	c.pause(c.opts.Backoff(b.tries))
	return append([]batch{b}, rest...)
}

// load leaves out what has been erased, and has the rest in memory.
func (l *lane) load(entries []*entry) []*entry {
	present := entries[:0:0]
	for _, e := range entries {
		if e.record != nil || l.consumer.fetch(e) {
			present = append(present, e)
		} else {
			l.release([]*entry{e})
		}
	}
	return present
}

// dropOld gives up the records that are too old to be delivered: the first ones,
// since they are in order.
func (l *lane) dropOld(entries []*entry) []*entry {
	old := 0
	for maxAge := l.consumer.MaxAge; maxAge > 0 && old < len(entries) && time.Since(entries[old].at) > maxAge; {
		old++
	}
	if old > 0 {
		l.giveUp(batch{entries: entries[:old]}, "RecordAgeExceeded")
	}
	return entries[old:]
}

// call calls the function and says at which record it failed, len(entries) if at
// none.
func (l *lane) call(entries []*entry) (failed int, err error) {
	c := l.consumer
	ctx, cancel := context.WithTimeout(c.pump.calls, c.Timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil { // whose value may hold personal data
			failed, err = whole, fmt.Errorf("the function panicked with a %T\n%s", p, debug.Stack())
		}
	}()
	answer, err := c.Function(ctx, payloadOf(entries))
	if err != nil {
		return whole, err
	}
	return readAnswer(answer, entries)
}

func payloadOf(entries []*entry) []byte {
	size := 16
	for _, e := range entries {
		size += e.size + 1
	}
	payload := append(make([]byte, 0, size), `{"Records":[`...)
	for i, e := range entries {
		if i > 0 {
			payload = append(payload, ',')
		}
		payload = append(payload, e.record...)
	}
	return append(payload, "]}"...)
}

// release takes records that need no more attention out of the queue. They are
// its first ones; one that has been erased may stand further back.
func (l *lane) release(entries []*entry) {
	if len(entries) == 0 {
		return
	}
	c := l.consumer
	c.settle(func() {
		for _, e := range entries {
			c.held -= len(e.record)
			e.record, e.handled = nil, true
		}
		for len(l.queue) > 0 && l.queue[0].handled {
			l.queue = l.queue[1:]
		}
	})
}

// giveUp puts the batch aside in a file and goes on. While that fails, the batch
// stays where it is: nothing is lost.
func (l *lane) giveUp(b batch, reason string) {
	c := l.consumer
	for attempt := 1; ; attempt++ {
		path, err := writeFailure(c.opts.Failures, c.Consumer, reason, b)
		if err == nil {
			c.opts.Log.Error("pump: records were given up", "consumer", c.Consumer, "reason", reason, "records", len(b.entries), "file", path)
			l.release(b.entries)
			return
		}
		c.opts.Log.Error("pump: records can't be put aside", "consumer", c.Consumer, "error", err)
		if !c.pause(c.opts.Backoff(attempt)) {
			return
		}
	}
}
