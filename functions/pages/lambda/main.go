// Command lambda is the function pages on AWS Lambda.
package main

import (
	"context"

	"github.com/kesher-io/kesher/functions/pages"
	"github.com/kesher-io/kesher/shared/aws/env"
	"github.com/kesher-io/kesher/shared/aws/httpapi"
	"github.com/kesher-io/kesher/shared/aws/runtime"
	"github.com/kesher-io/kesher/shared/flow/collect"
	"github.com/kesher-io/kesher/shared/flow/consents"
	"github.com/kesher-io/kesher/shared/flow/insights"
	"github.com/kesher-io/kesher/shared/flow/preferences"
)

func main() { runtime.Main(env.Pages, build) }

func build(_ context.Context, s *runtime.Stack) (runtime.Handler, error) {
	keys, counts := s.Secrets.Keys, &insights.Counter{Store: s.Store}
	flow := &preferences.Service{
		Store: s.Store, Clock: s.Clock, Tokens: s.Tokens, Releases: s.Releases, Keys: keys, Ring: s.Secrets.Ring,
		Consents: consents.Writer{Store: s.Store, Clock: s.Clock, Tokens: s.Tokens, Keys: keys},
		Collect: &collect.Service{
			Store: s.Store, Clock: s.Clock, Tokens: s.Tokens, Releases: s.Releases, Keys: keys, Metrics: s.Metrics, Ring: s.Secrets.Ring,
		},
		Counts: counts,
	}
	serve := httpapi.Handle(pages.New(flow, s.Env.Get(env.PublicURL), s.Log))
	return s.Counting(counts, runtime.Handler(serve)), nil
}
