// Package cost says what running Kesher on AWS costs: a Meter counts, request by
// request, what the flows ask of the tables and in which units AWS bills it; Usage
// adds what else was used; Prices make a Bill of it. It knows AWS's units and list
// prices, each in one place, and nothing of journeys: whoever plays one counts one.
package cost

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// Usage is what was asked of AWS.
type Usage struct {
	Tables      map[Request]Units
	Invocations map[string]Invocations // by function
	Mails       float64
	HTTPCalls   float64
	LogBytes    float64 // that CloudWatch takes in
	Emitted     float64 // events put on our own bus
}

// Request is one kind of request that a function makes of the tables.
type Request struct{ Function, Kind string }

// Units are DynamoDB's: one read unit is a strong read of up to 4 KB, one write
// unit a write of up to 1 KB.
type Units struct{ Requests, Read, Write float64 }

// Invocations of one function.
type Invocations struct {
	Count    float64
	Seconds  float64 // billed, all together
	MemoryMB float64
}

// Times is n times the usage.
func (u Usage) Times(n float64) Usage {
	u.Tables, u.Invocations = maps.Clone(u.Tables), maps.Clone(u.Invocations)
	for r, x := range u.Tables {
		u.Tables[r] = Units{x.Requests * n, x.Read * n, x.Write * n}
	}
	for f, x := range u.Invocations {
		u.Invocations[f] = Invocations{x.Count * n, x.Seconds * n, x.MemoryMB}
	}
	u.Mails, u.HTTPCalls, u.LogBytes, u.Emitted = u.Mails*n, u.HTTPCalls*n, u.LogBytes*n, u.Emitted*n
	return u
}

// Split parts the usage of one function from that of all others, to which mails,
// logs and the bus belong.
func (u Usage) Split(function string) (its, others Usage) {
	its = Usage{HTTPCalls: u.HTTPCalls, Tables: map[Request]Units{}, Invocations: map[string]Invocations{function: u.Invocations[function]}}
	others = u
	others.HTTPCalls, others.Tables, others.Invocations = 0, maps.Clone(u.Tables), maps.Clone(u.Invocations)
	delete(others.Invocations, function)
	for r, x := range u.Tables {
		if r.Function == function {
			its.Tables[r] = x
			delete(others.Tables, r)
		}
	}
	return its, others
}

// ByKind are the requests of the tables by their kind.
func (u Usage) ByKind() map[string]float64 {
	kinds := map[string]float64{}
	for r, x := range u.Tables {
		kinds[strings.ReplaceAll(r.Kind, " ", "-")] += x.Requests
	}
	return kinds
}

// Requests lists them, function by function.
func (u Usage) Requests() string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	order := slices.SortedFunc(maps.Keys(u.Tables), func(a, b Request) int {
		return cmp.Or(cmp.Compare(a.Function, b.Function), cmp.Compare(a.Kind, b.Kind))
	})
	for _, r := range order {
		x := u.Tables[r]
		fmt.Fprintf(w, "%s\t%s\t%.2f\tread %.2f\twrite %.2f\n", r.Function, r.Kind, x.Requests, x.Read, x.Write)
	}
	w.Flush() // a builder never fails
	return text.String()
}

// Sum of all units of the tables.
func (u Usage) Sum() (all Units) {
	for _, x := range u.Tables {
		all.Requests += x.Requests
		all.Read += x.Read
		all.Write += x.Write
	}
	return all
}
