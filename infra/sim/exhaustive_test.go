package sim_test

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/kesher-io/kesher/infra/sim"
)

func TestReferenceLivesGoAsTheyShould(t *testing.T) {
	for _, r := range sim.References {
		if got := r.Undisturbed(); len(got.Violations) > 0 || got.Mails != r.Mails {
			t.Errorf("%s: %d mails, want %d; %v", r.Name, got.Mails, r.Mails, got.Violations)
		}
	}
}

func TestNoPromiseBreaksByASingleFaultAnywhere(t *testing.T) {
	for _, r := range sim.References {
		t.Run(r.Name, func(t *testing.T) {
			strikes := r.Strikes()
			if testing.Short() {
				strikes = strikes[:len(strikes)/10]
			}
			if len(strikes) == 0 {
				t.Fatal("no fault can strike")
			}
			parallel(len(strikes), func(i int) {
				if got := r.With(strikes[i]); len(got.Violations) > 0 {
					t.Errorf("%v: %s", strikes[i], got.Violations[0])
				}
			})
			t.Logf("%d single faults", len(strikes))
		})
	}
}

// pairsFor is how long pairs of faults are tried for each life.
const pairsFor = 3 * time.Second

func TestNoPromiseBreaksByTwoFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	for _, r := range sim.References {
		t.Run(r.Name, func(t *testing.T) {
			strikes := r.Strikes()
			seed := uint64(time.Now().UnixNano())
			rng := rand.New(rand.NewPCG(seed, 0))
			tried := 0
			for end := time.Now().Add(pairsFor); time.Now().Before(end); {
				pairs := make([][2]sim.Strike, 64)
				for i := range pairs {
					pairs[i][0], pairs[i][1] = sim.Pair(rng, strikes)
				}
				parallel(len(pairs), func(i int) {
					if got := r.With(pairs[i][:]...); len(got.Violations) > 0 {
						t.Errorf("%v: %s", pairs[i], got.Violations[0])
					}
				})
				tried += len(pairs)
			}
			t.Logf("%d pairs", tried)
		})
	}
}

func parallel(n int, do func(i int)) {
	var workers sync.WaitGroup
	for core := range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := core; i < n; i += runtime.GOMAXPROCS(0) {
				do(i)
			}
		})
	}
	workers.Wait()
}
