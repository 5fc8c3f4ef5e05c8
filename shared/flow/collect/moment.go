package collect

import (
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/flow"
)

const (
	// maxSkew is what a device's clock may be wrong by without being corrected.
	maxSkew = 10 * time.Minute
	// maxDrift is how far the time in a key may lie from the corrected one;
	// readers search that much wider.
	maxDrift = 24 * time.Hour
)

// epoch0 is before every clock that was ever set: an older time comes from a
// device that does not know the date.
var epoch0 = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// moment is when a call's fact happened, and how its retries are recognised.
//
// An SDK repeats messageId and timestamp whatever else changes, so they make the
// fact's key: the second attempt finds it taken. Where the key can't hold that
// time, because there is none or readers would not find it there, an ID# item
// remembers the messageId instead. Attempts may differ in which of both they do
// (a device's clock is set right between them), so one that writes the guard
// checks the plain key, and one that writes the plain key checks the guard, unless
// the call is so fresh that no earlier attempt can have been corrected by a day.
type moment struct {
	own   time.Time // the caller's; zero: none that can be trusted
	key   time.Time // in the sort key
	at    int64     // ms, corrected
	guard bool      // write ID#, and check the plain key
	aged  bool      // check ID#
	wrong string    // what was wrong with the caller's time; "" = nothing
}

// What can be wrong with a time.
const (
	absent  = "absent"
	ancient = "ancient"
	future  = "future"
	skewed  = "skewed"
)

// said is what a call says about its time.
type said struct {
	own    time.Time // zero: nothing
	sentAt time.Time
	id     bool // it has an id of its own, so that its retries can be told
}

func saidBy(c *events.Call) said {
	own := c.Timestamp.Time
	if own.IsZero() {
		own = c.OriginalTimestamp.Time
	}
	return said{own: own, sentAt: c.SentAt.Time, id: c.MessageID != ""}
}

// moment reads the times of a call that arrived at now.
func (s *Service) moment(t said, src Source, now time.Time) moment {
	var skew time.Duration
	if !t.sentAt.IsZero() && !src.Played && !src.Import {
		skew = now.Sub(t.sentAt)
	}
	m := timing(t.own, skew, now)
	if m.wrong != "" {
		s.Metrics.Count(metricTimes, 1, flow.Dim{Name: "wrong", Value: m.wrong})
	}
	if !t.id {
		m.guard, m.aged = false, false // each call is new
	}
	if src.Import {
		m.aged = false // never corrected, so never guarded
	}
	return m
}

// timing decides, and says what was wrong with the time.
func timing(own time.Time, skew time.Duration, now time.Time) moment {
	now, own = now.UTC().Truncate(time.Millisecond), own.UTC().Truncate(time.Millisecond)
	at, wrong := own, ""
	if !own.IsZero() && skew.Abs() > maxSkew {
		at, wrong = own.Add(skew), skewed
	}
	switch {
	case own.IsZero():
		return moment{key: now, at: now.UnixMilli(), guard: true, wrong: absent}
	case at.Before(epoch0):
		return moment{own: own, key: now, at: now.UnixMilli(), guard: true, wrong: ancient}
	case at.After(now):
		if at.Sub(now) > maxSkew {
			wrong = future
		}
		at = now // nothing has happened yet that will
	}
	m := moment{own: own, key: own, at: at.UnixMilli(), wrong: wrong}
	if own.Sub(at).Abs() > maxDrift {
		m.key, m.guard = at, true
	} else {
		m.aged = now.Sub(own).Abs() > maxSkew
	}
	return m
}
