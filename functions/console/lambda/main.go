// Command lambda is the function console on AWS Lambda.
package main

import (
	"context"

	consolefn "github.com/kesher-io/kesher/functions/console"
	"github.com/kesher-io/kesher/shared/aws/apikeys"
	"github.com/kesher-io/kesher/shared/aws/env"
	"github.com/kesher-io/kesher/shared/aws/httpapi"
	"github.com/kesher-io/kesher/shared/aws/runtime"
	"github.com/kesher-io/kesher/shared/aws/s3"
	"github.com/kesher-io/kesher/shared/console"
	"github.com/kesher-io/kesher/shared/flow/collect"
	"github.com/kesher-io/kesher/shared/flow/erase"
)

func main() { runtime.Main(env.Console, build) }

func build(ctx context.Context, s *runtime.Stack) (runtime.Handler, error) {
	keys, err := apikeys.Read(ctx, s.AWS, s.Env)
	if err != nil {
		return nil, err
	}
	base := console.Config{
		Store: s.Store, Clock: s.Clock, Tokens: s.Tokens, Releases: s.Releases, Keys: s.Secrets.Keys, Log: s.Log,
		Collect: &collect.Service{
			Store: s.Store, Clock: s.Clock, Tokens: s.Tokens, Releases: s.Releases, Keys: s.Secrets.Keys, Metrics: s.Metrics, Ring: s.Secrets.Ring,
		},
		Erase:    &erase.Service{Store: s.Store, Clock: s.Clock, Tokens: s.Tokens},
		Admin:    console.Everybody, // whom the signed route let through
		Failures: consolefn.Bucket{Failures: s3.NewFailures(s.AWS, s.Env.Get(env.FailureBucket))},
		Domain:   s.Env.Get(env.Domain), Target: "aws:" + s.Env.Get(env.Stage),
	}
	h := consolefn.New(consolefn.Config{Config: base, PublicKey: keys.Public, ServerKey: keys.Server, Base: s.Env.Get(env.PublicURL)})
	return runtime.Handler(httpapi.Handle(h)), nil
}
