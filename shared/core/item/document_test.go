package item_test

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/profile"
)

// Documents are read as by encoding/json, whatever stands in them; and what it
// can't read is not read.
func TestDocumentsAreReadAsByEncodingJSON(t *testing.T) {
	t.Run("Run", same[engine.Run])
	t.Run("Gate", same[consent.Gate])
	t.Run("Entry", same[consent.Entry])
	t.Run("Profile", same[profile.Profile])
	t.Run("Owner", same[profile.Owner])
	t.Run("Event", same[fact.Event])
	t.Run("Response", same[fact.Response])
	t.Run("Msg", same[message.Msg])
	t.Run("Pace", same[message.Pace])
}

func same[T any](t *testing.T) {
	docs := rapid.MakeCustom[T](rapid.MakeConfig{
		Types: map[reflect.Type]*rapid.Generator[any]{reflect.TypeFor[any](): value(2)},
	})
	rapid.Check(t, func(t *rapid.T) {
		doc := docs.Draw(t, "doc")
		it := item.Item{F: item.Format}
		if err := it.Encode(doc); err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "torn") {
			it.Body = torn(t, it.Body)
		}
		var read, expected T
		err, bad := it.Decode(&read), json.Unmarshal(it.Body, &expected)
		if (err == nil) != (bad == nil) {
			t.Fatalf("%s: %v, want %v", it.Body, err, bad)
		}
		if err == nil && !reflect.DeepEqual(read, expected) {
			t.Fatalf("read %#v, want %#v", read, expected)
		}
	})
}

// torn is a document in which a byte is lost or another.
func torn(t *rapid.T, body []byte) []byte {
	at := rapid.IntRange(0, len(body)-1).Draw(t, "at")
	if rapid.Bool().Draw(t, "lost") {
		return append(body[:at:at], body[at+1:]...)
	}
	body = bytes.Clone(body)
	body[at] = rapid.Byte().Draw(t, "byte")
	return body
}

// value is what may stand in an event's properties or a trait.
func value(depth int) *rapid.Generator[any] {
	kinds := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.String().AsAny(),
		rapid.Float64().Filter(func(f float64) bool { return !math.IsInf(f, 0) && !math.IsNaN(f) }).AsAny(),
	}
	if depth > 0 {
		kinds = append(kinds, rapid.SliceOfN(value(depth-1), 0, 3).AsAny(), rapid.MapOfN(rapid.String(), value(depth-1), 0, 3).AsAny())
	}
	return rapid.OneOf(kinds...)
}
