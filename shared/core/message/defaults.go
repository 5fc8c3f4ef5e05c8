package message

import (
	"fmt"
	"maps"
	"regexp"
	"sort"
	"strings"

	"github.com/kesher-io/kesher/shared/core/plan"
)

// defaultValue is what stands where a path has no value.
type defaultValue struct {
	path     string
	segments []string // "[]" = each element
	text     plan.Text
}

var defaultPath = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_ -]*((\[\])?\.[\p{L}_][\p{L}\p{N}_ -]*)+$`)

func (t *Template) compileDefaults(defaults map[string]plan.Text) error {
	for path, text := range defaults {
		if !defaultPath.MatchString(path) {
			return &TemplateError{Template: t.Name, Part: "defaults", Message: fmt.Sprintf("%q is no path of a variable (write profile.first_name or cart.items[].name)", path)}
		}
		segments := strings.Split(strings.ReplaceAll(path, "[]", ".[]"), ".")
		t.defaults = append(t.defaults, defaultValue{path: path, segments: segments, text: text})
	}
	sort.Slice(t.defaults, func(i, j int) bool { return t.defaults[i].path < t.defaults[j].path })
	return nil
}

func (t *Template) hasDefault(path string) bool {
	for _, d := range t.defaults {
		if d.path == path {
			return true
		}
	}
	return false
}

// fill returns the variables with defaults where they have no value; the given
// maps and lists are not changed.
func (t *Template) fill(bindings map[string]any, lang string) {
	for _, d := range t.defaults {
		text := pick(d.text, lang)
		root := d.segments[0]
		if _, bound := bindings[root]; bound && text != "" {
			bindings[root] = filled(bindings[root], d.segments[1:], text)
		}
	}
}

// filled returns value with text at path, if there is nothing.
func filled(value any, path []string, text string) any {
	if len(path) == 0 {
		if value == nil || value == "" {
			return text
		}
		return value
	}
	if path[0] == "[]" {
		list, ok := value.([]any)
		if !ok {
			return value
		}
		out := make([]any, len(list))
		for i, item := range list {
			out[i] = filled(item, path[1:], text)
		}
		return out
	}
	var object map[string]any
	switch v := value.(type) {
	case nil:
		object = map[string]any{}
	case map[string]any:
		object = maps.Clone(v)
	default:
		return value
	}
	if object == nil {
		object = map[string]any{}
	}
	object[path[0]] = filled(object[path[0]], path[1:], text)
	return object
}
