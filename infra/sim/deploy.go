package sim

import (
	"context"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// newFormat is what the newer of two binaries writes. It reads both formats; to it
// they are one, since there is but one yet.
const newFormat = item.Format + 1

// deployment is the time in which processes of both binaries run side by side. The
// older one sets aside what it can't read; once it is gone an operator has all of
// it told again (`kesher faults retry`).
type deployment struct{ begins, ends time.Time }

// deploys plans a deployment, or none.
func (w *World) deploys() {
	if w.rates == nil || w.rates[TwoBinaries] == 0 {
		return
	}
	w.struck(TwoBinaries)
	w.deploy.begins = w.begin.Add(w.some(w.span - 3*time.Hour))
	w.deploy.ends = w.deploy.begins.Add(w.some(2 * time.Hour))
	w.later(w.deploy.ends.Add(10*time.Minute), w.heal)
}

// newer says of which binary a process is that starts now.
func (w *World) newer() bool {
	switch {
	case w.deploy.ends.IsZero() || w.now.Before(w.deploy.begins):
		return false
	case w.now.Before(w.deploy.ends):
		return w.rng.IntN(2) == 0
	}
	return true
}

// outdated processes take no more work once the deployment has ended.
func (i *instance) outdated() bool {
	w := i.w
	return !i.newer && !w.deploy.ends.IsZero() && !w.now.Before(w.deploy.ends)
}

// heal has everything told again that was set aside, until nothing is.
func (w *World) heal() {
	if len(w.watch.setAside) == 0 {
		return
	}
	w.spawn("operator", "", func(ctx context.Context, i *instance) error {
		list, err := i.faults.List(ctx)
		for _, f := range list {
			if err := i.faults.Retry(ctx, f.Key); err != nil {
				return err
			}
		}
		return err
	}, func(error) { w.later(w.now.Add(10*time.Minute), w.heal) })
}

// understood is a store as the newer binary reads it, for what is counted at rest.
type understood struct{ flow.Store }

func (s understood) Get(ctx context.Context, c flow.Consistency, keys ...item.Key) ([]*item.Item, error) {
	items, err := s.Store.Get(ctx, c, keys...)
	for _, it := range items {
		understand(it)
	}
	return items, err
}

func (s understood) Query(ctx context.Context, q flow.Query) (flow.Page, error) {
	page, err := s.Store.Query(ctx, q)
	for i := range page.Items {
		understand(&page.Items[i])
	}
	return page, err
}

func understand(it *item.Item) {
	if it != nil && it.F == newFormat {
		it.F = item.Format
	}
}

// stamped are ops as the newer binary writes them.
func stamped(ops []flow.Op) []flow.Op {
	stamped := make([]flow.Op, len(ops))
	for i, op := range ops {
		if op.Kind == flow.OpPut {
			op.Item.F = newFormat
		}
		stamped[i] = op
	}
	return stamped
}

// read is a record as a process's binary reads it.
func (i *instance) read(c item.Change) item.Change {
	if i.newer {
		c.Old, c.New = c.Old.Clone(), c.New.Clone()
		understand(c.Old)
		understand(c.New)
	}
	return c
}

// aside sees what is set aside, and taken up again.
func (o *watch) aside(c *item.Change) {
	if c.New == nil {
		delete(o.setAside, c.Key)
		return
	}
	o.setAside[c.Key] = true
	if customer, hers := item.CustomerOf(c.Key.PK); hers {
		o.delayed[customer] = true
	}
	if strings.Contains(c.New.Body, "has format") {
		o.w.result.Reached[SetAside]++
	}
}
