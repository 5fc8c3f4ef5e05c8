package pages

import (
	"net/http"
	"time"

	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow/preferences"
)

// cookieName has the prefix that binds a cookie to this very host and to https
// (RFC 6265bis, section 4.1.3.2), so that no neighbour under the same domain can
// plant a session.
func (p *pages) cookieName() string {
	if p.https {
		return "__Host-kesher"
	}
	return "kesher"
}

func (p *pages) setCookie(w http.ResponseWriter, c token.Cookie) {
	p.writeCookie(w, p.Ring.MintCookie(c), int(preferences.SessionFor/time.Second))
}

func (p *pages) dropCookie(w http.ResponseWriter) { p.writeCookie(w, "", -1) }

func (p *pages) writeCookie(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: p.cookieName(), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: p.https, SameSite: http.SameSiteStrictMode,
	})
}

// cookie is the session that the browser says it has; the flow judges whether
// it still holds.
func (p *pages) cookie(r *http.Request) (token.Cookie, bool) {
	c, err := r.Cookie(p.cookieName())
	if err != nil {
		return token.Cookie{}, false
	}
	return p.Ring.OpenCookie(c.Value)
}
