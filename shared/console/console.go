// Package console is what marketers and operators look at: the status page, and
// the admin API under /admin/v1 that the command speaks to. It knows HTTP, HTML
// and who may ask; everything it shows comes from flows and the store's port, so
// one machine and AWS have the same console. Who is asked about stands in a body,
// never in a URL (E06).
package console

import (
	"log/slog"
	"net/http"

	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/collect"
	"github.com/kesher-io/kesher/shared/flow/doctor"
	"github.com/kesher-io/kesher/shared/flow/erase"
	"github.com/kesher-io/kesher/shared/flow/explain"
	"github.com/kesher-io/kesher/shared/flow/faults"
	"github.com/kesher-io/kesher/shared/flow/publish"
	"github.com/kesher-io/kesher/shared/flow/report"
)

// Config is what the console needs.
type Config struct {
	Store    flow.Store
	Clock    flow.Clock
	Tokens   flow.Tokens
	Releases flow.Releases
	Keys     flow.Keys

	Collect *collect.Service // reads all of one person
	Erase   *erase.Service

	// Admin says who may use the admin API, Page who may see the status page
	// (nil: Admin). On AWS both are who the signed route lets through; on one
	// machine the token, and whoever sits at it.
	Admin, Page Check

	Intake   Intake   // nil: calls are not counted here
	Failures Failures // nil: no payloads are kept
	// Domain is where every sender's address must lie; "" = anywhere.
	Domain string
	// Target is how cures tell the command to reach this stage; "" = this machine.
	Target string
	// Mailbox: mails can be read at /mailbox.
	Mailbox bool
	Log     *slog.Logger
}

type handler struct {
	Config
	explain *explain.Service
	report  *report.Service
	faults  *faults.Service
	doctor  *doctor.Service
	publish *publish.Service
}

// New serves /, /console and /admin/v1.
func New(c Config) http.Handler {
	if c.Page == nil {
		c.Page = c.Admin
	}
	h := &handler{
		Config:  c,
		explain: &explain.Service{Store: c.Store, Clock: c.Clock, Releases: c.Releases},
		report:  &report.Service{Store: c.Store, Releases: c.Releases},
		faults:  &faults.Service{Store: c.Store, Clock: c.Clock, Tokens: c.Tokens},
		publish: &publish.Service{Store: c.Store, Clock: c.Clock, Tokens: c.Tokens, Keys: c.Keys},
	}
	h.doctor = &doctor.Service{
		Store: c.Store, Clock: c.Clock, Releases: c.Releases, Failures: h.countFailures,
		Domain: c.Domain, Target: c.Target,
	}
	return h.routes()
}

func (h *handler) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", h.page)
	mux.HandleFunc("GET /console", h.page)
	mux.HandleFunc("GET /console/style.css", serveStyle)
	mux.HandleFunc("POST /console/faults/retry", h.pressRetry)

	mux.HandleFunc("GET /admin/v1/status", h.admin(h.status))
	mux.HandleFunc("GET /admin/v1/release", h.admin(h.release))
	mux.HandleFunc("GET /admin/v1/report", h.admin(h.recount))
	mux.HandleFunc("GET /admin/v1/tail", h.admin(h.tail))
	mux.HandleFunc("GET /admin/v1/doctor", h.admin(h.examine))
	mux.HandleFunc("POST /admin/v1/explain", h.admin(h.explainPerson))
	mux.HandleFunc("POST /admin/v1/export", h.admin(h.exportPerson))
	mux.HandleFunc("POST /admin/v1/erase", h.admin(h.erasePerson))
	mux.HandleFunc("POST /admin/v1/check", h.admin(h.checkCatalog))
	mux.HandleFunc("POST /admin/v1/publish", h.admin(h.publishCatalog))
	mux.HandleFunc("GET /admin/v1/faults", h.admin(h.listFaults))
	mux.HandleFunc("POST /admin/v1/faults/retry", h.admin(h.retryFault))
	mux.HandleFunc("/admin/", h.admin(func(*http.Request) (any, error) { return nil, errNoPath }))
	return secure(mux)
}

// secure sets what every answer carries. No script runs on any page of ours, so
// none is allowed (E12).
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("Content-Security-Policy",
			"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		header.Set("Referrer-Policy", "same-origin")
		header.Set("X-Content-Type-Options", "nosniff")
		if r.Header.Get("X-Forwarded-Proto") == "https" {
			header.Set("Strict-Transport-Security", "max-age=63072000")
		}
		next.ServeHTTP(w, r)
	})
}
