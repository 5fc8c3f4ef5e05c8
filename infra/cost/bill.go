package cost

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// Bill is a usage in dollars.
type Bill struct{ Lines []Line }

// Line is one position of a bill.
type Line struct {
	What     string
	Quantity float64
	Dollars  float64
}

// Bill prices what happens from the stored event on: tables, invocations, logs,
// the bus. The door stands beside it (see Door), and so do the mails.
func (p Prices) Bill(u Usage) Bill {
	all := u.Sum()
	b := Bill{Lines: []Line{
		{"write units", all.Write, all.Write * p.WriteUnit},
		{"read units", all.Read, all.Read * p.ReadUnit},
	}}
	for _, f := range slices.Sorted(maps.Keys(u.Invocations)) {
		x := u.Invocations[f]
		b.Lines = append(b.Lines, Line{f + ": invocations", x.Count, x.Count * p.Invocation},
			Line{f + ": GB-seconds", x.gbSeconds(), x.gbSeconds() * p.GBSecond})
	}
	b.Lines = append(b.Lines, Line{"log bytes", u.LogBytes, u.LogBytes * p.LogByte})
	if u.Emitted > 0 {
		b.Lines = append(b.Lines, Line{"events on the bus", u.Emitted, u.Emitted * p.Emitted})
	}
	return b
}

func (x Invocations) gbSeconds() float64 { return x.Seconds * x.MemoryMB / 1024 }

// Door prices the way in: HTTP calls, and the invocations that serve them.
func (p Prices) Door(u Usage) Bill {
	b := Bill{Lines: []Line{{"HTTP calls", u.HTTPCalls, u.HTTPCalls * p.HTTPCall}}}
	for f, x := range u.Invocations {
		b.Lines = append(b.Lines, Line{f + ": invocations", x.Count, x.Count * p.Invocation},
			Line{f + ": GB-seconds", x.gbSeconds(), x.gbSeconds() * p.GBSecond})
	}
	return b
}

// Total of all lines.
func (b Bill) Total() (sum float64) {
	for _, l := range b.Lines {
		sum += l.Dollars
	}
	return sum
}

func (b Bill) String() string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, l := range b.Lines {
		fmt.Fprintf(w, "%s\t%.0f\t$%.2f\n", l.What, l.Quantity, l.Dollars)
	}
	fmt.Fprintf(w, "total\t\t$%.2f\n", b.Total())
	w.Flush() // a builder never fails
	return text.String()
}
