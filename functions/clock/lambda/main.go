// Command lambda is the function clock on AWS Lambda.
package main

import (
	"context"
	"time"

	clockfn "github.com/kesher-io/kesher/functions/clock"
	"github.com/kesher-io/kesher/shared/aws/env"
	"github.com/kesher-io/kesher/shared/aws/runtime"
	"github.com/kesher-io/kesher/shared/flow/advance"
	"github.com/kesher-io/kesher/shared/flow/agenda"
	"github.com/kesher-io/kesher/shared/flow/clock"
	"github.com/kesher-io/kesher/shared/flow/collect"
	"github.com/kesher-io/kesher/shared/flow/erase"
	"github.com/kesher-io/kesher/shared/flow/faults"
	"github.com/kesher-io/kesher/shared/flow/insights"
)

func main() { runtime.Main(env.Clock, build) }

func build(_ context.Context, s *runtime.Stack) (runtime.Handler, error) {
	counts := &insights.Counter{Store: s.Store}
	people := &collect.Service{
		Store: s.Store, Clock: s.Clock, Tokens: s.Tokens, Releases: s.Releases, Keys: s.Secrets.Keys, Metrics: s.Metrics, Ring: s.Secrets.Ring,
	}
	erasure := &erase.Service{Store: s.Store, Clock: s.Clock, Tokens: s.Tokens}
	flow := &clock.Service{
		Store: s.Store, Clock: s.Clock, Tokens: s.Tokens, Metrics: s.Metrics, Log: s.Log,
		Runs: &advance.Service{
			Store: s.Store, Clock: s.Clock, Tokens: s.Tokens, Releases: s.Releases, Metrics: s.Metrics, Log: s.Log, Counts: counts,
		},
		Chores: map[string]clock.Chore{
			agenda.Copies: people.Copy, agenda.Pending: people.Purge, agenda.Sweep: erasure.Sweep, agenda.Erase: erasure.Asked,
		},
	}
	set := &faults.Service{Store: s.Store, Clock: s.Clock, Tokens: s.Tokens}
	h := &clockfn.Handler{Clock: flow, Faults: set, Parallel: 4, Reserve: 10 * time.Second}
	return s.Counting(counts, h.Handle), nil
}
