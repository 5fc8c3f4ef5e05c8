package profile

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/plan"
)

// NewTrait is a value with everything the plan says about it: no trait is stored
// without origin, purposes, time and expiry (A27).
func NewTrait(decl plan.Trait, value any, at int64) Trait {
	t := Trait{Value: value, Origin: decl.Origin, Purposes: decl.Purposes, At: at}
	if decl.Keep != 0 {
		t.Expires = at + time.Duration(decl.Keep).Milliseconds()
	}
	return t
}

// Reason why a trait was not written.
type Reason string

const (
	UnknownTrait Reason = "unknown_trait"
	WrongType    Reason = "invalid_field"
	NotPermitted Reason = "not_permitted"
)

// Dropped is one trait that was not written.
type Dropped struct {
	Trait  string
	Reason Reason
	Why    string
}

// Writer writes traits as plan and consent allow.
type Writer struct {
	Plan *plan.Plan
	Gate *consent.Gate
	Now  int64 // ms: permission and expiry are judged now
}

// Write sets the values said at a time, and returns what it dropped, in order of
// name. Null deletes. What was said later already stands. p is changed only by
// what changes it, so that a call told twice is written once.
func (w Writer) Write(p *Profile, values map[string]any, at int64) (changed bool, dropped []Dropped) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values[name]
		if d := w.refuse(name, value); d != nil {
			dropped = append(dropped, *d)
			continue
		}
		if p.Say(name, w.Plan.Traits[name], value, at) {
			changed = true
		}
	}
	return changed, dropped
}

// refuse says why a value may not be written; nil: it may.
func (w Writer) refuse(name string, value any) *Dropped {
	decl, ok := w.Plan.Traits[name]
	if !ok {
		return &Dropped{name, UnknownTrait, "is not in the plan" + near(name, w.Plan)}
	}
	if value == nil {
		return nil // to forget needs no permission
	}
	if err := decl.Accepts(value); err != nil {
		return &Dropped{name, WrongType, err.Error()}
	}
	if !w.Gate.MayUse(w.Plan, decl.Purposes, w.Now) {
		return &Dropped{name, NotPermitted, "none of its purposes is permitted"}
	}
	return nil
}

func near(name string, pl *plan.Plan) string {
	if best, ok := plan.Nearest(name, slices.Sorted(maps.Keys(pl.Traits))); ok {
		return fmt.Sprintf(" (did you mean %s?)", best)
	}
	return ""
}

// Say writes what was said of one trait at a time; false when that changes
// nothing: it stands there, or something that was said later does. Null deletes.
func (p *Profile) Say(name string, decl plan.Trait, value any, at int64) bool {
	old, known := p.Traits[name]
	if known && old.At > at {
		return false
	}
	if value == nil {
		delete(p.Traits, name)
		return known
	}
	next := NewTrait(decl, value, at)
	if known && reflect.DeepEqual(old, next) {
		return false
	}
	p.Set(name, next)
	return true
}

// Set puts a trait there as it is.
func (p *Profile) Set(name string, t Trait) {
	if p.Traits == nil {
		p.Traits = map[string]Trait{}
	}
	p.Traits[name] = t
}

// Visible are the traits that may be read for the allowed purposes now: one of
// a trait's purposes must be allowed here and permitted by her, and the trait
// not expired. Anything else is absent, as if it were not known.
func Visible(p *Profile, pl *plan.Plan, gate *consent.Gate, allowed []string, now int64) map[string]any {
	seen := map[string]any{}
	if p == nil {
		return seen
	}
	for name, t := range p.Traits {
		if !t.expired(now) && gate.MayUse(pl, common(t.Purposes, allowed), now) {
			seen[name] = t.Value
		}
	}
	return seen
}

func (t Trait) expired(now int64) bool { return t.Expires != 0 && t.Expires <= now }

func common(a, b []string) []string {
	var both []string
	for _, s := range a {
		if slices.Contains(b, s) {
			both = append(both, s)
		}
	}
	return both
}
