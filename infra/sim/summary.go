package sim

import (
	"fmt"
	"io"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Summary is what many histories showed together.
type Summary struct {
	Seeds    int
	Took     time.Duration
	Steps    int
	Mails    int
	Injected map[Fault]int
	Reached  map[Reached]int
	Calls    map[string]int // most port calls of an untroubled invocation, by its kind
	Broken   []*Result      // histories with violations
	options  Options
}

// Play plays n histories from the first seed on, on all cores.
func Play(first uint64, n int, o Options) *Summary {
	s := &Summary{options: o, Injected: map[Fault]int{}, Reached: map[Reached]int{}, Calls: map[string]int{}}
	enough := o.Enough
	if enough == 0 {
		enough = 20
	}
	defer debug.SetGCPercent(debug.SetGCPercent(2000)) // histories are short and hold little
	begun := time.Now()
	var next atomic.Uint64
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= uint64(n) {
					return
				}
				r := Run(first+i, o)
				mu.Lock()
				s.take(r)
				if len(s.Broken) >= enough {
					next.Store(uint64(n))
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	s.Took = time.Since(begun)
	return s
}

func (s *Summary) take(r *Result) {
	s.Seeds++
	s.Steps += r.Steps
	s.Mails += r.Mails
	add(s.Injected, r.Injected)
	add(s.Reached, r.Reached)
	for kind, n := range r.MaxCalls {
		s.Calls[kind] = max(s.Calls[kind], n)
	}
	if len(r.Violations) > 0 {
		s.Broken = append(s.Broken, r)
	}
}

// Missing are the places that should have been reached and were not.
func (s *Summary) Missing() []Reached {
	var missing []Reached
	for _, r := range MustReach {
		if s.Reached[r] == 0 {
			missing = append(missing, r)
		}
	}
	return missing
}

// Print writes the figures, then every broken promise with the command that
// repeats it.
func (s *Summary) Print(out io.Writer) {
	fmt.Fprintf(out, "%d seeds in %s: %.0f seeds/s, %d steps and %d mails a seed\n\n", s.Seeds, s.Took.Round(time.Millisecond),
		float64(s.Seeds)/s.Took.Seconds(), s.Steps/max(s.Seeds, 1), s.Mails/max(s.Seeds, 1))
	fmt.Fprintln(out, "faults injected")
	for f := none + 1; f < nFaults; f++ {
		fmt.Fprintf(out, "%10d  %s\n", s.Injected[f], f)
	}
	fmt.Fprintln(out, "\nreached")
	for _, r := range slices.Sorted(maps.Keys(s.Reached)) {
		fmt.Fprintf(out, "%10d  %s\n", s.Reached[r], r)
	}
	for _, r := range s.Missing() {
		fmt.Fprintf(out, "%10s  %s\n", "NEVER", r)
	}
	fmt.Fprintln(out, "\nport calls of one invocation without faults, at most")
	for _, kind := range slices.Sorted(maps.Keys(s.Calls)) {
		fmt.Fprintf(out, "%10d  %s\n", s.Calls[kind], kind)
	}
	if len(s.Broken) == 0 {
		fmt.Fprintln(out, "\nno promise was broken")
		return
	}
	fmt.Fprintf(out, "\n%d histories broke a promise\n", len(s.Broken))
	for _, r := range s.Broken {
		fmt.Fprintf(out, "%s\n    %s\n", r.Violations[0], s.repeat(r.Seed))
	}
}

// repeat is the command that plays a history again.
func (s *Summary) repeat(seed uint64) string {
	if s.options.People == 20 && !s.options.Bytes {
		return fmt.Sprintf("make sim SEED=%d", seed)
	}
	return fmt.Sprintf("go run ./infra/sim/cmd -people %d -bytes=%t -seed %d", s.options.People, s.options.Bytes, seed)
}

// Tell plays one history and writes what happened to the customer whose promise
// was broken, or, if none was, only that.
func Tell(seed uint64, o Options, out io.Writer) *Result {
	type line struct{ about, text string }
	var lines []line
	o.Trace = func(about, text string) { lines = append(lines, line{about, text}) }
	r := Run(seed, o)
	if len(r.Violations) == 0 {
		fmt.Fprintf(out, "seed %d: %d steps, %d mails, no promise was broken\n", seed, r.Steps, r.Mails)
		return r
	}
	who := r.Violations[0].About
	for _, l := range lines {
		if l.about == who || who == "" || strings.HasPrefix(l.text, "fault") {
			fmt.Fprintln(out, l.text)
		}
	}
	return r
}
