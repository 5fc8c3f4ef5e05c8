package condition

import (
	"maps"
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/kesher-io/kesher/shared/core/collection"
	"github.com/kesher-io/kesher/shared/core/plan"
)

// part is one compiled node.
type part struct {
	at  int // in characters
	typ typ
	run func(*Input) any
	// constant is the value of a literal; nil for anything else.
	constant any
	// members of a list that is written out.
	members []part
}

type compiler struct {
	env   Env
	nodes int // compiled so far: what an evaluation visits at most
	reads int

	windows     map[string]time.Duration
	traits      map[string]bool
	collections map[string]bool
	temporal    bool
}

// part compiles one node of the syntax tree.
//
// It counts nodes anew, since expr's parser counts the middle of `a < b < c` once
// and hands it out twice.
func (c *compiler) part(n ast.Node) (part, error) {
	p, err := c.node(n)
	c.temporal = c.temporal || p.typ.kind.temporal()
	return p, err
}

func (c *compiler) node(n ast.Node) (part, error) {
	at := n.Location().From
	if c.nodes++; c.nodes > maxNodes {
		return part{}, tooLong(at)
	}
	switch n := n.(type) {
	case *ast.BoolNode:
		return literal(at, simple("boolean"), n.Value), nil
	case *ast.IntegerNode:
		return literal(at, simple("integer"), n.Value), nil
	case *ast.FloatNode:
		return literal(at, simple("number"), n.Value), nil
	case *ast.StringNode:
		return literal(at, simple("string"), n.Value), nil
	case *ast.ArrayNode:
		return c.list(n)
	case *ast.IdentifierNode:
		return c.name(n)
	case *ast.ChainNode: // a?.b is what a.b is here
		return c.part(n.Node)
	case *ast.MemberNode:
		return c.member(n)
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.CallNode:
		return c.call(n)
	case *ast.BuiltinNode:
		return part{}, unknownFunction(at, n.Name)
	case *ast.NilNode:
		return part{}, fault(at, "write null", "nil is no word of conditions")
	case *ast.ConditionalNode: // expr places it at the token that follows it
		at = n.Cond.Location().From
	}
	return part{}, fault(at, "conditions are made of and, or, not, comparisons, in, arithmetic and "+functionList,
		"%s is not part of conditions", foreign(n))
}

// foreign names what expr's grammar has and conditions have not.
func foreign(n ast.Node) string {
	switch n.(type) {
	case *ast.ConditionalNode:
		return "a choice between two values"
	case *ast.VariableDeclaratorNode:
		return "let"
	case *ast.SequenceNode:
		return "a second expression after ;"
	case *ast.SliceNode:
		return "a part of a list"
	case *ast.MapNode:
		return "an object in braces"
	}
	return "this"
}

func literal(at int, t typ, v any) part {
	return part{at: at, typ: t, constant: v, run: func(*Input) any { return v }}
}

// list compiles a list that is written out.
func (c *compiler) list(n *ast.ArrayNode) (part, error) {
	members := make([]part, 0, len(n.Nodes))
	for _, node := range n.Nodes {
		p, err := c.part(node)
		if err != nil {
			return part{}, err
		}
		members = append(members, p)
	}
	return listPart(n.Location().From, members)
}

// listPart is a list of members of one type, made once if all are constants.
func listPart(at int, members []part) (part, error) {
	var elem typ
	fixed := make([]any, 0, len(members))
	for _, m := range members {
		if _, ok := common(elem, m.typ); !ok {
			return part{}, fault(m.at, "", "a list holds single values of one type, and this is %s beside %s", m.typ, elem)
		}
		if elem.kind == kindAny || elem.kind == kindNull {
			elem = typ{kind: m.typ.kind, plan: m.typ.plan}
		}
		if m.constant != nil {
			fixed = append(fixed, m.constant)
		}
	}
	p := part{at: at, typ: listOf(elem), members: members}
	if len(fixed) == len(members) {
		p.run = func(*Input) any { return fixed }
		return p, nil
	}
	p.run = func(in *Input) any {
		values := make([]any, len(members))
		for i, m := range members {
			values[i] = m.run(in)
		}
		return values
	}
	return p, nil
}

// name compiles a name that stands alone.
func (c *compiler) name(n *ast.IdentifierNode) (part, error) {
	at := n.Location().From
	switch n.Value {
	case "null":
		return part{at: at, typ: typ{kind: kindNull}, run: func(*Input) any { return nil }}, nil
	case "now":
		return now(at), nil
	case "profile":
		return part{at: at, typ: c.profile(), run: func(in *Input) any { return root(in.Profile) }}, nil
	case "entry":
		return c.fact(at, "entry", c.env.Entry, func(in *Input) any { return root(in.Entry) })
	case "event":
		return c.fact(at, "event", c.env.Event, func(in *Input) any { return root(in.Event) })
	}
	if props, ok := c.env.Collections[n.Value]; ok {
		return c.collection(at, n.Value, props), nil
	}
	return part{}, c.unknownName(at, n.Value)
}

