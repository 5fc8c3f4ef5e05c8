package feedback

import (
	"context"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/flow"
)

// keep is how long reports stay in the log: as long as the messages they are about.
const keep = 400 * 24 * time.Hour

// names of SES's reports in the customer's log, from Segment's e-mail spec. The
// others (Send, DeliveryDelay, Reject, Rendering Failure, Subscription) have no
// name there: they are counted, and what they mean stands in the message.
var names = map[string]string{
	events.SESDelivery:  fact.EmailDelivered,
	events.SESBounce:    fact.EmailBounced,
	events.SESComplaint: fact.EmailMarkedAsSpam,
	events.SESOpen:      fact.EmailOpened,
	events.SESClick:     fact.EmailLinkClicked,
}

// log stores the report as an event of the customer. Opens and clicks only under
// her tracking permission, should somebody have turned SES's own tracking on.
func (s *Service) log(ctx context.Context, r *report, gate *consent.Gate, epoch int64) error {
	name, ok := names[r.kind]
	if !ok {
		return nil
	}
	now := s.Clock.Now(r.customer)
	if r.kind == events.SESOpen || r.kind == events.SESClick {
		rel, err := s.Releases.Live(ctx)
		if err != nil || !gate.MayUse(rel.Plan, []string{plan.PurposeTracking}, now.UnixMilli()) {
			return err
		}
	}
	it := (*item.Item)(nil).Next(item.C(r.customer, item.EventSK(name, r.At(), r.id)), s.Tokens.Token(), epoch)
	it.TTL = now.Add(keep).Unix()
	err := it.Encode(fact.Event{
		ID: r.id, Name: name, At: r.At().UnixMilli(), In: ident.NewStamp(now, s.Tokens.Seq()), Props: r.props(),
		// A journey is never begun by the delivery of its own mail, nor do two begin
		// each other for ever by theirs.
		By: r.journey, Hops: r.hops,
	})
	if err != nil {
		return err
	}
	err = s.Store.Write(ctx, flow.Put(it, flow.Absent))
	if _, conflict := flow.AsConflict(err); conflict {
		return nil // a copy
	}
	return err
}

// props holds no address: the log is hers, and the message tells where it went.
func (r *report) props() map[string]any {
	props := map[string]any{"email_id": r.message, "campaign_name": r.journey}
	switch d := r.Detail; {
	case d.Bounce != nil:
		props["bounce_type"], props["bounce_subtype"] = d.Bounce.BounceType, d.Bounce.BounceSubType
	case d.Complaint != nil && d.Complaint.FeedbackType != "":
		props["feedback_type"] = d.Complaint.FeedbackType
	case d.Click != nil:
		props["link_url"] = d.Click.Link.Reveal()
	}
	return props
}
