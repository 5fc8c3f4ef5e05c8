package condition_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/core/condition"
	"pgregory.net/rapid"
)

// The reference: random expressions that carry, beside their text, their value as
// worked out in the plainest way. Truth is a number, 0 false, 1 true, 0.5 unknown,
// so that `and` is the least, `or` the greatest and `not` what is missing to 1
// (Kleene's strong logic); an unknown number or text is nil.
type (
	boolExpr struct {
		src   string
		value float64
	}
	numExpr struct {
		src   string
		value *float64
	}
	textExpr struct {
		src   string
		value *string
	}
)

func known[T any](v T) *T { return &v }

func asTruth(ok bool) float64 {
	if ok {
		return 1
	}
	return 0
}

// makes draws expressions over data that it draws as well.
type makes struct {
	t *rapid.T
	d data
}

func (m makes) pick(n int) int { return rapid.IntRange(0, n-1).Draw(m.t, "pick") }

func drawData(t *rapid.T) data {
	m := makes{t: t}
	d := data{profile: props{}, event: props{}}
	numbers := []any{0.0, 1, 2.5, int64(-3), 7.0, nil}
	texts := []any{"", "a", "ab", "home", nil}
	for _, name := range []string{"age", "score"} {
		d.profile[name] = numbers[m.pick(len(numbers))]
	}
	d.event["price"] = numbers[m.pick(len(numbers))]
	d.profile["first_name"], d.event["name"] = texts[m.pick(len(texts))], texts[m.pick(len(texts))]
	if m.pick(3) > 0 {
		d.profile["vip"] = m.pick(2) == 0
	}
	if m.pick(4) > 0 {
		interests := []any{}
		for range m.pick(4) {
			interests = append(interests, []any{"outdoor", "home", "kids", nil}[m.pick(4)])
		}
		d.profile["interests"] = interests
	}
	for range m.pick(4) {
		d.orders = append(d.orders, order(day*5*7, numbers[m.pick(len(numbers))]))
	}
	return d
}

func (m makes) number(depth int) numExpr {
	if depth == 0 || m.pick(3) == 0 {
		return m.plainNumber()
	}
	a := m.number(depth - 1)
	if m.pick(5) == 0 {
		if a.value == nil {
			return numExpr{"-(" + a.src + ")", nil}
		}
		return numExpr{"-(" + a.src + ")", known(-*a.value)}
	}
	b := m.number(depth - 1)
	op := []string{"+", "-", "*", "/", "%"}[m.pick(5)]
	e := numExpr{src: fmt.Sprintf("(%s %s %s)", a.src, op, b.src)}
	if a.value == nil || b.value == nil {
		return e
	}
	x, y := *a.value, *b.value
	result := map[string]float64{"+": x + y, "-": x - y, "*": x * y, "/": x / y, "%": math.Mod(x, y)}[op]
	if !math.IsNaN(result) && !math.IsInf(result, 0) {
		e.value = &result
	}
	return e
}

func (m makes) plainNumber() numExpr {
	read := func(src string, v any) numExpr {
		switch v := v.(type) {
		case float64:
			return numExpr{src, &v}
		case int:
			return numExpr{src, known(float64(v))}
		case int64:
			return numExpr{src, known(float64(v))}
		}
		return numExpr{src, nil}
	}
	sum := 0.0
	for _, e := range m.d.orders {
		if v := read("", e.Props["revenue"]).value; v != nil {
			sum += *v
		}
	}
	length := numExpr{src: "len(profile.interests)"}
	if l, ok := m.d.profile["interests"].([]any); ok {
		length.value = known(float64(len(l)))
	}
	choices := []numExpr{
		{"3", known(3.0)}, {"2.5", known(2.5)}, {"0", known(0.0)}, length,
		read("profile.age", m.d.profile["age"]), read("profile.score", m.d.profile["score"]), read("event.price", m.d.event["price"]),
		{`count("Order Completed", "35d")`, known(float64(len(m.d.orders)))}, {`count("Order Completed", "34d")`, known(0.0)},
		{`sum("Order Completed", "revenue")`, &sum},
	}
	return choices[m.pick(len(choices))]
}

func (m makes) text() textExpr {
	read := func(src string, v any) textExpr {
		if s, ok := v.(string); ok {
			return textExpr{src, &s}
		}
		return textExpr{src, nil}
	}
	choices := []textExpr{
		{`"a"`, known("a")}, {`"home"`, known("home")}, {`""`, known("")},
		read("profile.first_name", m.d.profile["first_name"]), read("event.name", m.d.event["name"]),
	}
	return choices[m.pick(len(choices))]
}

