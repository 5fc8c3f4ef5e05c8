package publish

import (
	"fmt"
	"time"

	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/plan"
)

// Bound is the most messages that one customer can get from the catalog's
// journeys, in a local calendar day and in seven of them (J21). Mails that she
// asks for herself (confirmations, links, the messages API) come on top.
type Bound struct {
	PerDay, PerWeek Limit
}

// Limit is a number of messages; Unbounded when nothing limits it.
type Limit struct {
	Messages  int
	Unbounded bool
}

// The longest local day and week: clocks are set back by an hour at most twice
// a year, never twice in a week.
const (
	longestDay  = 25 * time.Hour
	longestWeek = 7*24*time.Hour + time.Hour
)

// String is the line that check prints. A day has no more than a week, so both
// are unbounded or neither is.
func (b Bound) String() string {
	if b.PerWeek.Unbounded {
		return "nothing limits how many messages one customer gets (set `again` in the journeys, or caps in settings.yaml, which service does not know)"
	}
	messages := "messages"
	if b.PerDay.Messages == 1 {
		messages = "message"
	}
	return fmt.Sprintf("at most %d %s a day and %d a week for one customer", b.PerDay.Messages, messages, b.PerWeek.Messages)
}

func (l Limit) plus(m Limit) Limit {
	return Limit{Messages: l.Messages + m.Messages, Unbounded: l.Unbounded || m.Unbounded}
}

func (l Limit) capped(limit int) Limit {
	if limit > 0 && (l.Unbounded || l.Messages > limit) {
		return Limit{Messages: limit}
	}
	return l
}

// bound adds up the journeys, under the caps, which service does not know.
func (ch *checker) bound() Bound {
	caps := ch.catalog.Settings.Caps
	day := ch.boundIn(longestDay, caps.PerDay)
	week := ch.boundIn(longestWeek, caps.PerWeek)
	if caps.PerDay > 0 {
		week.capped = week.capped.capped(7 * caps.PerDay)
	}
	day.capped = day.capped.capped(caps.PerWeek)
	return Bound{PerDay: day.capped.plus(day.service), PerWeek: week.capped.plus(week.service)}
}

type windowBound struct{ capped, service Limit }

func (ch *checker) boundIn(window time.Duration, limit int) windowBound {
	var b windowBound
	for _, c := range ch.compiled {
		l := journeyLimit(c.def, window)
		if c.def.Purpose == plan.PurposeService {
			b.service = b.service.plus(l)
		} else {
			b.capped = b.capped.plus(l)
		}
	}
	b.capped = b.capped.capped(limit)
	return b
}

// journeyLimit is the most messages of one journey in a window. One run of a
// journey lives at a time, and none sends before its first wait is over. So the
// runs that send in the window are one that lives when it begins, and those that
// begin in it, each as long after the one before as again and the waits demand.
func journeyLimit(def journey.Definition, window time.Duration) Limit {
	most := mostSends(def.Steps)
	switch {
	case most == 0:
		return Limit{}
	case def.Entry.Key != "":
		return Limit{Unbounded: true} // one run for each value of the key
	case def.Entry.Again.Never:
		return Limit{Messages: most}
	}
	first, _ := soonest(def.Steps)
	gap := max(time.Duration(def.Entry.Again.After), first)
	if def.Entry.Again.From == "end" {
		gap = time.Duration(def.Entry.Again.After) + first
	}
	if gap == 0 {
		return Limit{Unbounded: true}
	}
	return Limit{Messages: most * (2 + int(window/gap))}
}

// mostSends is the number of sends on the way that has the most.
func mostSends(steps []journey.Step) int {
	total := 0
	for _, s := range steps {
		switch {
		case s.Send != nil:
			total++
		case s.WaitFor != nil:
			total += max(mostSends(s.WaitFor.Then), mostSends(s.WaitFor.Else))
		default:
			most := 0
			for _, b := range s.Choose {
				most = max(most, mostSends(b.Do))
			}
			total += most
		}
	}
	return total
}

// never is later than any sum of waits that matters here.
const never = 100 * 365 * 24 * time.Hour

// soonest is how soon a run through steps can send, and how soon it can be
// through; never if it can't.
func soonest(steps []journey.Step) (send, through time.Duration) {
	send = never
	for _, s := range steps {
		switch {
		case s.End != nil:
			return send, never
		case s.Wait != nil:
			through += time.Duration(s.Wait.For)
		case s.Send != nil:
			send = min(send, through)
		case s.WaitFor != nil:
			came, cameThrough := soonest(s.WaitFor.Then)
			missed, missedThrough := soonest(s.WaitFor.Else)
			upTo := time.Duration(s.WaitFor.UpTo)
			send = min(send, through+came, through+upTo+missed)
			through += min(cameThrough, upTo+missedThrough)
		case s.Choose != nil:
			branch, branchThrough := soonestBranch(s.Choose)
			send = min(send, through+branch)
			through += branchThrough
		}
		through = min(through, never)
	}
	return send, through
}

func soonestBranch(branches []journey.Branch) (send, through time.Duration) {
	send, through = never, never
	otherwise := false
	for _, b := range branches {
		s, t := soonest(b.Do)
		send, through = min(send, s), min(through, t)
		otherwise = otherwise || b.When == ""
	}
	if !otherwise {
		through = 0
	}
	return send, through
}
