package events

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"
)

func TestEmittedReadsAndWritesItsSample(t *testing.T) {
	for name, want := range map[string][2]string{
		"email-bounced": {"bounce_type", "Permanent"}, "message-skipped": {"reason", "cap"}, "consent-withdrawn": {"purpose", "marketing"},
	} {
		sample, err := os.ReadFile("testdata/emitted/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var e Emitted
		if err := json.Unmarshal(sample, &e); err != nil {
			t.Fatal(err)
		}
		if !e.At.Equal(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)) || e.Properties[want[0]] != want[1] {
			t.Errorf("got %+v", e)
		}
		written, err := json.MarshalIndent(e, "", "  ")
		if err != nil || !bytes.Equal(append(written, '\n'), sample) {
			t.Errorf("%v\n%s\nwant\n%s", err, written, sample)
		}
	}
}

func TestEmittedRefusesWhatIsNone(t *testing.T) {
	for _, malformed := range []string{`[]`, `{"at":"yesterday"}`, `{"id":1}`, `{"properties":[]}`} {
		if err := json.Unmarshal([]byte(malformed), new(Emitted)); err == nil {
			t.Errorf("%s was taken", malformed)
		}
	}
}
