package collect

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

// spec is the served document.
func spec(t *testing.T, f *fixture) map[string]any {
	t.Helper()
	w := f.request("GET", "/openapi.json", "", nil)
	if w.Code != 200 {
		t.Fatal(w.Code)
	}
	return decoded[map[string]any](t, w)
}

func at(v any, path ...string) any {
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

// fits checks a value against a schema of the document, as far as the document
// uses JSON Schema.
func fits(doc, schema any, v any) error {
	if ref, ok := at(schema, "$ref").(string); ok {
		return fits(doc, at(doc, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...), v)
	}
	if !hasType(at(schema, "type"), v) {
		return fmt.Errorf("is %T, and not %v", v, at(schema, "type"))
	}
	switch v := v.(type) {
	case map[string]any:
		required, _ := at(schema, "required").([]any)
		for _, name := range required {
			if _, ok := v[name.(string)]; !ok {
				return fmt.Errorf("%s is missing", name)
			}
		}
		for name, member := range v {
			sub := at(schema, "properties", name)
			if sub == nil {
				sub = at(schema, "additionalProperties")
			}
			if sub == nil {
				if at(schema, "properties") == nil {
					continue
				}
				return fmt.Errorf("%s is not in the document", name)
			}
			if err := fits(doc, sub, member); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	case []any:
		for i, member := range v {
			if err := fits(doc, at(schema, "items"), member); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
	}
	return nil
}

func hasType(want, v any) bool {
	switch want := want.(type) {
	case nil:
		return true
	case []any:
		for _, one := range want {
			if hasType(one, v) {
				return true
			}
		}
		return false
	case string:
		switch v := v.(type) {
		case nil:
			return want == "null"
		case string:
			return want == "string"
		case bool:
			return want == "boolean"
		case float64:
			return want == "number" || want == "integer" && v == float64(int64(v))
		case map[string]any:
			return want == "object"
		case []any:
			return want == "array"
		}
	}
	return false
}

func TestOpenAPIDescribesEveryPathThatIsServed(t *testing.T) {
	f := setup(t)
	doc := spec(t, f)
	if at(doc, "openapi") != "3.1.0" {
		t.Fatalf("version %v", at(doc, "openapi"))
	}
	paths, _ := at(doc, "paths").(map[string]any)
	for _, want := range []string{
		"/v1/identify", "/v1/track", "/v1/page", "/v1/screen", "/v1/group", "/v1/alias", "/v1/batch", "/v1/import", "/v1/consents",
		"/v1/surveys/{survey}/responses", "/v1/surveys/typeform", "/v1/items", "/v1/messages",
		"/v1/profiles/get", "/v1/profiles/export", "/v1/profiles/erase", "/v1/projects/{key}/settings",
	} {
		if paths[want] == nil {
			t.Errorf("%s is not described", want)
		}
	}
	for path, methods := range paths {
		for method := range methods.(map[string]any) {
			served := strings.NewReplacer("{survey}", "style", "{key}", "wrong").Replace(path)
			w := f.request(strings.ToUpper(method), served, "", []byte("{}"))
			if w.Code != http.StatusUnauthorized {
				t.Errorf("%s %s without a key: %d", method, path, w.Code)
			}
			if err := fits(doc, at(methods, method, "responses", "401", "content", "application/json", "schema"), decoded[any](t, w)); err != nil {
				t.Errorf("%s %s: its answer %v", method, path, err)
			}
		}
	}
}

func TestOpenAPITellsTheTruthAboutBodiesAndAnswers(t *testing.T) {
	f := setup(t)
	doc := spec(t, f)
	samples := map[string]string{
		"/v1/identify": "identify", "/v1/track": "track", "/v1/page": "page", "/v1/screen": "screen", "/v1/group": "group",
		"/v1/alias": "alias", "/v1/batch": "batch", "/v1/import": "batch", "/v1/consents": "consent",
		"/v1/surveys/{survey}/responses": "survey", "/v1/messages": "message", "/v1/items": "items",
		"/v1/profiles/get": "profile", "/v1/profiles/export": "profile",
	}
	for path, sample := range samples {
		body, err := os.ReadFile("../../events/testdata/tracking/" + sample + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			t.Fatal(err)
		}
		op := at(doc, "paths", path, "post")
		delete(v.(map[string]any), "groupId")
		if err := fits(doc, at(op, "requestBody", "content", "application/json", "schema"), v); err != nil {
			t.Errorf("%s: its sample's %v", path, err)
		}
	}
	// Everybody is known by now, so that every path has a good answer to check.
	accepted(t, f.post("/v1/identify", serverKey, `{"userId":"u1","traits":{"first_name":"Dana","shoe":1}}`))
	for path, sample := range samples {
		body, err := os.ReadFile("../../events/testdata/tracking/" + sample + ".json")
		if err != nil {
			t.Fatal(err)
		}
		w := f.request("POST", strings.Replace(path, "{survey}", "style", 1), serverKey, body)
		answer := at(doc, "paths", path, "post", "responses", fmt.Sprint(w.Code), "content", "application/json", "schema")
		if w.Code != 200 || answer == nil {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
			continue
		}
		if err := fits(doc, answer, decoded[any](t, w)); err != nil {
			t.Errorf("%s: its answer's %v", path, err)
		}
	}
}