func (m makes) condition(depth int) boolExpr {
	if depth == 0 {
		return m.plainCondition()
	}
	a := m.condition(depth - 1)
	switch m.pick(5) {
	case 0:
		b := m.condition(depth - 1)
		return boolExpr{fmt.Sprintf("(%s %s %s)", a.src, []string{"and", "&&"}[m.pick(2)], b.src), min(a.value, b.value)}
	case 1:
		b := m.condition(depth - 1)
		return boolExpr{fmt.Sprintf("(%s %s %s)", a.src, []string{"or", "||"}[m.pick(2)], b.src), max(a.value, b.value)}
	case 2:
		return boolExpr{[]string{"not ", "!"}[m.pick(2)] + "(" + a.src + ")", 1 - a.value}
	case 3:
		return a
	}
	return m.plainCondition()
}

func (m makes) plainCondition() boolExpr {
	switch m.pick(6) {
	case 0:
		a, b := m.number(2), m.number(2)
		op := []string{"==", "!=", "<", "<=", ">", ">="}[m.pick(6)]
		return boolExpr{fmt.Sprintf("%s %s %s", a.src, op, b.src), compared(op, a.value, b.value)}
	case 1:
		a, b := m.text(), m.text()
		op := []string{"==", "!=", "<", "<=", ">", ">="}[m.pick(6)]
		return boolExpr{fmt.Sprintf("%s %s %s", a.src, op, b.src), compared(op, a.value, b.value)}
	case 2:
		a, b := m.text(), m.text()
		e := boolExpr{fmt.Sprintf("%s contains %s", a.src, b.src), 0.5}
		if a.value != nil && b.value != nil {
			e.value = asTruth(strings.Contains(*a.value, *b.value))
		}
		return e
	case 3:
		return m.membership()
	case 4:
		a, op := m.number(1), []string{"==", "!="}[m.pick(2)]
		return boolExpr{a.src + " " + op + " null", asTruth((a.value == nil) == (op == "=="))}
	}
	vip, ok := m.d.profile["vip"].(bool)
	if !ok {
		return boolExpr{"profile.vip", 0.5}
	}
	return boolExpr{"profile.vip", asTruth(vip)}
}

// membership: in, not in, of a trait and of a list that is written out.
func (m makes) membership() boolExpr {
	if m.pick(2) == 0 {
		a, b, c := m.number(1), m.number(1), m.number(1)
		in := max(compared("==", a.value, b.value), compared("==", a.value, c.value))
		if m.pick(2) == 0 {
			return boolExpr{fmt.Sprintf("%s in [%s, %s]", a.src, b.src, c.src), in}
		}
		return boolExpr{fmt.Sprintf("%s not in [%s, %s]", a.src, b.src, c.src), 1 - in}
	}
	interests, ok := m.d.profile["interests"].([]any)
	e := boolExpr{`"home" in profile.interests`, 0.5}
	switch {
	case slices.Contains(interests, any("home")):
		e.value = 1
	case ok && !slices.Contains(interests, any(nil)):
		e.value = 0
	}
	return e
}

func compared[T float64 | string](op string, a, b *T) float64 {
	if a == nil || b == nil {
		return 0.5
	}
	x, y := *a, *b
	return asTruth(map[string]bool{"==": x == y, "!=": x != y, "<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y}[op])
}

func TestEvaluationEqualsTheNaiveReference(t *testing.T) {
	truths := map[float64]condition.Truth{0: no, 0.5: maybe, 1: yes}
	counts := map[condition.Truth]int{}
	rapid.Check(t, func(t *rapid.T) {
		m := makes{t, drawData(t)}
		e := m.condition(3)
		c, err := condition.Compile(e.src, shop())
		if err != nil {
			if strings.Contains(err.Error(), "reads stored events more than") {
				t.Skip("beyond the budget")
			}
			t.Fatalf("%s: %v", e.src, err)
		}
		got, err := c.Holds(m.d.input())
		if err != nil || got != truths[e.value] {
			t.Fatalf("%s\nis %s, %v, want %s\nprofile %v, event %v", e.src, got, err, truths[e.value], m.d.profile, m.d.event)
		}
		counts[got]++
	})
	for truth, n := range map[string]int{"false": counts[no], "true": counts[yes], "unknown": counts[maybe]} {
		if n == 0 {
			t.Errorf("no drawn condition was %s: the property proves little", truth)
		}
	}
}
