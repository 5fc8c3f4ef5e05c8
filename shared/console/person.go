package console

import (
	"net/http"

	"github.com/kesher-io/kesher/events"
)

// person names who is asked about.
type person struct {
	UserID string `json:"userId"`
	// About is a journey or a message; explain alone reads it.
	About string `json:"about"`
}

func (h *handler) person(r *http.Request) (p person, customer string, err error) {
	if err := read(r, &p); err != nil {
		return p, "", err
	}
	if p.UserID == "" {
		return p, "", events.Refuse(events.InvalidField, "userId", "is missing")
	}
	return p, h.Keys.Customer(p.UserID), nil
}

func (h *handler) explainPerson(r *http.Request) (any, error) {
	p, customer, err := h.person(r)
	if err != nil {
		return nil, err
	}
	return h.explain.Explain(r.Context(), customer, p.About)
}

func (h *handler) exportPerson(r *http.Request) (any, error) {
	p, _, err := h.person(r)
	if err != nil {
		return nil, err
	}
	export, err := h.Collect.Export(r.Context(), p.UserID)
	if err == nil && export == nil {
		err = events.Refuse(events.NotFound, "userId", "belongs to nobody who is known")
	}
	return export, err
}

// erasePerson forgets also whom nobody knows: a second erasure finds the same end.
func (h *handler) erasePerson(r *http.Request) (any, error) {
	_, customer, err := h.person(r)
	if err != nil {
		return nil, err
	}
	return h.Erase.Erase(r.Context(), customer)
}
