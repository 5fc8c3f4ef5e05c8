package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/flow"
)

// ses accepts mails and reports about them, as often and as late as it likes.
type ses struct {
	w           *World
	perSecond   float64 // it takes; 1 in its sandbox
	pausedUntil time.Time
	quota       bool // it is the daily quota that is used up
	n           int
}

func (s *ses) pause() {
	s.pausedUntil = s.w.now.Add(time.Minute + s.w.some(2*time.Hour))
	s.quota = s.w.rng.IntN(2) == 0
}

func (s *ses) refusal() string {
	if s.quota {
		return "LimitExceededException"
	}
	return "SendingPausedException"
}

func (s *ses) paused() bool { return s.w.now.Before(s.pausedUntil) }

// accept takes a mail: from here on somebody reads it.
func (w *World) accept(t *task, m flow.Mail, unclear bool) string {
	w.ses.n++
	id := fmt.Sprintf("ses-%d", w.ses.n)
	w.result.Mails++
	w.tell(t.about, "%s: SES accepts %s to %s", t.name, m.ID, m.To)
	w.watch.accepted(&m)
	w.ses.reports(id, m, unclear)
	w.byKey[m.Customer].mail = &m
	switch p := w.byKey[m.Customer]; {
	case m.Journey == journey.Confirm && (p.typed != "" && !w.chance(4) || w.chance(2)):
		p.follows(&m)
	case p.unsubscribes:
		p.press(&m)
	}
	return id
}

// reports plans what SES says about a mail: usually within seconds, but all of it
// may come late, after anything else, or never. Late it matters most where the
// sender got no answer.
func (s *ses) reports(id string, m flow.Mail, unclear bool) {
	w := s.w
	delay := time.Duration(0)
	switch f := w.strikes(ReportLost, ReportLate); {
	case f == ReportLost:
		return
	case f == ReportLate, unclear && !w.calm && w.rng.IntN(2) == 0:
		delay = w.some(20 * time.Hour)
	}
	s.report(id, m, events.SESSend, delay+w.some(2*time.Second))
	switch p := w.byKey[m.Customer]; {
	case p.bounces:
		s.report(id, m, events.SESBounce, delay+w.some(time.Minute))
	case p.full:
		s.report(id, m, passing, delay+w.some(14*time.Hour))
	case p.complains:
		s.report(id, m, events.SESComplaint, delay+w.some(5*time.Hour))
	default:
		s.report(id, m, events.SESDelivery, delay+w.some(10*time.Second))
	}
}

// passing is the report of a bounce that says nothing against her address: her mailbox
// was full.
const passing = "passing " + events.SESBounce

func (s *ses) report(id string, m flow.Mail, kind string, after time.Duration) {
	w := s.w
	e := sesEvent(id, m, kind, w.now, w.now.Add(after))
	if w.strikes(ReportTwice) != none {
		w.later(w.now.Add(after+w.some(24*time.Hour)), func() { s.send(kind, e, m) })
	}
	w.later(w.now.Add(after), func() { s.send(kind, e, m) })
}

// send hands the event to feedback until it has worked it. (EventBridge and Lambda
// together try for longer than any fault here lasts.)
func (s *ses) send(kind string, e *events.SESEvent, m flow.Mail) {
	w := s.w
	w.spawn("feedback "+kind+" "+m.ID, m.Customer, func(ctx context.Context, i *instance) error {
		if !w.bytes {
			return i.feedback.Take(ctx, e)
		}
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		_, err = i.functions().feedback(ctx, text)
		return err
	}, func(err error) {
		if err != nil {
			w.later(w.now.Add(time.Second+w.some(time.Minute)), func() { s.send(kind, e, m) })
			return
		}
		w.watch.reports(kind, &m)
	})
}

func sesEvent(id string, m flow.Mail, kind string, sent, at time.Time) *events.SESEvent {
	to := events.NewPersonal(m.To)
	bounce := events.BouncePermanent
	if kind == passing {
		kind, bounce = events.SESBounce, events.BounceTransient
	}
	e := &events.SESEvent{ID: id + kind, Source: events.SESSource, DetailType: events.SESDetailTypes[kind], Time: at}
	e.Detail = events.SESDetail{EventType: kind, Mail: events.SESMail{
		Timestamp: sent, MessageID: id, Destination: []events.Personal{to},
		Tags: map[string][]string{events.TagMessage: {m.ID}, events.TagCustomer: {m.Customer}, events.TagJourney: {m.Journey}},
	}}
	recipients := []events.SESRecipient{{EmailAddress: to}}
	switch d := &e.Detail; kind {
	case events.SESSend:
		d.Send = &struct{}{}
	case events.SESDelivery:
		d.Delivery = &events.SESDeliveryInfo{Timestamp: at, Recipients: []events.Personal{to}}
	case events.SESBounce:
		d.Bounce = &events.SESBounceInfo{BounceType: bounce, BouncedRecipients: recipients, Timestamp: at, FeedbackID: id}
	case events.SESComplaint:
		d.Complaint = &events.SESComplaintInfo{ComplainedRecipients: recipients, Timestamp: at, FeedbackID: id}
	}
	return e
}
