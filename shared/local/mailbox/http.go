package mailbox

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

//go:embed page.html
var pageSource string

//go:embed style.css
var style []byte

var page = template.Must(template.New("page").Parse(pageSource))

// Handler serves /mailbox: the page, the JSON of CONTRACTS section 5, and the
// posts of the receiving side. It must be reached by the loopback address only:
// it asks nobody who they are.
func (m *Mailbox) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /mailbox", m.servePage)
	mux.HandleFunc("GET /mailbox/style.css", serveStyle)
	mux.HandleFunc("GET /mailbox/messages", m.serveList)
	mux.HandleFunc("GET /mailbox/messages/{id}", m.serveMessage)
	mux.HandleFunc("GET /mailbox/messages/{id}/html", m.serveHTML)
	mux.HandleFunc("POST /mailbox/messages/{id}/events", m.serveEvent)
	return mux
}

// maxBody is more than any report needs.
const maxBody = 4 << 10

func fail(w http.ResponseWriter, status int, format string, args ...any) {
	answer(w, status, map[string]any{"error": map[string]string{"message": fmt.Sprintf(format, args...)}})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v) // the client has gone
}

func (m *Mailbox) serveList(w http.ResponseWriter, r *http.Request) {
	f, err := filterOf(r.URL.Query())
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	list, err := m.List(r.Context(), f)
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	views := make([]View, 0, len(list))
	for _, msg := range list {
		views = append(views, view(msg))
	}
	answer(w, http.StatusOK, views)
}

func filterOf(q url.Values) (Filter, error) {
	f := Filter{To: q.Get("to"), Journey: q.Get("journey"), After: q.Get("after")}
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxLimit {
			return Filter{}, fmt.Errorf("limit is %q; it is a number from 1 to %d", s, maxLimit)
		}
		f.Limit = n
	}
	return f, nil
}

// serveMessage serves {id} as JSON and {id}.eml as it was sent.
func (m *Mailbox) serveMessage(w http.ResponseWriter, r *http.Request) {
	id, eml := strings.CutSuffix(r.PathValue("id"), ".eml")
	msg, ok := m.find(w, r, id)
	if !ok {
		return
	}
	if !eml {
		answer(w, http.StatusOK, view(msg))
		return
	}
	w.Header().Set("Content-Type", "message/rfc822")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("inline", map[string]string{"filename": id + ".eml"}))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "sandbox")
	_, _ = w.Write(msg.Raw) // the client has gone
}

func (m *Mailbox) find(w http.ResponseWriter, r *http.Request, id string) (Message, bool) {
	msg, ok, err := m.Get(r.Context(), id)
	switch {
	case err != nil:
		fail(w, http.StatusInternalServerError, "%v", err)
	case !ok:
		fail(w, http.StatusNotFound, "there is no mail %q", id)
	}
	return msg, ok && err == nil
}

// serveHTML serves the body alone, for the frame of the page: no scripts and no
// forms, twice over (sandbox and policy); links open in another window. It keeps
// its origin, which nothing in it can use without scripts: a frame of an opaque
// origin runs in a process of its own, and headless Chromium paints it blank.
func (m *Mailbox) serveHTML(w http.ResponseWriter, r *http.Request) {
	msg, ok := m.find(w, r, r.PathValue("id"))
	if !ok {
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "+
		"img-src https: http: data:; style-src 'unsafe-inline'; frame-ancestors 'self'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "no-referrer")
	body := strings.Replace(view(msg).HTML, "<head>", `<head><base target="_blank">`, 1)
	_, _ = w.Write([]byte(body)) // the client has gone
}

// serveEvent acts as the receiving side. A browser may post from this very
// address only (its Origin says so), a program without any.
func (m *Mailbox) serveEvent(w http.ResponseWriter, r *http.Request) {
	if !ownOrigin(r) {
		fail(w, http.StatusForbidden, "a post from another origin (%s) is refused", r.Header.Get("Origin"))
		return
	}
	kind, isForm, err := kindOf(w, r)
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	msg, ok := m.find(w, r, r.PathValue("id"))
	if !ok {
		return
	}
	if err := m.Report(r.Context(), Report{Kind: kind, Message: msg}); err != nil {
		fail(w, http.StatusServiceUnavailable, "the report was not taken: %v", err)
		return
	}
	if isForm {
		http.Redirect(w, r, "/mailbox?done="+url.QueryEscape(string(kind))+"&id="+url.QueryEscape(msg.ID), http.StatusSeeOther)
		return
	}
	answer(w, http.StatusOK, map[string]bool{"success": true})
}

func ownOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return origin == "" || origin == "http://"+r.Host
}

// kindOf reads {"type": "bounce"} or the form of the page.
func kindOf(w http.ResponseWriter, r *http.Request) (kind Kind, isForm bool, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if isForm = media == "application/x-www-form-urlencoded"; isForm {
		kind = Kind(r.PostFormValue("type"))
	}
	if kind == "" { // curl -d sends JSON under the type of a form
		return kindOfJSON(r)
	}
	return checked(kind, isForm)
}

func kindOfJSON(r *http.Request) (Kind, bool, error) {
	var body struct {
		Type Kind `json:"type"`
	}
	decoder := json.NewDecoder(r.Body)
	if r.PostForm != nil { // the form parser has read the body: it is the one key
		for key := range r.PostForm {
			decoder = json.NewDecoder(strings.NewReader(key))
		}
	}
	if err := decoder.Decode(&body); err != nil {
		return "", false, fmt.Errorf(`the body is no JSON like {"type":"bounce"}: %v`, err)
	}
	return checked(body.Type, false)
}

func checked(kind Kind, isForm bool) (Kind, bool, error) {
	if !kind.Known() {
		return "", false, fmt.Errorf("type is %q; it is bounce, complaint, open, click or delivery", kind)
	}
	return kind, isForm, nil
}

// pageData is what the page shows.
type pageData struct {
	List     []View
	Selected *View
	Filter   Filter
	Done     string
	Older    string // id to go on after
	Total    int
	Kinds    []Kind
}

func (m *Mailbox) servePage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f := Filter{To: q.Get("to"), Journey: q.Get("journey"), After: q.Get("after"), Newest: true, Limit: 50}
	list, err := m.List(r.Context(), f)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	data := pageData{Filter: f, Kinds: []Kind{Delivered, Opened, Clicked, Bounce, Complaint}}
	if kind := Kind(q.Get("done")); kind.Known() {
		data.Done = string(kind)
	}
	if data.Total, err = m.Count(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if len(list) == f.Limit {
		data.Older = list[len(list)-1].ID
	}
	// A played history mails customers side by side, each at her own time: what
	// arrived last need not be the latest.
	slices.SortStableFunc(list, func(a, b Message) int { return b.At.Compare(a.At) })
	for _, msg := range list {
		data.List = append(data.List, view(msg))
	}
	if data.Selected, err = m.selected(r, data.List); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	w.Header().Set("Referrer-Policy", "same-origin")
	_ = page.Execute(w, data) // the client has gone
}

// selected is the mail to read: the one asked for, else the newest.
func (m *Mailbox) selected(r *http.Request, list []View) (*View, error) {
	if id := r.URL.Query().Get("id"); id != "" {
		msg, ok, err := m.Get(r.Context(), id)
		if err != nil || !ok {
			return nil, err
		}
		v := view(msg)
		return &v, nil
	}
	if len(list) == 0 {
		return nil, nil
	}
	return &list[0], nil
}

func serveStyle(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(style) // the client has gone
}
