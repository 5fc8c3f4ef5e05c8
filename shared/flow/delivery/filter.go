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
func (f *Filter) Passes(r *events.StreamRecord) bool {
	image := func(name string) image {
		switch name {
		case "Keys":
			return imageOf(r.DynamoDB.Keys)
		case "NewImage":
			return imageOf(r.DynamoDB.NewImage)
		case "OldImage":
			return imageOf(r.DynamoDB.OldImage)
		}
		return nothing
	}
	return f.passes(fields{event: r.EventName, image: image})
}

// PassesChange is Passes of the change's record, which need not be made for it.
func (f *Filter) PassesChange(c *item.Change) bool {
	image := func(name string) image {
		switch {
		case name == "Keys":
			return keysOf(c.Key)
		case name == "NewImage" && c.New != nil:
			return func(name string) (events.AttributeValue, bool) { return attributeOf(c.New, name) }
		case name == "OldImage" && c.Old != nil:
			return func(name string) (events.AttributeValue, bool) { return attributeOf(c.Old, name) }
		}
		return nothing
	}
	return f.passes(fields{event: string(c.Event()), image: image})
}

func (f *Filter) passes(in fields) bool {
	for _, conditions := range f.patterns {
		if in.match(conditions) {
			return true
		}
	}
	return len(f.patterns) == 0
}

// fields are what of a change patterns can ask for.
type fields struct {
	event string
	image func(name string) image // Keys, NewImage, OldImage
}

// image is an item, or its keys, by attribute name.
type image func(name string) (events.AttributeValue, bool)

func nothing(string) (v events.AttributeValue, present bool) { return v, false }

func imageOf(a events.Attributes) image {
	return func(name string) (events.AttributeValue, bool) {
		v, present := a[name]
		return v, present
	}
}

func keysOf(k item.Key) image {
	return func(name string) (v events.AttributeValue, present bool) {
		switch name {
		case item.AttrPK:
			return events.Text(k.PK), true
		case item.AttrSK:
			return events.Text(k.SK), true
		}
		return v, false
	}
}

func (in fields) match(conditions []condition) bool {
	for _, c := range conditions {
		text, present := in.at(c.path)
		if !slices.ContainsFunc(c.rules, func(holds rule) bool { return holds(text, present) }) {
			return false
		}
	}
	return true
}

// at is the text at path; what is no text is as if it were absent.
func (in fields) at(path []string) (text string, present bool) {
	switch {
	case len(path) == 1 && path[0] == "eventName":
		return in.event, true
	case len(path) >= 4 && path[0] == "dynamodb":
		return in.image(path[1]).at(path[2:])
	}
	return "", false
}

// at is the text at path: a name, a type, and behind a map the next name.
func (attributes image) at(path []string) (text string, present bool) {
	v, ok := attributes(path[0])
	if !ok || string(v.Type) != path[1] {
		return "", false
	}
	if len(path) == 2 {
		return v.Text, v.Type == events.TypeS || v.Type == events.TypeN
	}
	deeper, _ := v.Set.(events.Attributes)
	if len(path) < 4 || deeper == nil {
		return "", false
	}
	return imageOf(deeper).at(path[2:])
}
