package main

import "testing"

const output = `goos: linux
BenchmarkDecide/entry-2   	  100	  1500 ns/op	  9 allocs/op
BenchmarkDecide/entry-2   	  100	  1200 ns/op	  9 allocs/op
BenchmarkDecide/timer-2   	  100	  1900 ns/op	 11 allocs/op
BenchmarkPlay-2 1 3 ns/op 4000 events/s
BenchmarkPlay-2 1 3 ns/op 5500 events/s
PASS
`

func TestARowShowsTheWorstBenchmarkAtItsBest(t *testing.T) {
	results := parse([]byte(output))
	for want, f := range map[string]figure{
		"| w | <= 2 us | 1.9 us | `go test -bench B p` |":             {unit: "ns/op", budget: 2, scale: 1e-3, shown: "us"},
		"| w | <= 10 | 11 (missed) | `go test -bench B p` |":          {unit: "allocs/op", budget: 10},
		"| w | >= 5000 events | 5500 events | `go test -bench B p` |": {unit: "events/s", budget: 5000, least: true, shown: "events"},
		"| w | - | 1.2 us | `go test -bench B p` |":                   {unit: "ns/op", part: "/entry", scale: 1e-3, shown: "us"},
		"| w | <= $14.00 | not measured | `go test -bench B p` |":     {unit: "$", budget: 14, shown: "$"},
	} {
		f.what = "w"
		if got := f.row(suite{pkg: "p", bench: "B"}, results); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
