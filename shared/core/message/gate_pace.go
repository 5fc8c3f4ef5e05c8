package message

import "time"

// Pace is the document of the PACE item: how fast and how much the sender may
// send, as the provider reports it, and the brake. All times are real.
type Pace struct {
	Rate   float64 `json:"r,omitempty"`  // mails per second; 0 = not known, no limit
	Quota  float64 `json:"q,omitempty"`  // mails in 24 h; 0 = not known, no limit
	Used   float64 `json:"u,omitempty"`  // of them, in the last 24 h
	SeenAt int64   `json:"at,omitempty"` // ms, when the provider was asked

	Brake  int64  `json:"b,omitempty"`  // ms; until then nothing is accepted
	Length int64  `json:"bl,omitempty"` // ms; how long that brake was set for
	Reason string `json:"br,omitempty"` // the provider's name for it
}

// A brake is set for five minutes, and for twice as long each time that the
// first send after it is refused again, up to an hour: it is released by itself,
// and a sender that is paused for a day does not wake every message 288 times.
const (
	firstBrake   = 5 * time.Minute
	longestBrake = time.Hour
)

// Left is how long the brake is still on.
func (p Pace) Left(realNow time.Time) time.Duration {
	return max(0, time.UnixMilli(p.Brake).Sub(realNow))
}

// Braked is the pace with the brake set at realNow. Workers that were refused
// at the same time set it once.
func (p Pace) Braked(reason string, realNow time.Time) Pace {
	if p.Left(realNow) > 0 {
		return p
	}
	length := firstBrake
	if ended := time.UnixMilli(p.Brake); p.Length > 0 && realNow.Sub(ended) < firstBrake {
		length = min(2*time.Duration(p.Length)*time.Millisecond, longestBrake)
	}
	p.Brake, p.Length, p.Reason = realNow.Add(length).UnixMilli(), length.Milliseconds(), reason
	return p
}

// Backoff is how long a message waits that was surely not accepted, after so
// many tries.
func Backoff(tries int) time.Duration {
	return min(30*time.Second<<min(tries, 10), 30*time.Minute)
}

// Class orders what leaves when not everything can at once.
type Class string

const (
	ClassService   Class = "service"   // owed: first
	ClassTriggered Class = "triggered" // caused by what a customer did
	ClassBulk      Class = "bulk"      // broadcast, schedule, fan-out: what is left over
)

// ClassOf is the class of a message that its customer caused.
func ClassOf(d *Due) Class {
	if d.Service() {
		return ClassService
	}
	return ClassTriggered
}
