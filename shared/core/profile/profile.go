// Package profile is what is known of one customer. Every trait carries its
// origin, the purposes it may serve, its time and its expiry. Pure.
package profile

import (
	"fmt"
	"log/slog"
	"maps"
)

// MaxSize bounds the PROFILE item (QUALITY section 3).
const MaxSize = 64 << 10

// TraitEmail is the trait that is the customer's address.
const TraitEmail = "email"

// Profile is the PROFILE item. All of it is personal: it refuses to be
// printed or logged.
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
	// Chosen: she set locale and zone herself, and no call overrides them.
	Chosen bool `json:"ch,omitempty"`
	// Placed is when locale and zone were last said (ms).
	Placed int64 `json:"pl,omitempty"`
	// Shared: another customer owns this address; only service may mail here.
	Shared bool `json:"sh,omitempty"`
	// UserID is kept for exports and lists; it is personal.
	UserID Secret `json:"u,omitempty"`
	// By and Hops: written by a journey's `set`, which journey, how deep.
	By   string `json:"by,omitempty"`
	Hops int    `json:"hp,omitempty"`
	// Imported: the last change was history, and enters no journey.
	Imported bool `json:"im,omitempty"`
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

// Clone is a copy whose traits may be changed.
func (p Profile) Clone() Profile {
	p.Traits = maps.Clone(p.Traits)
	return p
}

// Format refuses every verb of fmt.
func (p Profile) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue refuses slog, which would marshal it as JSON.
func (p Profile) LogValue() slog.Value { return slog.StringValue(redacted) }
