// Package fake holds the ports that every test needs and no test should have
// to write: a clock that stands still until it is moved, tokens that are the same
// on every run, and metrics for nobody. For tests only.
package fake

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

var (
	_ flow.Clock   = (*Clock)(nil)
	_ flow.Tokens  = (*Tokens)(nil)
	_ flow.Metrics = NoMetrics{}
)

// NoMetrics is flow.Metrics that nobody reads.
type NoMetrics struct{}

func (NoMetrics) Count(string, int64, ...flow.Dim)           {}
func (NoMetrics) Observe(string, time.Duration, ...flow.Dim) {}

// Clock is a flow.Clock that tests move. All customers share one time until a
// customer is given her own.
type Clock struct {
	mu        sync.Mutex
	now, real time.Time
	own       map[string]time.Time
}

// NewClock returns a clock at t, business and real time alike.
func NewClock(t time.Time) *Clock { return &Clock{now: t, real: t, own: map[string]time.Time{}} }

// Now is the business time.
func (c *Clock) Now(customer string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, ok := c.own[customer]; ok {
		return t
	}
	return c.now
}

// NowOf is Now by partition key, as stores ask for it.
func (c *Clock) NowOf(pk string) time.Time {
	customer, _ := item.CustomerOf(pk)
	return c.Now(customer)
}

// Real is real time.
func (c *Clock) Real() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.real
}

// Set moves everybody's business time and real time to t.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.real = t, t
	clear(c.own)
}

// SetCustomer gives one customer her own business time.
func (c *Clock) SetCustomer(customer string, t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own[customer] = t
}

// SetReal moves real time alone.
func (c *Clock) SetReal(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.real = t
}

// Advance moves every time by d.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.real = c.now.Add(d), c.real.Add(d)
	for customer, t := range c.own {
		c.own[customer] = t.Add(d)
	}
}

// Tokens is a flow.Tokens whose values follow from its seed.
type Tokens struct {
	mu   sync.Mutex
	name string // of the seed's tokens
	n    int64
	rand *rand.Rand
}

// NewTokens returns the tokens of a seed.
func NewTokens(seed uint64) *Tokens {
	return &Tokens{name: fmt.Sprintf("w%d-", seed), rand: rand.New(rand.NewPCG(seed, 0))}
}

// Token is a fresh write token, readable in a failing test.
func (t *Tokens) Token() string { return t.name + strconv.FormatInt(t.Seq(), 10) }

// Seq counts up.
func (t *Tokens) Seq() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
	return t.n
}

// Secret is n bytes that follow from the seed.
func (t *Tokens) Secret(n int) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	secret := make([]byte, n)
	for i := range secret {
		secret[i] = byte(t.rand.Uint32())
	}
	return secret
}
