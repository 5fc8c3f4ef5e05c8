package condition

import (
	"maps"
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/kesher-io/kesher/shared/core/plan"
)

const functionList = "count, sum, last, len, date and now"

func unknownFunction(at int, name string) error {
	return fault(at, didYouMean(name, ours, "conditions know "+functionList), "there is no function %s", name)
}

// usage of the functions, and how many arguments each takes.
var usage = map[string]struct {
	min, max int
	example  string
}{
	"count": {1, 2, `count("Order Completed", "90d")`},
	"sum":   {2, 3, `sum("Order Completed", "revenue", "90d")`},
	"last":  {1, 2, `last("Order Completed")`},
	"len":   {1, 1, `len(profile.interests)`},
	"date":  {1, 1, `date("2027-03-01")`},
	"now":   {0, 0, `now`},
}

func (c *compiler) call(n *ast.CallNode) (part, error) {
	at := n.Location().From
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return part{}, fault(at, "conditions know "+functionList, "members can't be called")
	}
	use, ok := usage[callee.Value]
	if !ok {
		return part{}, unknownFunction(at, callee.Value)
	}
	args := n.Arguments
	if len(args) < use.min || len(args) > use.max {
		return part{}, fault(at, "write for example "+use.example, "%s has the wrong number of arguments", callee.Value)
	}
	switch callee.Value {
	case "count":
		return c.count(at, args)
	case "sum":
		return c.sum(at, args)
	case "last":
		return c.last(at, args)
	case "len":
		return c.length(at, args[0])
	case "date":
		text, err := constant(args[0], use.example)
		if err != nil {
			return part{}, err
		}
		return dateLiteral(args[0].Location().From, text)
	}
	return now(at), nil
}

func now(at int) part {
	return part{at: at, typ: simple("time"), run: func(in *Input) any { return in.Now }}
}

// dateLiteral reads a date, or a moment in time.
func dateLiteral(at int, text string) (part, error) {
	if plan.Type("date").Accepts(text) == nil {
		return literal(at, simple("date"), text), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return part{}, fault(at, "write 2027-03-01 or 2027-03-01T09:00:00Z", "%q is no date", text)
	}
	return literal(at, simple("time"), t), nil
}

func (c *compiler) length(at int, arg ast.Node) (part, error) {
	p, err := c.part(arg)
	if err != nil {
		return part{}, err
	}
	if !p.typ.is(kindList) {
		return part{}, fault(p.at, "", "len counts the members of a list, and this is %s", p.typ)
	}
	of := p.run
	return part{at: at, typ: simple("integer"), run: func(in *Input) any {
		if l, ok := list(of(in)); ok {
			return len(l)
		}
		return nil
	}}, nil
}

// read is one read of stored events.
type read struct {
	name   string
	event  plan.Event
	within time.Duration
}

// holds says whether the event lies in the window; exactly so old still does.
func (r read) holds(in *Input, e Event) bool { return !e.At.Before(in.Now.Add(-r.within)) }

func (c *compiler) count(at int, args []ast.Node) (part, error) {
	r, err := c.read(at, "count", args[0], args[1:])
	if err != nil {
		return part{}, err
	}
	return part{at: at, typ: simple("integer"), run: func(in *Input) any {
		n := 0
		for _, e := range in.Events(r.name) {
			if r.holds(in, e) {
				n++
			}
		}
		return n
	}}, nil
}

func (c *compiler) sum(at int, args []ast.Node) (part, error) {
	r, err := c.read(at, "sum", args[0], args[2:])
	if err != nil {
		return part{}, err
	}
	property, err := constant(args[1], usage["sum"].example)
	if err != nil {
		return part{}, err
	}
	where := args[1].Location().From
	t, err := record("the event "+r.name, r.event.Properties).fields.find(property, where)
	if err != nil {
		return part{}, err
	}
	if t.kind != kindNumber {
		return part{}, fault(where, "sum adds numbers; count counts events", "%s of %q is %s", property, r.name, t)
	}
	return part{at: at, typ: simple("number"), run: func(in *Input) any {
		total := 0.0
		for _, e := range in.Events(r.name) {
			if x, ok := number(e.Props[property]); ok && r.holds(in, e) {
				total += x
			}
		}
		return known(total)
	}}, nil
}

func (c *compiler) last(at int, args []ast.Node) (part, error) {
	r, err := c.read(at, "last", args[0], args[1:])
	if err != nil {
		return part{}, err
	}
	return part{at: at, typ: record("the last "+r.name, r.event.Properties), run: func(in *Input) any {
		for _, e := range in.Events(r.name) {
			if r.holds(in, e) {
				return props(e)
			}
		}
		return nil
	}}, nil
}

// props: an event without properties is still an event, and not null.
func props(e Event) any {
	if e.Props == nil {
		return map[string]any{}
	}
	return e.Props
}

// read checks and notes a read of stored events; window holds at most one node.
func (c *compiler) read(at int, function string, name ast.Node, window []ast.Node) (read, error) {
	if c.reads++; c.reads > maxReads {
		return read{}, fault(at, "make a segment or a trait of parts of it", "the condition reads stored events more than %d times", maxReads)
	}
	text, err := constant(name, usage[function].example)
	if err != nil {
		return read{}, err
	}
	event, ok := c.env.Events[text]
	if !ok {
		return read{}, fault(name.Location().From,
			didYouMean(text, slices.Sorted(maps.Keys(c.env.Events)), "declare it in plan.yaml, or add one of its purposes to uses"),
			"no event %q can be seen here", text)
	}
	r := read{name: text, event: event, within: Forever}
	if event.Keep > 0 {
		r.within = time.Duration(event.Keep)
	}
	if len(window) > 0 {
		if r.within, err = r.window(window[0], usage[function].example); err != nil {
			return read{}, err
		}
	}
	c.windows[text] = max(c.windows[text], r.within)
	return r, nil
}

// window refuses to look further back than the event is kept (J14): there, the
// answer would be wrong.
func (r read) window(n ast.Node, example string) (time.Duration, error) {
	text, err := constant(n, example)
	if err != nil {
		return 0, err
	}
	at := n.Location().From
	d, err := duration(at, text)
	if err == nil && d > r.within {
		return 0, fault(at, "look back less far, or let plan.yaml keep it longer",
			"%q is kept for %s, and this looks back %s", r.name, plan.Duration(r.within), text)
	}
	return d, err
}

func duration(at int, text string) (time.Duration, error) {
	d, err := plan.ParseDuration(text)
	if err != nil || d == 0 {
		return 0, fault(at, "write a number and s, m, h, d or w, for example 30d", "%q is no duration", text)
	}
	return time.Duration(d), nil
}

// constant is an argument that must stand there as text.
func constant(n ast.Node, example string) (string, error) {
	s, ok := n.(*ast.StringNode)
	if !ok {
		return "", fault(n.Location().From, "write for example "+example, "this must be text in quotes")
	}
	return s.Value, nil
}
