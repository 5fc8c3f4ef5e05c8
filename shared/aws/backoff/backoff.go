// Package backoff waits between attempts, as AWS advises: a random part of a
// delay that doubles from attempt to attempt (AWS Architecture Blog,
// "Exponential Backoff And Jitter": full jitter). It knows no service.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Attempts is how often something is tried before its caller is told.
const Attempts = 5

const (
	first   = 25 * time.Millisecond
	longest = time.Second
)

// Delay is the time to wait after so many failed attempts.
type Delay func(attempt int) time.Duration

// Jitter is the delay that production uses.
func Jitter(attempt int) time.Duration {
	return rand.N(min(longest, first<<min(max(attempt, 0), 10)))
}

// None waits for nothing; tests use it.
func None(int) time.Duration { return 0 }

// Wait waits after so many failed attempts, or until ctx ends.
func (d Delay) Wait(ctx context.Context, attempt int) error {
	timer := time.NewTimer(d(attempt))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
