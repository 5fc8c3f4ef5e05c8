package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"github.com/kesher-io/kesher/shared/aws/env"
	"github.com/kesher-io/kesher/shared/flow/delivery"
)

const (
	// batchSize bounds what one poison record makes wait, and how long a batch
	// takes.
	batchSize = 100
	// forever is Lambda's word for attempts without end: age alone bounds them.
	forever = -1
)

// newMapping leads the stream of customers to a consumer. A record that fails is
// tried again until it is 23 h old, an hour before the stream forgets it; then it
// goes to the failure bucket, with its payload, which only S3 keeps (Lambda
// developer guide, "Retain discarded records"). Parallelization stays at 1: then
// the order of a customer's facts is a convenience that mostly holds.
func (a *app) newMapping(consumer delivery.Consumer) awslambda.CfnEventSourceMapping {
	var filters []awslambda.CfnEventSourceMapping_FilterProperty
	for _, pattern := range delivery.For(consumer) {
		filters = append(filters, awslambda.CfnEventSourceMapping_FilterProperty{Pattern: jsii.String(string(pattern))})
	}
	function := a.functions[env.Function(consumer)]
	return awslambda.NewCfnEventSourceMapping(a.stack, jsii.String(logical(string(consumer))+"Mapping"), &awslambda.CfnEventSourceMappingProps{
		FunctionName:               function.FunctionArn(),
		EventSourceArn:             a.table(customers).TableStreamArn(),
		StartingPosition:           jsii.String("TRIM_HORIZON"),
		BatchSize:                  jsii.Number(batchSize),
		ParallelizationFactor:      jsii.Number(1),
		MaximumRetryAttempts:       jsii.Number(forever),
		MaximumRecordAgeInSeconds:  jsii.Number(delivery.MaxAge.Seconds()),
		BisectBatchOnFunctionError: jsii.Bool(true),
		FunctionResponseTypes:      jsii.Strings("ReportBatchItemFailures"),
		FilterCriteria:             awslambda.CfnEventSourceMapping_FilterCriteriaProperty{Filters: filters},
		DestinationConfig: awslambda.CfnEventSourceMapping_DestinationConfigProperty{
			OnFailure: awslambda.CfnEventSourceMapping_OnFailureProperty{Destination: a.data.failures.BucketArn()},
		},
		MetricsConfig: awslambda.CfnEventSourceMapping_MetricsConfigProperty{Metrics: jsii.Strings("EventCount")},
	})
}
