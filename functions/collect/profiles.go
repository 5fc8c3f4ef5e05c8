package collect

import (
	"context"
	"net/http"
	"strconv"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/flow/collect"
)

// profiles are the calls about everything known of one customer. Their userId
// stands in the body: it may be an address, which no URL may hold (E06).
func (h *handler) profiles() []route {
	return []route{
		h.profile("/v1/profiles/get", "What is known of a customer", collect.Profile{}, func(ctx context.Context, userID string) (any, error) {
			p, err := h.Flow.Profile(ctx, userID)
			return found(p), err
		}),
		h.profile("/v1/profiles/export", "Everything that is stored of a customer", collect.Export{}, func(ctx context.Context, userID string) (any, error) {
			x, err := h.Flow.Export(ctx, userID)
			return found(x), err
		}),
		h.profile("/v1/profiles/erase", "Forget a customer", struct{}{}, func(ctx context.Context, userID string) (any, error) {
			if h.Erase == nil {
				return nil, nil
			}
			return h.Erase(ctx, userID)
		}),
	}
}

// found keeps a nil pointer from becoming an interface that is not nil.
func found[T any](p *T) any {
	if p == nil {
		return nil
	}
	return p
}

func (h *handler) profile(path, summary string, answers any, read func(ctx context.Context, userID string) (any, error)) route {
	return route{
		method: http.MethodPost, path: path, summary: summary, body: events.ProfileCall{}, answers: answers,
		serve: h.authenticated(func(w http.ResponseWriter, r *http.Request, t taken) {
			if t.src.Kind != collect.Server {
				fail(w, http.StatusForbidden, events.Refuse(events.Forbidden, "", "needs the server key"))
				return
			}
			c, refusal := events.DecodeProfile(t.body)
			if refusal != nil {
				fail(w, statusOf(refusal), refusal)
				return
			}
			v, err := read(r.Context(), c.UserID.Reveal())
			switch {
			case err != nil:
				h.broken(w, err)
			case v == nil:
				fail(w, http.StatusNotFound, events.Refuse(events.NotFound, "userId", "belongs to nobody who is known"))
			default:
				answer(w, http.StatusOK, v)
			}
		}),
	}
}

func itemField(i int, field string) string {
	name := "items." + strconv.Itoa(i)
	if field == "" {
		return name
	}
	return name + "." + field
}
