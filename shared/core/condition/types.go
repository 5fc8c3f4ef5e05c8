package condition

import (
	"github.com/kesher-io/kesher/shared/core/plan"
)

// kind is what the compiler tells apart.
type kind uint8

const (
	kindAny  kind = iota // a member of an object whose properties nobody declared
	kindNull             // the word null
	kindBoolean
	kindNumber
	kindText
	kindMonthDay
	kindDate
	kindTime
	kindDuration
	kindList
	kindObject
)

var kindNames = [...]string{
	"a value", "null", "true or false", "a number", "text", "a month and day", "a date", "a time", "a duration", "a list", "an object",
}

func (k kind) String() string { return kindNames[k] }

// temporal: a point in time, by the day or by the moment.
func (k kind) temporal() bool { return k == kindDate || k == kindTime }

// planKinds: every plan.Type but lists.
var planKinds = map[plan.Type]kind{
	"string": kindText, "email": kindText, "url": kindText,
	"number": kindNumber, "integer": kindNumber, "boolean": kindBoolean,
	"date": kindDate, "month-day": kindMonthDay, "time": kindTime, "object": kindObject,
}

// typ is the static type of a part.
type typ struct {
	kind   kind
	plan   plan.Type // empty: no type of the plan, or not known
	elem   *typ      // of a list
	fields *fields   // of an object; nil: anything
	// trait and values: where the plan lists the values that a trait may have.
	trait  string
	values []string
}

// fields are the members of an object.
type fields struct {
	owner  string // profile, event, ...
	noun   string // trait, property
	types  map[string]typ
	hidden map[string]string // why others are not visible
}

func (t typ) String() string { return t.kind.String() }

// is says whether a value of this type may be used as k: null and what only the
// data will tell may be used as anything.
func (t typ) is(k kind) bool { return t.kind == k || t.kind == kindAny || t.kind == kindNull }

func simple(t plan.Type) typ { return typ{kind: planKinds[t], plan: t} }

func fromPlan(t plan.Type) typ {
	if elem, ok := t.Elem(); ok {
		e := fromPlan(elem)
		return typ{kind: kindList, plan: t, elem: &e}
	}
	return simple(t)
}

func fromTrait(name string, trait plan.Trait) typ {
	t := fromPlan(trait.Type)
	if t.elem != nil {
		t.elem.trait, t.elem.values = name, trait.Values
	} else {
		t.trait, t.values = name, trait.Values
	}
	return t
}

// record is an object with declared properties.
func record(owner string, props map[string]plan.Type) typ {
	f := &fields{owner: owner, noun: "property", types: make(map[string]typ, len(props))}
	for name, t := range props {
		f.types[name] = fromPlan(t)
	}
	return typ{kind: kindObject, plan: "object", fields: f}
}

// listOf is a list of this type.
func listOf(elem typ) typ {
	t := typ{kind: kindList, elem: &elem}
	if elem.plan != "" && elem.kind != kindList {
		t.plan = "list(" + elem.plan + ")"
	}
	return t
}

// common is the type as which two values can be compared; ok is false if they
// can't: lists and objects are only ever asked for presence.
func common(a, b typ) (k kind, ok bool) {
	if a.kind >= kindList || b.kind >= kindList {
		return 0, false
	}
	switch {
	case a.kind == b.kind:
		return a.kind, true
	case a.kind == kindAny || a.kind == kindNull:
		return b.kind, true
	case b.kind == kindAny || b.kind == kindNull:
		return a.kind, true
	case a.kind.temporal() && b.kind.temporal():
		return kindTime, true
	}
	return 0, false
}
