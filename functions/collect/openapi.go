package collect

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/kesher-io/kesher/events"
)

// object is a piece of the OpenAPI document.
type object = map[string]any

// openapi serves OpenAPI 3.1, made from the routes and the Go types they decode.
func (h *handler) openapi(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, h.document())
}

func (h *handler) document() object {
	s := &schemas{byName: object{}}
	paths := object{}
	for _, r := range slices.Concat(h.tracking(), h.own(), h.profiles()) {
		if !r.short {
			paths[r.path] = object{strings.ToLower(r.method): s.operation(r)}
		}
	}
	s.of(reflect.TypeFor[events.Failed]())
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Kesher", "version": "1",
			"description": "Segment's HTTP tracking API, and calls about consent, surveys, messages, items and profiles.",
		},
		"servers":    []any{object{"url": h.Base}},
		"paths":      paths,
		"components": object{"schemas": s.byName, "securitySchemes": object{"key": object{"type": "http", "scheme": "basic"}}},
		"security":   []any{object{"key": []any{}}, object{}}, // or writeKey in the body
	}
}

// schemas collects the types that the document names.
type schemas struct{ byName object }

func (s *schemas) operation(r route) object {
	responses := object{
		"400": s.response("Can't be taken", events.Failed{}),
		"401": s.response("Wrong or missing key", events.Failed{}),
		"429": s.response("Come back later", events.Failed{}),
		"503": s.response("Try again", events.Failed{}),
		"200": s.response("Taken", r.answers),
	}
	op := object{"summary": r.summary, "responses": responses}
	if r.body != nil {
		op["requestBody"] = object{"required": true, "content": object{
			"application/json": object{"schema": s.of(reflect.TypeOf(r.body))},
			"text/plain":       object{"schema": s.of(reflect.TypeOf(r.body))},
		}}
	}
	if _, after, ok := strings.Cut(r.path, "{"); ok {
		name, _, _ := strings.Cut(after, "}")
		op["parameters"] = []any{object{"name": name, "in": "path", "required": true, "schema": object{"type": "string"}}}
	}
	return op
}

func (s *schemas) response(description string, body any) object {
	return object{"description": description, "content": object{"application/json": object{"schema": s.of(reflect.TypeOf(body))}}}
}

// of is the schema of a type; structs with a name are named in the document.
func (s *schemas) of(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[events.Personal]():
		return object{"type": []any{"string", "null"}}
	case reflect.TypeFor[events.Time](), reflect.TypeFor[time.Time]():
		return object{"type": []any{"string", "null"}, "format": "date-time"}
	case reflect.TypeFor[json.RawMessage]():
		return object{"type": "object"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice:
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		return s.ofStruct(t)
	}
	return object{} // any
}

func (s *schemas) ofStruct(t reflect.Type) object {
	if t.Name() == "" {
		return object{"type": "object"}
	}
	ref := object{"$ref": "#/components/schemas/" + t.Name()}
	if _, known := s.byName[t.Name()]; known {
		return ref
	}
	schema := object{"type": "object"}
	s.byName[t.Name()] = schema // before its fields: types may refer to each other
	properties, required := object{}, []any{}
	s.fields(t, properties, &required)
	schema["properties"] = properties
	if len(required) > 0 {
		schema["required"] = required
	}
	return ref
}

func (s *schemas) fields(t reflect.Type, properties object, required *[]any) {
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous || !f.IsExported() {
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		properties[name] = s.of(f.Type)
		if !strings.Contains(options, "omit") {
			*required = append(*required, name)
		}
	}
}
