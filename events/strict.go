package events

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of foreign JSON (CONTRACTS section 2).
const (
	MaxBody    = 500 << 10 // bytes of a request, before and after inflating
	MaxMessage = 32 << 10  // bytes of one call
	MaxDepth   = 64
	MaxFields  = 1000
)

// Decode reads one document strictly: a size, a depth and a number of fields at
// most, no duplicate key, no broken UTF-8. Fields that v does not have are passed
// over, as Segment's API does.
func Decode(b []byte, v any) *Refusal {
	if len(b) > MaxMessage {
		return Refuse(TooLarge, "", "has %d bytes, %d are possible", len(b), MaxMessage)
	}
	if r := wellFormed(b); r != nil {
		return r
	}
	w := walker{b: b}
	if r := w.value(1, false); r != nil {
		return r
	}
	return unmarshal(b, v)
}

func wellFormed(b []byte) *Refusal {
	if !utf8.Valid(b) {
		return Refuse(InvalidJSON, "", "is not UTF-8")
	}
	if !json.Valid(b) {
		return Refuse(InvalidJSON, "", "is no JSON document")
	}
	return nil
}

func unmarshal(b []byte, v any) *Refusal {
	err := json.Unmarshal(b, v)
	if err == nil {
		return nil
	}
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		if kind.Field == "" {
			return Refuse(InvalidJSON, "", "must be an object")
		}
		return Refuse(InvalidField, kind.Field, "must be %s", called(kind.Type))
	}
	return Refuse(InvalidJSON, "", "can't be decoded")
}

// called names a Go type as people who never saw Go would.
func called(t reflect.Type) string {
	if t == reflect.TypeFor[Time]() {
		return "an ISO 8601 time"
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Slice:
		return "a list"
	case reflect.Bool:
		return "true or false"
	}
	return "a number"
}

// walker checks what encoding/json does not mind. It walks JSON that is known to
// be valid.
type walker struct {
	b      []byte
	i      int
	fields int
	// opaque names a key of the outermost object whose value is passed over: the
	// members of a batch are checked one by one.
	opaque string
}

// free are the fields whose keys are the caller's own, and compared exactly.
// All others are names of ours, which encoding/json matches whatever their case:
// there userId and USERID are the same key twice.
var free = map[string]bool{
	"properties": true, "traits": true, "data": true, "answers": true, "categoryPreferences": true, "hidden": true,
}

func (w *walker) value(depth int, exact bool) *Refusal {
	w.space()
	switch w.b[w.i] {
	case '{', '[':
		if depth > MaxDepth {
			return Refuse(TooLarge, "", "is nested deeper than %d", MaxDepth)
		}
		if w.b[w.i] == '{' {
			return w.object(depth, exact)
		}
		return w.array(depth, exact)
	case '"':
		w.text()
	default:
		for w.i < len(w.b) && !delimiter(w.b[w.i]) {
			w.i++
		}
	}
	return nil
}

func delimiter(c byte) bool {
	return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\t' || c == '\n' || c == '\r'
}

func (w *walker) space() {
	for w.i < len(w.b) && (w.b[w.i] == ' ' || w.b[w.i] == '\t' || w.b[w.i] == '\n' || w.b[w.i] == '\r') {
		w.i++
	}
}

// next steps over the comma before another member; false at the end.
func (w *walker) next(end byte) bool {
	w.space()
	c := w.b[w.i]
	if c == ',' {
		w.i++
		w.space()
	}
	if c == end {
		w.i++
		return false
	}
	return true
}

func (w *walker) object(depth int, exact bool) *Refusal {
	w.i++ // {
	seen := map[string]bool{}
	for w.next('}') {
		key := w.key()
		name := key
		if !exact {
			name = fold(key)
		}
		if seen[name] {
			return Refuse(InvalidJSON, "", "has a key twice in one object")
		}
		seen[name] = true
		if w.fields++; w.fields > MaxFields {
			return Refuse(TooLarge, "", "has more than %d fields", MaxFields)
		}
		w.space()
		w.i++ // :
		if w.opaque != "" && depth == 1 && strings.EqualFold(key, w.opaque) {
			w.skip()
			continue
		}
		if r := w.value(depth+1, exact || free[key]); r != nil {
			return r
		}
	}
	return nil
}

func (w *walker) array(depth int, exact bool) *Refusal {
	w.i++ // [
	for w.next(']') {
		if r := w.value(depth+1, exact); r != nil {
			return r
		}
	}
	return nil
}

// text steps over a string and returns it with its quotes.
func (w *walker) text() []byte {
	from := w.i
	for w.i++; w.b[w.i] != '"'; w.i++ {
		if w.b[w.i] == '\\' {
			w.i++
		}
	}
	w.i++
	return w.b[from:w.i]
}

func (w *walker) key() string {
	raw := w.text()
	for _, c := range raw {
		if c == '\\' {
			var s string
			_ = json.Unmarshal(raw, &s) // a valid string, as was checked
			return s
		}
	}
	return string(raw[1 : len(raw)-1])
}

// skip steps over a value of any kind.
func (w *walker) skip() {
	open := 0
	for w.space(); w.i < len(w.b); {
		switch c := w.b[w.i]; {
		case c == '"':
			w.text()
		case c == '{' || c == '[':
			open++
			w.i++
		case (c == '}' || c == ']') && open > 0:
			open--
			w.i++
		case open == 0 && delimiter(c):
			return
		default:
			w.i++
			continue
		}
		if open == 0 {
			return
		}
	}
}

// fold is the form in which encoding/json compares keys: each letter the
// smallest of those that differ by case alone.
func fold(key string) string {
	folded := []rune(key)
	for i, r := range folded {
		for next := unicode.SimpleFold(r); ; next = unicode.SimpleFold(next) {
			if next <= r {
				folded[i] = next
				break
			}
			r = next
		}
	}
	return string(folded)
}
