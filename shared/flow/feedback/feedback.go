// Package feedback takes what SES reports about mails into the customer's log.
// It knows SES's event types and Segment's names for them, and that reports come
// late, twice, out of order, or never: nothing else waits for one. It sends
// nothing and moves no run; a message that it makes `sent` is a fact that
// `journey` works.
package feedback

import (
	"context"
	"strings"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/consents"
)

// Service works SES's reports.
type Service struct {
	Store    flow.Store
	Clock    flow.Clock
	Tokens   flow.Tokens
	Keys     flow.Keys
	Releases flow.Releases
	Consents consents.Writer
	Metrics  flow.Metrics
}

// Names of metrics; dimension `type` is SES's event type.
const (
	MetricReport  = "Report"
	MetricDropped = "ReportDropped"
)

// report is one event with what our tags say about it.
type report struct {
	*events.SESEvent
	kind     string
	customer string
	message  string
	journey  string
	id       string // the same for every copy
	hops     int    // of what the report makes begin
}

// Take works one event. It may be called again with the same one.
func (s *Service) Take(ctx context.Context, e *events.SESEvent) error {
	mail := e.Detail.Mail
	r := &report{
		SESEvent: e, kind: e.Detail.EventType, customer: mail.Tag(events.TagCustomer),
		message: mail.Tag(events.TagMessage), journey: mail.Tag(events.TagJourney), id: idOf(e),
	}
	dim := flow.Dim{Name: "type", Value: r.kind}
	if r.customer == "" || r.message == "" {
		s.Metrics.Count(MetricDropped, 1, dim) // somebody else's mail
		return nil
	}
	s.Metrics.Count(MetricReport, 1, dim)
	if err := s.suppress(ctx, r); err != nil {
		return err
	}
	if nothing, err := s.saysNothingNew(ctx, r); nothing || err != nil {
		return err
	}
	gate, epoch, err := s.gate(ctx, r.customer)
	if err != nil {
		return err
	}
	if of, ok := ident.MessageEpoch(r.message); !ok || of != epoch || gate.Erased != 0 {
		s.Metrics.Count(MetricDropped, 1, dim) // of somebody who was erased since
		return nil
	}
	if err := s.sent(ctx, r, epoch); err != nil {
		return err
	}
	return s.log(ctx, r, gate, epoch)
}

// idOf derives from what SES says, not from EventBridge's envelope: a copy that
// EventBridge makes has the same id, and so has one that SES publishes again.
func idOf(e *events.SESEvent) string {
	d := e.Detail
	causes := []string{"ses", d.Mail.MessageID, d.EventType, item.Time(e.At())}
	switch {
	case d.Bounce != nil:
		causes = append(causes, d.Bounce.FeedbackID)
	case d.Complaint != nil:
		causes = append(causes, d.Complaint.FeedbackID)
	case d.Click != nil:
		causes = append(causes, d.Click.Link.Reveal())
	}
	return ident.Derive(causes...)
}

func (s *Service) gate(ctx context.Context, customer string) (*consent.Gate, int64, error) {
	g := &consent.Gate{}
	items, err := s.Store.Get(ctx, flow.Strong, item.C(customer, item.SKGate))
	if err != nil || items[0] == nil {
		return g, 0, err
	}
	return g, items[0].E, items[0].Decode(g)
}

// suppress stops every further mail to an address that does not exist, or whose
// reader calls our mail spam (B20). It is about the address, so it holds also
// when the customer was erased since, or has another address by now.
func (s *Service) suppress(ctx context.Context, r *report) error {
	recipients, reason := r.refusing()
	for _, to := range recipients {
		hash := s.Keys.Address(bare(to.EmailAddress.Reveal()))
		if err := s.Consents.Suppress(ctx, hash, reason, r.At()); err != nil {
			return err
		}
	}
	return nil
}

// refusing are the recipients who must not be mailed again, and why. A transient
// bounce is none: SES gave up this once.
func (r *report) refusing() ([]events.SESRecipient, string) {
	switch b, c := r.Detail.Bounce, r.Detail.Complaint; {
	case r.kind == events.SESBounce && b.BounceType == events.BouncePermanent:
		return b.BouncedRecipients, consent.SuppressBounce
	case r.kind == events.SESComplaint && c.FeedbackType != events.ComplaintNotSpam:
		return c.ComplainedRecipients, consent.SuppressComplaint
	}
	return nil, ""
}

// bare is the address in what may be written "Dana <dana@shop.example>".
func bare(s string) string {
	if _, after, ok := strings.Cut(s, "<"); ok {
		s, _, _ = strings.Cut(after, ">")
	}
	return s
}
