package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// suite is one run of `go test -bench`.
type suite struct {
	pkg, bench string
	long       bool // takes long enough to be run once
	figures    []figure
}

// figure is one row of the table: the values of one unit, over all benchmarks of
// the suite whose names hold part. All of them keep the budget when the worst does,
// each taken at its best of several runs.
type figure struct {
	what   string
	unit   string
	part   string
	budget float64 // 0: none, it is shown beside the others
	least  bool    // the budget is what must be reached
	scale  float64 // the value times this is shown; 0 is 1
	shown  string  // in this unit
}

// suites are the budgets of the project's quality page, section 1.
var suites = []suite{
	{pkg: "./shared/core/engine", bench: "Decide", figures: []figure{
		{what: "decide one input for one run, warm", unit: "ns/op", budget: 2, scale: 1e-3, shown: "us"},
		{what: "its allocations", unit: "allocs/op", budget: 10},
	}},
	{pkg: "./shared/core/message", bench: "Render$", figures: []figure{
		{what: "render one personalised mail of 20 KB to MIME", unit: "ns/op", budget: 150, scale: 1e-3, shown: "us"},
	}},
	{pkg: "./functions/journey", bench: "Record", figures: []figure{
		{what: "decode, decide and encode one stream record (store faked)", unit: "ns/op", budget: 120, scale: 1e-3, shown: "us"},
		{what: "its allocations", unit: "allocs/op", budget: 600},
	}},
	{pkg: "./infra/bench", bench: "ColdStart", long: true, figures: []figure{
		{what: "cold start: exec to the first /next, the slowest function", unit: "ms-next", budget: 12, shown: "ms"},
		{what: "its memory then, the largest function", unit: "MB-RSS", budget: 30, shown: "MB"},
		{what: "exec to the first answer", unit: "ms-answer", budget: 60, shown: "ms"},
	}},
	{pkg: "./infra/binaries", bench: "Size", long: true, figures: []figure{
		{what: "binary for linux/arm64, the largest", unit: "MiB-binary", budget: 18, shown: "MB"},
		{what: "its zip", unit: "MB-zip", budget: 6.5, shown: "MB"},
	}},
	{pkg: "./infra/onebox", bench: "Play", figures: []figure{
		{what: "play a file, one clock per customer, the whole path", unit: "events/s", budget: 5000, least: true},
	}},
	{pkg: "./infra/bench", bench: "EndToEnd", long: true, figures: []figure{
		{what: "one machine, HTTP to mailbox, every write durable", unit: "customers/s", budget: 1000, least: true},
		{what: "its processor time for one customer", unit: "cpu-us/customer", shown: "us"},
		{what: "p99 at 300 customers/s", unit: "ms-p99", budget: 250, shown: "ms"},
		{what: "p50 of one event alone", unit: "ms-p50-alone", budget: 5, shown: "ms"},
	}},
	{pkg: "./infra/bench", bench: "Waiting", long: true, figures: []figure{
		{what: "1,000,000 waiting runs: ready", unit: "s-ready", budget: 1, shown: "s"},
		{what: "their memory", unit: "MB-RSS", budget: 300, shown: "MB"},
		{what: "100,000 due in one minute: decided within", unit: "s-decided", budget: 120, shown: "s"},
		{what: "p99 of new events meanwhile", unit: "ms-p99", budget: 500, shown: "ms"},
	}},
	{pkg: "./infra/bench", bench: "CostPerEvent", long: true, figures: []figure{
		{what: "cost per event with 1,000 customers", part: "/1000", unit: "us/event", shown: "us"},
		{what: "with 100,000 customers", part: "/100000", unit: "us/event", shown: "us"},
		{what: "how much more that is", part: "/flat", unit: "times", budget: 1.3, shown: "times"},
	}},
	{pkg: "./infra/cost", bench: "Bill", long: true, figures: []figure{
		{what: "AWS, 1,000,000 cart journeys, from the stored event on", unit: "$/million", budget: 14, shown: "$"},
		{what: "storing their 4,000,000 events", unit: "$-storing/million", shown: "$"},
		{what: "the HTTP door, unbatched", unit: "$-door/million", shown: "$"},
		{what: "SES without a plan", unit: "$-SES/million", shown: "$"},
		{what: "SES on its default plan", unit: "$-SES-plan/million", shown: "$"},
		{what: "an idle stage, a month", unit: "$-idle/month", budget: 3, shown: "$"},
		{what: "table requests per journey: GetItem", unit: "GetItem/journey"},
		{what: "BatchGetItem", unit: "BatchGetItem-of-2/journey"},
		{what: "Query", unit: "Query/journey"},
		{what: "PutItem", unit: "PutItem/journey"},
		{what: "UpdateItem", unit: "UpdateItem/journey"},
	}},
}

// row is the figure as a line of the table.
func (f figure) row(s suite, results []result) string {
	value, found := f.value(results)
	measured, budget := "not measured", "-"
	if found {
		measured = number(value, f.shown)
	}
	if f.budget > 0 {
		sign := "<="
		if f.least {
			sign = ">="
		}
		budget = sign + " " + number(f.budget, f.shown)
		if found && !f.within(value) {
			measured += " (missed)"
		}
	}
	return fmt.Sprintf("| %s | %s | %s | `%s` |", f.what, budget, measured, s.command())
}

func (f figure) within(v float64) bool {
	if f.least {
		return v >= f.budget
	}
	return v <= f.budget
}

// value is the worst of the benchmarks, each at its best.
func (f figure) value(results []result) (worst float64, found bool) {
	best := map[string]float64{}
	for _, r := range results {
		v, ok := r.values[f.unit]
		if !ok || !strings.Contains(r.name, f.part) {
			continue
		}
		if before, seen := best[r.name]; seen {
			v = f.better(v, before)
		}
		best[r.name] = v
	}
	for _, v := range best {
		if !found || f.better(v, worst) == worst {
			worst, found = v, true
		}
	}
	if f.scale != 0 {
		worst *= f.scale
	}
	return worst, found
}

func (f figure) better(a, b float64) float64 {
	if f.least {
		return math.Max(a, b)
	}
	return math.Min(a, b)
}

// number is a value with three digits that matter.
func number(v float64, unit string) string {
	digits := 0
	switch {
	case unit == "$":
		return fmt.Sprintf("$%.2f", v)
	case v < 10:
		digits = 2
	case v < 100:
		digits = 1
	}
	text := strconv.FormatFloat(v, 'f', digits, 64)
	if digits > 0 {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return strings.TrimSpace(text + " " + unit)
}
