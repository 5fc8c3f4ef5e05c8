package preferences

import (
	"context"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// attempts bounds the rounds of reading and writing under contention.
const attempts = 16

// editGate changes what of GATE is no permission: topics and pauses. edit
// returns false when there is nothing to change.
func (s *Service) editGate(ctx context.Context, p *person, edit func(*consent.Gate) bool) error {
	read, gate := p.Stored.Gate, p.Gate
	for range attempts {
		if gate.Erased != 0 || !edit(&gate) {
			return nil
		}
		put, err := s.put(read, item.C(p.key, item.SKGate), p.Epoch, &gate)
		if err != nil {
			return err
		}
		err = s.Store.Write(ctx, put)
		conflict, ok := flow.AsConflict(err)
		if !ok {
			return err
		}
		read, gate = conflict.Current, consent.Gate{}
		if read == nil {
			continue
		}
		if read.E != p.Epoch {
			return nil // she was erased meanwhile, and may have come back
		}
		if err := read.Decode(&gate); err != nil {
			return err
		}
	}
	return flow.ErrThrottled
}

// setTopic turns a topic on or off.
func (s *Service) setTopic(ctx context.Context, p *person, topic string, on bool) error {
	return s.editGate(ctx, p, func(g *consent.Gate) bool {
		if _, off := g.Topics[topic]; off == !on {
			return false
		}
		if on {
			delete(g.Topics, topic)
			return true
		}
		if g.Topics == nil {
			g.Topics = map[string]int64{}
		}
		g.Topics[topic] = p.now.UnixMilli()
		return true
	})
}

// maxPause bounds a break.
const maxPause = 365

const day = 24 * time.Hour

// pause begins a break of some days, or ends it.
func (s *Service) pause(ctx context.Context, p *person, days int) error {
	if days < 0 || days > maxPause {
		return ErrRefused
	}
	until := int64(0)
	if days > 0 {
		until = p.now.Add(time.Duration(days) * day).UnixMilli()
	}
	return s.editGate(ctx, p, func(g *consent.Gate) bool {
		changed := g.Paused != until
		g.Paused = until
		return changed
	})
}
