// Package condition compiles and evaluates the expressions of journeys and
// segments (CONTRACTS section 4): conditions, and values such as a run's key.
//
// The grammar is expr-lang/expr's, and so is the parser. Its checker and virtual
// machine are not used: there `nil >= 20` fails at run time and now() reads the
// wall clock (ARCHITECTURE section 7). Instead the syntax tree is checked against
// the tracking plan and turned into closures over one Input, in which
// null stands for missing and unknown alike:
//
//   - a comparison, `in` or arithmetic with null is null, and so is its `not`;
//     `true or null` is true, `false and null` is false; only `== null` and
//     `!= null` ask for presence; a value that has not the type it is used as
//     counts as null, so that evaluation never fails on data;
//   - and, or, not (&&, ||, !), == != < <= > >=, in, not in, contains,
//     startsWith, endsWith, + - * / %, lists, members (a.b, a["b"], a[0]);
//   - count("Name", "90d"), sum("Name", "property", "90d"), last("Name", "90d")
//     over stored events, the window being optional; len(list); now;
//     date("2027-03-01") or a moment such as date("2027-03-01T09:00:00Z");
//   - a date is the beginning of that day in the customer's zone; dates and
//     times compare with each other and move by durations (now - "30d").
//
// There are no loops and no text is built, so an evaluation visits every node at
// most once: length, nodes and reads of events are bounded at compile time, and
// what is left is linear in the data (E15).
//
// The package knows types and names, and nothing of journeys, purposes or
// stores: what is visible here and now is the caller's to say. Pure.
package condition

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

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
	Within time.Duration // Forever, when all that is stored is read
}

// Forever is the window of an event that is kept without end.
const Forever = 100 * 365 * 24 * time.Hour

// Truth is three-valued.
type Truth int

const (
	False Truth = iota
	True
	Unknown
)

// String is the word for it, for explain.
func (t Truth) String() string { return [...]string{"false", "true", "unknown"}[t] }

// Input is one evaluation. Values are as encoding/json decodes them.
type Input struct {
	Now                   time.Time
	Zone                  *time.Location // nil: UTC
	Profile, Entry, Event map[string]any
	// Collections by name, as core/collection folds them.
	Collections map[string]any
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

// Condition is a compiled expression. It is immutable and safe for concurrent use.
type Condition struct {
	run         func(*Input) any
	typ         plan.Type
	windows     []Window
	traits      []string
	collections []string
	temporal    bool
}

// Compile compiles a condition: an expression that is true, false or unknown.
// The error is an *Error.
func Compile(src string, env Env) (*Condition, error) {
	return build(src, env, func(p part) error {
		if !p.typ.is(kindBoolean) {
			return fault(p.at, "compare it with something, or ask != null", "this is %s, not a condition", p.typ)
		}
		return nil
	})
}

// CompileValue compiles an expression that yields a value. The error is an *Error.
func CompileValue(src string, env Env) (*Condition, error) {
	return build(src, env, func(p part) error {
		if p.typ.kind == kindDuration {
			return fault(p.at, "compare it with a duration such as \"7d\"", "a duration is no value that can be kept")
		}
		return nil
	})
}

func build(src string, env Env, fits func(part) error) (*Condition, error) {
	root, err := parse(src)
	c := &compiler{env: env, windows: map[string]time.Duration{}, traits: map[string]bool{}, collections: map[string]bool{}}
	var p part
	if err == nil {
		p, err = c.part(root)
	}
	if err == nil {
		err = fits(p)
	}
	if err != nil {
		return nil, inBytes(err, src)
	}
	cond := &Condition{
		run: p.run, typ: p.typ.plan, temporal: c.temporal,
		traits: slices.Sorted(maps.Keys(c.traits)), collections: slices.Sorted(maps.Keys(c.collections)),
	}
	for _, name := range slices.Sorted(maps.Keys(c.windows)) {
		cond.windows = append(cond.windows, Window{Event: name, Within: c.windows[name]})
	}
	return cond, nil
}

// inBytes turns the offset of a fault from characters, as the parser counts, into
// bytes.
func inBytes(err error, src string) error {
	var e *Error
	if errors.As(err, &e) {
		offset := 0
		for range e.Offset {
			_, size := utf8.DecodeRuneInString(src[offset:])
			offset += size
		}
		e.Offset = offset
	}
	return err
}

// Windows are the stored events that it reads: one window per name, the longest,
// in the order of names. Not to be changed.
func (c *Condition) Windows() []Window { return c.windows }

// Traits are the names of the traits that it reads, in order. Not to be changed.
func (c *Condition) Traits() []string { return c.traits }

// Collections are the names of those that it reads, in order. Not to be changed.
func (c *Condition) Collections() []string { return c.collections }

// ReadsTime says whether it compares dates or times, which depends on
// Input.Zone.
func (c *Condition) ReadsTime() bool { return c.temporal }

// Type is the type of its value; empty when only the data will tell.
func (c *Condition) Type() plan.Type { return c.typ }

// Holds evaluates a condition. The caller decides what unknown means; at the top
// of a condition it counts as false. The only error is an Input without Events
// for a condition that has windows.
func (c *Condition) Holds(in Input) (Truth, error) {
	if err := c.fits(&in); err != nil {
		return Unknown, err
	}
	return truth(c.run(&in)), nil
}

// Value evaluates a value; nil is missing or unknown. Times come as the text in
// which they are stored. Errors are those of Holds.
func (c *Condition) Value(in Input) (any, error) {
	if err := c.fits(&in); err != nil {
		return nil, err
	}
	v := c.run(&in)
	if t, ok := v.(time.Time); ok {
		return t.UTC().Format(time.RFC3339Nano), nil
	}
	return v, nil
}

func (c *Condition) fits(in *Input) error {
	if in.Events == nil && len(c.windows) > 0 {
		return fmt.Errorf("the condition reads stored events (%s), and the input has none to ask for", c.windows[0].Event)
	}
	return nil
}
