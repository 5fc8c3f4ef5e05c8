package pages

import "net/http"

// showConfirm asks; a scanner that follows the link confirms nothing (A14).
func (p *pages) showConfirm(w http.ResponseWriter, r *http.Request) {
	p.show(w, r, http.StatusOK, "confirm", &view{Title: "c.title", StopAll: p.stopAll(shortToken(r))})
}

func (p *pages) confirm(w http.ResponseWriter, r *http.Request) {
	if err := p.Flow.Confirm(r.Context(), r.PathValue("token")); err != nil {
		p.trouble(w, r, "confirm", err)
		return
	}
	p.show(w, r, http.StatusOK, "notice", &view{Title: "c.done.title", StopAll: p.stopAll(shortToken(r)), Data: notice{Lead: "c.done.lead", Done: true}})
}
