package collect

import (
	"context"
	"net/http"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/flow/collect"
)

// own are the calls that Segment has no words for.
func (h *handler) own() []route {
	post := func(path, summary string, body any, serve func(http.ResponseWriter, *http.Request, taken)) route {
		return route{
			method: http.MethodPost, path: path, summary: summary, body: body, answers: events.Accepted{},
			serve: h.authenticated(serve),
		}
	}
	return []route{
		post("/v1/consents", "One statement about one permission", events.ConsentCall{}, h.consents),
		post("/v1/surveys/{survey}/responses", "One customer's answers", events.SurveyResponse{}, h.responses),
		post("/v1/messages", "One transactional mail", events.MessageCall{}, h.messages),
		post("/v1/items", "What the shop sells", events.ItemsCall{}, h.items),
		{
			method: http.MethodPost, path: "/v1/surveys/typeform", summary: "A webhook of Typeform, signed by it",
			body: events.Typeform{}, answers: events.Accepted{}, serve: h.typeform,
		},
		{method: http.MethodGet, path: "/openapi.json", summary: "This document", serve: h.openapi, short: true},
	}
}

// whole answers a call that is taken or refused as a whole. What was dropped of
// one that was taken is listed.
func (h *handler) whole(w http.ResponseWriter, out collect.Outcome, err error) {
	switch {
	case err != nil:
		h.broken(w, err)
	case out.Refused != nil:
		fail(w, statusOf(out.Refused), out.Refused)
	default:
		answer(w, http.StatusOK, success(out))
	}
}

// one works a body that is one call of ours, taken or refused as a whole.
func one[C any](h *handler, w http.ResponseWriter, body []byte, decode func([]byte) (*C, *events.Refusal), work func(*C) (collect.Outcome, error)) {
	c, refusal := decode(body)
	if refusal != nil {
		h.whole(w, h.Flow.Refuse(refusal), nil)
		return
	}
	out, err := work(c)
	h.whole(w, out, err)
}

func (h *handler) consents(w http.ResponseWriter, r *http.Request, t taken) {
	one(h, w, t.body, events.DecodeConsent, func(c *events.ConsentCall) (collect.Outcome, error) {
		return h.Flow.Consent(r.Context(), c, t.src)
	})
}

func (h *handler) responses(w http.ResponseWriter, r *http.Request, t taken) {
	one(h, w, t.body, events.DecodeResponse, func(c *events.SurveyResponse) (collect.Outcome, error) {
		c.Survey = r.PathValue("survey")
		return h.Flow.Respond(r.Context(), c, t.src)
	})
}

func (h *handler) messages(w http.ResponseWriter, r *http.Request, t taken) {
	one(h, w, t.body, events.DecodeMessage, func(c *events.MessageCall) (collect.Outcome, error) {
		return h.Flow.Message(r.Context(), c, t.src)
	})
}

// items stores what is sold. Nothing is stored when one of them is refused.
func (h *handler) items(w http.ResponseWriter, r *http.Request, t taken) {
	c, refusal := events.DecodeItems(t.body)
	if refusal != nil {
		fail(w, statusOf(refusal), refusal)
		return
	}
	all := make([]*events.Item, len(c.Items))
	for i := range c.Items {
		if all[i], refusal = c.Item(i); refusal != nil {
			refusal = events.Refuse(refusal.Code, itemField(i, refusal.Field), "%s", refusal.Message)
			fail(w, statusOf(refusal), refusal)
			return
		}
	}
	out, err := h.storeItems(r.Context(), all, t.src)
	h.whole(w, out, err)
}

func (h *handler) storeItems(ctx context.Context, all []*events.Item, src collect.Source) (collect.Outcome, error) {
	for _, it := range all {
		if out, err := h.Flow.Item(ctx, it, src); err != nil || out.Refused != nil {
			return out, err
		}
	}
	return collect.Outcome{}, nil
}

// typeform takes a webhook. Its signature stands for a key; the respondent's ids
// come from the form's address, so they count as a browser's.
func (h *handler) typeform(w http.ResponseWriter, r *http.Request) {
	body, refusal := read(r)
	if refusal != nil {
		fail(w, statusOf(refusal), refusal)
		return
	}
	if !events.SignedByTypeform(h.Typeform, body, r.Header.Get(events.TypeformSignature)) {
		fail(w, http.StatusUnauthorized, events.Refuse(events.Unauthorized, "", "is not signed with this webhook's secret"))
		return
	}
	c, refusal := events.DecodeTypeform(body)
	if refusal != nil {
		fail(w, statusOf(refusal), refusal)
		return
	}
	out, err := h.Flow.Respond(r.Context(), c, collect.Source{Kind: collect.Public, Name: "typeform"})
	h.whole(w, out, err)
}
