package stack

import (
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/aws/env"
)

// everyMinute starts the clock. A minute that was missed is not made up for: the
// next one finds what it left.
func (a *app) everyMinute() {
	rule := awsevents.NewCfnRule(a.stack, jsii.String("Minute"), &awsevents.CfnRuleProps{
		Description:        jsii.String("Kesher " + a.Stage + ": starts the clock"),
		ScheduleExpression: jsii.String("rate(1 minute)"),
		Targets:            a.target(env.Clock, 60, 0),
	})
	a.permit("ClockFromMinute", env.Clock, "events.amazonaws.com", rule.AttrArn())
	awslambda.NewCfnEventInvokeConfig(a.stack, jsii.String("ClockInvoke"), &awslambda.CfnEventInvokeConfigProps{
		FunctionName:             a.functions[env.Clock].FunctionName(),
		Qualifier:                jsii.String("$LATEST"),
		MaximumEventAgeInSeconds: jsii.Number(60),
		MaximumRetryAttempts:     jsii.Number(0),
	})
}

// reports leads what SES says about our mail to feedback: its events, sent under
// our configuration sets, and nothing else that stands on the account's bus
// (E25). What feedback could not work in six hours goes to the failure bucket.
func (a *app) reports() {
	detailTypes := map[string]bool{}
	for _, r := range reported {
		detailTypes[events.SESDetailTypes[r.event]] = true
	}
	rule := awsevents.NewCfnRule(a.stack, jsii.String("Reports"), &awsevents.CfnRuleProps{
		Description: jsii.String("Kesher " + a.Stage + ": what SES reports about its mail"),
		EventPattern: map[string]any{
			"source":      []string{events.SESSource},
			"detail-type": slices.Sorted(maps.Keys(detailTypes)),
			"detail": map[string]any{"mail": map[string]any{"tags": map[string]any{
				"ses:configuration-set": []*string{a.sender.service.ConfigurationSetName(), a.sender.marketing.ConfigurationSetName()},
			}}},
		},
		Targets: a.target(env.Feedback, 24*3600, 185), // EventBridge's own longest
	})
	a.permit("FeedbackFromReports", env.Feedback, "events.amazonaws.com", rule.AttrArn())
	awslambda.NewCfnEventInvokeConfig(a.stack, jsii.String("FeedbackInvoke"), &awslambda.CfnEventInvokeConfigProps{
		FunctionName:             a.functions[env.Feedback].FunctionName(),
		Qualifier:                jsii.String("$LATEST"),
		MaximumEventAgeInSeconds: jsii.Number(6 * 3600),
		MaximumRetryAttempts:     jsii.Number(2),
		DestinationConfig: awslambda.CfnEventInvokeConfig_DestinationConfigProperty{
			OnFailure: awslambda.CfnEventInvokeConfig_OnFailureProperty{Destination: a.data.failures.BucketArn()},
		},
	})
}

// target is a function that EventBridge tries to start for a while (in seconds).
func (a *app) target(f env.Function, age, attempts int) []awsevents.CfnRule_TargetProperty {
	return []awsevents.CfnRule_TargetProperty{{
		Id:  jsii.String(string(f)),
		Arn: a.functions[f].FunctionArn(),
		RetryPolicy: awsevents.CfnRule_RetryPolicyProperty{
			MaximumEventAgeInSeconds: jsii.Number(age), MaximumRetryAttempts: jsii.Number(attempts),
		},
	}}
}
