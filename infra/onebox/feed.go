package onebox

import (
	"context"
	"fmt"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/flow/collect"
)

// feed gives one line to the flow that serves its kind over HTTP, with the
// server's right. A line without an id gets one that its place makes, so that an
// interrupted play repeats it. Without a refusal the line was taken.
func (b *Box) feed(ctx context.Context, l line) (*events.Refusal, error) {
	if b.config.Demo && l.user != "" {
		b.narrator.know(b.keys.Customer(l.user), l.user)
	}
	out, refusal, err := b.takeIn(ctx, l)
	if refusal == nil {
		refusal = out.Refused
	}
	return refusal, err
}

func (b *Box) takeIn(ctx context.Context, l line) (out collect.Outcome, refusal *events.Refusal, err error) {
	src := collect.Source{Kind: collect.Server, Name: "play", Played: b.playsEvents()}
	id := fmt.Sprintf("line-%d", l.n)
	switch l.typ {
	case "consent":
		c, r := events.DecodeConsent(l.raw)
		if r != nil {
			return out, r, nil
		}
		c.MessageID = orElse(c.MessageID, id)
		out, err = b.flows.collect.Consent(ctx, c, src)
	case "survey":
		c, r := events.DecodeResponse(l.raw)
		if r != nil {
			return out, r, nil
		}
		c.ResponseID = orElse(c.ResponseID, id)
		out, err = b.flows.collect.Respond(ctx, c, src)
	default:
		c, r := events.DecodeCall(l.raw, "")
		if r != nil {
			return out, r, nil
		}
		c.MessageID = orElse(c.MessageID, id)
		out, err = b.flows.collect.Collect(ctx, c, src)
	}
	return out, nil, err
}

func orElse(id, otherwise string) string {
	if id == "" {
		return otherwise
	}
	return id
}
