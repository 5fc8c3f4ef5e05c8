// Package insights counts what was decided, per journey, version, step and day.
// Counts are collected in memory during an invocation and added at its end, after
// the commits, once and without retry: after a crash they may be too low, never
// too high. What must be exact is recounted from the items (flow/report).
package insights

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// Counter collects counts and adds them to table insights. It is safe for
// concurrent use.
type Counter struct {
	Store flow.Store

	mu     sync.Mutex
	deltas map[item.Key]map[string]int64
}

// Key is where the counts of one day stand, all steps in one item: most
// invocations count several, and each item of theirs is a write.
func Key(journey, version string, day time.Time) item.Key {
	return item.Key{
		Table: item.Insights,
		PK:    "J#" + item.Part(journey) + "#" + item.Part(version),
		SK:    day.UTC().Format(time.DateOnly),
	}
}

// Name of the counter of what happened at a step.
func Name(what, step string) string { return what + at + step }

// at divides the two; it also keeps counters apart from an item's own attributes.
const at = "@"

// Count adds one to what happened at a step.
func (c *Counter) Count(journey, version, step, what string, when time.Time) {
	key := Key(journey, version, when)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deltas == nil {
		c.deltas = map[item.Key]map[string]int64{}
	}
	if c.deltas[key] == nil {
		c.deltas[key] = map[string]int64{}
	}
	c.deltas[key][Name(what, step)]++
}

// Flush adds what was collected. What fails is dropped.
func (c *Counter) Flush(ctx context.Context) error {
	c.mu.Lock()
	deltas := c.deltas
	c.deltas = nil
	c.mu.Unlock()
	var errs []error
	for _, key := range slices.SortedFunc(maps.Keys(deltas), compareKeys) { // always in one order
		errs = append(errs, c.Store.Write(ctx, flow.Add(key, deltas[key])))
	}
	return errors.Join(errs...)
}

func compareKeys(a, b item.Key) int {
	return cmp.Or(strings.Compare(a.PK, b.PK), strings.Compare(a.SK, b.SK))
}
