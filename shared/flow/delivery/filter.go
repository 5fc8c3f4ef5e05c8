package delivery

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/item"
)

// Filter is Lambda's event filtering (developer guide, "Control which events
// Lambda sends to your function") for stream records: it holds records against
// the very patterns that are deployed. It knows the operators that texts need:
// equals, prefix, suffix, equals-ignore-case, anything-but and exists; a pattern
// with another is refused.
type Filter struct{ patterns [][]condition }

// condition is one field of a pattern: any of its rules must hold.
type condition struct {
	path  []string
	rules []rule
}

// rule holds of a field's text, or of its absence.
type rule func(text string, present bool) bool

// NewFilter compiles patterns. Without any, every record passes.
func NewFilter(patterns ...Pattern) (*Filter, error) {
	f := &Filter{}
	for _, p := range patterns {
		var tree map[string]any
		if err := json.Unmarshal([]byte(p), &tree); err != nil {
			return nil, fmt.Errorf("filter pattern %s: %w", p, err)
		}
		conditions, err := compile(nil, nil, tree)
		if err != nil {
			return nil, fmt.Errorf("filter pattern %s: %w", p, err)
		}
		f.patterns = append(f.patterns, conditions)
	}
	return f, nil
}

// compile appends the conditions of tree, which stands at path.
func compile(conditions []condition, path []string, tree map[string]any) ([]condition, error) {
	for name, value := range tree {
		at := append(slices.Clone(path), name)
		var err error
		switch v := value.(type) {
		case map[string]any:
			conditions, err = compile(conditions, at, v)
		case []any:
			c := condition{path: at}
			c.rules, err = compileRules(v)
			conditions = append(conditions, c)
		default:
			err = fmt.Errorf("%s is neither a list nor an object", strings.Join(at, "."))
		}
		if err != nil {
			return nil, err
		}
	}
	return conditions, nil
}

func compileRules(values []any) ([]rule, error) {
	var rules []rule
	for _, value := range values {
		r, err := compileRule(value)
		if err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	return rules, nil
}

func compileRule(value any) (rule, error) {
	switch v := value.(type) {
	case string:
		return func(text string, present bool) bool { return present && text == v }, nil
	case map[string]any:
		if len(v) == 1 {
			for operator, operand := range v {
				return compileOperator(operator, operand)
			}
		}
	}
	return nil, fmt.Errorf("rule %v is none that texts can be held against", value)
}

func compileOperator(operator string, operand any) (rule, error) {
	if want, ok := operand.(bool); ok && operator == "exists" {
		return func(_ string, present bool) bool { return present == want }, nil
	}
	if others, ok := operand.([]any); ok && operator == "anything-but" {
		return compileAnythingBut(others)
	}
	text, ok := operand.(string)
	if !ok {
		return nil, fmt.Errorf("operator %s can't take %v", operator, operand)
	}
	holds := map[string]func(string, string) bool{
		"prefix":             strings.HasPrefix,
		"suffix":             strings.HasSuffix,
		"equals-ignore-case": strings.EqualFold,
		"anything-but":       func(s, other string) bool { return s != other },
	}[operator]
	if holds == nil {
		return nil, fmt.Errorf("there is no operator %s for texts", operator)
	}
	return func(s string, present bool) bool { return present && holds(s, text) }, nil
}

func compileAnythingBut(others []any) (rule, error) {
	refused := map[string]bool{}
	for _, other := range others {
		text, ok := other.(string)
		if !ok {
			return nil, fmt.Errorf("anything-but can't take %v", other)
		}
		refused[text] = true
	}
	return func(s string, present bool) bool { return present && !refused[s] }, nil
}

// Passes says whether the record matches any pattern.
func (f *Filter) Passes(r *events.StreamRecord) bool { return f.passes(recordFields{r}) }

// PassesChange is Passes of the change's record, which need not be made for it.
func (f *Filter) PassesChange(c *item.Change) bool { return f.passes(changeFields{c}) }

func (f *Filter) passes(in fields) bool {
	for _, conditions := range f.patterns {
		if match(in, conditions) {
			return true
		}
	}
	return len(f.patterns) == 0
}

// fields are what of a change patterns can ask for. An image is Keys, NewImage or
// OldImage.
type fields interface {
	event() string
	attribute(image, name string) (events.AttributeValue, bool)
}

type recordFields struct{ *events.StreamRecord }

func (r recordFields) event() string { return r.EventName }

func (r recordFields) attribute(image, name string) (v events.AttributeValue, present bool) {
	switch image {
	case "Keys":
		v, present = r.DynamoDB.Keys[name]
	case "NewImage":
		v, present = r.DynamoDB.NewImage[name]
	case "OldImage":
		v, present = r.DynamoDB.OldImage[name]
	}
	return v, present
}

type changeFields struct{ *item.Change }

func (c changeFields) event() string { return string(c.Event()) }

func (c changeFields) attribute(image, name string) (v events.AttributeValue, present bool) {
	switch {
	case image == "Keys" && name == item.AttrPK:
		return events.Text(c.Key.PK), true
	case image == "Keys" && name == item.AttrSK:
		return events.Text(c.Key.SK), true
	case image == "NewImage" && c.New != nil:
		return attributeOf(c.New, name)
	case image == "OldImage" && c.Old != nil:
		return attributeOf(c.Old, name)
	}
	return v, false
}

func match(in fields, conditions []condition) bool {
	for _, c := range conditions {
		text, present := textAt(in, c.path)
		if !slices.ContainsFunc(c.rules, func(holds rule) bool { return holds(text, present) }) {
			return false
		}
	}
	return true
}

// textAt is the text at path; what is no text is as if it were absent.
func textAt(in fields, path []string) (text string, present bool) {
	switch {
	case len(path) == 1 && path[0] == "eventName":
		return in.event(), true
	case len(path) >= 4 && path[0] == "dynamodb":
		v, ok := in.attribute(path[1], path[2])
		return textIn(v, ok, path[3:])
	}
	return "", false
}

// textIn is the text in an attribute: path is its type, and behind a map a name
// and the type of what has it.
func textIn(v events.AttributeValue, present bool, path []string) (string, bool) {
	if !present || string(v.Type) != path[0] {
		return "", false
	}
	if len(path) == 1 {
		return v.Text, v.Type == events.TypeS || v.Type == events.TypeN
	}
	deeper, _ := v.Set.(events.Attributes)
	if len(path) < 3 || deeper == nil {
		return "", false
	}
	next, ok := deeper[path[1]]
	return textIn(next, ok, path[2:])
}
