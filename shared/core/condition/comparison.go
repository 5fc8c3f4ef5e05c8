package condition

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kesher-io/kesher/shared/core/plan"
)

// comparison: with the word null it asks for presence, and is never unknown.
func comparison(at int, op string, l, r part) (part, error) {
	asked := tests[op]
	p := part{at: at, typ: simple("boolean")}
	if equality := op == "==" || op == "!="; equality && (l.typ.kind == kindNull || r.typ.kind == kindNull) {
		left, right := l.run, r.run
		p.run = func(in *Input) any { return (left(in) == nil && right(in) == nil) == (op == "==") }
		return p, nil
	}
	l, r, k, err := pairing(at, op, l, r)
	if err != nil {
		return part{}, err
	}
	left, right, by := l.run, r.run, orders[k]
	p.run = func(in *Input) any {
		a, b := left(in), right(in)
		if a == nil || b == nil {
			return nil
		}
		if c, ok := by(in, a, b); ok {
			return asked(c)
		}
		return nil
	}
	return p, nil
}

// tests, by operator, of the outcome of an order.
var tests = map[string]func(int) bool{
	"==": func(c int) bool { return c == 0 }, "!=": func(c int) bool { return c != 0 },
	"<": func(c int) bool { return c < 0 }, "<=": func(c int) bool { return c <= 0 },
	">": func(c int) bool { return c > 0 }, ">=": func(c int) bool { return c >= 0 },
}

// pairing is two parts ready to be compared, and as what; or why not.
func pairing(at int, op string, l, r part) (part, part, kind, error) {
	l, err := adapt(l, r.typ.kind)
	if err != nil {
		return l, r, 0, err
	}
	if r, err = adapt(r, l.typ.kind); err != nil {
		return l, r, 0, err
	}
	k, ok := common(l.typ, r.typ)
	if !ok {
		return l, r, k, incomparable(at, l.typ, r.typ)
	}
	return l, r, k, cmp.Or(sensible(at, op, k, l.typ, r.typ), listed(l, r.typ), listed(r, l.typ))
}

func incomparable(at int, a, b typ) error {
	do := "the two sides must have one type"
	switch {
	case a.kind == kindList || b.kind == kindList:
		do = `ask "x" in the list, or compare len(...) with a number`
	case a.kind == kindObject || b.kind == kindObject:
		do = "name one of its members"
	}
	return fault(at, do, "%s can't be compared with %s", a, b)
}

// sensible refuses comparisons that have types and no sense.
func sensible(at int, op string, k kind, a, b typ) error {
	equality := op == "==" || op == "!="
	switch {
	case k == kindBoolean && !equality:
		return fault(at, "compare with == or !=", "true and false have no order")
	case equality && a.kind != b.kind && a.kind.temporal() && b.kind.temporal():
		return fault(at, "compare with < or >=", "a date is a whole day, and never equal to a moment")
	}
	return nil
}

// listed refuses a literal that is none of the values which the plan lists.
func listed(p part, other typ) error {
	value, ok := p.constant.(string)
	if !ok || len(other.values) == 0 || slices.Contains(other.values, value) {
		return nil
	}
	return fault(p.at, didYouMean(value, other.values, "it is one of "+strings.Join(other.values, ", ")),
		"%q is no value of %s", value, other.trait)
}

// adapt reads a text literal as what stands on the other side: a date, a time, a
// month and day, a duration.
func adapt(p part, to kind) (part, error) {
	text, ok := p.constant.(string)
	if !ok || p.typ.kind != kindText {
		return p, nil
	}
	switch to {
	case kindDate, kindTime:
		return dateLiteral(p.at, text)
	case kindMonthDay:
		if plan.Type("month-day").Accepts(text) != nil {
			return part{}, fault(p.at, "write 03-31", "%q is no month and day", text)
		}
		return literal(p.at, simple("month-day"), text), nil
	case kindDuration:
		d, err := duration(p.at, text)
		return literal(p.at, typ{kind: kindDuration}, d), err
	}
	return p, nil
}

// membership is an `or` of comparisons with the members of a list.
func membership(at int, l, r part) (part, error) {
	if !r.typ.is(kindList) {
		do := "`in` looks into a list"
		if r.typ.kind == kindText {
			do = "write text contains part"
		}
		return part{}, fault(r.at, do, "%s is no list", r.typ)
	}
	r, err := adaptMembers(r, l.typ.kind)
	if err != nil {
		return part{}, err
	}
	member := part{at: r.at}
	if r.typ.elem != nil {
		member.typ = *r.typ.elem
	}
	l, _, k, err := pairing(at, "==", l, member)
	if err != nil {
		return part{}, err
	}
	for _, m := range r.members {
		if err := listed(m, l.typ); err != nil {
			return part{}, err
		}
	}
	value, of, by := l.run, r.run, orders[k]
	return part{at: at, typ: simple("boolean"), run: func(in *Input) any {
		members, ok := list(of(in))
		if v := value(in); v != nil && ok {
			return among(in, members, v, by)
		}
		return nil
	}}, nil
}

// among is unknown when v is not found and a member can't be told.
func among(in *Input, members []any, v any, by order) any {
	unknown := false
	for _, m := range members {
		if m == nil {
			unknown = true
			continue
		}
		c, ok := by(in, v, m)
		if ok && c == 0 {
			return true
		}
		unknown = unknown || !ok
	}
	if unknown {
		return nil
	}
	return false
}

func adaptMembers(p part, to kind) (part, error) {
	if p.members == nil {
		return p, nil
	}
	members := make([]part, len(p.members))
	for i, m := range p.members {
		var err error
		if members[i], err = adapt(m, to); err != nil {
			return part{}, err
		}
	}
	return listPart(p.at, members)
}
