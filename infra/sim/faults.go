package sim

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
)

// Fault is one way in which the world lets Kesher down. To add one: name it here,
// offer it where it can strike (World.strikes), and say in Reached what shows that
// it mattered.
type Fault string

// What can go wrong at a port call.
const (
	Throttled   Fault = "store throttled, nothing written"
	LostReply   Fault = "written, the reply lost"
	LostWrite   Fault = "not written, no reply"
	CrashBefore Fault = "process died before a call"
	CrashAfter  Fault = "process died after a call"
	StaleIndex  Fault = "index lags"
	Intruder    Fault = "item rewritten by another before a write"
	Ambush      Fault = "customer acts between a worker's reads and its claim or send"

	TimeoutTaken   Fault = "SES accepted, then timed out"
	TimeoutRefused Fault = "SES timed out, nothing accepted"
	SESThrottled   Fault = "SES throttled"
	SESPaused      Fault = "SES paused or over its quota"
	SESRejected    Fault = "SES rejected the message for good"
	SESUnreachable Fault = "SES told nothing about the account"
	BusDown        Fault = "outside bus down"
)

// What can go wrong between the calls.
const (
	Repeated     Fault = "record delivered again"
	RepeatedLate Fault = "record delivered again 14 days later"
	RecordLost   Fault = "record of a run or message aged out"
	Overtaken    Fault = "record held up for minutes or hours"
	TickLate     Fault = "clock late"
	TickSkipped  Fault = "clock skipped a minute"
	TickTwice    Fault = "clock ran twice"
	Skewed       Fault = "instance's clock is off by seconds"
	Slow         Fault = "call took seconds"
	ReportTwice  Fault = "report duplicated"
	ReportLost   Fault = "report lost"
	ReportLate   Fault = "report late, out of order"
	CallRepeated Fault = "caller repeated an accepted call"
)

// Faults are all of them, in the order in which they are printed.
var Faults = []Fault{
	Throttled, LostReply, LostWrite, CrashBefore, CrashAfter, StaleIndex, Intruder, Ambush,
	TimeoutTaken, TimeoutRefused, SESThrottled, SESPaused, SESRejected, SESUnreachable, BusDown,
	Repeated, RepeatedLate, RecordLost, Overtaken, TickLate, TickSkipped, TickTwice, Skewed, Slow,
	ReportTwice, ReportLost, ReportLate, CallRepeated,
}

// swarm draws which faults a history has and how often: about half of them, each
// at its own rate between one in a thousand and one in eight. Histories in which
// everything goes wrong all the time reach less than those with few faults of
// high rate (Groce et al., "Swarm Testing", ISSTA 2012).
func swarm(rng *rand.Rand) map[Fault]float64 {
	rates := map[Fault]float64{}
	for _, f := range Faults {
		if rng.IntN(2) == 0 {
			rates[f] = math.Pow(10, -3+2.1*rng.Float64())
		}
	}
	return rates
}

// Strike is one fault at one decision point, or at the next one where it is
// possible: what the exhaustive part injects.
type Strike struct {
	Point int
	Fault Fault
}

// strikes says which of the faults that are possible at this point happens now;
// "" is none.
func (w *World) strikes(possible ...Fault) Fault {
	point := w.points
	w.points++
	if w.scout != nil {
		for _, f := range possible {
			*w.scout = append(*w.scout, Strike{point, f})
		}
	}
	for i, s := range w.plan {
		if point >= s.Point && slices.Contains(possible, s.Fault) {
			w.plan = slices.Delete(slices.Clone(w.plan), i, i+1)
			return w.struck(s.Fault)
		}
	}
	if w.calm {
		return ""
	}
	for _, f := range possible {
		if rate := w.rates[f]; rate > 0 && w.rng.Float64() < rate {
			return w.struck(f)
		}
	}
	return ""
}

func (w *World) struck(f Fault) Fault {
	w.result.Injected[f]++
	w.tell("", "fault: %s", f)
	return f
}

// add puts the counts of b on top of a's.
func add[K comparable](a, b map[K]int) {
	for k := range maps.Keys(b) {
		a[k] += b[k]
	}
}
