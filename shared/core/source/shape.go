package source

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/plan"
)

// shape says what may stand at one place of a file. It reads it, and describes
// it to editors: one definition for both, so that they can't disagree.
type shape[T any] struct {
	read   func(r *reader, n *yaml.Node) T
	schema func(defs schemas) schema
}

// reader reads one document and collects what is wrong with it.
type reader struct {
	doc      *document
	file     string
	language string // the brand's first, in which a plain text is written
	problems []Problem
	broken   bool // something could not be read: what was read is not all there is
}

func (r *reader) fail(n *yaml.Node, what, do string) {
	r.failAt(r.doc.place(n), what, do)
}

func (r *reader) failAt(at journey.Pos, what, do string) {
	r.broken = true
	r.report(at, what, do)
}

// notBuilt reports what could be read but has no effect in this release.
func (r *reader) notBuilt(at journey.Pos, key, do string) {
	r.report(at, fmt.Sprintf("%q is not built yet", key), do)
}

func (r *reader) report(at journey.Pos, what, do string) {
	r.problems = append(r.problems, Problem{File: r.file, Line: at.Line, Col: at.Col, What: what, Do: do, Severity: Error})
}

// failKind reports a node of the wrong kind, in words for people.
func (r *reader) failKind(n *yaml.Node, want string) {
	got := map[yaml.Kind]string{yaml.MappingNode: "a map", yaml.SequenceNode: "a list", yaml.ScalarNode: "one value"}[n.Kind]
	if isNull(n) {
		got = "nothing"
	}
	r.fail(n, fmt.Sprintf("here must stand %s, not %s", want, got), "")
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// keys are the places of a map's values, by key.
func (r *reader) keys(n *yaml.Node) map[string]journey.Pos {
	places := map[string]journey.Pos{}
	for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
		places[n.Content[i].Value] = r.doc.place(n.Content[i+1])
	}
	return places
}

// word is a single value; parse says by a fault what is wrong with it.
func word[T any](sc schema, parse func(string) (T, error)) shape[T] {
	return shape[T]{
		read:   func(r *reader, n *yaml.Node) T { return readWord(r, n, parse) },
		schema: func(schemas) schema { return sc },
	}
}

func readWord[T any](r *reader, n *yaml.Node, parse func(string) (T, error)) T {
	var zero T
	switch {
	case n.Kind != yaml.ScalarNode:
		r.failKind(n, "one value")
		return zero
	case isNull(n):
		r.fail(n, "the value is missing", "write one, or delete the key")
		return zero
	}
	v, err := parse(n.Value)
	if err != nil {
		f := fault{what: err.Error()}
		errors.As(err, &f)
		r.fail(n, f.what, f.do)
		return zero
	}
	return v
}

// field is one key of a record.
type field[T any] struct {
	keyword
	read func(r *reader, n *yaml.Node, into *T)
}

// keyword is what a key is in a record of any type, so that what can be done
// without the type is compiled once.
type keyword struct {
	name     string
	required bool
	schema   func(defs schemas) schema
}

// key is an optional key of a record; doc is what editors show.
func key[T, U any](name, doc string, s shape[U], where func(*T) *U) field[T] {
	return field[T]{
		keyword: keyword{name: name, schema: described(doc, s.schema)},
		read:    func(r *reader, n *yaml.Node, into *T) { *where(into) = s.read(r, n) },
	}
}

func described(doc string, of func(defs schemas) schema) func(defs schemas) schema {
	return func(defs schemas) schema {
		sc := schema{"description": doc}
		maps.Copy(sc, of(defs))
		return sc
	}
}

// must is a key that may not be missing.
func must[T, U any](name, doc string, s shape[U], where func(*T) *U) field[T] {
	f := key(name, doc, s, where)
	f.required = true
	return f
}

// record is a map with known keys.
func record[T any](fields ...field[T]) shape[T] {
	keys := make([]keyword, len(fields))
	for i, f := range fields {
		keys[i] = f.keyword
	}
	return shape[T]{
		read: func(r *reader, n *yaml.Node) (v T) {
			readRecord(r, n, keys, func(i int, value *yaml.Node) { fields[i].read(r, value, &v) })
			return v
		},
		schema: func(defs schemas) schema { return recordSchema(defs, keys) },
	}
}

// readRecord hands over the value of each key that stands there.
func readRecord(r *reader, n *yaml.Node, keys []keyword, read func(i int, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.failKind(n, "a map with "+strings.Join(names(keys), ", "))
		return
	}
	seen := map[string]bool{}
	for k, value := range pairs(r, n) {
		i := slices.IndexFunc(keys, func(known keyword) bool { return known.name == k.Value })
		if i < 0 {
			r.failAt(wordPlace(k), fmt.Sprintf("unknown key %q", k.Value), suggest(k.Value, names(keys)))
			continue
		}
		seen[k.Value] = true
		read(i, value)
	}
	for _, k := range keys {
		if k.required && !seen[k.name] {
			r.fail(n, fmt.Sprintf("`%s` is missing", k.name), "add it")
		}
	}
}

