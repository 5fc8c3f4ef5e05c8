package events

import "encoding/json"

// Personal is personal text in something foreign. It decodes and encodes like
// any string, but refuses to be printed: fmt, log and slog show [personal]. It
// holds a pointer because fmt, once it meets a verb that does not fit ("%s" of a
// struct), stops asking values how they print themselves.
type Personal struct{ text *string }

const redacted = "[personal]"

// NewPersonal wraps text.
func NewPersonal(text string) Personal { return Personal{&text} }

func (p Personal) String() string   { return redacted }
func (p Personal) GoString() string { return redacted }

// Reveal returns the text for the few places that need it.
func (p Personal) Reveal() string {
	if p.text == nil {
		return ""
	}
	return *p.text
}

// MarshalJSON encodes the text itself, so that events can be made as well as read.
func (p Personal) MarshalJSON() ([]byte, error) { return json.Marshal(p.Reveal()) }

// UnmarshalJSON is the inverse of MarshalJSON.
func (p *Personal) UnmarshalJSON(b []byte) error {
	p.text = new(string)
	return json.Unmarshal(b, p.text)
}
