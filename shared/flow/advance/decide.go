package advance

import (
	"context"
	"errors"
	"fmt"

	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/flow"
)

// trigger is what a decision is to be made about. It outlives conflicts, while
// the engine's input is built anew from what is stored.
type trigger struct {
	fact  *Fact
	msg   *engine.MsgInput
	timer bool
	look  bool
	done  string // id of the run whose outbox has been carried out
}

// maxAttempts bounds the rounds of read, decide, commit about one passage under
// contention; beyond it the record fails, and comes again.
const maxAttempts = 16

// decide works one trigger on one passage. What goes before it in the order of
// time is decided first: an overdue timer before a later fact, a stored event
// before a timer.
func (s *Service) decide(ctx context.Context, c *customerState, key runKey, t trigger) error {
	for range maxAttempts {
		if c.erased {
			return nil // a conflict told so, about this journey or one before
		}
		worked, err := s.round(ctx, c, key, t)
		if err == nil && worked {
			return nil
		}
		if _, conflict := flow.AsConflict(err); conflict {
			err = c.reload(ctx)
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("run %s: written by others all the time: %w", key.sk(), flow.ErrThrottled)
}

// round makes one decision; worked says that it was the one about t itself.
func (s *Service) round(ctx context.Context, c *customerState, key runKey, t trigger) (worked bool, err error) {
	in, own, err := s.input(ctx, c, key, t)
	if err != nil {
		return false, err
	}
	if in.Timer {
		earlier, err := s.earlier(ctx, c, in)
		if err != nil || earlier {
			return false, err
		}
	}
	res, err := s.engine(ctx, c, &in)
	if err != nil {
		return false, err
	}
	return own || res.Run == nil, s.commit(ctx, c, key, &in, &res)
}

// input is the engine's input for t as things stand; own is false when an
// overdue timer has to go first.
func (s *Service) input(ctx context.Context, c *customerState, key runKey, t trigger) (in engine.Input, own bool, err error) {
	in = engine.Input{Customer: c.customer, Epoch: c.epoch, Key: key.key, Clock: s.Clock.Now(c.customer)}
	run, err := c.run(key.sk())
	if err != nil {
		return in, false, err
	}
	if run != nil {
		in.Run = run.doc
	}
	own = true
	switch {
	case t.fact != nil && overdue(in.Run, t.fact):
		in.Timer, own = true, false
	case t.fact != nil:
		in.Fact = &t.fact.Fact
	case t.timer:
		in.Timer = in.Run != nil && in.Run.State == engine.Waiting && in.Run.Due <= in.Clock.UnixMilli()
	case t.done != "":
		in.Done = in.Run != nil && in.Run.ID == t.done
	}
	in.Msg, in.Look = t.msg, t.look
	f := t.fact
	if f == nil && in.Run != nil && in.Run.Next != nil { // it may enter when the run has left
		f = &Fact{Fact: *in.Run.Next, Purposes: purposes(c.live, in.Run.Next.Name)}
	}
	if f != nil && in.Clock.Before(f.In.Time()) { // by a clock that is ahead of this one
		in.Clock = f.In.Time()
	}
	return in, own, s.versions(ctx, c, key.journey, &in, f)
}

// overdue: the fact arrived after the run's timer was due, and the clock has
// not come by yet.
func overdue(r *engine.Run, f *Fact) bool {
	return r != nil && r.State == engine.Waiting && r.Due != 0 && r.Due < f.In.Milli()
}

// versions finds the definition that the run walks, and the live one.
func (s *Service) versions(ctx context.Context, c *customerState, name string, in *engine.Input, f *Fact) (err error) {
	if j := c.live.Journeys[name]; j != nil {
		if in.Live, err = c.version(ctx, j, c.live, in.Clock, f); err != nil {
			return err
		}
	}
	r := in.Run
	if r == nil {
		return nil
	}
	j, rel, err := c.walked(ctx, r)
	if err != nil {
		return err
	}
	if rel == c.live {
		in.Walk = in.Live
		return nil
	}
	in.Walk, err = c.version(ctx, j, rel, in.Clock, f)
	return err
}

// engine decides, fetching the stored events that the decision turns out to read.
func (s *Service) engine(ctx context.Context, c *customerState, in *engine.Input) (engine.Result, error) {
	for {
		res, err := engine.Decide(*in)
		var need *engine.Need
		if !errors.As(err, &need) {
			if err == nil && s.Record != nil {
				s.Record(*in, res)
			}
			return res, err
		}
		for _, v := range []*engine.Version{&in.Live, &in.Walk} {
			if v.Journey == need.Journey {
				if err := c.fetch(ctx, v, need, in.Clock); err != nil {
					return engine.Result{}, err
				}
			}
		}
	}
}

// earlier works what goes before the run's timer: an exit or an awaited event
// that is stored and arrived by the due time. It is worked as its own record would
// be, which then comes too late to change anything: an exit may enter anew.
func (s *Service) earlier(ctx context.Context, c *customerState, in engine.Input) (found bool, err error) {
	facts, err := c.before(ctx, in)
	if err != nil {
		return false, err
	}
	for _, f := range facts {
		try := in
		try.Timer, try.Fact = false, &f.Fact
		if err := s.versions(ctx, c, in.Run.Journey, &try, &f); err != nil {
			return false, err
		}
		res, err := s.engine(ctx, c, &try)
		if err != nil {
			return false, err
		}
		if res.Run != nil {
			return true, s.commit(ctx, c, runKey{in.Run.Journey, in.Run.Key}, &try, &res)
		}
	}
	return false, nil
}

// commit writes a decision, counts it, and carries out the run's own commands.
// A *flow.Conflict says that somebody wrote first: nothing has happened then.
func (s *Service) commit(ctx context.Context, c *customerState, key runKey, in *engine.Input, res *engine.Result) error {
	if res.Run == nil {
		s.count(in, res)
		return nil
	}
	if res.Past != nil {
		if err := s.putPast(ctx, c, key, res); err != nil {
			return err
		}
	}
	run, err := s.putRun(ctx, c, key, res)
	if err != nil {
		return err
	}
	c.runs[key.sk()] = run
	s.count(in, res)
	if run.doc.State == engine.Doing {
		return s.finish(ctx, c, run)
	}
	return nil
}

// finish carries out the run's own commands, and makes the decision that
// clears them. Carried out twice they do no harm.
func (s *Service) finish(ctx context.Context, c *customerState, run *storedRun) error {
	if err := s.set(ctx, c, run); err != nil {
		return err
	}
	return s.decide(ctx, c, run.key(), trigger{done: run.doc.ID})
}
