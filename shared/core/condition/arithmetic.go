package condition

import (
	"math"
	"time"
)

var calculations = map[string]func(a, b float64) float64{
	"+": func(a, b float64) float64 { return a + b },
	"-": func(a, b float64) float64 { return a - b },
	"*": func(a, b float64) float64 { return a * b },
	"/": func(a, b float64) float64 { return a / b },
	"%": math.Mod,
}

func arithmetic(at int, op string, l, r part) (part, error) {
	if l.typ.kind.temporal() || r.typ.kind.temporal() {
		return timeArithmetic(at, op, l, r)
	}
	for _, p := range []part{l, r} {
		if err := numeric(p, op); err != nil {
			return part{}, err
		}
	}
	left, right, calculate := l.run, r.run, calculations[op]
	return part{at: at, typ: simple("number"), run: func(in *Input) any {
		a, okA := number(left(in))
		b, okB := number(right(in))
		if okA && okB {
			return known(calculate(a, b))
		}
		return nil
	}}, nil
}

func numeric(p part, op string) error {
	if p.typ.is(kindNumber) {
		return nil
	}
	return fault(p.at, "", "%s calculates with numbers, and this is %s", op, p.typ)
}

// timeArithmetic: time + duration, time - duration, and time - time, which is a
// duration.
func timeArithmetic(at int, op string, l, r part) (part, error) {
	if op == "-" && l.typ.kind.temporal() && r.typ.kind.temporal() {
		left, right := l.run, r.run
		return part{at: at, typ: typ{kind: kindDuration}, run: func(in *Input) any {
			a, okA := moment(in, left(in))
			b, okB := moment(in, right(in))
			if okA && okB {
				return a.Sub(b)
			}
			return nil
		}}, nil
	}
	if op == "+" && r.typ.kind.temporal() {
		l, r = r, l
	}
	by, err := adapt(r, kindDuration)
	switch {
	case err != nil:
		return part{}, err
	case op != "+" && op != "-", !l.typ.kind.temporal(), by.typ.kind != kindDuration:
		return part{}, fault(at, `write for example now - "30d"`, "%s can't be calculated with %s", l.typ, r.typ)
	}
	sign := time.Duration(1)
	if op == "-" {
		sign = -1
	}
	start, length := l.run, by.run
	return part{at: at, typ: simple("time"), run: func(in *Input) any {
		t, okT := moment(in, start(in))
		d, okD := length(in).(time.Duration)
		if okT && okD {
			return t.Add(sign * d)
		}
		return nil
	}}, nil
}
