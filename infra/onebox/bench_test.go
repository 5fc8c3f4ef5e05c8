package onebox_test

import (
	"testing"
)

// BenchmarkPlay plays a history of 20,000 calls of 1,000 customers through the
// byte path, every write durable: events/s is the figure of issue point 3.
func BenchmarkPlay(b *testing.B) {
	h := newHistory(1, 1000)
	h.build(20000)
	for b.Loop() {
		r := playHistory(b, h.lines.Bytes(), b.TempDir())
		if r.Events != h.want.Events {
			b.Fatalf("events %d, want %d", r.Events, h.want.Events)
		}
	}
	b.ReportMetric(float64(h.want.Events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
