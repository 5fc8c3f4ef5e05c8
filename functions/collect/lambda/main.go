// Command lambda is the function collect on AWS Lambda.
package main

import (
	"context"

	collectfn "github.com/kesher-io/kesher/functions/collect"
	"github.com/kesher-io/kesher/shared/aws/apikeys"
	"github.com/kesher-io/kesher/shared/aws/env"
	"github.com/kesher-io/kesher/shared/aws/httpapi"
	"github.com/kesher-io/kesher/shared/aws/runtime"
	"github.com/kesher-io/kesher/shared/flow/collect"
)

func main() { runtime.Main(env.Collect, build) }

func build(ctx context.Context, s *runtime.Stack) (runtime.Handler, error) {
	keys, err := apikeys.Read(ctx, s.AWS, s.Env)
	if err != nil {
		return nil, err
	}
	flow := &collect.Service{
		Store: s.Store, Clock: s.Clock, Tokens: s.Tokens, Releases: s.Releases, Keys: s.Secrets.Keys,
		Metrics: s.Metrics, Identity: keys.Identity, Ring: s.Secrets.Ring,
	}
	h := collectfn.New(collectfn.Config{
		Flow: flow, PublicKey: keys.Public, ServerKey: keys.Server, Base: s.Env.Get(env.PublicURL),
		Typeform: keys.Typeform, Log: s.Log,
	})
	return runtime.Handler(httpapi.Handle(h)), nil
}