// root keeps a nil map from looking like something.
func root(m map[string]any) any {
	if m == nil {
		return nil
	}
	return m
}

func (c *compiler) profile() typ {
	f := &fields{owner: "profile", noun: "trait", types: make(map[string]typ, len(c.env.Profile)), hidden: c.env.Hidden}
	for name, trait := range c.env.Profile {
		f.types[name] = fromTrait("profile."+name, trait)
	}
	return typ{kind: kindObject, plan: "object", fields: f}
}

func (c *compiler) fact(at int, name string, props map[string]plan.Type, run func(*Input) any) (part, error) {
	if props == nil {
		return part{}, fault(at, "ask the profile, or count(...) stored events", "there is no %s here", name)
	}
	return part{at: at, typ: record(name, props), run: run}, nil
}

// collection is an object with one member: its items, newest first, each with its
// quantity.
func (c *compiler) collection(at int, name string, props map[string]plan.Type) part {
	c.collections[name] = true
	item := record("an item of "+name, props)
	item.fields.types[collection.Quantity] = simple("number")
	f := &fields{owner: name, noun: "member", types: map[string]typ{collection.Items: listOf(item)}}
	return part{
		at: at, typ: typ{kind: kindObject, plan: "object", fields: f},
		run: func(in *Input) any { return in.Collections[name] },
	}
}

func (c *compiler) unknownName(at int, name string) error {
	do := ""
	_, trait := c.env.Profile[name]
	_, property := c.env.Event[name]
	switch use, function := usage[name]; {
	case function:
		do = "write for example " + use.example
	case trait:
		do = "did you mean profile." + name + "?"
	case property:
		do = "did you mean event." + name + "?"
	default:
		names := append(slices.Sorted(maps.Keys(c.env.Collections)), "profile", "entry", "event", "null", "now", "true", "false")
		do = didYouMean(name, names, "text stands in quotes; names begin with profile, entry or event")
	}
	return fault(at, do, "%q is no name that conditions know", name)
}

// member compiles a.b, a["b"] and a[0]. What is not there is null.
func (c *compiler) member(n *ast.MemberNode) (part, error) {
	base, err := c.part(n.Node)
	if err != nil {
		return part{}, err
	}
	at := n.Property.Location().From
	switch key := n.Property.(type) {
	case *ast.StringNode:
		return c.property(base, key.Value, at)
	case *ast.IntegerNode:
		return index(base, key.Value, at)
	}
	return part{}, fault(at, `write .name, ["name"] or [0]`, "a member is named by a constant")
}

func (c *compiler) property(base part, name string, at int) (part, error) {
	var t typ
	if f := base.typ.fields; f != nil {
		var err error
		if t, err = f.find(name, at); err != nil {
			return part{}, err
		}
		if f.owner == "profile" {
			c.traits[name] = true
		}
	} else if !base.typ.is(kindObject) {
		do := ""
		if base.typ.kind == kindList {
			do = "take one member, for example [0]"
		}
		return part{}, fault(at, do, "%s has no member %q", base.typ, name)
	}
	of := base.run
	return part{at: at, typ: t, run: func(in *Input) any { return object(of(in))[name] }}, nil
}

// find is the type of a member, or the fault of naming it.
func (f *fields) find(name string, at int) (typ, error) {
	if t, ok := f.types[name]; ok {
		return t, nil
	}
	if why, ok := f.hidden[name]; ok {
		return typ{}, fault(at, "", "%s.%s can't be read here: %s", f.owner, name, why)
	}
	names := append(slices.Sorted(maps.Keys(f.types)), slices.Sorted(maps.Keys(f.hidden))...)
	return typ{}, fault(at, didYouMean(name, names, "declare it in plan.yaml, or correct the name"),
		"%s has no %s %q", f.owner, f.noun, name)
}

// index counts from 0.
func index(base part, i, at int) (part, error) {
	if !base.typ.is(kindList) {
		return part{}, fault(at, "", "%s has no members to count", base.typ)
	}
	var t typ
	if base.typ.elem != nil {
		t = *base.typ.elem
	}
	of := base.run
	return part{at: at, typ: t, run: func(in *Input) any {
		if l, _ := list(of(in)); i < len(l) {
			return l[i]
		}
		return nil
	}}, nil
}

func didYouMean(name string, known []string, otherwise string) string {
	if near, ok := plan.Nearest(name, known); ok {
		return "did you mean " + near + "?"
	}
	return otherwise
}
