package explain

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
)

// person is what was read of one customer. Items of an older epoch than her
// gate's count as absent.
type person struct {
	key      string
	known    bool // something is stored of her
	epoch    int64
	gate     consent.Gate
	userID   profile.Secret
	profile  *item.Item
	runs     []passage // under way and ended, in the order in which they began
	messages []message.Msg
}

// passage is a run with what is remembered of its decisions.
type passage struct {
	engine.Run
	trace []engine.Decision
}

func (s *Service) read(ctx context.Context, customer string) (*person, error) {
	p := &person{key: customer}
	gate, err := s.Store.Get(ctx, flow.Strong, item.C(customer, item.SKGate))
	if err != nil {
		return nil, err
	}
	if gate[0] != nil {
		p.known, p.epoch = true, gate[0].E
		if err := gate[0].Decode(&p.gate); err != nil {
			return nil, err
		}
	}
	// MSG, PAST, PROFILE and RUN lie side by side; what else is between is small.
	q := flow.Query{
		Table: item.Customers, PK: item.CustomerPK(customer), From: item.PrefixMsg, To: after(item.PrefixRun),
		Consistency: flow.Strong,
	}
	if err := flow.Each(ctx, s.Store, q, p.take); err != nil {
		return nil, err
	}
	slices.SortStableFunc(p.runs, func(a, b passage) int { return cmp.Compare(a.Entered, b.Entered) })
	return p, nil
}

// after is the first sort key behind all that begin with a prefix, which ends in #.
func after(prefix string) string { return strings.TrimSuffix(prefix, "#") + "$" }

func (p *person) take(it item.Item) error {
	if it.E < p.epoch {
		return nil
	}
	p.known = true
	switch {
	case it.SK == item.SKProfile:
		var doc profile.Profile
		if err := it.Decode(&doc); err != nil {
			return err
		}
		p.profile, p.userID = &it, doc.UserID
	case strings.HasPrefix(it.SK, item.PrefixRun), strings.HasPrefix(it.SK, item.PrefixPast):
		var r passage
		if err := it.Decode(&r.Run); err != nil {
			return err
		}
		var err error
		if r.trace, err = engine.Trace(it.Trace).Read(); err != nil {
			return err
		}
		p.runs = append(p.runs, r)
	case strings.HasPrefix(it.SK, item.PrefixMsg):
		var m message.Msg
		if err := it.Decode(&m); err != nil {
			return err
		}
		p.messages = append(p.messages, m)
	}
	return nil
}

// message is the one of a run's step, if it is stored.
func (p *person) message(run, step string) *message.Msg {
	for i := range p.messages {
		if m := &p.messages[i]; m.Run == run && m.Step == step {
			return m
		}
	}
	return nil
}
