package events

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var streamSamples = []string{"customers.json", "every-type.json"}

func sampleStream(t testing.TB, name string) []byte {
	t.Helper()
	payload, err := os.ReadFile(filepath.Join("testdata", "stream", name))
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func readSample(t testing.TB, name string) StreamEvent {
	t.Helper()
	e, err := ReadStream(sampleStream(t, name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return e
}

func TestStreamSamplesSurviveARoundTrip(t *testing.T) {
	for _, name := range streamSamples {
		read := readSample(t, name)
		again, err := ReadStream(read.Append(nil))
		if err != nil || !reflect.DeepEqual(again, read) {
			t.Fatalf("%s: %v\n got %+v\nwant %+v", name, err, again, read)
		}
	}
}

// What is written is, but for what Kesher leaves out, what Lambda sent: both
// sides as encoding/json understands them.
func TestStreamSamplesAreWrittenAsTheyWere(t *testing.T) {
	for _, name := range streamSamples {
		var sent, written map[string]any
		if err := json.Unmarshal(sampleStream(t, name), &sent); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(readSample(t, name).Append(nil), &written); err != nil {
			t.Fatal(err)
		}
		for _, record := range sent["Records"].([]any) {
			delete(record.(map[string]any), "userIdentity")
		}
		if !reflect.DeepEqual(written, sent) {
			t.Fatalf("%s:\n got %v\nwant %v", name, written, sent)
		}
	}
}

func TestStreamRecordIsReadWhole(t *testing.T) {
	rec := readSample(t, "customers.json").Records[1]
	d := rec.DynamoDB
	if rec.EventName != "MODIFY" || rec.AWSRegion != "eu-central-1" || d.SequenceNumber != "700000000000888747039" ||
		d.SizeBytes != 401 || d.ApproximateCreationDateTime != 1795518000 || d.StreamViewType != "NEW_AND_OLD_IMAGES" {
		t.Fatalf("got %+v", rec)
	}
	if d.Keys["sk"] != Text("RUN#cart-abandonment#-") || d.NewImage["v"] != Number(2) || d.OldImage["ik"] != Text("due#6") {
		t.Fatalf("got %+v", d)
	}
	if name := readSample(t, "customers.json").Records[0].DynamoDB.NewImage["d"].Text; !strings.Contains(name, `"name":"אוהל"`) {
		t.Fatalf("document %q", name)
	}
}

func TestStreamValuesOfEveryType(t *testing.T) {
	got := readSample(t, "every-type.json").Records[0].DynamoDB.OldImage
	blob := []byte{0, 74, 167, 191, 23, 18}
	want := Attributes{
		"pk": Text("IN#dana"), "sk": Text("m-1"), "empty": Text(""),
		"number":     {Type: TypeN, Text: "-12345678901234567890123456789.123456789"},
		"bytes":      {Type: TypeB, Set: blob},
		"yes":        {Type: TypeBOOL, Set: true},
		"no":         {Type: TypeBOOL, Set: false},
		"none":       {Type: TypeNULL, Set: true},
		"map":        {Type: TypeM, Set: Attributes{"deep": {Type: TypeL, Set: []AttributeValue{Text("a"), Number(1), {Type: TypeM, Set: Attributes{}}}}}},
		"empty list": {Type: TypeL, Set: []AttributeValue{}},
		"texts":      {Type: TypeSS, Set: []string{"a", "b"}},
		"numbers":    {Type: TypeNS, Set: []string{"1", "2.5"}},
		"blobs":      {Type: TypeBS, Set: [][]byte{blob, []byte("qn")}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v", got)
	}
}

// record is a well-formed record with one part replaced.
func record(replace ...string) string {
	return strings.NewReplacer(replace...).Replace(
		`{"Records":[{"eventID":"1","eventName":"INSERT","eventSourceARN":"arn","dynamodb":{"ApproximateCreationDateTime":1,` +
			`"Keys":{"pk":{"S":"C#a"},"sk":{"S":"GATE"}},"NewImage":{"pk":{"S":"C#a"},"x":{"S":"v"}},"SequenceNumber":"1","SizeBytes":1,"StreamViewType":"NEW_AND_OLD_IMAGES"}}]}`)
}

func TestMalformedStreamEventsAreRefused(t *testing.T) {
	if _, err := ReadStream([]byte(record())); err != nil {
		t.Fatalf("the well-formed one: %v", err)
	}
	const x = `{"S":"v"}`
	cases := map[string]string{
		"empty":                   ``,
		"cut off":                 record()[:60],
		"no object":               `[]`,
		"records no list":         `{"Records":{}}`,
		"record no object":        `{"Records":[1]}`,
		"no sequence number":      record(`"SequenceNumber":"1",`, ``),
		"sequence number no text": record(`"SequenceNumber":"1"`, `"SequenceNumber":1`),
		"no keys":                 record(`"Keys":{"pk":{"S":"C#a"},"sk":{"S":"GATE"}},`, ``),
		"unknown event":           record(`INSERT`, `UPSERT`),
		"modify without old":      record(`INSERT`, `MODIFY`),
		"remove with new":         record(`INSERT`, `REMOVE`),
		"insert without new":      record(`"NewImage":{"pk":{"S":"C#a"},"x":{"S":"v"}},`, ``),
		"image no object":         record(`"NewImage":{"pk":{"S":"C#a"},"x":{"S":"v"}}`, `"NewImage":[]`),
		"size no number":          record(`"SizeBytes":1`, `"SizeBytes":"big"`),
		"value no object":         record(x, `"v"`),
		"value null":              record(x, `null`),
		"value without type":      record(x, `{}`),
		"value of two types":      record(x, `{"S":"v","N":"1"}`),
		"value of unknown type":   record(x, `{"X":"v"}`),
		"S null":                  record(x, `{"S":null}`),
		"S a number":              record(x, `{"S":1}`),
		"N not in text":           record(x, `{"N":1}`),
		"N no number":             record(x, `{"N":"one"}`),
		"NS no number":            record(x, `{"NS":["1","x"]}`),
		"B no base64":             record(x, `{"B":"%"}`),
		"L without end":           record(x, `{"L":[{"S":"v"}}`),
		"too deep":                record(x, strings.Repeat(`{"L":[`, 99)+`{"S":"v"}`+strings.Repeat(`]}`, 99)),
		"unknown field broken":    record(`"eventID":"1"`, `"x":{"y":[1,tru]}`),
		"comma missing":           record(`"eventID":"1",`, `"eventID":"1" `),
		"comma at the end":        record(`"eventID":"1",`, `"eventID":"1",,`),
		"colon missing":           record(`"eventID":"1"`, `"eventID" "1"`),
		"broken escape":           record(`"eventID":"1"`, `"eventID":"\x"`),
		"control character":       record(`"eventID":"1"`, "\"eventID\":\"\n\""),
		"something follows":       record() + `{}`,
		"BOOL text":               record(x, `{"BOOL":"true"}`),
		"M a list":                record(x, `{"M":[]}`),
		"L an object":             record(x, `{"L":{}}`),
		"L of bare values":        record(x, `{"L":["a"]}`),
		"SS of numbers":           record(x, `{"SS":[1]}`),
	}
	for name, payload := range cases {
		if e, err := ReadStream([]byte(payload)); err == nil {
			t.Errorf("%s was read as %+v", name, e)
		}
	}
}

func TestErrorOfAStreamEventNamesTheAttribute(t *testing.T) {
	_, err := ReadStream([]byte(record(`{"S":"v"}`, `{"N":"one"}`)))
	if err == nil || !strings.Contains(err.Error(), `attribute x: "one" is no number`) {
		t.Fatalf("got %v", err)
	}
}

// Texts are read and written by hand; encoding/json says the same of each.
func TestTextsReadAndWriteAsEncodingJSONDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("\"\\/\x00\n\u2028<é😀\ufffd")))).Draw(t, "text")
		var read string
		if err := json.Unmarshal(appendText(nil, text), &read); err != nil || read != text {
			t.Fatalf("%q was written as %s: %q, %v", text, appendText(nil, text), read, err)
		}
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		r := jsonReader{data: quoted}
		if got := r.text(); got != text || r.err != nil {
			t.Fatalf("%s was read as %q, %v", quoted, got, r.err)
		}
	})
}

