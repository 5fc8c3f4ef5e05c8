package sim_test

import (
	_ "embed"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/kesher-io/kesher/infra/sim"
)

//go:embed testdata/seeds.txt
var seeds string

// Fresh histories, other ones on every run: what the whole is for.
func TestNoPromiseBreaksInFreshHistories(t *testing.T) {
	n := 1000
	if testing.Short() {
		n = 30
	}
	first := uint64(time.Now().UnixMilli()) * 1000
	s := sim.Play(first, n, sim.Options{People: 20})
	report := &strings.Builder{}
	s.Print(report)
	t.Log(report)
	for _, r := range s.Broken {
		t.Errorf("seed %d: %s", r.Seed, r.Violations[0])
	}
	if n == 1000 {
		for _, r := range s.Missing() {
			t.Errorf("no history reached: %s", r)
		}
	}
}

func TestNoPromiseBreaksInHistoriesThatOnceBrokeOne(t *testing.T) {
	for line := range strings.Lines(seeds) {
		number, why, _ := strings.Cut(strings.TrimSpace(line), " ")
		seed, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			continue // a comment
		}
		if r := sim.Run(seed, sim.Options{People: 20}); len(r.Violations) > 0 {
			t.Errorf("seed %d (%s): %s", seed, why, r.Violations[0])
		}
	}
}

func TestOneSeedIsOneHistory(t *testing.T) {
	tell := func(seed uint64) string {
		out := &strings.Builder{}
		sim.Run(seed, sim.Options{People: 10, Bytes: seed == 0, Trace: func(about, line string) { out.WriteString(about + " " + line + "\n") }})
		return out.String()
	}
	for seed := range uint64(8) {
		a, b := strings.Split(tell(seed), "\n"), strings.Split(tell(seed), "\n")
		for i := range a {
			if i >= len(b) || a[i] != b[i] {
				t.Fatalf("seed %d: once %q, then another history", seed, a[i])
			}
		}
	}
}
