package events

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// decoders of every body, by the sample that shows it.
var decoders = map[string]func([]byte) (any, *Refusal){
	"batch":   func(b []byte) (any, *Refusal) { v, r := DecodeBatch(b); return v, r },
	"consent": func(b []byte) (any, *Refusal) { v, r := DecodeConsent(b); return v, r },
	"survey":  func(b []byte) (any, *Refusal) { v, r := DecodeResponse(b); return v, r },
	"message": func(b []byte) (any, *Refusal) { v, r := DecodeMessage(b); return v, r },
	"items":   func(b []byte) (any, *Refusal) { v, r := DecodeItems(b); return v, r },
	"profile": func(b []byte) (any, *Refusal) { v, r := DecodeProfile(b); return v, r },
}

func decoder(name string) func([]byte) (any, *Refusal) {
	if d, ok := decoders[name]; ok {
		return d
	}
	return func(b []byte) (any, *Refusal) { v, r := DecodeCall(b, ""); return v, r }
}

func trackingSamples(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/tracking/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	samples := map[string][]byte{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		samples[strings.TrimSuffix(filepath.Base(f), ".json")] = b
	}
	return samples
}

func TestEveryBodyHasASampleThatSurvivesARoundTrip(t *testing.T) {
	samples := trackingSamples(t)
	for _, name := range append([]string{"identify", "track", "page", "screen", "group", "alias"}, keysOf(decoders)...) {
		b, ok := samples[name]
		if !ok {
			t.Errorf("no sample of %s", name)
			continue
		}
		first, r := decoder(name)(b)
		if r != nil {
			t.Errorf("%s: %v", name, r)
			continue
		}
		again, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		second, r := decoder(name)(again)
		if r != nil || !reflect.DeepEqual(first, second) {
			t.Errorf("%s: %v, changed in the round trip: %s", name, r, again)
		}
	}
}

func keysOf[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}

