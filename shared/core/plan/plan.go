// Package plan is the tracking plan and the settings: which traits and events
// exist, what they may be used for, and how the brand sends. Plain data that a
// release carries; core/source reads it from YAML.
package plan

import (
	"time"
)

// Plan is plan.yaml.
type Plan struct {
	Purposes          map[string]Purpose    `json:"purposes"`
	ConsentCategories map[string]string     `json:"consent categories,omitempty"`
	Traits            map[string]Trait      `json:"traits,omitempty"`
	Events            map[string]Event      `json:"events,omitempty"`
	Topics            map[string]Text       `json:"topics,omitempty"`
	UnknownEvents     string                `json:"unknown events,omitempty"` // refuse | keep: <purpose>
	Collections       map[string]Collection `json:"collections,omitempty"`
}

// Text is a text per language.
type Text map[string]string

// Basis of a purpose.
const (
	BasisConsent  = "consent"
	BasisContract = "contract"
)

// Names that Kesher itself knows.
const (
	PurposeService  = "service"
	PurposeTracking = "tracking"
	ChannelEmail    = "email"
)

// Purpose is why data is used or a person contacted.
type Purpose struct {
	Title   Text     `json:"title"`
	Contact []string `json:"contact,omitempty"` // channels; none = data use only
	Basis   string   `json:"basis"`
}

// Origins of a trait.
const (
	OriginZero    = "zero"    // the customer told us
	OriginFirst   = "first"   // observed
	OriginDerived = "derived" // computed
)

// Trait declares one trait.
type Trait struct {
	Type      Type     `json:"type"`
	Values    []string `json:"values,omitempty"`
	Origin    string   `json:"origin"`
	Purposes  []string `json:"purposes"`
	Keep      Duration `json:"keep,omitempty"`
	Sensitive bool     `json:"sensitive,omitempty"`
	Title     Text     `json:"title,omitempty"`
}

// Event declares one event.
type Event struct {
	Purposes   []string        `json:"purposes"`
	Keep       Duration        `json:"keep,omitempty"`
	Properties map[string]Type `json:"properties,omitempty"`
}

// Collection is a fold over events: the cart.
type Collection struct {
	Key    string     `json:"key"`
	Add    StringList `json:"add"`
	Remove StringList `json:"remove,omitempty"`
	Clear  StringList `json:"clear,omitempty"`
	Keep   Duration   `json:"keep"`
}

// StringList is written as one word or as a list.
type StringList []string

// Type of a trait or property, as written in the plan: string, number, integer,
// boolean, email, url, date, month-day, time, object, list(<type>).
type Type string

// Duration is written 30m, 1h, 7d, 2w (d = 24 h exactly). Zero = not given.
type Duration time.Duration

// Settings is settings.yaml.
type Settings struct {
	Brand      Brand             `json:"brand"`
	Sender     map[string]string `json:"sender"` // by purpose, and "reply to"
	Caps       Caps              `json:"caps,omitempty"`
	QuietHours QuietHours        `json:"quiet hours,omitempty"`
	Late       Late              `json:"late,omitempty"`
	Fresh      Duration          `json:"fresh,omitempty"`
	Identity   Identity          `json:"identity,omitempty"`
	Test       Test              `json:"test,omitempty"`
	Sources    map[string]Source `json:"sources,omitempty"`
	Emit       []string          `json:"emit,omitempty"` // events that go out on the bus
}

// Brand is who speaks.
type Brand struct {
	Name          string   `json:"name"`
	URL           string   `json:"url"`
	PostalAddress string   `json:"postal address"`
	Languages     []string `json:"languages"`
	Zone          string   `json:"zone"`
	Logo          string   `json:"logo,omitempty"`
}

// Caps limit what one customer gets; 0 = none.
type Caps struct {
	PerDay  int `json:"per day,omitempty"`
	PerWeek int `json:"per week,omitempty"`
}

// QuietHours are local to the customer. Empty From = off.
type QuietHours struct {
	From string `json:"from,omitempty"` // 21:00
	To   string `json:"to,omitempty"`
	Then string `json:"then,omitempty"` // hold | drop
}

// Late says what happens to a message that leaves long after it was due.
type Late struct {
	Kind  string   `json:"kind,omitempty"` // send | drop
	After Duration `json:"after,omitempty"`
}

// Identity says what two profiles with one address mean: first | merge.
type Identity struct {
	SameAddress string `json:"same address,omitempty"`
}

// Test recipients are all that a stage which is not prod may mail.
type Test struct {
	Recipients []string `json:"recipients,omitempty"`
}

// Source is one place where calls come from.
type Source struct {
	Kind    string   `json:"kind"` // public | server
	Origins []string `json:"origins,omitempty"`
}

// SenderFor is the From of a purpose; ok is false if the catalog names none.
func (s *Settings) SenderFor(purpose string) (string, bool) {
	from, ok := s.Sender[purpose]
	return from, ok
}

// ReplyTo is the monitored address; empty if none.
func (s *Settings) ReplyTo() string { return s.Sender["reply to"] }
