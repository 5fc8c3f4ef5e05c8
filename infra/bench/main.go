// Command bench runs the benchmarks of every figure that has a budget and prints
// them as one table: what, budget, measured, how. It knows which benchmark answers
// for which figure, and measures nothing itself. A figure above its budget is said
// so and fails nothing: machines differ, and a benchmark is no test.
package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	only := regexp.MustCompile(strings.Join(os.Args[1:], "|")) // of what to measure
	fmt.Printf("%d cores (%s), %s, %s, load before: %s\n\n", runtime.NumCPU(), processor(), runtime.Version(), time.Now().UTC().Format(time.DateOnly), busy())
	fmt.Println("| what | budget | measured | how |\n|---|---|---|---|")
	failed := false
	for _, s := range suites {
		if !only.MatchString(s.bench) {
			continue
		}
		results, err := s.run(ctx)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", s.command(), err)
			failed = true
		}
		for _, f := range s.figures {
			fmt.Println(f.row(s, results))
		}
	}
	if failed {
		os.Exit(1)
	}
}

// run runs a suite's benchmarks.
func (s suite) run(ctx context.Context) ([]result, error) {
	cmd := exec.CommandContext(ctx, "go", s.arguments()...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w\n%s%s", err, out, errs.String())
	}
	return parse(out), err
}

func (s suite) arguments() []string {
	times := "-count=3" // the best of three: what else runs here only ever slows
	if s.long {
		times = "-benchtime=1x"
	}
	return []string{"test", "-run=^$", "-bench=" + s.bench, "-benchmem", times, "-timeout=30m", s.pkg}
}

func (s suite) command() string { return "go test -bench " + s.bench + " " + s.pkg }

// result is one line of a benchmark: its name without the number of processors,
// and its values by unit.
type result struct {
	name   string
	values map[string]float64
}

var processors = regexp.MustCompile(`-\d+$`)

// parse reads the lines of the benchmark format (golang.org/design/14313-benchmark-format).
func parse(out []byte) (all []result) {
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		r := result{name: processors.ReplaceAllString(fields[0], ""), values: map[string]float64{}}
		for i := 2; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				r.values[fields[i+1]] = v
			}
		}
		all = append(all, r)
	}
	return all
}

// busy is what else runs here: how many processes waited for a core in the last
// minute. Much of it makes every figure of time too high.
func busy() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	load, _, _ := strings.Cut(string(text), " ")
	return load
}

// processor is the machine's, as Linux names it.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
