package advance

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
)

// keepRun is how long an ended run stays at least: 400 d let a year's report be
// counted from the items.
const keepRun = 400 * day

const day = 24 * time.Hour

// keeps is how long an ended run stays: as long as `again` looks back, which is
// for ever (0) where it is never.
func keeps(j *journey.Journey) time.Duration {
	switch {
	case j == nil: // of the live release no more
		return keepRun
	case j.Entry.Again.Never:
		return 0
	}
	return max(keepRun, time.Duration(j.Entry.Again.After)+day)
}

// maxRun bounds a RUN (QUALITY section 3).
const maxRun = 32 << 10

// putRun commits one decision: a plain conditional write of the RUN as it was read.
func (s *Service) putRun(ctx context.Context, c *customerState, key runKey, res *engine.Result) (*storedRun, error) {
	read, doc := c.item(key), res.Run
	it := read.Next(item.C(c.customer, key.sk()), s.Tokens.Token(), c.epoch)
	var before string
	if read != nil && res.Past == nil {
		before = read.Trace
	}
	if err := encode(&it, doc, before, res.Made[res.Own:]); err != nil {
		return nil, err
	}
	if it.Size() > maxRun {
		if err := tooLarge(&it, doc); err != nil {
			return nil, err
		}
	}
	place(&it, doc, c.customer, keeps(c.live.Journeys[key.journey]))
	if err := s.Store.Write(ctx, flow.Put(it, flow.Is(read))); err != nil {
		return nil, err
	}
	return &storedRun{item: &it, doc: doc}, nil
}

// encode puts a run into its item, with what its trace was before and is told now.
func encode(it *item.Item, doc *engine.Run, before string, made []engine.Decision) error {
	trace, err := engine.Trace(before).With(made)
	if err != nil {
		return err
	}
	it.Trace = string(trace)
	return it.Encode(doc)
}

// tooLarge sets aside a run that has outgrown its bound: what it was entered by
// is dropped, and a person sees why.
func tooLarge(it *item.Item, doc *engine.Run) error {
	doc.State, doc.End = engine.Parked, fmt.Sprintf("the run grew to %d bytes, %d are possible", it.Size(), maxRun)
	doc.Entry.Props, doc.Event, doc.Out, it.Trace = nil, nil, nil, ""
	return it.Encode(doc)
}

// place puts a run into the list in which somebody will look for it, and an ended
// one away for as long as it is kept.
func place(it *item.Item, r *engine.Run, customer string, keep time.Duration) {
	shard := item.Shard(customer)
	switch r.State {
	case engine.Waiting:
		it.IK, it.IS = item.DueList(shard), item.Time(time.UnixMilli(r.Due))
	case engine.Sending:
		it.IK, it.IS = item.LookList(shard), item.Time(r.LookAt())
		it.Due = r.Out.Send.Message
	case engine.Doing:
		it.IK, it.IS = item.LookList(shard), item.Time(r.LookAt())
	case engine.Parked:
		it.IK, it.IS = item.ParkedList(shard), item.Part(r.Journey)+"#"+item.Time(r.At.Time())
	default:
		if keep > 0 {
			it.TTL = r.EndAt.Time().Add(keep).Unix()
		}
	}
}

// putPast keeps the passage that a new one replaces. It is written before the
// new RUN and unconditionally: written twice it is the same.
func (s *Service) putPast(ctx context.Context, c *customerState, key runKey, res *engine.Result) error {
	var none *item.Item
	doc := res.Past
	it := none.Next(item.C(c.customer, item.PastSK(doc.Journey, doc.ID)), s.Tokens.Token(), c.epoch)
	it.TTL = doc.EndAt.Time().Add(keepRun).Unix()
	if err := encode(&it, doc, c.item(key).Trace, res.Made[:res.Own]); err != nil {
		return err
	}
	return s.Store.Write(ctx, flow.Put(it, flow.Any))
}

// set writes the traits in the run's outbox into PROFILE, marked with the
// journey, which its own change never enters again.
func (s *Service) set(ctx context.Context, c *customerState, run *storedRun) error {
	if run.doc.Out == nil || run.doc.Out.Set == nil {
		return nil
	}
	for range maxAttempts {
		p, changed, err := s.changed(ctx, c, run.doc)
		if err != nil || !changed {
			return err
		}
		it := c.stored.Next(item.C(c.customer, item.SKProfile), s.Tokens.Token(), c.epoch)
		it.IK, it.IS = item.AllList(item.Shard(c.customer)), c.customer
		if err := it.Encode(p); err != nil {
			return err
		}
		if it.Size() > profile.MaxSize { // would fail again every time, so the run goes on without it
			s.Log.Warn("set refused: the profile is full", "journey", run.doc.Journey, "step", run.doc.Step,
				"traits", slices.Sorted(maps.Keys(run.doc.Out.Set)), "bytes", it.Size())
			return nil
		}
		err = s.Store.Write(ctx, flow.Put(it, flow.Is(c.stored)))
		if err == nil {
			c.read, c.stored, c.known = p, &it, true
			return nil
		}
		if _, conflict := flow.AsConflict(err); !conflict {
			return err
		}
		if err := c.reload(ctx); err != nil || c.erased {
			return err
		}
	}
	return fmt.Errorf("profile is written by others all the time: %w", flow.ErrThrottled)
}

// changed is the profile with the run's values; false when they, or later ones,
// stand there already, since this run's commands may be carried out twice, and late.
func (s *Service) changed(ctx context.Context, c *customerState, r *engine.Run) (*profile.Profile, bool, error) {
	now := s.Clock.Now(c.customer)
	p := profile.Profile{}
	before, err := c.profile(ctx)
	if err != nil {
		return nil, false, err
	}
	if before != nil {
		p = before.Clone()
	}
	changed := false
	for name, v := range r.Out.Set {
		changed = p.Say(name, c.live.Plan.Traits[name], v, r.At.Milli()) || changed
	}
	p.By, p.Hops = r.Journey, r.Hops+1
	p.At, p.In = now.UnixMilli(), string(ident.NewStamp(now, s.Tokens.Seq()))
	return &p, changed, nil
}
