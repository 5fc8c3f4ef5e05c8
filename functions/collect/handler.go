// Package collect is the function behind /v1: Segment's HTTP tracking API, so
// that existing SDKs work by changing the host, and Kesher's own calls beside it
// (CONTRACTS section 2). It knows HTTP, keys and the shape of bodies, one flow per
// path and nothing of what that does. It is a plain http.Handler, which
// shared/aws/httpapi serves on Lambda and net/http on one machine.
package collect

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/collect"
)

// Config is what the handler needs.
type Config struct {
	Flow      *collect.Service
	PublicKey string // stands in browsers
	ServerKey string
	// Base is the address under which SDKs reach the handler, without a slash at
	// its end.
	Base string
	// Typeform is the secret that its webhooks are signed with; empty: none are
	// taken.
	Typeform []byte
	// Limit asks a caller to come back later; nil never does.
	Limit func(*http.Request) (wait time.Duration, limited bool)
	// Erase forgets a customer, which the console alone may do; nil: nobody is found.
	Erase func(ctx context.Context, userID string) (receipt any, err error)
	Log   *slog.Logger
}

// handler serves the routes of one mux.
type handler struct {
	Config
}

// New serves everything under /v1 but profiles, and /openapi.json.
func New(c Config) http.Handler {
	h := &handler{c}
	return h.mux(append(h.tracking(), h.own()...))
}

// NewProfiles serves /v1/profiles, which the console function does, since it may
// read and delete what collect may not.
func NewProfiles(c Config) http.Handler {
	h := &handler{c}
	return h.mux(h.profiles())
}

// route is one path and what OpenAPI says of it.
type route struct {
	method, path string
	summary      string
	body         any // zero value of the request's type; nil: none
	answers      any // zero value of the response's type
	serve        http.HandlerFunc
	// short is a second spelling of another path, left out of OpenAPI.
	short bool
}

func (h *handler) mux(routes []route) http.Handler {
	mux := http.NewServeMux()
	methods := map[string]string{}
	for _, r := range routes {
		mux.HandleFunc(r.method+" "+r.path, r.serve)
		methods[r.path] = r.method
	}
	for path, method := range methods {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", method+", OPTIONS")
			fail(w, http.StatusMethodNotAllowed, events.Refuse(events.NotFound, "", "is served for %s only", method))
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusNotFound, events.Refuse(events.NotFound, "", "is no path here (see /openapi.json)"))
	})
	return h.cors(h.limited(mux))
}

// limited asks callers to come back later. SDKs read one header or the other.
func (h *handler) limited(next http.Handler) http.Handler {
	if h.Limit == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wait, limited := h.Limit(r)
		if !limited {
			next.ServeHTTP(w, r)
			return
		}
		seconds := int64((wait + time.Second - 1) / time.Second)
		w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
		reset := h.Flow.Clock.Real().Add(wait).UnixMilli()
		w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(reset, 10))
		fail(w, http.StatusTooManyRequests, events.Refuse(events.RateLimited, "", "too many calls: come back later"))
	})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller is gone; so is who could be told
}

func fail(w http.ResponseWriter, status int, r *events.Refusal) {
	answer(w, status, events.Failed{Error: *r})
}

// broken answers an error of a flow: nothing the caller did, so try again.
func (h *handler) broken(w http.ResponseWriter, err error) {
	w.Header().Set("Retry-After", "1")
	if errors.Is(err, flow.ErrNoRelease) {
		fail(w, http.StatusServiceUnavailable, events.Refuse(events.Unavailable, "", "no release: kesher publish"))
		return
	}
	h.Log.Error("collect", "error", err)
	fail(w, http.StatusServiceUnavailable, events.Refuse(events.Unavailable, "", "not stored: try again"))
}

// statusOf is how a refusal is answered where a call is refused as a whole.
func statusOf(r *events.Refusal) int {
	switch r.Code {
	case events.Unauthorized:
		return http.StatusUnauthorized
	case events.Forbidden:
		return http.StatusForbidden
	case events.NotFound:
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}
