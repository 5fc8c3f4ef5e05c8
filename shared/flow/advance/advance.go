// Package advance is the one use case that moves runs: it reads what a decision
// depends on, lets core/engine decide, and commits each decision with one plain
// conditional write. It is used by `journey` (facts and message outcomes) and by
// `clock` (timers and looks); nobody else writes RUN or PAST. It knows no stream
// format and starts no goroutine.
package advance

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
)

// Service advances runs. All fields but Record and Counts are needed.
type Service struct {
	Store    flow.Store
	Clock    flow.Clock
	Tokens   flow.Tokens
	Releases flow.Releases
	Metrics  flow.Metrics
	Log      *slog.Logger
	// Counts takes what was decided, for insights; nil drops it.
	Counts Counter
	// Record sees every decision with its input, for replay; nil drops it.
	Record func(engine.Input, engine.Result)
}

// Fact feeds one stored fact to every journey that may care: first to the runs
// under way, then as an entry.
func (s *Service) Fact(ctx context.Context, customer string, in Fact) error {
	live, err := s.Releases.Live(ctx)
	if err != nil || in.Kind == fact.KindResponse && !enters(live, in.Fact) {
		return err // an answer moves no run, it can only begin one
	}
	c, err := s.open(ctx, customer, live, &in.Fact)
	if err != nil || c == nil || in.Epoch < c.epoch {
		return err
	}
	keys, err := c.interested(ctx, &in.Fact)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := s.decide(ctx, c, key, trigger{fact: &in}); err != nil {
			return fmt.Errorf("journey %s: %w", key.journey, err)
		}
	}
	return nil
}

// Fact is a fact with what a decision needs besides.
type Fact struct {
	fact.Fact
	Epoch    int64            // of the stored item: what is older than hers is of a self that was erased
	Purposes []string         // why it is kept; nil: every journey may see it
	Old      *profile.Profile // the profile before a profile change
}

// runKey names one passage: a journey and the key it is run under.
type runKey struct{ journey, key string }

func (k runKey) sk() string { return item.RunSK(k.journey, k.key) }

// Outcome feeds a message's stored state to its run.
func (s *Service) Outcome(ctx context.Context, customer string, m engine.MsgInput) error {
	return s.one(ctx, customer, m.RunKey, trigger{msg: &m})
}

// Due fires the run's timer if its time has come. An awaited or exit event that
// arrived by the due time is the input instead.
func (s *Service) Due(ctx context.Context, customer, runSK string) error {
	return s.one(ctx, customer, runSK, trigger{timer: true})
}

// Look works a run whose command has been outstanding for long: a stored MSG is
// its outcome, commands of its own are carried out again, and otherwise deliver
// is woken once more.
func (s *Service) Look(ctx context.Context, customer, runSK string) error {
	return s.one(ctx, customer, runSK, trigger{look: true})
}

func (s *Service) one(ctx context.Context, customer, runSK string, t trigger) error {
	live, err := s.Releases.Live(ctx)
	if err != nil {
		return err
	}
	c, err := s.open(ctx, customer, live, nil)
	if err != nil || c == nil {
		return err
	}
	run, err := c.run(runSK)
	if err != nil || run == nil {
		return err
	}
	if t.look {
		if done, err := s.look(ctx, c, run, &t); done || err != nil {
			return err
		}
	}
	if err := s.tellSkipped(ctx, c, run, t.msg); err != nil {
		return err
	}
	return s.decide(ctx, c, run.key(), t)
}

// look fills a look's trigger, or works it right here.
func (s *Service) look(ctx context.Context, c *customerState, run *storedRun, t *trigger) (done bool, err error) {
	out := run.doc.Out
	if out == nil || run.doc.State == engine.Parked {
		return true, nil
	}
	if out.Send == nil {
		return true, s.finish(ctx, c, run)
	}
	items, err := s.Store.Get(ctx, flow.Strong, item.C(c.customer, item.MsgSK(out.Send.Message)))
	if err != nil || items[0] == nil {
		return false, err
	}
	t.msg, err = MsgOf(items[0])
	return false, err
}

// MsgOf reads a stored MSG for a decision.
func MsgOf(it *item.Item) (*engine.MsgInput, error) {
	m := &engine.MsgInput{V: it.V, W: it.W}
	if err := it.Decode(&m.Msg); err != nil {
		return nil, err
	}
	return m, nil
}
