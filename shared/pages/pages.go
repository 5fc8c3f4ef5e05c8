// Package pages is what customers see of Kesher: the pages behind the links of
// a mail, and the forms. It knows HTTP, HTML and words; what a page does is
// flow/preferences. Pages are rendered on the server and carry no script at all.
//
// A page says the same for a genuine and a forged link: its words, its language
// and its status depend on the browser alone (B06, E08). A GET changes nothing
// (B04): mail scanners follow every link.
package pages

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/preferences"
)

// Config is what the pages need.
type Config struct {
	Flow     *preferences.Service
	Releases flow.Releases
	Ring     token.Keyring
	// Base is the address under which customers reach the pages. With https the
	// cookie is Secure and the browser is told to stay with https.
	Base string
	Log  *slog.Logger
}

type pages struct {
	Config
	https bool
}

// New serves every path of CONTRACTS section 3.
func New(c Config) http.Handler {
	p := &pages{Config: c, https: strings.HasPrefix(c.Base, "https://")}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /u/{token}", p.showUnsubscribe)
	mux.HandleFunc("POST /u/{token}", p.unsubscribe)
	mux.HandleFunc("GET /p", p.showPreferences)
	mux.HandleFunc("POST /p", p.postPreferences)
	mux.HandleFunc("GET /p/{token}", p.showKnock)
	mux.HandleFunc("POST /p/{token}", p.knock)
	mux.HandleFunc("GET /c/{token}", p.showConfirm)
	mux.HandleFunc("POST /c/{token}", p.confirm)
	mux.HandleFunc("GET /s/{survey}", p.showSurvey)
	mux.HandleFunc("POST /s/{survey}", p.answer)
	mux.HandleFunc("GET /l/{token}", p.link)
	mux.HandleFunc("GET /o/{token}", p.pixel)
	mux.HandleFunc("/", p.nothing)
	return p.guard(mux)
}

// maxBody is far above any form here.
const maxBody = 64 << 10

// guard sets what every answer carries, and bounds every request.
func (p *pages) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", p.policy(""))
		h.Set("Referrer-Policy", "no-referrer") // addresses of pages carry tokens
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Robots-Tag", "noindex, nofollow")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		if p.https {
			h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// policy allows our one stylesheet by its hash, the brand's logo, and forms that
// go to us; nothing else, and no frame around it (E12).
func (p *pages) policy(logo string) string {
	images := "img-src 'none'"
	if logo != "" {
		images = "img-src " + logo
	}
	return "default-src 'none'; style-src '" + styleHash + "'; " + images +
		"; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

func (p *pages) nothing(w http.ResponseWriter, r *http.Request) {
	p.show(w, r, http.StatusNotFound, "notice", &view{Title: "gone.title", Data: notice{Lead: "gone.lead"}})
}

// trouble answers for something that failed on our side. The cause goes to the
// log, which is told neither path nor query: they carry tokens.
func (p *pages) trouble(w http.ResponseWriter, r *http.Request, what string, err error) {
	if context.Cause(r.Context()) == nil {
		p.Log.Error("page failed", "page", what, "error", err)
	}
	w.Header().Set("Retry-After", "60")
	p.show(w, r, http.StatusServiceUnavailable, "notice", &view{Title: "trouble.title", Data: notice{Lead: "trouble.lead"}})
}

// notice is the data of a page that only says something.
type notice struct {
	Lead    string
	Done    bool
	AskLink bool
}
