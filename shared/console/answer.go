package console

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/explain"
	"github.com/kesher-io/kesher/shared/flow/publish"
)

// Codes of the admin API besides those of events.
const (
	CodeMoved    events.Code = "release_moved"   // another release went live meanwhile
	CodeProblems events.Code = "catalog_invalid" // see problems
)

// Failed answers what was not done.
type Failed struct {
	Error    events.Refusal    `json:"error"`
	Problems []publish.Problem `json:"problems,omitempty"`
}

var errNoPath = events.Refuse(events.NotFound, "", "is no path of the admin API")

// admin serves one call of the admin API: who may, what it answers.
func (h *handler) admin(serve func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !h.Admin(r) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="kesher"`)
			answer(w, http.StatusUnauthorized, Failed{Error: *events.Refuse(events.Unauthorized, "", "needs the admin token")})
			return
		}
		if r.Method == http.MethodPost && !ownOrigin(r) {
			answer(w, http.StatusForbidden, Failed{Error: *events.Refuse(events.Forbidden, "", "posts from other origins are refused")})
			return
		}
		v, err := serve(r)
		if err != nil {
			status, failed := h.failed(r, err)
			answer(w, status, failed)
			return
		}
		answer(w, http.StatusOK, v)
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v) // the caller is gone; so is who could be told
}

// failed says how an error is answered. What is nobody's mistake is told in full:
// errors hold nothing personal, and who may ask has to find the cause.
func (h *handler) failed(r *http.Request, err error) (int, Failed) {
	var refusal *events.Refusal
	var about *explain.AboutError
	var moved *publish.MovedError
	var invalid *problemsError
	say := func(status int, code events.Code) (int, Failed) {
		return status, Failed{Error: *events.Refuse(code, "", "%s", err.Error())}
	}
	switch {
	case errors.As(err, &refusal) && refusal.Code == events.NotFound:
		return http.StatusNotFound, Failed{Error: *refusal}
	case errors.As(err, &refusal):
		return http.StatusBadRequest, Failed{Error: *refusal}
	case errors.Is(err, explain.ErrUnknown), errors.As(err, &about):
		return say(http.StatusNotFound, events.NotFound)
	case errors.As(err, &moved):
		return say(http.StatusConflict, CodeMoved)
	case errors.As(err, &invalid):
		status, failed := say(http.StatusUnprocessableEntity, CodeProblems)
		failed.Problems = invalid.problems
		return status, failed
	case errors.Is(err, flow.ErrNoRelease):
		return http.StatusServiceUnavailable, Failed{Error: *events.Refuse(events.Unavailable, "", "no release: kesher publish%s DIR", h.Target)}
	}
	h.Log.Error("console", "path", r.URL.Path, "error", err)
	return say(http.StatusServiceUnavailable, events.Unavailable)
}

// maxBody bounds what names a person or a fault.
const maxBody = 16 << 10

// read decodes a small body.
func read(r *http.Request, v any) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return events.Refuse(events.InvalidJSON, "", "the body broke off")
	case len(body) > maxBody:
		return events.Refuse(events.TooLarge, "", "has more than %d bytes", maxBody)
	}
	if err := json.Unmarshal(body, v); err != nil {
		return events.Refuse(events.InvalidJSON, "", "is no JSON object with the fields expected")
	}
	return nil
}
