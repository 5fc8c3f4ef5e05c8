package sim

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
)

// The minute rule. A tick of a shard happens only in a minute in which something
// is listed as due there, since nothing would happen in the others.

// listed is what the index should list, as the truth has it.
type listed struct {
	list  string
	at    time.Time
	since time.Time
}

func (l *listed) shard() string { return l.list[strings.IndexByte(l.list, '#')+1:] }

// patience is how long an entry may stand there, its time having come, once faults
// have stopped.
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
	l := &listed{list: c.New.IK, at: at, since: w.now}
	w.watch.listed[c.Key] = l
	w.tick(l.shard(), at)
}

func clocked(list string) bool {
	return strings.HasPrefix(list, "due#") || strings.HasPrefix(list, "look#")
}

// tick plans the shard's tick of the minute in which at lies, if it ever comes.
func (w *World) tick(shard string, at time.Time) {
	switch {
	case at.Equal(never):
		return
	case at.Before(w.now):
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
		if next := w.nextDue(shard); w.heldTo.IsZero() && next.After(w.now) {
			w.tick(shard, next) // what was due has been worked, and the index knows
			return
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
	for key, l := range w.watch.listed {
		if w.calm && l.shard() == shard && w.now.Sub(latest(l.at, l.since, w.watch.calmAt)) > patience {
			w.violate(strings.TrimPrefix(key.PK, item.PrefixCustomer), "%s is due since %s, and nobody works it", key.SK, l.at)
		}
	}
	w.tick(shard, w.nextDue(shard))
}

// nextDue is when the first of what is listed in a shard is due.
func (w *World) nextDue(shard string) time.Time {
	next := never
	for _, l := range w.watch.listed {
		if l.shard() == shard && l.at.Before(next) {
			next = l.at
		}
	}
	return next
}

var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }
