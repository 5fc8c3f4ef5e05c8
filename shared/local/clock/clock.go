// Package clock tells time on one machine: a clock that may run fast, survives
// restarts and never goes back, and in play one clock per customer. Only
// business time is scaled; Real is the wall.
package clock

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/kesher-io/kesher/shared/flow"
)

// Clock is flow.Clock for one machine.
type Clock struct {
	mu        sync.Mutex
	speed     float64
	base      time.Time // business time at origin
	origin    time.Time // real time
	reserved  time.Time // business time that the file vouches for
	path      string
	customers map[string]time.Time // in play: each customer's own time
	latest    time.Time            // in play: the latest of them
}

var _ flow.Clock = (*Clock)(nil)

// Open returns the clock of a data folder, which goes on from where it stood:
// never before it, nor before the wall.
func Open(path string, speed float64) (*Clock, error) {
	c := &Clock{speed: speed, path: path, origin: time.Now()}
	c.base = c.origin
	var saved state
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("clock: %w", err)
	default:
		if err := json.Unmarshal(text, &saved); err != nil {
			return nil, fmt.Errorf("clock file %s is damaged (delete it; the clock then begins at the wall's time): %w", path, err)
		}
		if saved.Reserved.After(c.base) {
			c.base = saved.Reserved
		}
	}
	return c, c.reserve(c.base)
}

type state struct {
	Reserved time.Time `json:"reserved"`
}

// ahead is how much real time a reservation lasts: a killed process loses at
// most this, times speed, of business time, forwards.
const ahead = 2 * time.Second

// reserve vouches, on disk, for business time up to a while after now.
func (c *Clock) reserve(now time.Time) error {
	c.reserved = now.Add(time.Duration(float64(ahead) * c.speed))
	text, err := json.Marshal(state{Reserved: c.reserved})
	if err != nil {
		return err
	}
	tmp := filepath.Join(filepath.Dir(c.path), ".clock.tmp")
	if err := os.WriteFile(tmp, text, 0o600); err != nil {
		return fmt.Errorf("clock: %w", err)
	}
	return os.Rename(tmp, c.path)
}

// Now is business time: the customer's own in play, else everybody's.
func (c *Clock) Now(customer string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.customers != nil {
		if at, ok := c.customers[customer]; ok {
			return at
		}
		return c.latest
	}
	now := c.base.Add(time.Duration(float64(time.Since(c.origin)) * c.speed)).UTC().Truncate(time.Millisecond)
	if now.After(c.reserved) {
		if err := c.reserve(now); err != nil {
			// A full disk must not stop time; it stops writes, which say so.
			c.reserved = now.Add(time.Second)
		}
	}
	return now
}

// Real is the wall.
func (c *Clock) Real() time.Time { return time.Now() }

// Play gives each customer her own clock until EndPlay. known are the clocks of
// an interrupted play.
func (c *Clock) Play(known map[string]time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.customers, c.latest = known, time.UnixMilli(0).UTC()
	for _, at := range known {
		c.raise(at)
	}
}

// Set moves a customer's clock forward to at; it never goes back.
func (c *Clock) Set(customer string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.After(c.customers[customer]) {
		c.customers[customer] = at.UTC()
		c.raise(at)
	}
}

// SetAll moves every customer's clock forward to at.
func (c *Clock) SetAll(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for customer, was := range c.customers {
		if at.After(was) {
			c.customers[customer] = at.UTC()
		}
	}
	c.raise(at)
}

func (c *Clock) raise(at time.Time) {
	if at.After(c.latest) {
		c.latest = at.UTC()
	}
}

// EndPlay returns to one clock for all, which goes on from the later of the
// wall and the latest customer.
func (c *Clock) EndPlay() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.customers == nil {
		return nil
	}
	c.origin = time.Now()
	c.base = c.origin
	if c.latest.After(c.base) {
		c.base = c.latest
	}
	c.customers = nil
	return c.reserve(c.base)
}

// Until is how much real time passes until business time at.
func (c *Clock) Until(at time.Time) time.Duration {
	return time.Duration(float64(at.Sub(c.Now(""))) / c.speed)
}

// NowOf is the business time of a partition: its customer's or visitor's own, or
// everybody's.
func (c *Clock) NowOf(pk string) time.Time {
	if _, key, ok := strings.Cut(pk, "#"); ok {
		return c.Now(key)
	}
	return c.Now("")
}