func TestEscapedAndBrokenTextsAreReadAsEncodingJSONDoes(t *testing.T) {
	for _, literal := range []string{`"a\u05d0b"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\b\f\n\r\t\/"`, "\"\xff\"", `""`} {
		var want string
		if err := json.Unmarshal([]byte(literal), &want); err != nil {
			t.Fatal(err)
		}
		r := jsonReader{data: []byte(literal)}
		if got := r.text(); got != want || r.err != nil {
			t.Errorf("%s was read as %q, %v, want %q", literal, got, r.err, want)
		}
	}
}

func FuzzReadStream(f *testing.F) {
	for _, name := range streamSamples {
		f.Add(sampleStream(f, name))
	}
	f.Add([]byte(record()))
	f.Add([]byte(` { "Records" : [ ] } `))
	f.Add([]byte(`{"Records":null,"x":[{"y":"}]"},1,"\""]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, err := ReadStream(payload)
		if err != nil {
			return
		}
		if !json.Valid(payload) {
			t.Fatalf("%s is no JSON, yet it was read", payload)
		}
		written := e.Append(nil)
		again, err := ReadStream(written)
		if err != nil || fmt.Sprint(again) != fmt.Sprint(e) {
			t.Fatalf("%s was written as %s: %v", payload, written, err)
		}
	})
}

func BenchmarkReadStream(b *testing.B) {
	payload := sampleStream(b, "customers.json")
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ReadStream(payload); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var e struct {
				Records []struct {
					EventName string
					DynamoDB  struct {
						Keys, NewImage, OldImage map[string]struct{ S, N *string }
						SequenceNumber           string
					}
				}
			}
			if err := json.Unmarshal(payload, &e); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAppendStream(b *testing.B) {
	e := readSample(b, "customers.json")
	b.ReportAllocs()
	for b.Loop() {
		e.Append(nil)
	}
}
