package pages

import (
	"mime"
	"net/http"
	"net/url"

	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow/preferences"
)

// showUnsubscribe is the manual page: one press, or finer choices.
func (p *pages) showUnsubscribe(w http.ResponseWriter, r *http.Request) {
	p.show(w, r, http.StatusOK, "unsubscribe", &view{Title: "u.title", Token: shortToken(r)})
}

// unsubscribe is RFC 8058 section 3.2: a POST whose body says One-Click takes
// effect, without cookies, redirects or a question. The manual page posts the
// same, with a scope. Any other body gets the manual page and changes nothing.
func (p *pages) unsubscribe(w http.ResponseWriter, r *http.Request) {
	form, ok := oneClick(r)
	if !ok {
		p.showUnsubscribe(w, r)
		return
	}
	scope := preferences.Scope(form.Get("scope"))
	if err := p.Flow.Unsubscribe(r.Context(), r.PathValue("token"), scope); err != nil {
		p.trouble(w, r, "unsubscribe", err)
		return
	}
	v := &view{Title: "u.done.title", Token: shortToken(r)}
	if scope != preferences.ScopeAll {
		v.StopAll = token.PathUnsubscribe + v.Token
	}
	p.show(w, r, http.StatusOK, "unsubscribed", v)
}

// oneClick reads the body, in either of the forms that RFC 8058 allows. What
// stands in the query never counts.
func oneClick(r *http.Request) (url.Values, bool) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	var err error
	switch kind {
	case "application/x-www-form-urlencoded":
		err = r.ParseForm()
	case "multipart/form-data":
		err = r.ParseMultipartForm(maxBody) // all of it fits into memory: guard bounds the body
	default:
		return nil, false
	}
	return r.PostForm, err == nil && r.PostForm.Get("List-Unsubscribe") == "One-Click"
}

// shortToken is the link's token as far as it can be one: a page does not repeat
// whatever was written into its address.
func shortToken(r *http.Request) string {
	t := r.PathValue("token")
	if len(t) > token.MaxLength {
		return ""
	}
	return t
}