func TestE10LimitsOfCalls(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"f%d":1`, i)
		}
		return "{" + strings.TrimPrefix(b.String(), ",") + "}"
	}
	track := func(props string) string {
		return `{"type":"track","userId":"u","event":"E","properties":` + props + `}`
	}
	id := func(s string) string {
		b, _ := json.Marshal(s)
		return `{"type":"track","event":"E","userId":` + string(b) + `}`
	}
	tests := []struct {
		name, body string
		code       Code
		field      string
	}{
		{"depth at the limit", track(deep(MaxDepth - 1)), "", ""},
		{"too deep", track(deep(MaxDepth)), TooLarge, ""},
		{"absurdly deep", track(strings.Repeat("[", 15000)), InvalidJSON, ""},
		{"fields at the limit", track(many(MaxFields - 4)), "", ""},
		{"too many fields", track(many(MaxFields - 3)), TooLarge, ""},
		{"message at the limit", track(`{"a":"` + strings.Repeat("x", MaxMessage-len(track(`{"a":""}`))) + `"}`), "", ""},
		{"message too large", track(`{"a":"` + strings.Repeat("x", MaxMessage) + `"}`), TooLarge, ""},
		{"duplicate key", `{"type":"track","event":"E","userId":"a","userId":"b"}`, InvalidJSON, ""},
		{"duplicate key, escaped", `{"type":"track","event":"E","userId":"a","user\u0049d":"b"}`, InvalidJSON, ""},
		{"duplicate key in another case", `{"type":"track","event":"E","userId":"a","USERID":"b"}`, InvalidJSON, ""},
		{"duplicate key by a letter that folds", "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"a\",\"u\u017ferId\":\"b\"}", InvalidJSON, ""},
		{"duplicate key deep inside", track(`{"a":[{"b":1,"b":2}]}`), InvalidJSON, ""},
		{"her own keys may differ by case", track(`{"Name":1,"name":2}`), "", ""},
		{"userId at the limit", id(strings.Repeat("x", MaxUserID)), "", ""},
		{"userId too long", id(strings.Repeat("x", MaxUserID+1)), InvalidField, "userId"},
		{"userId of 10 KB", id(strings.Repeat("x", 10<<10)), InvalidField, "userId"},
		{"userId with a control character", id("a\nb"), InvalidField, "userId"},
		{"userId with a control character of C1", id("a\u0085b"), InvalidField, "userId"},
		{"userId with right-to-left marks", id("dana\u200f"), InvalidField, "userId"},
		{"userId with an override", id("\u202edana"), InvalidField, "userId"},
		{"a Hebrew userId", id("דנה"), "", ""},
		{"messageId too long", `{"type":"track","event":"E","userId":"u","messageId":"` + strings.Repeat("x", MaxMessageID+1) + `"}`, InvalidField, "messageId"},
		{"a number for an id", `{"type":"track","event":"E","userId":7}`, InvalidField, "userId"},
		{"a list for properties", track(`[1]`), InvalidField, "properties"},
		{"a time that is none", `{"type":"track","event":"E","userId":"u","timestamp":"yesterday"}`, InvalidField, "timestamp"},
		{"a number for a time", `{"type":"track","event":"E","userId":"u","timestamp":1700000000}`, InvalidField, "timestamp"},
		{"a wrong type inside the context", `{"type":"track","event":"E","userId":"u","context":{"consent":{"categoryPreferences":{"A":"yes"}}}}`, InvalidField, "context.consent.categoryPreferences"},
		{"nobody", `{"type":"track","event":"E"}`, InvalidField, "userId"},
		{"no event", `{"type":"track","userId":"u"}`, InvalidField, "event"},
		{"no type", `{"userId":"u"}`, InvalidField, "type"},
		{"alias of nobody", `{"type":"alias","userId":"u"}`, InvalidField, "previousId"},
		{"a list", `[]`, InvalidJSON, ""},
		{"nothing", ``, InvalidJSON, ""},
		{"half of it", `{"type":"track"`, InvalidJSON, ""},
		{"two documents", `{} {}`, InvalidJSON, ""},
		{"not UTF-8", "{\"type\":\"track\",\"event\":\"\xff\"}", InvalidJSON, ""},
	}
	for _, tt := range tests {
		_, r := DecodeCall([]byte(tt.body), "")
		switch {
		case tt.code == "" && r != nil:
			t.Errorf("%s: %v", tt.name, r)
		case tt.code != "" && (r == nil || r.Code != tt.code || r.Field != tt.field):
			t.Errorf("%s: %v, want %s %q", tt.name, r, tt.code, tt.field)
		}
	}
}

func TestRefusalNeverQuotesAValue(t *testing.T) {
	for _, body := range []string{
		`{"type":"track","event":"E","userId":"marker` + strings.Repeat("x", 600) + `"}`,
		`{"type":"track","event":"E","userId":"marker\n"}`,
		`{"type":"track","event":"E","userId":"u","timestamp":"marker"}`,
		`{"type":"track","event":"E","userId":"u","properties":"marker"}`,
		`{"marker":1,"marker":2}`,
	} {
		if _, r := DecodeCall([]byte(body), ""); r == nil || strings.Contains(r.Error(), "marker") {
			t.Errorf("%v", r)
		}
	}
}

func TestCallRefusesToBePrinted(t *testing.T) {
	c, r := DecodeCall([]byte(`{"type":"identify","userId":"marker","traits":{"email":"marker"},"properties":{"marker":1}}`), "")
	if r != nil {
		t.Fatal(r)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		if got := fmt.Sprintf(verb, *c); strings.Contains(got, "marker") || strings.Contains(got, "6d61726b6572") {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func TestBadMemberDoesNotTakeTheBatchWithIt(t *testing.T) {
	b, r := DecodeBatch([]byte(`{"batch":[{"type":"track","event":"E","userId":"u"},{"userId":"a","userId":"b"},7,"x",[{"a":1,"a":2}],{"type":"track","event":"\u0007","userId":"u"},{"type":"page","userId":"}]"}],"sentAt":"2027-03-01T09:00:00Z"}`))
	if r != nil {
		t.Fatal(r)
	}
	var good []int
	for i := range b.Batch {
		c, r := b.Member(i)
		if r == nil {
			good = append(good, i)
			if c.SentAt.IsZero() {
				t.Errorf("member %d does not have the batch's sentAt", i)
			}
		}
	}
	if fmt.Sprint(good) != "[0 6]" {
		t.Fatalf("good members %v", good)
	}
}

func TestEnvelopeItselfIsStrict(t *testing.T) {
	for _, body := range []string{
		`{"batch":[],"batch":[]}`, `{"batch":[],"Batch":[{"type":"page"}]}`, `{}`, `{"batch":{}}`, `{"batch":null}`, `[]`,
		`{"batch":[]` + strings.Repeat(" ", MaxBody) + `}`,
	} {
		if _, r := DecodeBatch([]byte(body)); r == nil {
			t.Errorf("%.40s is taken", body)
		}
	}
}

func TestTimesThatSDKsSend(t *testing.T) {
	want := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	for _, text := range []string{
		"2027-03-01T09:00:00Z", "2027-03-01T09:00:00.000Z", "2027-03-01T11:00:00+02:00", "2027-03-01T11:00:00+0200",
		"2027-03-01T09:00:00", "2027-03-01 09:00:00", "2027-03-01T09:00:00.000000",
	} {
		if got, ok := ParseTime(text); !ok || !got.Equal(want) {
			t.Errorf("%s: %v, %v", text, got, ok)
		}
	}
}

func TestI09InboxNamesUserAndMessage(t *testing.T) {
	c, r := DecodeInbox([]byte(`{"type":"track","event":"E"}`), "u1", "m1")
	if r != nil || c.UserID.Reveal() != "u1" || c.MessageID != "m1" {
		t.Fatalf("%v %+v", r, c)
	}
	if _, r := DecodeInbox([]byte(`{"type":"track","event":"E","userId":"u2"}`), "u1", "m1"); r == nil {
		t.Fatal("another user's call")
	}
	if _, r := DecodeInbox([]byte(`{"type":"track","event":"E"}`), "u\n", "m1"); r == nil {
		t.Fatal("a partition may hold what no call may")
	}
}

func TestTypeformIsASurveyResponse(t *testing.T) {
	b := trackingSamples(t)["typeform"]
	got, r := DecodeTypeform(b)
	if r != nil {
		t.Fatal(r)
	}
	want := Object{"interests": []any{"outdoor"}, "mood": 4.0, "email": "dana@shop.example", "colour": "Red"}
	if got.Survey != "style" || got.ResponseID != "tok1" || got.UserID.Reveal() != "u1" || got.Context.UserHash != "00ff" || !reflect.DeepEqual(got.Answers, want) {
		t.Fatalf("%s %s %v", got.Survey, got.ResponseID, map[string]any(got.Answers))
	}
}

func TestTypeformSignature(t *testing.T) {
	body, secret := []byte(`{}`), []byte("s")
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	good := "sha256=" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if !SignedByTypeform(secret, body, good) {
		t.Fatal("refused")
	}
	for name, bad := range map[string]bool{
		"other body": SignedByTypeform(secret, []byte(`{ }`), good), "other secret": SignedByTypeform([]byte("t"), body, good),
		"no secret": SignedByTypeform(nil, body, good), "no prefix": SignedByTypeform(secret, body, good[7:]), "none": SignedByTypeform(secret, body, ""),
	} {
		if bad {
			t.Errorf("%s is taken", name)
		}
	}
}

// FuzzDecodeCall: whatever comes, no panic; what is taken keeps to the limits,
// means what encoding/json says it means, and is taken again.
func FuzzDecodeCall(f *testing.F) {
	for _, b := range trackingSamples(f) {
		f.Add(b)
	}
	f.Add([]byte(`{"type":"track","event":"E","userId":"a","u\u0073erId":"b"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, r := DecodeCall(b, "")
		if r != nil {
			if r.Code == "" || r.Message == "" {
				t.Fatalf("%q is refused without a word", b)
			}
			return
		}
		var plain Call
		if err := json.Unmarshal(b, &plain); err != nil || !reflect.DeepEqual(&plain, c) {
			t.Fatalf("%q: %v", b, err)
		}
		for _, id := range []string{c.UserID.Reveal(), c.AnonymousID.Reveal()} {
			if CheckID("id", id, MaxUserID) != nil {
				t.Fatalf("%q is taken as an id", id)
			}
		}
		again, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if len(again) <= MaxMessage {
			if _, r := DecodeCall(again, ""); r != nil {
				t.Fatalf("%s is refused: %v", again, r)
			}
		}
	})
}

