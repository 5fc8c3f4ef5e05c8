package collect

import (
	"context"
	"net/http"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/flow/collect"
)

// tracking are the paths of Segment's HTTP tracking API, and the short ones of
// analytics.js.
func (h *handler) tracking() []route {
	var routes []route
	for _, t := range []struct{ typ, short, summary string }{
		{events.TypeIdentify, "i", "Say who a customer is"},
		{events.TypeTrack, "t", "Say what a customer did"},
		{events.TypePage, "p", "Say that a customer saw a page"},
		{events.TypeScreen, "s", "Say that a customer saw a screen"},
		{events.TypeGroup, "g", "Accepted, and not stored"},
		{events.TypeAlias, "a", "Say that two identifiers are one customer"},
	} {
		r := route{
			method: http.MethodPost, path: "/v1/" + t.typ, summary: t.summary,
			body: events.Call{}, answers: events.Accepted{}, serve: h.authenticated(h.one(t.typ)),
		}
		routes = append(routes, r, shortened(r, "/v1/"+t.short))
	}
	batch := route{
		method: http.MethodPost, path: "/v1/batch", summary: "Many calls in one",
		body: events.Batch{}, answers: events.Accepted{}, serve: h.authenticated(h.batch(false)),
	}
	imported := route{
		method: http.MethodPost, path: "/v1/import", summary: "History: it counts, and enters no journey",
		body: events.Batch{}, answers: events.Accepted{}, serve: h.authenticated(h.batch(true)),
	}
	return append(routes, batch, shortened(batch, "/v1/b"), imported, route{
		method: http.MethodGet, path: "/v1/projects/{key}/settings", summary: "What analytics.js asks before it starts",
		answers: jsSettings{}, serve: h.settings,
	})
}

func shortened(r route, path string) route {
	r.path, r.short = path, true
	return r
}

// one serves a single call, which is member 0 of what its answer tells.
func (h *handler) one(typ string) func(http.ResponseWriter, *http.Request, taken) {
	return func(w http.ResponseWriter, r *http.Request, t taken) {
		c, refusal := events.DecodeCall(t.body, typ)
		if refusal != nil && refusal.Code == events.InvalidJSON {
			fail(w, http.StatusBadRequest, refusal)
			return
		}
		out, err := h.collect(r.Context(), c, refusal, t.src)
		if err != nil {
			h.broken(w, err)
			return
		}
		answer(w, http.StatusOK, success(out))
	}
}

// collect works a call, unless it was refused before any flow saw it.
func (h *handler) collect(ctx context.Context, c *events.Call, refusal *events.Refusal, src collect.Source) (collect.Outcome, error) {
	if refusal != nil {
		return h.Flow.Refuse(refusal), nil
	}
	return h.Flow.Collect(ctx, c, src)
}

// success is the answer to calls that could be parsed, each a member.
func success(outs ...collect.Outcome) events.Accepted {
	all := events.Accepted{Success: true}
	for i, out := range outs {
		all.Rejected = append(all.Rejected, rejected(i, out)...)
		if a := out.Adjusted; a != nil {
			a.Index = i
			all.Adjusted = append(all.Adjusted, *a)
		}
	}
	return all
}

// rejected are a member's refusals as the answer lists them.
func rejected(index int, out collect.Outcome) []events.Rejected {
	var all []events.Rejected
	if out.Refused != nil {
		all = append(all, events.Rejected{Index: index, Refusal: *out.Refused})
	}
	for _, d := range out.Dropped {
		all = append(all, events.Rejected{Index: index, Refusal: d})
	}
	return all
}

// batch serves many calls. Good ones are kept; should one of them not be stored
// for a reason that passes, the caller is asked to send all of them again, which
// stores none twice.
func (h *handler) batch(imported bool) func(http.ResponseWriter, *http.Request, taken) {
	return func(w http.ResponseWriter, r *http.Request, t taken) {
		b, refusal := events.DecodeBatch(t.body)
		if refusal != nil {
			fail(w, statusOf(refusal), refusal)
			return
		}
		t.src.Import = imported
		outs, err := h.members(r.Context(), b, t.src)
		if err != nil {
			h.broken(w, err)
			return
		}
		answer(w, http.StatusOK, success(outs...))
	}
}
