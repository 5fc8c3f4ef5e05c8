package message

import (
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/plan"
)

// What quiet hours do to a message.
const (
	QuietHold = "hold"
	QuietDrop = "drop"
)

// quietAt reads the wall clock: local holds her zone.
func quietAt(hours plan.QuietHours, local time.Time) bool { return quietOf(hours).at(local) }

// quietEnd is the first minute after now that is not quiet. It is looked for
// minute by minute: the one way in which a wall clock that jumps, repeats an
// hour, or skips the very end of the quiet hours can't be got wrong.
func quietEnd(hours plan.QuietHours, now time.Time, zone *time.Location) time.Time {
	quiet := quietOf(hours)
	t := now.Truncate(time.Minute).Add(time.Minute)
	for quiet.at(t.In(zone)) {
		t = t.Add(time.Minute)
	}
	return t
}

// span is a part of the day, in minutes since midnight, from <= minute < to.
type span struct{ from, to int }

// quietOf reads quiet hours. Those that begin and end at the same time, or that
// can't be read, are off.
func quietOf(hours plan.QuietHours) span {
	from, err1 := time.Parse("15:04", hours.From)
	to, err2 := time.Parse("15:04", hours.To)
	if err1 != nil || err2 != nil {
		return span{}
	}
	return span{minute(from), minute(to)}
}

func minute(t time.Time) int { return t.Hour()*60 + t.Minute() }

func (s span) at(local time.Time) bool {
	m := minute(local)
	if s.from <= s.to {
		return s.from <= m && m < s.to
	}
	return m >= s.from || m < s.to // over midnight
}

// week is the days that `per week` looks back on, today included.
const week = 7

// free says whether the caps leave room on a local day: for its own sends, and
// for those of that day and the six before it.
func free(caps plan.Caps, g *consent.Gate, today day, zone *time.Location) bool {
	perDay, perWeek := 0, 0
	for _, ms := range counted(g) {
		age := today - dayOf(time.UnixMilli(ms).In(zone))
		if age == 0 {
			perDay++
		}
		if 0 <= age && age < week {
			perWeek++
		}
	}
	return (caps.PerDay == 0 || perDay < caps.PerDay) && (caps.PerWeek == 0 || perWeek < caps.PerWeek)
}

// slot is the beginning of the first day on which the caps leave room. After a
// week without sends they do.
func slot(caps plan.Caps, g *consent.Gate, today day, zone *time.Location) time.Time {
	next := today + 1
	for next < today+week && !free(caps, g, next, zone) {
		next++
	}
	return next.start(zone)
}

// counted are the times of all sends that count for the caps.
func counted(g *consent.Gate) []int64 {
	times := append([]int64(nil), g.Sends...)
	for _, c := range g.Claims {
		if c.Capped {
			times = append(times, c.At)
		}
	}
	return times
}

// day counts calendar days, whatever their length.
type day int64

func dayOf(local time.Time) day {
	y, m, d := local.Date()
	return day(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60))
}

// start is the first instant of the day in a zone. Where clocks change at
// midnight there may be no 00:00, or two, and a whole day was once left out
// (Samoa, 2011): so it is looked for, in the quarters of an hour that all of
// today's zones keep to.
func (d day) start(zone *time.Location) time.Time {
	utc := time.Unix(int64(d)*24*60*60, 0)
	for t := utc.Add(-15 * time.Hour); ; t = t.Add(15 * time.Minute) {
		if dayOf(t.In(zone)) >= d {
			return t
		}
	}
}
