package events

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Typeform is a webhook of Typeform's
// (https://www.typeform.com/developers/webhooks/example-payload/).
type Typeform struct {
	EventID  string           `json:"event_id"`
	Type     string           `json:"event_type"`
	Response TypeformResponse `json:"form_response"`
}

// TypeformResponse is one filled form. Hidden fields come from the form's
// address, where anybody can write anything: they prove nothing.
type TypeformResponse struct {
	FormID    string           `json:"form_id"`
	Token     string           `json:"token"`
	Submitted Time             `json:"submitted_at"`
	Hidden    Object           `json:"hidden"`
	Answers   []TypeformAnswer `json:"answers"`
}

// TypeformAnswer is one answer; Type names the field that is set.
type TypeformAnswer struct {
	Type    string           `json:"type"`
	Field   TypeformField    `json:"field"`
	Text    string           `json:"text,omitempty"`
	Email   Personal         `json:"email,omitzero"`
	URL     string           `json:"url,omitempty"`
	Date    string           `json:"date,omitempty"`
	Number  *float64         `json:"number,omitempty"`
	Boolean *bool            `json:"boolean,omitempty"`
	Choice  *TypeformChoice  `json:"choice,omitempty"`
	Choices *TypeformChoices `json:"choices,omitempty"`
}

// TypeformField names the question; Ref is what its author called it.
type TypeformField struct {
	ID  string `json:"id"`
	Ref string `json:"ref"`
}

// TypeformChoice is one option; Ref is what its author called it.
type TypeformChoice struct {
	Label string `json:"label"`
	Ref   string `json:"ref"`
}

// TypeformChoices are several options.
type TypeformChoices struct {
	Labels []string `json:"labels"`
	Refs   []string `json:"refs"`
}

// TypeformSignature is the header that carries the signature.
const TypeformSignature = "Typeform-Signature"

// SignedByTypeform says whether the signature is that of the body: "sha256=" and
// base64 of HMAC-SHA256 under the webhook's secret
// (https://www.typeform.com/developers/webhooks/secure-your-webhooks/).
func SignedByTypeform(secret, body []byte, signature string) bool {
	text, ok := strings.CutPrefix(signature, "sha256=")
	given, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(secret) == 0 {
		return false
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return hmac.Equal(mac.Sum(nil), given)
}

// DecodeTypeform reads a webhook as a survey response: hidden fields name the
// survey (default: the form's id) and the respondent, refs name questions and
// options.
func DecodeTypeform(b []byte) (*SurveyResponse, *Refusal) {
	t := &Typeform{}
	if r := Decode(b, t); r != nil {
		return nil, r
	}
	if t.Type != "form_response" {
		return nil, Refuse(InvalidField, "event_type", "must be form_response")
	}
	hidden := func(name string) string { s, _ := t.Response.Hidden[name].(string); return s }
	out := &SurveyResponse{
		Survey: hidden("survey"), ResponseID: t.Response.Token, Time: t.Response.Submitted,
		UserID: NewPersonal(hidden("user_id")), AnonymousID: NewPersonal(hidden("anonymous_id")),
		Context: &Context{UserHash: hidden("user_hash")}, Answers: Object{},
	}
	if out.Survey == "" {
		out.Survey = t.Response.FormID
	}
	if out.UserID.Reveal() == "" && out.AnonymousID.Reveal() == "" {
		out.AnonymousID = NewPersonal("typeform:" + t.Response.Token)
	}
	for _, a := range t.Response.Answers {
		if v, ok := a.value(); ok {
			out.Answers[a.Field.Ref] = v
		}
	}
	return out, first(CheckID("form_response.token", out.ResponseID, MaxMessageID), checkIDs(out.UserID, out.AnonymousID))
}

func (a TypeformAnswer) value() (any, bool) {
	switch a.Type {
	case "text":
		return a.Text, true
	case "email":
		return a.Email.Reveal(), true
	case "url":
		return a.URL, true
	case "date":
		return a.Date, true
	case "number":
		return deref(a.Number)
	case "boolean":
		return deref(a.Boolean)
	case "choice":
		return a.Choice.named()
	case "choices":
		return a.Choices.named()
	}
	return nil, false
}

func deref[T any](p *T) (any, bool) {
	if p == nil {
		return nil, false
	}
	return *p, true
}

func (c *TypeformChoice) named() (any, bool) {
	if c == nil {
		return nil, false
	}
	if c.Ref != "" {
		return c.Ref, true
	}
	return c.Label, true
}

func (c *TypeformChoices) named() (any, bool) {
	if c == nil {
		return nil, false
	}
	names := c.Refs
	if len(names) == 0 {
		names = c.Labels
	}
	list := make([]any, len(names))
	for i, n := range names {
		list[i] = n
	}
	return list, true
}
