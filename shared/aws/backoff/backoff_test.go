package backoff

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestJitterDoublesUpToASecond(t *testing.T) {
	for attempt, most := range map[int]time.Duration{-1: first, 0: first, 1: 2 * first, 3: 8 * first, 6: longest, 100: longest} {
		largest := time.Duration(0)
		for range 2000 {
			d := Jitter(attempt)
			if d < 0 || d >= most {
				t.Fatalf("attempt %d waits %s, want less than %s", attempt, d, most)
			}
			largest = max(largest, d)
		}
		if largest < most/2 {
			t.Errorf("attempt %d never waits longer than %s of %s", attempt, largest, most)
		}
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	forever := Delay(func(int) time.Duration { return time.Hour })
	if err := forever.Wait(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if err := Delay(None).Wait(t.Context(), 1); err != nil {
		t.Fatalf("got %v", err)
	}
}
