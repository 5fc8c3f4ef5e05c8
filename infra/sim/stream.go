package sim

import (
	"context"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow/delivery"
)

// stream is the table's stream as one consumer gets it: through the deployed
// filter patterns, at least once, in order per item and in no other order, each
// record as late as the seed likes.
type stream struct {
	w        *World
	consumer delivery.Consumer
	filter   *delivery.Filter
	lag      time.Duration
	waiting  map[item.Key][]item.Change // of items whose earlier record is under way
	late     map[item.Key]bool          // of items one of whose records is under way
}

func newStreams(w *World) [2]*stream {
	var streams [2]*stream
	for i, c := range delivery.Consumers {
		filter, err := delivery.NewFilter(delivery.For(c)...)
		if err != nil {
			panic(err)
		}
		streams[i] = &stream{w: w, consumer: c, filter: filter, waiting: map[item.Key][]item.Change{}, late: map[item.Key]bool{}}
		// Unequal lag of the two: now and then one of them is far behind.
		if w.rng.IntN(4) == 0 {
			streams[i].lag = w.some(20 * time.Minute)
		}
	}
	return streams
}

// take lets in a change of the log.
func (s *stream) take(c item.Change) {
	if !s.filter.PassesChange(&c) {
		return
	}
	if s.late[c.Key] {
		s.waiting[c.Key] = append(s.waiting[c.Key], c)
		return
	}
	s.plan(c)
}

// recoverable are the records whose loss Kesher mends by itself: what is due is
// found in the index.
func recoverable(k item.Key) bool {
	return strings.HasPrefix(k.SK, item.PrefixRun) || strings.HasPrefix(k.SK, item.PrefixMsg)
}

// plan sets the first delivery of an item's next record.
func (s *stream) plan(c item.Change) {
	w := s.w
	s.late[c.Key] = true
	possible := []Fault{Repeated, RepeatedLate, Overtaken}
	if recoverable(c.Key) {
		possible = append(possible, RecordLost)
	}
	delay := w.some(s.lag/2) + s.lag/2 + w.some(300*time.Millisecond)
	if w.calm {
		delay = 100 * time.Millisecond
	}
	switch w.strikes(possible...) {
	case Repeated:
		apart := 300 * time.Millisecond // two workers at once, or one after the other
		if w.rng.IntN(2) == 0 {
			apart = time.Minute
		}
		w.later(w.now.Add(delay+w.some(apart)), func() { s.deliver(c, false) })
	case RepeatedLate:
		w.later(w.now.Add(14*24*time.Hour+w.some(time.Hour)), func() { s.deliver(c, false) })
	case Overtaken:
		delay += w.some(20 * time.Minute)
		if w.rng.IntN(3) == 0 {
			delay += w.some(14 * time.Hour)
		}
	case RecordLost:
		w.result.Reached[MovedWithoutRecord]++
		s.next(c.Key)
		return
	}
	w.later(w.now.Add(delay), func() { s.deliver(c, true) })
}

// next lets the item's next record come.
func (s *stream) next(key item.Key) {
	delete(s.late, key)
	if rest := s.waiting[key]; len(rest) > 0 {
		s.waiting[key] = rest[1:]
		s.plan(rest[0])
	}
}

// deliver invokes the consumer with one record. first says that the item's later
// records wait for this one; a copy that comes again holds up nobody.
func (s *stream) deliver(c item.Change, first bool) {
	w := s.w
	customer, _ := item.CustomerOf(c.Key.PK)
	run := func(ctx context.Context, i *instance) error {
		c := i.read(c)
		if w.bytes {
			return i.record(ctx, s.consumer, c)
		}
		if s.consumer == delivery.Deliver {
			return i.deliver.Work(ctx, c)
		}
		defer i.journey.Done(ctx)
		return i.journey.Work(ctx, c)
	}
	t := w.spawn(string(s.consumer)+" "+c.Key.SK, customer, run, func(err error) {
		switch {
		case err == nil && first:
			s.next(c.Key)
		case err != nil && first:
			w.watch.failed(customer, c.Key.SK, err)
			w.later(w.now.Add(time.Second+w.some(30*time.Second)), func() { s.deliver(c, true) })
		}
	})
	t.again = func() { s.deliver(c, false) }
}
