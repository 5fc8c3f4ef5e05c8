package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// sesSamples are the events as EventBridge delivers them, one of each type.
func sesSamples(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/ses/*.json")
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

func TestEverySESEventTypeHasASampleThatSurvivesARoundTrip(t *testing.T) {
	seen := map[string]bool{}
	for name, b := range sesSamples(t) {
		first, err := DecodeSES(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		seen[first.Detail.EventType] = true
		if want := SESDetailTypes[first.Detail.EventType]; first.DetailType != want {
			t.Errorf("%s: detail-type %q, want %q", name, first.DetailType, want)
		}
		again, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		second, err := DecodeSES(again)
		if err != nil {
			t.Fatalf("%s, encoded again: %v", name, err)
		}
		if !reflect.DeepEqual(first, second) {
			t.Errorf("%s: changed in the round trip\n%s", name, again)
		}
	}
	for kind := range SESDetailTypes {
		if !seen[kind] {
			t.Errorf("no sample of %s", kind)
		}
	}
}

func TestAnSESEventTellsItsTagsAndTime(t *testing.T) {
	e, err := DecodeSES(sesSamples(t)["bounce-permanent"])
	if err != nil {
		t.Fatal(err)
	}
	for tag, want := range map[string]string{
		TagMessage: "abcdefghijklmnop-0", TagCustomer: "00112233445566778899aabbccddeeff", TagJourney: "cart-abandonment", "none": "",
	} {
		if got := e.Detail.Mail.Tag(tag); got != want {
			t.Errorf("tag %s = %q, want %q", tag, got, want)
		}
	}
	if got, want := e.At(), time.Date(2026, 11, 20, 8, 0, 2, 345_000_000, time.UTC); !got.Equal(want) {
		t.Errorf("at = %s, want the bounce's own time %s", got, want)
	}
	if got := e.Detail.Bounce.BouncedRecipients[0].EmailAddress.Reveal(); got != "dana@shop.example" {
		t.Errorf("bounced recipient = %q", got)
	}
	reject, err := DecodeSES(sesSamples(t)["reject"])
	if err != nil {
		t.Fatal(err)
	}
	if got := reject.At(); !got.Equal(reject.Time) {
		t.Errorf("a reject, which has no time, is at %s, want the envelope's %s", got, reject.Time)
	}
}

// What an engine logs about an event must not be what stands in it.
func TestE06AnSESEventIsNeverPrintedWithItsAddress(t *testing.T) {
	for name, b := range sesSamples(t) {
		e, err := DecodeSES(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			printed := fmt.Sprintf(verb, e.Detail)
			if e.Detail.Bounce != nil {
				printed += fmt.Sprintf(verb, e.Detail.Bounce.BouncedRecipients)
			}
			if strings.Contains(printed, "dana@") {
				t.Errorf("%s with %s shows the address: %s", name, verb, printed)
			}
		}
	}
}

func TestMalformedSESEventsAreRefusedWithoutQuotingThem(t *testing.T) {
	samples := sesSamples(t)
	for name, c := range map[string]struct{ input, says string }{
		"empty":          {"", "byte 0"},
		"no JSON":        {`{"source":"aws.ses","id":"1" dana@shop.example`, "byte"},
		"truncated":      {string(samples["bounce-permanent"][:500]), "byte"},
		"null":           {"null", "source"},
		"list":           {"[]", "wrong type"},
		"other source":   {`{"source":"aws.s3","id":"1","detail":{"eventType":"Send"}}`, "source"},
		"no id":          {`{"source":"aws.ses","detail":{"eventType":"Send"}}`, "no id"},
		"unknown type":   {`{"source":"aws.ses","id":"1","detail":{"eventType":"Pigeon"}}`, "unknown"},
		"part missing":   {`{"source":"aws.ses","id":"1","detail":{"eventType":"Bounce"}}`, "missing"},
		"wrong type":     {`{"source":"aws.ses","id":"1","detail":{"eventType":"Send","mail":{"tags":["dana@shop.example"]}}}`, "tags"},
		"time malformed": {`{"source":"aws.ses","id":"1","time":"dana@shop.example","detail":{"eventType":"Send"}}`, "form"},
		"too long":       {strings.Repeat(" ", maxSES+1), "at most"},
	} {
		_, err := DecodeSES([]byte(c.input))
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "dana") {
			t.Errorf("%s: error %q, want it to say %q and quote nothing", name, err, c.says)
		}
	}
}

func FuzzDecodeSES(f *testing.F) {
	for _, b := range sesSamples(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := DecodeSES(b)
		if err != nil {
			return
		}
		e.At()
		e.Detail.Mail.Tag(TagMessage)
		once, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeSES(once)
		if err != nil {
			t.Fatalf("accepted %q, but not its own encoding: %v", b, err)
		}
		twice, err := json.Marshal(again)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("encoding is not stable:\n%s\n%s", once, twice)
		}
	})
}
