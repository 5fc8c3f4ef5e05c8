package deliver

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// hooked is a store on which something happens between any two calls of one
// worker. step is called before and after each call, which it can make fail: an
// error before a call keeps it from happening, one after it loses its reply.
type hooked struct {
	flow.Store
	step  func(at point) error
	calls int
}

// point is a moment in a worker's life.
type point struct {
	call   int // counted from 0
	after  bool
	what   string // "get" or "query" and a sort key, or the sort key that is written
	writes bool
}

func (p point) String() string {
	when := "before"
	if p.after {
		when = "after"
	}
	return fmt.Sprintf("%s call %d (%s)", when, p.call, p.what)
}

func (w *world) hook(step func(point) error) *hooked { return &hooked{Store: w.mem, step: step} }

func (h *hooked) around(what string, writes bool, call func() error) error {
	n := h.calls
	h.calls++
	if err := h.step(point{n, false, what, writes}); err != nil {
		return err
	}
	if err := call(); err != nil {
		return err
	}
	return h.step(point{n, true, what, writes})
}

func (h *hooked) Get(ctx context.Context, c flow.Consistency, keys ...item.Key) (items []*item.Item, err error) {
	if c != flow.Strong {
		return nil, errors.New("the gate reads strongly only")
	}
	err = h.around("get "+keys[0].SK, false, func() (err error) {
		items, err = h.Store.Get(ctx, c, keys...)
		return err
	})
	return items, err
}

func (h *hooked) Query(ctx context.Context, q flow.Query) (page flow.Page, err error) {
	if q.Consistency != flow.Strong {
		return page, errors.New("the gate reads strongly only")
	}
	err = h.around("query "+q.Prefix, false, func() (err error) {
		page, err = h.Store.Query(ctx, q)
		return err
	})
	return page, err
}

func (h *hooked) Write(ctx context.Context, ops ...flow.Op) error {
	if len(ops) != 1 || ops[0].If.Kind == flow.AnyKind {
		return errors.New("every write of deliver is one conditional write")
	}
	return h.around(ops[0].Item.SK, true, func() error { return h.Store.Write(ctx, ops...) })
}

// points are the moments of one undisturbed delivery of a journey's message.
func points(t testing.TB, journeyName string) []point {
	var all []point
	w := newWorld(t)
	w.event("Product Added", time.Hour, map[string]any{"product_id": "p1", "name": "Tent", "cart_id": "c1"})
	key, _ := w.due(journeyName)
	w.svc = w.service(w.hook(func(p point) error { all = append(all, p); return nil }))
	w.deliver(key)
	w.mails(1)
	return all
}
