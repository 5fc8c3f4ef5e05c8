// Package clock works off what is due: it reads the index list of a shard and
// gives each entry to whom it concerns. Time is a query here, not a service, so
// whatever was lost on the way is found again. It starts no goroutine: the
// handler decides how many entries are worked side by side.
package clock

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/agenda"
	"github.com/kesher-io/kesher/shared/flow/faults"
)

// Runs advances runs; advance.Service is one.
type Runs interface {
	Due(ctx context.Context, customer, runSK string) error
	Look(ctx context.Context, customer, runSK string) error
}

// Chore is something that is due for a customer and is no run: copies after an
// identify, a sweep after an erasure. It must do no harm when done twice.
type Chore func(ctx context.Context, customer string) error

// Service works what is due.
type Service struct {
	Store   flow.Store
	Clock   flow.Clock
	Tokens  flow.Tokens
	Runs    Runs
	Chores  map[string]Chore // by the kind that AGENDA names
	Metrics flow.Metrics
	Log     *slog.Logger
}

// Entry is one thing that is due.
type Entry struct {
	Key  item.Key
	Look bool // its command is outstanding, rather than its time come
	At   time.Time
}

// Customer is the entry's customer.
func (e Entry) Customer() string {
	customer, _ := item.CustomerOf(e.Key.PK)
	return customer
}

// MetricLateness is how long what is due has been so, shard by shard. It is also
// measured where nothing is due: no data means that the clock does not run.
const MetricLateness = "ClockLateness"

// pageSize is how many entries a worker takes from the index at once.
const pageSize = 256

// Take lists what is due in a shard, oldest first: timers, then looks, a page of
// each, without what has had its turn (it failed, or the index lags), however much
// that is. more says that there may be more. Whoever works an entry reads the item
// itself first.
func (s *Service) Take(ctx context.Context, shard string, had map[Entry]bool) (entries []Entry, more bool, err error) {
	due, moreDue, err := s.list(ctx, item.DueList(shard), false, had)
	if err != nil {
		return nil, false, err
	}
	looks, moreLooks, err := s.list(ctx, item.LookList(shard), true, had)
	if err != nil {
		return nil, false, err
	}
	lateness := time.Duration(0)
	if len(due) > 0 {
		lateness = s.Clock.Now("").Sub(due[0].At)
	}
	s.Metrics.Observe(MetricLateness, lateness)
	return append(due, looks...), moreDue || moreLooks, nil
}

func (s *Service) list(ctx context.Context, list string, look bool, had map[Entry]bool) (entries []Entry, more bool, err error) {
	q := flow.Query{Table: item.Customers, List: list, To: item.Time(s.Clock.Now("")) + "~", Limit: pageSize}
	for {
		page, err := s.Store.Query(ctx, q)
		if err != nil {
			return nil, false, fmt.Errorf("list %s: %w", list, err)
		}
		for _, it := range page.Items {
			at, err := time.Parse(item.TimeLayout, it.IS)
			if err != nil {
				return nil, false, fmt.Errorf("list %s: order %q is no time", list, it.IS)
			}
			if e := (Entry{Key: it.Key, Look: look, At: at}); !had[e] {
				entries = append(entries, e)
			}
		}
		if len(entries) > 0 || page.Cursor == "" {
			return entries, page.Cursor != "", nil
		}
		q.Cursor = page.Cursor
	}
}

// Fire works one entry. An error leaves it listed: the next minute finds it. It
// is told in the log, since nobody else would name what does not move.
func (s *Service) Fire(ctx context.Context, e Entry) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &faults.Panic{Value: p}
		}
		if err != nil {
			kind, _, _ := strings.Cut(e.Key.SK, "#")
			s.Log.Error("due, and can't be worked", "pk", e.Key.PK, "item", kind, "error", err)
		}
	}()
	switch {
	case strings.HasPrefix(e.Key.SK, item.PrefixRun) && e.Look:
		return s.Runs.Look(ctx, e.Customer(), e.Key.SK)
	case strings.HasPrefix(e.Key.SK, item.PrefixRun):
		return s.Runs.Due(ctx, e.Customer(), e.Key.SK)
	case e.Key.SK == item.SKAgenda:
		return s.agenda(ctx, e)
	}
	return fmt.Errorf("nobody works %s", e.Key)
}

func (s *Service) chore(ctx context.Context, kind, customer string) error {
	work, ok := s.Chores[kind]
	if !ok {
		return fmt.Errorf("agenda of %s: nobody does %q", customer, kind)
	}
	return work(ctx, customer)
}

// agenda does every chore that is due for a customer, and strikes it off.
func (s *Service) agenda(ctx context.Context, e Entry) error {
	w := agenda.Writer{Store: s.Store, Tokens: s.Tokens}
	due, read, err := w.Read(ctx, e.Customer())
	if err != nil || read == nil {
		return err
	}
	now := s.Clock.Now(e.Customer()).UnixMilli()
	for _, kind := range slices.Sorted(maps.Keys(due)) {
		if due[kind] > now {
			continue
		}
		if err := s.chore(ctx, kind, e.Customer()); err != nil {
			return err
		}
		if err := w.Done(ctx, e.Customer(), read.E, kind, due[kind]); err != nil {
			return err
		}
	}
	return nil
}
