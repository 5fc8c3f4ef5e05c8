package console

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
)

// Check says whether a request may pass.
type Check func(*http.Request) bool

// Everybody passes: where the way here has been guarded already (an IAM-signed
// route), or is no way for others (the page on a machine that answers to itself
// alone).
func Everybody(*http.Request) bool { return true }

// Bearer lets through who shows the token (RFC 6750 section 2.1).
func Bearer(token string) Check {
	want := sha256.Sum256([]byte(token))
	return func(r *http.Request) bool {
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		sum := sha256.Sum256([]byte(given)) // equal lengths: the comparison tells nothing
		return ok && token != "" && subtle.ConstantTimeCompare(sum[:], want[:]) == 1
	}
}

// ownOrigin: the request comes from a page of this very host, or from no page.
// It keeps other sites from pressing our buttons with her browser (E11).
func ownOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host == r.Host
}
