// Package journey is the language of journeys: what a marketer writes
// (Definition), and the flat program the engine walks (Journey). It type-checks
// conditions, knows no customer, and never reads YAML (core/source does). Pure.
package journey

import (
	"github.com/kesher-io/kesher/shared/core/plan"
)

// Pos is where something stands in its file; zero when it came from a release.
type Pos struct{ Line, Col int }

// Definition is journeys/<name>.yaml as written.
type Definition struct {
	Name     string         `json:"name"`
	Title    string         `json:"title,omitempty"`
	Purpose  string         `json:"purpose"`
	Uses     []string       `json:"uses,omitempty"`
	Topic    string         `json:"topic,omitempty"`
	Entry    Entry          `json:"entry"`
	Exit     []Exit         `json:"exit,omitempty"`
	Goal     *Goal          `json:"goal,omitempty"`
	Holdout  float64        `json:"holdout,omitempty"` // fraction
	UnlessIn []string       `json:"unless in,omitempty"`
	Priority int            `json:"priority,omitempty"`
	Steps    []Step         `json:"steps"`
	At       Pos            `json:"-"`
	Keys     map[string]Pos `json:"-"` // position of each key of the file, for errors
}

// Entry says which fact starts a run. Exactly one of the sources is set.
type Entry struct {
	Event    string        `json:"event,omitempty"`
	Response string        `json:"response,omitempty"` // survey
	Profile  string        `json:"profile,omitempty"`  // a condition that became true
	Consent  *ConsentEntry `json:"consent,omitempty"`
	// Other is a source of CONTRACTS section 4 that this release parses and does
	// not run yet: segment, date, schedule, item, api.
	Other string `json:"other,omitempty"`

	Where string         `json:"where,omitempty"`
	Again Again          `json:"again,omitzero"`
	Fresh plan.Duration  `json:"fresh,omitempty"` // 0 = settings
	Key   string         `json:"key,omitempty"`   // expression over event.*
	At    Pos            `json:"-"`
	Keys  map[string]Pos `json:"-"`
}

// ConsentEntry: a consent change of this purpose (and channel, and state).
type ConsentEntry struct {
	Purpose string `json:"purpose"`
	Channel string `json:"channel,omitempty"` // "" = any
	State   string `json:"state,omitempty"`   // granted (default) | withdrawn
}

// Again says when a customer may enter once more. Zero = always.
type Again struct {
	Never bool          `json:"never,omitempty"`
	After plan.Duration `json:"after,omitempty"`
	From  string        `json:"from,omitempty"` // entry | end
}

// Exit ends a run when this event happens.
type Exit struct {
	Event string         `json:"event"`
	Where string         `json:"where,omitempty"`
	At    Pos            `json:"-"`
	Keys  map[string]Pos `json:"-"`
}

// Goal only counts.
type Goal struct {
	Event  string        `json:"event"`
	Where  string        `json:"where,omitempty"`
	Within plan.Duration `json:"within,omitempty"`
	From   string        `json:"from,omitempty"` // entry
	At     Pos           `json:"-"`
}

// Step is one step. Exactly one verb is set.
type Step struct {
	ID string `json:"id,omitempty"` // default kind + name, see DefaultID

	Wait    *Wait          `json:"wait,omitempty"`
	WaitFor *WaitFor       `json:"wait-for,omitempty"`
	Choose  []Branch       `json:"choose,omitempty"`
	Send    *Send          `json:"send,omitempty"`
	Set     map[string]Set `json:"set,omitempty"` // by trait
	Offer   *Offer         `json:"offer,omitempty"`
	End     *End           `json:"end,omitempty"`
	// Other is a verb of CONTRACTS section 4 (or a form of one) that this release
	// parses and does not run yet: split, emit, call, repeat, each, wait quiet, ...
	Other string `json:"other,omitempty"`

	At   Pos            `json:"-"`
	Keys map[string]Pos `json:"-"`
}

// Wait for a time.
type Wait struct {
	For plan.Duration `json:"for"`
}

// WaitFor waits for an event, up to a deadline.
type WaitFor struct {
	Event string        `json:"event"`
	Where string        `json:"where,omitempty"`
	UpTo  plan.Duration `json:"up to"`
	Then  []Step        `json:"then,omitempty"`
	Else  []Step        `json:"else,omitempty"`
}

// Branch of a choose. When is empty for otherwise.
type Branch struct {
	When string `json:"when,omitempty"`
	Do   []Step `json:"do"`
	At   Pos    `json:"-"`
}

// Send a message rendered from a template.
type Send struct {
	Template string `json:"template"`
	Late     *Late  `json:"late,omitempty"`     // nil = settings
	CapWait  bool   `json:"cap wait,omitempty"` // `cap: wait`: over the cap it waits instead of being skipped
	Resend   bool   `json:"resend,omitempty"`   // service only: once more when nobody can tell whether it left
}

// Late says what happens to this message when it leaves long after it was due.
type Late struct {
	Kind    string        `json:"kind"` // send | drop | recheck
	After   plan.Duration `json:"after,omitempty"`
	Recheck string        `json:"recheck,omitempty"` // condition
}

// Set gives a trait a value: a literal, or an expression (`from:`).
type Set struct {
	Value any    `json:"value,omitempty"`
	From  string `json:"from,omitempty"`
}

// Offer takes offers that fit what the customer declared.
type Offer struct {
	From  string `json:"from"`            // offers
	Match string `json:"match,omitempty"` // expression: a list or one value
	Take  int    `json:"take,omitempty"`  // default 1
}

// End ends the run, with a word for the report.
type End struct {
	Reason string `json:"reason,omitempty"`
}
