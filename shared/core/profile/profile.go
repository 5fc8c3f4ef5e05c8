// Package profile is what is known of one customer. Every trait carries its
// origin, the purposes it may serve, its time and its expiry. Pure.
package profile

// Profile is the PROFILE item.
type Profile struct {
	Traits map[string]Trait `json:"t,omitempty"`
	Locale string           `json:"l,omitempty"` // BCP 47: he, en
	Zone   string           `json:"z,omitempty"` // IANA
	// Address is where mail goes; hash is its key in A#.
	Address     Secret `json:"m,omitempty"`
	AddressHash string `json:"h,omitempty"`
	// Pending is an address that a public key gave and nobody confirmed yet.
	Pending     Secret `json:"pm,omitempty"`
	PendingHash string `json:"ph,omitempty"`
	PendingTill int64  `json:"px,omitempty"` // ms
	// Shared: another customer owns this address; only service may mail here.
	Shared bool `json:"sh,omitempty"`
	// UserID is kept for exports and lists; it is personal.
	UserID Secret `json:"u,omitempty"`
	// By and Hops: written by a journey's `set`, which journey, how deep.
	By   string `json:"by,omitempty"`
	Hops int    `json:"hp,omitempty"`
	// At and In: when the last change happened and arrived.
	At int64  `json:"at,omitempty"` // ms
	In string `json:"in,omitempty"` // ident.Stamp
}

// Trait is one thing known.
type Trait struct {
	Value    any      `json:"v"`
	Origin   string   `json:"o"`
	Purposes []string `json:"p"`
	At       int64    `json:"a"`           // ms
	Expires  int64    `json:"x,omitempty"` // ms; 0 = never
}

// Secret is personal text. It refuses to be printed: fmt, log and slog show
// [personal]; Reveal is the one way to its value, so every use can be found.
type Secret string

const redacted = "[personal]"

func (s Secret) String() string   { return redacted }
func (s Secret) GoString() string { return redacted }

// Reveal returns the value for the few places that need it.
func (s Secret) Reveal() string { return string(s) }
