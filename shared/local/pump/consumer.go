package pump

import (
	"hash/fnv"
	"sync"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow/delivery"
	"github.com/kesher-io/kesher/shared/local/embedded"
)

const (
	// readAhead is how many changes are read from the log at a time.
	readAhead = 256
	// arn is the stream's name in every record.
	arn = "arn:aws:dynamodb:local:000000000000:table/customers/stream/local"
)

// consumer is one mapping at work: a reader that filters the log into lanes, and
// the lanes, each with one batch in hand at a time.
type consumer struct {
	Mapping
	opts   Options
	pump   *Pump
	filter *delivery.Filter
	lanes  []*lane

	mu   sync.Mutex
	read uint64 // changes up to here stand in a lane or have been passed over
	held int    // bytes of records in lanes
	done uint64 // changes up to here have been handled

	noting sync.Mutex // held while a position is noted, so that none overtakes
}

// entry is one record in a lane.
type entry struct {
	n       uint64
	at      time.Time // when the change was made
	queued  time.Time
	size    int    // of record
	record  []byte // as it stands in an event; nil: to be read again
	handled bool   // needs no more attention
}

func newConsumer(p *Pump, m Mapping, filter *delivery.Filter, opts Options) *consumer {
	c := &consumer{Mapping: m, opts: opts, pump: p, filter: filter}
	c.read = p.log.Position(m.Consumer)
	c.done = c.read
	for range opts.Shards * m.Parallelization {
		c.lanes = append(c.lanes, &lane{consumer: c, wake: make(chan struct{}, 1)})
	}
	return c
}

func (c *consumer) start() {
	c.pump.running.Go(c.readLog)
	for _, l := range c.lanes {
		c.pump.running.Go(l.run)
	}
}

func (c *consumer) position() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done
}

// readLog hands changes out to the lanes as they come.
func (c *consumer) readLog() {
	at := c.read
	for !c.isStopping() {
		last, more := c.pump.log.Tail()
		if at < last {
			next, err := c.readSome(at, last)
			if err == nil {
				at = next
				continue
			}
			c.opts.Log.Error("pump: the log can't be read", "consumer", c.Consumer, "error", err)
			if !c.pause(c.opts.Backoff(1)) {
				return
			}
			continue
		}
		select {
		case <-more:
		case <-c.pump.stopping:
			return
		}
	}
}

// readSome reads on after a place and says how far it came; there was something
// up to tail.
func (c *consumer) readSome(after, tail uint64) (uint64, error) {
	records, err := c.pump.log.Changes(after, readAhead)
	if err != nil || c.isStopping() {
		return after, err
	}
	last := after
	for i := range records {
		c.hand(&records[i])
		last = records[i].N
	}
	if len(records) == 0 { // what was there up to the tail has been erased; not what came since
		last = tail
	}
	c.settle(func() { c.read = last })
	return last, nil
}

// hand puts the record into its lane if the filter lets it through. Filters come
// before batches: what they hold back never takes a place in one.
func (c *consumer) hand(r *embedded.Record) {
	if !c.filter.PassesChange(&r.Change) {
		return
	}
	l := c.laneOf(r.Key)
	e := &entry{n: r.N, at: r.At, queued: time.Now()}
	bytes := encode(r)
	c.mu.Lock()
	defer c.mu.Unlock()
	e.size = len(bytes)
	if c.held < c.opts.Memory {
		c.keep(e, bytes)
	}
	l.queue = append(l.queue, e)
	l.signal()
}

// encode writes the record as it stands in an event.
func encode(r *embedded.Record) []byte {
	record := delivery.RecordOf(r.Change, r.At)
	record.EventSourceARN = arn
	const around = 1024 // bytes that JSON adds, nearly always
	return record.Append(make([]byte, 0, record.DynamoDB.SizeBytes+around))
}

// keep has the record in memory. The mutex is held.
func (c *consumer) keep(e *entry, record []byte) {
	e.record = record
	c.held += len(record)
}

// laneOf is the lane of an item: the shard by its partition key, and within it
// one of Parallelization by the whole key, so that one item's changes stay in
// order.
func (c *consumer) laneOf(k item.Key) *lane {
	shard := hash(k.PK) % uint32(c.opts.Shards)
	part := hash(k.PK, "\x00", k.SK) % uint32(c.Parallelization)
	return c.lanes[int(shard)*c.Parallelization+int(part)]
}

func hash(parts ...string) uint32 {
	h := fnv.New32a()
	for _, part := range parts {
		h.Write([]byte(part)) // a hash never fails
	}
	return h.Sum32()
}

// settle makes a change to what is waiting, and notes and tells how far the
// consumer has come by it.
func (c *consumer) settle(change func()) {
	c.mu.Lock()
	change()
	done := c.read
	for _, l := range c.lanes {
		if len(l.queue) > 0 {
			done = min(done, l.queue[0].n-1)
		}
	}
	moved := done > c.done
	c.done = max(c.done, done)
	c.mu.Unlock()
	if moved {
		c.note()
		c.pump.notify()
	}
}

// note keeps the position in the log.
func (c *consumer) note() {
	c.noting.Lock()
	defer c.noting.Unlock()
	if err := c.pump.log.SetPosition(c.Consumer, c.position()); err != nil {
		c.opts.Log.Error("pump: the position can't be kept; changes will come again", "consumer", c.Consumer, "error", err)
	}
}

func (c *consumer) isStopping() bool {
	select {
	case <-c.pump.stopping:
		return true
	default:
		return false
	}
}

// pause waits; false: the pump is stopping.
func (c *consumer) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.pump.stopping:
		return false
	}
}

// fetch reads a record again from the log; false: it has been erased.
func (c *consumer) fetch(e *entry) bool {
	records, err := c.pump.log.Changes(e.n-1, 1)
	if err != nil || len(records) == 0 || records[0].N != e.n {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(e, encode(&records[0]))
	return true
}
