package item_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kesher-io/kesher/shared/core/item"
)

type document struct {
	Name  string         `json:"n,omitempty"`
	At    int64          `json:"a"`
	On    bool           `json:"o,omitempty"`
	Props map[string]any `json:"p,omitempty"`
	List  []string       `json:"l,omitempty"`
	Own   *document      `json:"x,omitempty"`
}

// What encoding/json wrote is read as encoding/json itself reads it.
func TestADocumentIsReadAsItWasWritten(t *testing.T) {
	value := rapid.OneOf(rapid.String().AsAny(), rapid.Float64().AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil), rapid.SliceOf(rapid.String()).AsAny())
	var made func(depth int) *rapid.Generator[document]
	made = func(depth int) *rapid.Generator[document] {
		return rapid.Custom(func(t *rapid.T) (d document) {
			d.Name, d.At, d.On = rapid.String().Draw(t, "name"), rapid.Int64().Draw(t, "at"), rapid.Bool().Draw(t, "on")
			d.Props = rapid.MapOf(rapid.String(), value).Draw(t, "props")
			d.List = rapid.SliceOf(rapid.String()).Draw(t, "list")
			if depth > 0 && rapid.Bool().Draw(t, "nested") {
				d.Own = new(made(depth-1).Draw(t, "own"))
			}
			return d
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		var it item.Item
		var got, want document
		if err := errors.Join(it.Encode(made(2).Draw(t, "document")), it.Decode(&got), json.Unmarshal([]byte(it.Body), &want)); err != nil {
			t.Fatal(err)
		}
		if text(t, got) != text(t, want) {
			t.Fatalf("%s is read as %s", it.Body, text(t, got))
		}
	})
}

func text(t *rapid.T, d document) string {
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A document that somebody changed by hand is refused where it says two things, and
// never quoted.
func TestADocumentThatCannotBeReadIsNamedAndNeverQuoted(t *testing.T) {
	for _, body := range []string{"", "{", `{"n":"dana@shop.example","n":"b"}`, `{"a":"dana@shop.example"}`, `{"n":"dana@shop.example"} {}`} {
		it := item.Item{Key: item.C("c1", item.SKGate), Body: body}
		err := it.Decode(new(document))
		var unread *item.DecodeError
		if !errors.As(err, &unread) || unread.Key != it.Key || !strings.Contains(err.Error(), item.SKGate) || strings.Contains(err.Error(), "dana") {
			t.Errorf("%s: %v", body, err)
		}
	}
	newer := item.Item{Key: item.C("c1", item.SKGate), F: item.Format + 1, Body: "{}"}
	var format *item.FormatError
	if err := newer.Decode(new(document)); !errors.As(err, &format) || !strings.Contains(err.Error(), "deploy the newer release") {
		t.Errorf("a newer format: %v", err)
	}
}
