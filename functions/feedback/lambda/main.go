// Command lambda is the function feedback on AWS Lambda.
package main

import (
	"context"

	feedbackfn "github.com/kesher-io/kesher/functions/feedback"
	"github.com/kesher-io/kesher/shared/aws/env"
	"github.com/kesher-io/kesher/shared/aws/runtime"
	"github.com/kesher-io/kesher/shared/flow/consents"
	"github.com/kesher-io/kesher/shared/flow/feedback"
)

func main() { runtime.Main(env.Feedback, build) }

func build(_ context.Context, s *runtime.Stack) (runtime.Handler, error) {
	keys := s.Secrets.Keys
	flow := &feedback.Service{
		Store: s.Store, Clock: s.Clock, Tokens: s.Tokens, Keys: keys, Releases: s.Releases, Metrics: s.Metrics,
		Consents: consents.Writer{Store: s.Store, Clock: s.Clock, Tokens: s.Tokens, Keys: keys},
	}
	return (&feedbackfn.Handler{Flow: flow, Metrics: s.Metrics, Log: s.Log}).Handle, nil
}
