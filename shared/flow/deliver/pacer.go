package deliver

import (
	"context"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/flow"
)

// Rater tells how fast and how much the sender may send (SES GetAccount).
type Rater interface {
	Allowance(ctx context.Context) (Allowance, error)
}

// Allowance is what the provider allows. Zero rate or quota = no limit known.
type Allowance struct {
	PerSecond float64
	PerDay    float64 // in any 24 h
	Used      float64 // of it, in the last 24 h
	Paused    string  // why nothing may be sent at all; "" = it may
}

// Pacer keeps one instance to its share of the sender's rate, and all of them to
// the brake. A nil Pacer knows no limit. It is safe for concurrent use.
type Pacer struct {
	Store  flow.Store
	Clock  flow.Clock
	Tokens flow.Tokens
	// Rater is asked now and then; nil: there is no rate, only the brake.
	Rater Rater
	// Instances share the rate: reserved concurrency, or the stream's shards.
	Instances int
	// Sleep waits for d of real time or until ctx ends.
	Sleep func(ctx context.Context, d time.Duration) error

	mu      sync.Mutex
	pace    message.Pace
	stored  *item.Item
	readAt  time.Time
	limiter *rate.Limiter
}

const (
	// paceAge is how old the instance's idea of PACE may be: a brake that another
	// one set is seen so much later, at the price of a few refused sends.
	paceAge = 5 * time.Second
	// askAge is how often the provider is asked, by all instances together.
	askAge = 5 * time.Minute
	// longestWait is how long a message waits in the instance; beyond that it is
	// held, so that no record fails for want of rate.
	longestWait = 2 * time.Second
	// reserve is the share of the rate that bulk leaves to what customers caused
	// themselves.
	reserve = 0.2
)

// PaceKey is where PACE stands.
var PaceKey = item.Key{Table: item.Customers, PK: item.PKPace, SK: item.SKPace}

// brake is the pace as it is known now.
func (p *Pacer) brake(ctx context.Context) (message.Pace, error) {
	if p == nil {
		return message.Pace{}, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.refresh(ctx)
	return p.pace, err
}

// admit takes one place in the rate. waited says that time has passed for it;
// ok is false when there is no place soon.
func (p *Pacer) admit(ctx context.Context, class message.Class) (ok, waited bool, err error) {
	if p == nil {
		return true, false, nil
	}
	delay, ok := p.place(class)
	if !ok || delay == 0 {
		return ok, false, nil
	}
	return true, true, p.Sleep(ctx, delay)
}

func (p *Pacer) place(class message.Class) (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.limiter == nil {
		return 0, true
	}
	now := p.Clock.Real()
	if class == message.ClassBulk && p.limiter.TokensAt(now) < reserve*float64(p.limiter.Burst())+1 {
		return 0, false
	}
	r := p.limiter.ReserveN(now, 1)
	delay := r.DelayFrom(now)
	if delay > longestWait {
		r.CancelAt(now)
		return 0, false
	}
	return delay, true
}

// setBrake stops every instance for a while; it returns for how long.
func (p *Pacer) setBrake(ctx context.Context, reason string) (time.Duration, error) {
	if p == nil {
		return message.Backoff(0), nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.change(ctx, func(pace message.Pace) message.Pace { return pace.Braked(reason, p.Clock.Real()) })
	return p.pace.Left(p.Clock.Real()), err
}

// refresh reads PACE when it is old, and asks the provider when nobody has for
// long. The provider's silence changes nothing.
func (p *Pacer) refresh(ctx context.Context) error {
	now := p.Clock.Real()
	if !p.readAt.IsZero() && now.Sub(p.readAt) < paceAge {
		return nil
	}
	if err := p.read(ctx); err != nil {
		return err
	}
	if p.Rater == nil || now.Sub(time.UnixMilli(p.pace.SeenAt)) < askAge {
		return nil
	}
	allowed, err := p.Rater.Allowance(ctx)
	if err != nil {
		return nil
	}
	return p.change(ctx, func(pace message.Pace) message.Pace { return allowed.onto(pace, now) })
}

// onto is the pace with what the provider said: a pause or a used-up quota sets
// the brake before anything is refused.
func (a Allowance) onto(p message.Pace, now time.Time) message.Pace {
	p.Rate, p.Quota, p.Used, p.SeenAt = a.PerSecond, a.PerDay, a.Used, now.UnixMilli()
	switch {
	case a.Paused != "":
		return p.Braked(a.Paused, now)
	case a.PerDay > 0 && a.Used >= a.PerDay:
		return p.Braked("daily quota", now)
	}
	return p
}

// change writes PACE on condition that it is as this instance knows it; after a
// conflict it is read and changed anew. A change that is nothing new is not written.
func (p *Pacer) change(ctx context.Context, next func(message.Pace) message.Pace) error {
	for attempt := range maxAttempts {
		if attempt > 0 || p.readAt.IsZero() {
			if err := p.read(ctx); err != nil {
				return err
			}
		}
		pace := next(p.pace)
		if pace == p.pace {
			return nil
		}
		it := p.stored.Next(PaceKey, p.Tokens.Token(), 0)
		if err := it.Encode(pace); err != nil {
			return err
		}
		err := p.Store.Write(ctx, flow.Put(it, flow.Is(p.stored)))
		if err == nil {
			p.take(&it, pace)
			return nil
		}
		if _, conflict := flow.AsConflict(err); !conflict {
			return err
		}
	}
	return flow.ErrThrottled
}

func (p *Pacer) read(ctx context.Context) error {
	items, err := p.Store.Get(ctx, flow.Strong, PaceKey)
	if err != nil {
		return err
	}
	var pace message.Pace
	if items[0] != nil {
		if err := items[0].Decode(&pace); err != nil {
			return err
		}
	}
	p.take(items[0], pace)
	return nil
}

// take makes pace the instance's idea of it.
func (p *Pacer) take(stored *item.Item, pace message.Pace) {
	now := p.Clock.Real()
	p.stored, p.pace, p.readAt = stored, pace, now
	if pace.Rate == 0 {
		p.limiter = nil
		return
	}
	share := pace.Rate / float64(max(p.Instances, 1))
	burst := max(1, int(math.Floor(share)))
	if p.limiter == nil {
		p.limiter = rate.NewLimiter(rate.Limit(share), burst)
		return
	}
	p.limiter.SetLimitAt(now, rate.Limit(share))
	p.limiter.SetBurstAt(now, burst)
}
