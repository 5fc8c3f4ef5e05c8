package sim

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
)

// Fault is one way in which the world lets Kesher down. To add one: name it here,
// say what it is, offer it where it can strike (World.strikes), and say in Reached
// what shows that it mattered.
type Fault int

const (
	none Fault = iota

	// What can go wrong at a port call.
	Throttled
	LostReply
	LostWrite
	CrashBefore
	CrashAfter
	StaleIndex
	StaleRead
	Intruder
	Ambush
	TimeoutTaken
	TimeoutRefused
	SESThrottled
	SESPaused
	SESRejected
	SESUnreachable
	BusDown

	// What can go wrong between the calls.
	Repeated
	RepeatedLate
	RecordLost
	Overtaken
	TickLate
	TickSkipped
	TickTwice
	Skewed
	Slow
	ReportTwice
	ReportLost
	ReportLate
	CallRepeated
	TwoBinaries

	nFaults // none among them
)

var texts = [nFaults]string{
	Throttled:      "store throttled, nothing written",
	LostReply:      "written, the reply lost",
	LostWrite:      "not written, no reply",
	CrashBefore:    "process died before a call",
	CrashAfter:     "process died after a call",
	StaleIndex:     "index lags",
	StaleRead:      "eventual read answers what stood there before",
	Intruder:       "item rewritten by another before a write",
	Ambush:         "customer acts between a worker's reads and its claim or send",
	TimeoutTaken:   "SES accepted, then timed out",
	TimeoutRefused: "SES timed out, nothing accepted",
	SESThrottled:   "SES throttled",
	SESPaused:      "SES paused or over its quota",
	SESRejected:    "SES rejected the message for good",
	SESUnreachable: "SES told nothing about the account",
	BusDown:        "outside bus down",
	Repeated:       "record delivered again",
	RepeatedLate:   "record delivered again 14 days later",
	RecordLost:     "record of a run or message aged out",
	Overtaken:      "record held up for minutes or hours",
	TickLate:       "clock late",
	TickSkipped:    "clock skipped a minute",
	TickTwice:      "clock ran twice",
	Skewed:         "instance's clock is off by seconds",
	Slow:           "call took seconds",
	ReportTwice:    "report duplicated",
	ReportLost:     "report lost",
	ReportLate:     "report late, out of order",
	CallRepeated:   "caller repeated an accepted call",
	TwoBinaries:    "old and new binary side by side",
}

func (f Fault) String() string { return texts[f] }

// swarm draws which faults a history has and how often: about half of them, each
// at its own rate between one in a thousand and one in eight. Histories in which
// everything goes wrong all the time reach less than those with few faults of
// high rate (Groce et al., "Swarm Testing", ISSTA 2012).
func swarm(rng *rand.Rand) *rates {
	var rates rates
	for f := range rates {
		if f != int(none) && rng.IntN(2) == 0 {
			rates[f] = math.Pow(10, -3+2.1*rng.Float64())
		}
	}
	return &rates
}

// rates are how often each fault strikes where it can.
type rates [nFaults]float64

// Strike is one fault at one decision point, or at the next one where it is
// possible: what the exhaustive part injects.
type Strike struct {
	Point int
	Fault Fault
}

// strikes says which of the faults that are possible at this point happens now;
// or none.
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
	if w.calm || w.rates == nil {
		return none
	}
	for _, f := range possible {
		if rate := w.rates[f]; rate > 0 && w.rng.Float64() < rate {
			return w.struck(f)
		}
	}
	return none
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
