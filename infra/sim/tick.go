package sim

import (
	"context"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
)

// The minute rule. A tick of a shard is planned only for a minute in which
// something is listed as due there, since nothing would happen in the others.

// listed is what the index should list, as the truth has it.
type listed struct {
	list string
	at   time.Time
}

func (l *listed) shard() string { return l.list[strings.IndexByte(l.list, '#')+1:] }

// patience is how long after its time an entry may stand there once faults have
// stopped: a dead worker's lease, and a few minutes.
const patience = 5 * time.Minute

// list keeps the truth of the index and plans the tick that must work a new entry.
func (w *World) list(c *item.Change) {
	if c.New == nil || !clocked(c.New.IK) {
		delete(w.watch.listed, c.Key)
		return
	}
	at, err := time.Parse(item.TimeLayout, c.New.IS)
	if err != nil {
		w.violate("", "%s stands in %s under %q, which is no time", c.Key.SK, c.New.IK, c.New.IS)
		return
	}
	l := &listed{list: c.New.IK, at: at}
	w.watch.listed[c.Key] = l
	w.tick(l.shard(), at)
}

func clocked(list string) bool {
	return strings.HasPrefix(list, "due#") || strings.HasPrefix(list, "look#")
}

// tick plans the shard's tick of the minute in which at lies.
func (w *World) tick(shard string, at time.Time) {
	if at.Before(w.now) {
		at = w.now
	}
	at = at.Truncate(time.Minute).Add(time.Minute)
	if planned, ok := w.ticks[shard]; ok && !planned.After(at) {
		return
	}
	w.ticks[shard] = at
	when := at
	switch w.strikes(TickLate, TickSkipped, TickTwice) {
	case TickLate:
		when = at.Add(w.some(50 * time.Second))
	case TickSkipped:
		when = at.Add(time.Minute + w.some(time.Hour))
	case TickTwice:
		w.later(when.Add(w.some(2*time.Second)), func() { w.clock(shard) })
	}
	w.later(when, func() {
		if w.ticks[shard].Equal(at) {
			delete(w.ticks, shard)
		}
		w.clock(shard)
	})
}

// clock is one worker of the function clock on one shard.
func (w *World) clock(shard string) {
	w.spawn("clock "+shard, "", func(ctx context.Context, i *instance) error {
		_, err := i.clock.Shard(ctx, shard, i.clock.Clock.Clock.Real().Add(lifetime-time.Second))
		return err
	}, func(error) { w.tickAgain(shard) })
}

// tickAgain plans the tick of what is still listed.
func (w *World) tickAgain(shard string) {
	next := time.Time{}
	for key, l := range w.watch.listed {
		if l.shard() != shard {
			continue
		}
		if next.IsZero() || l.at.Before(next) {
			next = l.at
		}
		if w.calm && w.now.Sub(later(l.at, w.watch.calmAt)) > patience {
			w.violate(strings.TrimPrefix(key.PK, item.PrefixCustomer), "%s is due since %s, and nobody works it", key.SK, l.at)
		}
	}
	if !next.IsZero() {
		w.tick(shard, next)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
