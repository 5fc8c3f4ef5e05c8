package engine

import (
	"time"
)

// Looks at a run with a command outstanding: after 15 min, doubling to 4 h; an
// unknown outcome every 6 h (ARCHITECTURE section 2 and section 4 point 6).
const (
	firstLook   = 15 * time.Minute
	longestLook = 4 * time.Hour
	unknownLook = 6 * time.Hour
)

// LookAt is when somebody must look at the run again.
func (r *Run) LookAt() time.Time {
	if r.Looks > 0 {
		return r.At.Time().Add(unknownLook)
	}
	return r.At.Time().Add(min(firstLook<<min(r.Try, 8), longestLook))
}