// FuzzStrict: duplicates are found exactly where encoding/json, asked token by
// token, finds them.
func FuzzStrict(f *testing.F) {
	for _, b := range trackingSamples(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var v any
		r := Decode(append(append([]byte(`{"properties":`), b...), '}'), &v)
		if r == nil && twice(b) {
			t.Fatalf("%q has a key twice", b)
		}
	})
}

// twice looks for a duplicate key the slow way.
func twice(b []byte) bool {
	dec := json.NewDecoder(strings.NewReader(string(b)))
	type level struct {
		keys   map[string]bool
		object bool
		key    bool
	}
	var stack []*level
	for {
		tok, err := dec.Token()
		if err != nil {
			return false
		}
		var top *level
		if len(stack) > 0 {
			top = stack[len(stack)-1]
		}
		if top != nil && top.object && top.key {
			if name, ok := tok.(string); ok {
				if top.keys[name] {
					return true
				}
				top.keys[name], top.key = true, false
				continue
			}
		}
		if top != nil && top.object {
			top.key = true
		}
		switch tok {
		case json.Delim('{'):
			stack = append(stack, &level{keys: map[string]bool{}, object: true, key: true})
		case json.Delim('['):
			stack = append(stack, &level{})
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:len(stack)-1]
		}
	}
}

func FuzzBodies(f *testing.F) {
	for _, b := range trackingSamples(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, decode := range decoders {
			_, _ = decode(b)
		}
		if batch, r := DecodeBatch(b); r == nil {
			for i := range batch.Batch {
				_, _ = batch.Member(i)
			}
		}
		if items, r := DecodeItems(b); r == nil {
			for i := range items.Items {
				_, _ = items.Item(i)
			}
		}
		_, _ = DecodeTypeform(b)
	})
}
