package events

import "fmt"

// Code says why something was refused. Callers may rely on these.
type Code string

// Every code there is.
const (
	InvalidJSON  Code = "invalid_json"  // can't be parsed at all
	TooLarge     Code = "too_large"     // above a limit of size, depth or number
	InvalidField Code = "invalid_field" // a field is missing, or has a wrong value
	UnknownEvent Code = "unknown_event" // the plan does not declare it
	UnknownTrait Code = "unknown_trait" // the plan does not declare it
	UnknownUser  Code = "unknown_user"  // nobody is known by this userId
	NotPermitted Code = "not_permitted" // none of its purposes is permitted
	UserUnproven Code = "user_unproven" // a public key, and no userHash
	NoEvidence   Code = "no_evidence"   // a grant without notice or evidence
	Erased       Code = "erased"        // it happened before the customer was erased
	Unauthorized Code = "unauthorized"  // wrong or missing key
	Forbidden    Code = "forbidden"     // this key may not do that
	RateLimited  Code = "rate_limited"  // try again later
	Unavailable  Code = "unavailable"   // try again later
	NotFound     Code = "not_found"     // no such path, or nobody known
)

// Refusal says what is wrong, where, and so what to do. It never quotes a value,
// which may be personal.
type Refusal struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field"` // dotted path; "" = all of it
}

func (r *Refusal) Error() string {
	if r.Field == "" {
		return fmt.Sprintf("%s: %s", r.Code, r.Message)
	}
	return fmt.Sprintf("%s: %s %s", r.Code, r.Field, r.Message)
}

// Refuse makes a refusal of a field.
func Refuse(code Code, field, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

// Rejected is one member of a call that was refused while others were kept.
type Rejected struct {
	Index int `json:"index"`
	Refusal
}

// Adjusted is one member whose time was not taken as given.
type Adjusted struct {
	Index  int    `json:"index"`
	Field  string `json:"field"`
	Reason string `json:"reason"` // skewed: the device's clock was wrong; ancient or future: no time that can be
	At     Time   `json:"at"`     // what was taken instead
}

// Accepted answers a call that could be parsed.
type Accepted struct {
	Success  bool       `json:"success"`
	Rejected []Rejected `json:"rejected,omitempty"`
	Adjusted []Adjusted `json:"adjusted,omitempty"`
}

// Failed answers any other.
type Failed struct {
	Error Refusal `json:"error"`
}
