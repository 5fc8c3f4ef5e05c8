package explain

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/flow/history"
)

// consentEvents tell every change of permission, and what closes her address.
var consentEvents = []string{
	fact.ConsentGranted, fact.ConsentWithdrawn, fact.Unsubscribed, fact.EmailBounced, fact.EmailMarkedAsSpam,
}

// consentLines are the changes of permission that bear on what is asked.
func (s *Service) consentLines(ctx context.Context, q *question) ([]Line, error) {
	reader := history.Reader{Store: s.Store, Customer: q.person.key, Epoch: q.person.epoch}
	lines := []Line{}
	for _, name := range consentEvents {
		stored, err := reader.Events(ctx, name, time.UnixMilli(0))
		if err != nil {
			return nil, err
		}
		for _, e := range stored {
			if purpose, _ := e.Props["purpose"].(string); q.relies(purpose) {
				lines = append(lines, consentLine(e))
			}
		}
	}
	return lines, nil
}

// relies: the journey asked about needs this purpose, or all are asked about.
func (q *question) relies(purpose string) bool {
	j := q.live.Journeys[q.journey]
	return j == nil || purpose == "" || slices.Contains(j.Allowed(), purpose)
}

func consentLine(e fact.Event) Line {
	text := func(name string) string { s, _ := e.Props[name].(string); return s }
	line := Line{
		At: e.In.Time(), Fact: e.Name + "#" + e.ID, Decision: engine.KindSet.Word(), Values: map[string]any{},
	}
	for _, name := range []string{"purpose", "channel", "state", "surface"} {
		if v := text(name); v != "" {
			line.Values[name] = v
		}
	}
	if id := text("email_id"); id != "" {
		line.Values[ValueMessage] = id
	}
	switch {
	case e.Name == fact.EmailBounced && text("bounce_type") != events.BouncePermanent:
		line.Reason = "a mail to her bounced, this once"
	case e.Name == fact.EmailBounced:
		line.Reason = "a mail to her bounced: nothing more is sent to that address"
	case e.Name == fact.EmailMarkedAsSpam && text("feedback_type") == events.ComplaintNotSpam:
		line.Reason = "she says that a mail is no spam"
	case e.Name == fact.EmailMarkedAsSpam:
		line.Reason = "she reported a mail as spam: nothing more is sent to that address"
	case text("purpose") == "": // her press of a link; what it changed is told beside it
		line.Reason = "she used the unsubscribe link"
	case text("channel") == "":
		line.Reason = fmt.Sprintf("use of data for %s: %s", text("purpose"), text("state"))
	default:
		line.Reason = fmt.Sprintf("%s by %s: %s", text("purpose"), text("channel"), text("state"))
	}
	return line
}
