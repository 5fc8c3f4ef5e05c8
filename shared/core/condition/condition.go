// Package condition compiles and evaluates the conditions of journeys and
// segments: expr-lang/expr, made three-valued, null-safe, clock-free and bounded
// (ARCHITECTURE section 7, CONTRACTS section 4). Pure.
package condition

import (
	"fmt"
	"time"

	"github.com/kesher-io/kesher/shared/core/plan"
)

// Env is what a condition may speak of; compiling refuses everything else.
type Env struct {
	// Profile has the visible traits; Hidden, by trait, why another is not visible.
	Profile map[string]plan.Trait
	Hidden  map[string]string
	// Entry and Event are the properties of the triggering and the current fact;
	// nil where there is none.
	Entry, Event map[string]plan.Type
	// Events are the visible events for count, sum and last.
	Events map[string]plan.Event
	// Collections by name, with the properties of their entries.
	Collections map[string]map[string]plan.Type
}

// Window is a read of stored events: one name, so far back.
type Window struct {
	Event  string
	Within time.Duration
}

// Truth is three-valued.
type Truth int

const (
	False Truth = iota
	True
	Unknown
)

// Input is one evaluation.
type Input struct {
	Now                   time.Time
	Zone                  *time.Location
	Profile, Entry, Event map[string]any
	Collections           map[string]any
	// Events gives the stored events of a name, newest first, that arrived by Now
	// and reach at least as far back as the condition's windows.
	Events func(name string) []Event
}

// Event is one stored event.
type Event struct {
	At    time.Time
	Props map[string]any
}

// Error is a fault in a condition: where (byte offset in the source), what is
// wrong and what to do.
type Error struct {
	Offset   int
	What, Do string
}

func (e *Error) Error() string {
	if e.Do == "" {
		return e.What
	}
	return fmt.Sprintf("%s (%s)", e.What, e.Do)
}
