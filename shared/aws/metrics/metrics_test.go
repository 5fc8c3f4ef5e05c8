package metrics

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/flow"
)

var noon = time.UnixMilli(1795521600000)

func fresh() (*Metrics, *bytes.Buffer) {
	var out bytes.Buffer
	return New(&out, func() time.Time { return noon }, flow.Dim{Name: "Stage", Value: "prod"}), &out
}

func TestLinesHaveTheEmbeddedMetricFormat(t *testing.T) {
	m, out := fresh()
	m.Count("Sent", 2)
	m.Count("Sent", 1)
	m.Observe("Lateness", 1500*time.Millisecond)
	m.Observe("Lateness", 250*time.Microsecond)
	if out.Len() != 0 {
		t.Fatalf("written before Flush: %s", out)
	}
	m.Flush()
	want := `{"Lateness":[1500,0.25],"Sent":3,"Stage":"prod","_aws":{"Timestamp":1795521600000,"CloudWatchMetrics":[` +
		`{"Namespace":"Kesher","Dimensions":[["Stage"]],"Metrics":[{"Name":"Lateness","Unit":"Milliseconds"},{"Name":"Sent","Unit":"Count"}]}]}}` + "\n"
	if out.String() != want {
		t.Fatalf("got  %s\nwant %s", out, want)
	}
	m.Flush()
	if out.String() != want {
		t.Fatalf("the second Flush wrote %s", out.String()[len(want):])
	}
}

func TestDimensionsHaveALineEach(t *testing.T) {
	m, out := fresh()
	m.Count("Skipped", 1, flow.Dim{Name: "Reason", Value: "cap"})
	m.Count("Skipped", 1, flow.Dim{Name: "Reason", Value: "late"})
	m.Count("Skipped", 1, flow.Dim{Name: "Reason", Value: "cap"})
	m.Flush()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	found := map[string]float64{}
	for _, line := range lines {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		found[got["Reason"].(string)] = got["Skipped"].(float64)
	}
	if len(lines) != 2 || found["cap"] != 2 || found["late"] != 1 {
		t.Fatalf("got %s", out)
	}
}

func TestALineHoldsAHundredValues(t *testing.T) {
	m, out := fresh()
	for range 250 {
		m.Observe("Lateness", time.Second)
	}
	m.Flush()
	total := 0
	for line := range strings.Lines(out.String()) {
		var got struct{ Lateness []float64 }
		if err := json.Unmarshal([]byte(line), &got); err != nil || len(got.Lateness) > 100 {
			t.Fatalf("%d values, %v", len(got.Lateness), err)
		}
		total += len(got.Lateness)
	}
	if total != 250 {
		t.Fatalf("%d of 250 values were written", total)
	}
}

func TestCountsOfManyAtOnceAreAllKept(t *testing.T) {
	m, out := fresh()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { m.Count("Sent", 1) })
	}
	wg.Wait()
	m.Flush()
	if !strings.Contains(out.String(), `"Sent":20`) {
		t.Fatalf("got %s", out)
	}
}
