package pages

import (
	"encoding/base64"
	"net/http"
)

// link sends the browser on to a signed target. A link that is not ours leads
// nowhere: we are nobody's open redirect.
func (p *pages) link(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead { // a look, no click
		p.head(w, r)
		return
	}
	target, ok, err := p.Flow.Click(r.Context(), r.PathValue("token"))
	if err != nil { // not counted, but her way is not blocked by that
		p.Log.Error("click not recorded", "error", err)
	}
	if !ok {
		p.nothing(w, r)
		return
	}
	p.redirect(w, target, http.StatusFound)
}

func (p *pages) head(w http.ResponseWriter, r *http.Request) {
	l, ok := p.Ring.OpenLink(r.PathValue("token"))
	if !ok {
		p.nothing(w, r)
		return
	}
	p.redirect(w, l.Target, http.StatusFound)
}

func (p *pages) redirect(w http.ResponseWriter, target string, status int) {
	w.Header().Set("Location", target)
	w.WriteHeader(status)
}

// gif is one transparent pixel.
var gif, _ = base64.StdEncoding.DecodeString("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")

// pixel answers the same whether or not anything is recorded (A22).
func (p *pages) pixel(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		if err := p.Flow.Open(r.Context(), r.PathValue("token")); err != nil {
			p.Log.Error("open not recorded", "error", err)
		}
	}
	w.Header().Set("Content-Type", "image/gif")
	_, _ = w.Write(gif)
}
