package advance

import (
	"context"
	"time"

	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/flow"
)

// tellSkipped puts the event Message Skipped into the customer's log (CONTRACTS
// section 6) when the run learns that its message will not leave. It goes before
// the decision, so that no crash between them loses it, and its key follows from
// the message, so that it stands there once. It bears the journey, which it
// therefore never enters, and counts as a hop: skips that set each other off end
// like any other chain (J05).
func (s *Service) tellSkipped(ctx context.Context, c *customerState, run *storedRun, m *engine.MsgInput) error {
	out := run.doc.Out
	if m == nil || m.State != message.Skipped || out == nil || out.Send == nil || out.Send.Message != m.ID {
		return nil
	}
	at, now := time.UnixMilli(m.At), s.Clock.Now(c.customer)
	e := fact.Event{
		ID: m.ID, Name: fact.MessageSkipped, At: m.At, In: ident.NewStamp(now, s.Tokens.Seq()), By: m.Journey, Hops: m.Hops + 1,
		Props: map[string]any{"email_id": m.ID, "campaign_name": m.Journey, "step": m.Step, "reason": m.Reason},
	}
	var none *item.Item
	it := none.Next(item.C(c.customer, item.EventSK(e.Name, at, e.ID)), s.Tokens.Token(), c.epoch)
	it.TTL = now.Add(keepRun).Unix()
	if err := it.Encode(e); err != nil {
		return err
	}
	err := s.Store.Write(ctx, flow.Put(it, flow.Absent))
	if _, told := flow.AsConflict(err); told {
		return nil
	}
	return err
}
