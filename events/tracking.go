package events

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
	"unicode"
)

// Types of tracking calls, as Segment's HTTP tracking API names them
// (https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/).
const (
	TypeIdentify = "identify"
	TypeTrack    = "track"
	TypePage     = "page"
	TypeScreen   = "screen"
	TypeGroup    = "group"
	TypeAlias    = "alias"
	TypeBatch    = "batch"
)

// Types of the lines that stand beside tracking calls in a played file.
const (
	TypeConsent = "consent"
	TypeSurvey  = "survey"
)

// Events that page and screen calls are.
const (
	PageViewed   = "Page Viewed"
	ScreenViewed = "Screen Viewed"
)

// Limits of identifiers, in bytes.
const (
	MaxUserID    = 512
	MaxMessageID = 256
	MaxEvent     = 256
)

// Call is one call of Segment's HTTP tracking API.
type Call struct {
	Type        string   `json:"type,omitempty"`
	MessageID   string   `json:"messageId,omitempty"`
	UserID      Personal `json:"userId,omitzero"`
	AnonymousID Personal `json:"anonymousId,omitzero"`
	PreviousID  Personal `json:"previousId,omitzero"` // alias
	Event       string   `json:"event,omitempty"`     // track
	Name        string   `json:"name,omitempty"`      // page, screen
	Category    string   `json:"category,omitempty"`  // page, screen
	Properties  Object   `json:"properties,omitempty"`
	Traits      Object   `json:"traits,omitempty"`
	Context     *Context `json:"context,omitempty"`
	Timestamp   Time     `json:"timestamp,omitzero"`
	// OriginalTimestamp is the device's own, where a relay has corrected Timestamp.
	OriginalTimestamp Time   `json:"originalTimestamp,omitzero"`
	SentAt            Time   `json:"sentAt,omitzero"`
	WriteKey          string `json:"writeKey,omitempty"`
}

// Context is what of Segment's context matters here. The rest (addresses,
// devices, pages) is not even decoded.
type Context struct {
	Locale   string         `json:"locale,omitempty"`
	Timezone string         `json:"timezone,omitempty"`
	Consent  *ConsentStatus `json:"consent,omitempty"`
	// UserHash proves a userId to the public key: lower-case hex HMAC-SHA256 of
	// its UTF-8 bytes under KESHER_IDENTITY_SECRET.
	UserHash string `json:"userHash,omitempty"`
}

// ConsentStatus is a cookie banner as it stands.
type ConsentStatus struct {
	CategoryPreferences map[string]bool `json:"categoryPreferences,omitempty"`
	UpdatedAt           Time            `json:"updatedAt,omitzero"` // ours: when she last touched it
}

// Batch is many calls in one. Members are decoded one by one, so that a bad one
// does not take the others with it.
type Batch struct {
	Batch    []json.RawMessage `json:"batch"`
	SentAt   Time              `json:"sentAt,omitzero"`
	Context  *Context          `json:"context,omitempty"` // of members without their own
	WriteKey string            `json:"writeKey,omitempty"`
}

// DecodeCall reads one call. typ is what its address says it is; "" leaves it to
// the call's own type.
func DecodeCall(b []byte, typ string) (*Call, *Refusal) {
	c := &Call{}
	if r := Decode(b, c); r != nil {
		return nil, r
	}
	if typ != "" {
		c.Type = typ
	}
	if r := c.check(); r != nil {
		return nil, r
	}
	return c, nil
}

// DecodeBatch reads the envelope of a batch.
func DecodeBatch(b []byte) (*Batch, *Refusal) {
	if len(b) > MaxBody {
		return nil, Refuse(TooLarge, "", "has %d bytes, %d are possible", len(b), MaxBody)
	}
	if r := wellFormed(b); r != nil {
		return nil, r
	}
	w := walker{b: b, opaque: "batch"}
	if r := w.value(1, false); r != nil {
		return nil, r
	}
	batch := &Batch{}
	if r := unmarshal(b, batch); r != nil {
		return nil, r
	}
	if batch.Batch == nil {
		return nil, Refuse(InvalidField, "batch", "must be a list of calls")
	}
	return batch, nil
}

