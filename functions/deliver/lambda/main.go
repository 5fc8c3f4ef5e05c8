// Command lambda is the function deliver on AWS Lambda.
package main

import (
	"context"

	deliverfn "github.com/kesher-io/kesher/functions/deliver"
	"github.com/kesher-io/kesher/shared/aws/env"
	"github.com/kesher-io/kesher/shared/aws/runtime"
	"github.com/kesher-io/kesher/shared/aws/ses"
	"github.com/kesher-io/kesher/shared/aws/streams"
	"github.com/kesher-io/kesher/shared/flow/deliver"
	"github.com/kesher-io/kesher/shared/flow/faults"
)

func main() { runtime.Main(env.Deliver, build) }

func build(_ context.Context, s *runtime.Stack) (runtime.Handler, error) {
	instances, err := s.Env.Instances()
	if err != nil {
		return nil, err
	}
	mailer := ses.New(s.AWS, ses.ConfigurationSets{
		Service: s.Env.Get(env.ServiceConfigurationSet), Marketing: s.Env.Get(env.MarketingConfigurationSet),
	})
	messages := &deliver.Service{
		Store: s.Store, Clock: s.Clock, Tokens: s.Tokens, Releases: s.Releases, Mailer: mailer, Metrics: s.Metrics, Log: s.Log,
		Links: s.Links, Stage: s.Env.Get(env.Stage), Reaches: true,
		Pacer: &deliver.Pacer{
			Store: s.Store, Clock: s.Clock, Tokens: s.Tokens, Rater: deliverfn.Rater{SES: mailer}, Instances: instances, Sleep: deliverfn.Sleep,
		},
	}
	h := &deliverfn.Handler{Messages: messages, Faults: &faults.Service{Store: s.Store, Clock: s.Clock, Tokens: s.Tokens}, Log: s.Log}
	return streams.Handler(h.Work, streams.Options{Failed: s.RecordFailed}), nil
}
