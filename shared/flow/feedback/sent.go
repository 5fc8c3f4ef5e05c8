package feedback

import (
	"context"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/flow"
)

// attempts bounds the rounds of reading and writing under contention.
const attempts = 16

// ReasonRejected stands beside `sent` when SES took the mail and then refused to
// pass it on: it found a virus.
const ReasonRejected = "rejected by SES"

// sent makes the message `sent` from any state: any report that carries its tag
// proves that SES accepted it (ARCHITECTURE section 4, point 5). A rendering
// failure alone proves the contrary.
func (s *Service) sent(ctx context.Context, r *report, epoch int64) error {
	if r.kind == events.SESRenderingFailure {
		return nil
	}
	key := item.C(r.customer, item.MsgSK(r.message))
	for range attempts {
		items, err := s.Store.Get(ctx, flow.Strong, key)
		if err != nil {
			return err
		}
		m, err := s.message(ctx, r, items[0])
		if err != nil {
			return err
		}
		r.hops = m.Hops + 1
		if !r.settles(m) {
			return nil
		}
		now := s.Clock.Now(r.customer)
		m.State, m.Until, m.In = message.Sent, 0, ident.NewStamp(now, s.Tokens.Seq())
		it := items[0].Next(key, s.Tokens.Token(), epoch)
		it.TTL = now.Add(keep).Unix()
		if err := it.Encode(m); err != nil {
			return err
		}
		err = s.Store.Write(ctx, flow.Put(it, flow.Is(items[0])))
		if _, conflict := flow.AsConflict(err); !conflict {
			return err
		}
	}
	return flow.ErrThrottled
}

// saysNothingNew: the report is of a kind that is not logged, and its message is
// sent already. Most reports are such, and one read at half the price tells: what
// it may miss is only that somebody settled the message meanwhile.
func (s *Service) saysNothingNew(ctx context.Context, r *report) (bool, error) {
	if _, logged := names[r.kind]; logged {
		return false, nil
	}
	items, err := s.Store.Get(ctx, flow.Eventual, item.C(r.customer, item.MsgSK(r.message)))
	if err != nil || items[0] == nil {
		return false, err
	}
	m := &message.Msg{}
	if err := items[0].Decode(m); err != nil {
		return false, err
	}
	return !r.settles(m), nil
}

// settles writes into m what the report adds; false when it adds nothing.
func (r *report) settles(m *message.Msg) bool {
	news := m.State != message.Sent
	if m.State != message.Sent {
		m.Reason = ""
	}
	if r.kind == events.SESReject && m.Reason != ReasonRejected {
		m.Reason, news = ReasonRejected, true
	}
	if m.Provider == "" {
		m.Provider = r.Detail.Mail.MessageID
	}
	return news
}

// message is the stored MSG, or one made up from the run that waits for it when
// deliver died before it could write one.
func (s *Service) message(ctx context.Context, r *report, stored *item.Item) (*message.Msg, error) {
	m := &message.Msg{}
	if stored != nil {
		return m, stored.Decode(m)
	}
	m.ID, m.Journey, m.At = r.message, r.journey, r.Detail.Mail.Timestamp.UnixMilli()
	q := flow.Query{
		Table: item.Customers, PK: item.CustomerPK(r.customer), Consistency: flow.Strong,
		Prefix: item.PrefixRun,
	}
	return m, flow.Each(ctx, s.Store, q, func(it item.Item) error {
		var run engine.Run
		if err := it.Decode(&run); err != nil {
			return err
		}
		if run.Out == nil || run.Out.Send == nil || run.Out.Send.Message != r.message {
			return nil
		}
		due := run.Out.Send
		m.Journey, m.RunKey, m.Run, m.Step, m.Visit = run.Journey, it.SK, run.ID, run.Step, run.Visit
		m.Release, m.Template, m.Purpose, m.Due, m.Hops = run.Release, due.Template, due.Purpose, due.Due, run.Hops
		return nil
	})
}