// pairs are the keys and values of a map; what has no plain key, or a key that
// stood before, is reported and left out.
func pairs(r *reader, n *yaml.Node) func(yield func(k, v *yaml.Node) bool) {
	return func(yield func(k, v *yaml.Node) bool) {
		seen := map[string]bool{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			switch {
			case k.Kind != yaml.ScalarNode:
				r.fail(k, "a key must be one word or phrase", "quote it if it holds brackets")
				continue
			case seen[k.Value]:
				r.failAt(wordPlace(k), fmt.Sprintf("the key %q stands here twice", k.Value), "keep one of them")
				continue
			}
			seen[k.Value] = true
			if !yield(k, n.Content[i+1]) {
				return
			}
		}
	}
}

func names(keys []keyword) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k.name
	}
	return out
}

// suggest says what a misspelt name may have meant.
func suggest(name string, known []string) string {
	if near, ok := plan.Nearest(name, known); ok {
		return "did you mean " + near + "?"
	}
	return "known here: " + strings.Join(known, ", ")
}

// dict is a map whose keys are names.
func dict[U any](name shape[string], s shape[U]) shape[map[string]U] {
	return shape[map[string]U]{
		read: func(r *reader, n *yaml.Node) map[string]U {
			if n.Kind != yaml.MappingNode {
				r.failKind(n, "a map")
				return nil
			}
			out := map[string]U{}
			for k, v := range pairs(r, n) {
				out[name.read(r, k)] = s.read(r, v)
			}
			return out
		},
		schema: func(defs schemas) schema {
			return schema{"type": "object", "additionalProperties": s.schema(defs)}
		},
	}
}

// ordered is a map whose order matters: build gets each key with its value.
func ordered[U any](name shape[string], s shape[U], setName func(*U, string)) shape[[]U] {
	return shape[[]U]{
		read: func(r *reader, n *yaml.Node) []U {
			if n.Kind != yaml.MappingNode {
				r.failKind(n, "a map")
				return nil
			}
			var out []U
			for k, v := range pairs(r, n) {
				one := s.read(r, v)
				setName(&one, name.read(r, k))
				out = append(out, one)
			}
			return out
		},
		schema: dict(name, s).schema,
	}
}

// list is a list.
func list[U any](s shape[U]) shape[[]U] {
	return shape[[]U]{
		read: func(r *reader, n *yaml.Node) []U {
			if n.Kind != yaml.SequenceNode {
				r.failKind(n, "a list")
				return nil
			}
			out := make([]U, 0, len(n.Content))
			for _, member := range n.Content {
				out = append(out, s.read(r, member))
			}
			return out
		},
		schema: func(defs schemas) schema { return schema{"type": "array", "items": s.schema(defs)} },
	}
}

// some is a list, or one member alone.
func some[U any](s shape[U]) shape[[]U] {
	many := list(s)
	return shape[[]U]{
		read: func(r *reader, n *yaml.Node) []U {
			if n.Kind == yaml.SequenceNode {
				return many.read(r, n)
			}
			return []U{s.read(r, n)}
		},
		schema: func(defs schemas) schema { return schema{"anyOf": []any{s.schema(defs), many.schema(defs)}} },
	}
}

// either reads a map by one shape and a single value by another.
func either[T any](single, mapping shape[T]) shape[T] {
	return shape[T]{
		read: func(r *reader, n *yaml.Node) T {
			if n.Kind == yaml.MappingNode {
				return mapping.read(r, n)
			}
			return single.read(r, n)
		},
		schema: func(defs schemas) schema {
			return schema{"anyOf": []any{single.schema(defs), mapping.schema(defs)}}
		},
	}
}

// as turns what one shape reads into something else, and may find fault with it.
func as[T, U any](s shape[T], turn func(r *reader, n *yaml.Node, v T) U) shape[U] {
	return shape[U]{
		read:   func(r *reader, n *yaml.Node) U { return turn(r, n, s.read(r, n)) },
		schema: s.schema,
	}
}

// pointer tells a value that stands there from one that does not.
func pointer[T any](s shape[T]) shape[*T] {
	return as(s, func(_ *reader, _ *yaml.Node, v T) *T { return &v })
}

// named gives a shape a place of its own in the schema; it may hold itself.
func named[T any](name string, make func() shape[T]) shape[T] {
	return shape[T]{
		read: func(r *reader, n *yaml.Node) T { return make().read(r, n) },
		schema: func(defs schemas) schema {
			if _, ok := defs[name]; !ok {
				defs[name] = nil // stops the recursion
				defs[name] = make().schema(defs)
			}
			return schema{"$ref": "#/definitions/" + name}
		},
	}
}
