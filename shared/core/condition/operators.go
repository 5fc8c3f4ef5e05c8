package condition

import (
	"strings"

	"github.com/expr-lang/expr/ast"
)

func (c *compiler) unary(n *ast.UnaryNode) (part, error) {
	p, err := c.part(n.Node)
	if err != nil {
		return part{}, err
	}
	at, of := n.Location().From, p.run
	switch n.Operator {
	case "not", "!":
		if err := boolean(p, n.Operator); err != nil {
			return part{}, err
		}
		return part{at: at, typ: simple("boolean"), run: func(in *Input) any {
			switch truth(of(in)) {
			case True:
				return false
			case False:
				return true
			}
			return nil
		}}, nil
	}
	if err := numeric(p, n.Operator); err != nil {
		return part{}, err
	}
	sign := 1.0
	if n.Operator == "-" {
		sign = -1
	}
	return part{at: at, typ: simple("number"), run: func(in *Input) any {
		if x, ok := number(of(in)); ok {
			return sign * x
		}
		return nil
	}}, nil
}

func (c *compiler) binary(n *ast.BinaryNode) (part, error) {
	l, err := c.part(n.Left)
	if err != nil {
		return part{}, err
	}
	r, err := c.part(n.Right)
	if err != nil {
		return part{}, err
	}
	at := n.Location().From
	switch n.Operator {
	case "and", "&&":
		return logic(at, n.Operator, False, l, r)
	case "or", "||":
		return logic(at, n.Operator, True, l, r)
	case "==", "!=", "<", "<=", ">", ">=":
		return comparison(at, n.Operator, l, r)
	case "in":
		return membership(at, l, r)
	case "contains", "startsWith", "endsWith":
		return search(at, n.Operator, l, r)
	case "+", "-", "*", "/", "%":
		return arithmetic(at, n.Operator, l, r)
	}
	return part{}, fault(at, "", "%s is not part of conditions", n.Operator)
}

// logic is `and`, which False decides alone, or `or`, which True decides alone.
func logic(at int, op string, decides Truth, l, r part) (part, error) {
	for _, p := range []part{l, r} {
		if err := boolean(p, op); err != nil {
			return part{}, err
		}
	}
	left, right := l.run, r.run
	return part{at: at, typ: simple("boolean"), run: func(in *Input) any {
		a := truth(left(in))
		if a == decides {
			return a == True
		}
		switch b := truth(right(in)); {
		case b == decides:
			return b == True
		case a == Unknown || b == Unknown:
			return nil
		}
		return decides == False
	}}, nil
}

func boolean(p part, op string) error {
	if p.typ.is(kindBoolean) {
		return nil
	}
	return fault(p.at, "compare it with something, or ask != null", "%s joins conditions, and this is %s", op, p.typ)
}

var searches = map[string]func(s, part string) bool{
	"contains": strings.Contains, "startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix,
}

func search(at int, op string, l, r part) (part, error) {
	for _, p := range []part{l, r} {
		if !p.typ.is(kindText) {
			do := ""
			if p.typ.kind == kindList {
				do = `write "x" in the list`
			}
			return part{}, fault(p.at, do, "%s looks into text, and this is %s", op, p.typ)
		}
	}
	text, wanted, found := l.run, r.run, searches[op]
	return part{at: at, typ: simple("boolean"), run: func(in *Input) any {
		a, okA := text(in).(string)
		b, okB := wanted(in).(string)
		if okA && okB {
			return found(a, b)
		}
		return nil
	}}, nil
}
