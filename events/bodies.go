package events

import (
	"encoding/json"
)

// ConsentCall is the body of POST /v1/consents: one statement about one
// permission.
type ConsentCall struct {
	MessageID   string    `json:"messageId,omitempty"`
	UserID      Personal  `json:"userId,omitzero"`
	AnonymousID Personal  `json:"anonymousId,omitzero"`
	Purpose     string    `json:"purpose"`
	Channel     string    `json:"channel,omitempty"` // omitted: data use
	State       string    `json:"state"`             // granted | denied | withdrawn
	Time        Time      `json:"time,omitzero"`
	Expires     Time      `json:"expires,omitzero"`
	Notice      string    `json:"notice,omitempty"`   // id of the text she saw
	Language    string    `json:"language,omitempty"` // she saw it in; default: her own
	Evidence    *Evidence `json:"evidence,omitempty"`
	Context     *Context  `json:"context,omitempty"` // userHash
	WriteKey    string    `json:"writeKey,omitempty"`
}

// Evidence of a permission that was not given under one of the catalog's notices.
type Evidence struct {
	Basis  string `json:"basis"` // consent | contract | existing-customer | legal
	Source string `json:"source"`
	Text   string `json:"text,omitempty"`
}

// SurveyResponse is the body of POST /v1/surveys/{survey}/responses.
type SurveyResponse struct {
	Survey      string          `json:"survey,omitempty"` // in a played file; else in the address
	ResponseID  string          `json:"responseId,omitempty"`
	UserID      Personal        `json:"userId,omitzero"`
	AnonymousID Personal        `json:"anonymousId,omitzero"`
	Token       string          `json:"token,omitempty"` // of a link mailed to her
	Answers     Object          `json:"answers"`
	Consent     []ResponseGrant `json:"consent,omitempty"`
	Time        Time            `json:"time,omitzero"`
	Language    string          `json:"language,omitempty"`
	Context     *Context        `json:"context,omitempty"`
	WriteKey    string          `json:"writeKey,omitempty"`
}

// ResponseGrant is what she said about a permission in the same form.
type ResponseGrant struct {
	Purpose string `json:"purpose"`
	Channel string `json:"channel,omitempty"`
	State   string `json:"state"`
	Notice  string `json:"notice,omitempty"`
}

// MessageCall is the body of POST /v1/messages: one transactional mail.
type MessageCall struct {
	MessageID string   `json:"messageId,omitempty"`
	UserID    Personal `json:"userId"`
	Template  string   `json:"template"`
	Data      Object   `json:"data,omitempty"`
	WriteKey  string   `json:"writeKey,omitempty"`
}

// ItemsCall is the body of POST /v1/items: what the shop sells.
type ItemsCall struct {
	Items    []json.RawMessage `json:"items"`
	WriteKey string            `json:"writeKey,omitempty"`
}

// Item is one thing the shop sells.
type Item struct {
	ID       string   `json:"id"`
	Title    string   `json:"title,omitempty"`
	Price    *float64 `json:"price,omitempty"`
	Stock    *int64   `json:"stock,omitempty"`
	Image    string   `json:"image,omitempty"`
	URL      string   `json:"url,omitempty"`
	Category string   `json:"category,omitempty"`
}

// ProfileCall is the body of POST /v1/profiles/{get,export,erase}.
type ProfileCall struct {
	UserID   Personal `json:"userId"`
	WriteKey string   `json:"writeKey,omitempty"`
}

// DecodeConsent reads a consent call.
func DecodeConsent(b []byte) (*ConsentCall, *Refusal) {
	c := &ConsentCall{}
	if r := Decode(b, c); r != nil {
		return nil, r
	}
	return c, first(CheckID("messageId", c.MessageID, MaxMessageID), checkIDs(c.UserID, c.AnonymousID), oneOf(c.UserID, c.AnonymousID))
}

// DecodeResponse reads a survey response.
func DecodeResponse(b []byte) (*SurveyResponse, *Refusal) {
	c := &SurveyResponse{}
	if r := Decode(b, c); r != nil {
		return nil, r
	}
	r := first(CheckID("responseId", c.ResponseID, MaxMessageID), checkIDs(c.UserID, c.AnonymousID))
	if c.Token == "" {
		r = first(r, oneOf(c.UserID, c.AnonymousID))
	}
	if len(c.Answers) == 0 {
		r = first(r, Refuse(InvalidField, "answers", "are missing"))
	}
	return c, r
}

// DecodeMessage reads a message call.
func DecodeMessage(b []byte) (*MessageCall, *Refusal) {
	c := &MessageCall{}
	if r := Decode(b, c); r != nil {
		return nil, r
	}
	return c, first(CheckID("messageId", c.MessageID, MaxMessageID), checkIDs(c.UserID, Personal{}), oneOf(c.UserID, Personal{}))
}

// DecodeProfile reads a profile call.
func DecodeProfile(b []byte) (*ProfileCall, *Refusal) {
	c := &ProfileCall{}
	if r := Decode(b, c); r != nil {
		return nil, r
	}
	return c, first(checkIDs(c.UserID, Personal{}), oneOf(c.UserID, Personal{}))
}

// DecodeItems reads an items call. Its members are decoded one by one.
func DecodeItems(b []byte) (*ItemsCall, *Refusal) {
	if len(b) > MaxBody {
		return nil, Refuse(TooLarge, "", "has %d bytes, %d are possible", len(b), MaxBody)
	}
	if r := wellFormed(b); r != nil {
		return nil, r
	}
	w := walker{b: b, opaque: "items"}
	if r := w.value(1, false); r != nil {
		return nil, r
	}
	c := &ItemsCall{}
	if r := unmarshal(b, c); r != nil {
		return nil, r
	}
	if c.Items == nil {
		return nil, Refuse(InvalidField, "items", "must be a list")
	}
	return c, nil
}

// Item reads one member.
func (c *ItemsCall) Item(i int) (*Item, *Refusal) {
	it := &Item{}
	if r := Decode(c.Items[i], it); r != nil {
		return nil, r
	}
	if it.ID == "" {
		return nil, Refuse(InvalidField, "id", "is missing")
	}
	return it, CheckID("id", it.ID, MaxMessageID)
}

func checkIDs(userID, anonymousID Personal) *Refusal {
	return first(CheckID("userId", userID.Reveal(), MaxUserID), CheckID("anonymousId", anonymousID.Reveal(), MaxUserID))
}

func first(refusals ...*Refusal) *Refusal {
	for _, r := range refusals {
		if r != nil {
			return r
		}
	}
	return nil
}