// Member reads one call of the batch.
func (b *Batch) Member(i int) (*Call, *Refusal) {
	c, r := DecodeCall(b.Batch[i], "")
	if r != nil {
		return nil, r
	}
	if c.SentAt.IsZero() {
		c.SentAt = b.SentAt
	}
	if c.Context == nil {
		c.Context = b.Context
	}
	return c, nil
}

func (c *Call) check() *Refusal {
	for _, id := range []struct {
		field, value string
		max          int
	}{
		{"messageId", c.MessageID, MaxMessageID},
		{"userId", c.UserID.Reveal(), MaxUserID},
		{"anonymousId", c.AnonymousID.Reveal(), MaxUserID},
		{"previousId", c.PreviousID.Reveal(), MaxUserID},
		{"event", c.Event, MaxEvent},
	} {
		if r := CheckID(id.field, id.value, id.max); r != nil {
			return r
		}
	}
	return c.checkType()
}

func (c *Call) checkType() *Refusal {
	switch c.Type {
	case TypeTrack:
		if c.Event == "" {
			return Refuse(InvalidField, "event", "is missing")
		}
	case TypeAlias:
		if c.PreviousID.Reveal() == "" || c.UserID.Reveal() == "" {
			return Refuse(InvalidField, "previousId", "and userId must both be given")
		}
	case TypeIdentify, TypePage, TypeScreen, TypeGroup:
	default:
		return Refuse(InvalidField, "type", "must be identify, track, page, screen, group or alias")
	}
	return oneOf(c.UserID, c.AnonymousID)
}

func oneOf(userID, anonymousID Personal) *Refusal {
	if userID.Reveal() == "" && anonymousID.Reveal() == "" {
		return Refuse(InvalidField, "userId", "must be given, or anonymousId")
	}
	return nil
}

// CheckID refuses an identifier that is too long or holds control characters:
// those of C0 and C1, and Unicode's directional controls, which make two
// identifiers look like one (Unicode Technical Report 36, "Bidirectional Text
// Spoofing").
func CheckID(field, value string, maxBytes int) *Refusal {
	if len(value) > maxBytes {
		return Refuse(InvalidField, field, "has %d bytes, %d are possible", len(value), maxBytes)
	}
	if strings.IndexFunc(value, control) >= 0 {
		return Refuse(InvalidField, field, "has control characters")
	}
	return nil
}

func control(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// Object holds the caller's own fields, which are personal: it refuses to be
// printed.
type Object map[string]any

// Format refuses every verb of fmt.
func (o Object) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// Time is a moment as callers write it: ISO 8601. Null and "" are no time.
type Time struct{ time.Time }

// layouts that official SDKs and CDPs send.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05.999999999", time.DateOnly,
}

// ParseTime reads an ISO 8601 time; without a zone it is UTC.
func ParseTime(text string) (time.Time, bool) {
	for _, l := range layouts {
		if t, err := time.Parse(l, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// UnmarshalJSON reads an ISO 8601 time.
func (t *Time) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) != nil {
		return &json.UnmarshalTypeError{Value: "time", Type: reflect.TypeFor[Time]()}
	}
	if text == "" {
		t.Time = time.Time{}
		return nil
	}
	parsed, ok := ParseTime(text)
	if !ok {
		return &json.UnmarshalTypeError{Value: "time", Type: reflect.TypeFor[Time]()}
	}
	t.Time = parsed
	return nil
}

// MarshalJSON writes it in milliseconds, as Segment's own SDKs do.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(t.UTC().Format("2006-01-02T15:04:05.000Z"))
}

// DecodeInbox reads the call that an AWS user put into the table under IN#: the
// partition names the user and the sort key the message, so the call need not.
func DecodeInbox(b []byte, userID, messageID string) (*Call, *Refusal) {
	c := &Call{}
	if r := Decode(b, c); r != nil {
		return nil, r
	}
	if given := c.UserID.Reveal(); given != "" && given != userID {
		return nil, Refuse(InvalidField, "userId", "is another than the item's partition names")
	}
	c.UserID = NewPersonal(userID)
	if c.MessageID == "" {
		c.MessageID = messageID
	}
	if r := c.check(); r != nil {
		return nil, r
	}
	return c, nil
}
