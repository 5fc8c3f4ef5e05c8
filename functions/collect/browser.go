package collect

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/flow/collect"
)

// cors lets pages of the origins that settings.yaml names read what they are
// answered. Nothing here knows cookies, so no origin is trusted with any; and no
// header gives a right but Authorization, so they may send what SDKs like to (a
// retry of analytics.js carries X-Retry-Count, and another SDK has its own).
func (h *handler) cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		w.Header().Add("Vary", "Origin")
		if origin != "" && h.allowed(r, origin) {
			w.Header().Set("Access-Control-Allow-Origin", origin)
			w.Header().Set("Access-Control-Expose-Headers", "Retry-After, X-RateLimit-Reset")
			if r.Method == http.MethodOptions {
				w.Header().Set("Access-Control-Allow-Methods", "GET, POST")
				w.Header().Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
				w.Header().Set("Access-Control-Max-Age", "86400")
			}
		}
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (h *handler) allowed(r *http.Request, origin string) bool {
	rel, err := h.Flow.Releases.Live(r.Context())
	if err != nil {
		return false
	}
	for _, s := range rel.Settings.Sources {
		if s.Kind == string(collect.Public) && slices.Contains(s.Origins, origin) {
			return true
		}
	}
	return false
}

// jsSettings is what analytics.js asks its CDN before it starts: send everything
// here, and load no other destination.
type jsSettings struct {
	Integrations map[string]jsDestination `json:"integrations"`
	Plan         jsPlan                   `json:"plan"`
	Metrics      jsMetrics                `json:"metrics"`
}

type jsDestination struct {
	APIKey   string `json:"apiKey"`
	APIHost  string `json:"apiHost"` // with its path, without its scheme
	Protocol string `json:"protocol"`
}

type jsPlan struct {
	Track    map[string]any `json:"track"`
	Identify map[string]any `json:"identify"`
	Group    map[string]any `json:"group"`
}

type jsMetrics struct {
	SampleRate float64 `json:"sampleRate"`
}

func (h *handler) settings(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("key")
	if !same(key, h.PublicKey) {
		fail(w, http.StatusUnauthorized, events.Refuse(events.Unauthorized, "", "is not the public key"))
		return
	}
	base, err := url.Parse(h.Base)
	if err != nil {
		h.broken(w, err)
		return
	}
	everything := map[string]any{"__default": map[string]any{"enabled": true, "integrations": map[string]any{}}}
	answer(w, http.StatusOK, jsSettings{
		Integrations: map[string]jsDestination{"Segment.io": {APIKey: key, APIHost: base.Host + base.Path + "/v1", Protocol: base.Scheme}},
		Plan:         jsPlan{Track: everything, Identify: everything, Group: everything},
	})
}
