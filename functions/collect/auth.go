package collect

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/flow/collect"
)

// source authenticates a call: by Basic authorization with a key as its user
// name, or, where there is no such header, by writeKey in the body.
func (h *handler) source(r *http.Request, body []byte) (collect.Source, bool) {
	key, _, basic := r.BasicAuth()
	if r.Header.Get("Authorization") == "" {
		key = writeKey(body)
	} else if !basic {
		return collect.Source{}, false
	}
	switch {
	case same(key, h.ServerKey):
		return collect.Source{Kind: collect.Server, Name: "http"}, true
	case same(key, h.PublicKey):
		return collect.Source{Kind: collect.Public, Name: "http"}, true
	}
	return collect.Source{}, false
}

// same compares keys in a time that tells nothing about them.
func same(given, key string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(key))
	return key != "" && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// taken is a call that was read and authenticated.
type taken struct {
	body []byte
	src  collect.Source
}

// authenticated serves what needs a key.
func (h *handler) authenticated(serve func(http.ResponseWriter, *http.Request, taken)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, refusal := read(r)
		if refusal != nil {
			fail(w, statusOf(refusal), refusal)
			return
		}
		src, ok := h.source(r, body)
		if !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="kesher"`)
			fail(w, http.StatusUnauthorized, events.Refuse(events.Unauthorized, "", "needs a valid key: as the user name of Basic authorization, or as writeKey"))
			return
		}
		serve(w, r, taken{body, src})
	}
}
