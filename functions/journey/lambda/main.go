// Command lambda is the function journey on AWS Lambda.
package main

import (
	"context"

	"github.com/kesher-io/kesher/functions/journey"
	"github.com/kesher-io/kesher/shared/aws/env"
	"github.com/kesher-io/kesher/shared/aws/eventbridge"
	"github.com/kesher-io/kesher/shared/aws/runtime"
	"github.com/kesher-io/kesher/shared/aws/streams"
	"github.com/kesher-io/kesher/shared/flow/advance"
	"github.com/kesher-io/kesher/shared/flow/collect"
	"github.com/kesher-io/kesher/shared/flow/emit"
	"github.com/kesher-io/kesher/shared/flow/faults"
	"github.com/kesher-io/kesher/shared/flow/insights"
)

func main() { runtime.Main(env.Journey, build) }

func build(_ context.Context, s *runtime.Stack) (runtime.Handler, error) {
	counts := &insights.Counter{Store: s.Store}
	inbox := &collect.Service{
		Store: s.Store, Clock: s.Clock, Tokens: s.Tokens, Releases: s.Releases, Keys: s.Secrets.Keys, Metrics: s.Metrics, Ring: s.Secrets.Ring,
	}
	h := &journey.Handler{
		Runs: &advance.Service{
			Store: s.Store, Clock: s.Clock, Tokens: s.Tokens, Releases: s.Releases, Metrics: s.Metrics, Log: s.Log, Counts: counts,
		},
		Outside: &emit.Service{
			Store: s.Store, Releases: s.Releases, Emitter: eventbridge.New(s.AWS, s.Env.Get(env.BusName), s.Env.Get(env.Stage)),
		},
		Inbox:  inbox.Inbox,
		Faults: &faults.Service{Store: s.Store, Clock: s.Clock, Tokens: s.Tokens},
		Counts: counts,
		Log:    s.Log,
	}
	return streams.Handler(h.Work, streams.Options{Done: h.Done, Failed: s.RecordFailed}), nil
}
