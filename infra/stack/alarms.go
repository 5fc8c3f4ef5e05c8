package stack

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"

	"github.com/kesher-io/kesher/shared/aws/env"
	"github.com/kesher-io/kesher/shared/aws/metrics"
	"github.com/kesher-io/kesher/shared/flow/clock"
	"github.com/kesher-io/kesher/shared/flow/deliver"
	"github.com/kesher-io/kesher/shared/flow/delivery"
)

// alarm says that a metric is bad when it is at or above a threshold. A math
// expression would cost as much as an alarm per metric in it, and none is needed.
type alarm struct {
	id, says  string
	metric    metric
	threshold float64
	bad, of   int    // so many of so many periods, 0: the one
	unseenIs  string // what no data means; "" = fine
}

// metric is one that AWS or our functions measure.
type metric struct {
	namespace, name, statistic string
	dims                       map[string]*string
	period                     time.Duration
}

const (
	sum     = "Sum"
	maximum = "Maximum"
	// quarter of an hour in periods: what happens once is tried again by who
	// called, what happens again a person should see.
	often, ofPeriods = 2, 3
	minutes5         = 5 * time.Minute
	late             = minutes5
	// SES warns at 0.1 % complaints and 5 % bounces, and may pause the account
	// (SES developer guide, "Sending review process FAQs").
	complaintRate = 0.0008
	bounceRate    = 0.04
)

// alarms makes them all. None of what they watch is personal.
func (a *app) alarms() []awscloudwatch.CfnAlarm {
	var all []awscloudwatch.CfnAlarm
	for _, one := range a.alarmList() {
		all = append(all, a.newAlarm(one))
	}
	return all
}

func (a *app) alarmList() []alarm {
	var all []alarm
	for _, f := range functions {
		all = append(all, a.functionAlarms(f.name)...)
	}
	for _, consumer := range delivery.Consumers {
		all = append(all, a.consumerAlarms(consumer)...)
	}
	return append(all,
		alarm{
			id: "FeedbackFailures", says: "SES's reports could not be worked and lie in the failure bucket: kesher faults",
			metric: a.ofFunction("AsyncEventsDropped", env.Feedback, sum), threshold: 1,
		},
		alarm{
			id: "ClockLate", says: "What is due waits for minutes, or the clock does not run at all",
			metric: a.ours(clock.MetricLateness, maximum), threshold: float64(late.Milliseconds()), unseenIs: "breaching",
		},
		alarm{
			id: "SendUnknown", says: "SES did not say whether it took a mail: it is not sent again, kesher explain tells whose it is",
			metric: a.ours(deliver.MetricUnknown, sum), threshold: 1,
		},
		alarm{
			id: "Complaints", says: "Receivers call our mail spam; SES acts at 0.1 %",
			metric: reputation("Reputation.ComplaintRate"), threshold: complaintRate, unseenIs: "ignore",
		},
		alarm{
			id: "Bounces", says: "Mail goes to addresses that do not exist; SES acts at 5 %",
			metric: reputation("Reputation.BounceRate"), threshold: bounceRate, unseenIs: "ignore",
		},
	)
}

func (a *app) functionAlarms(f env.Function) []alarm {
	id, name := logical(string(f)), string(f)
	return []alarm{
		{id: id + "Errors", says: "The function " + name + " fails again and again", metric: a.ofFunction("Errors", f, sum), threshold: 1, bad: often, of: ofPeriods},
		{id: id + "Throttles", says: "The function " + name + " has no instance free", metric: a.ofFunction("Throttles", f, sum), threshold: 1, bad: often, of: ofPeriods},
	}
}

func (a *app) consumerAlarms(c delivery.Consumer) []alarm {
	id, name := logical(string(c)), string(c)
	failures := metric{
		namespace: "AWS/Lambda", name: "OnFailureDestinationDeliveredEventCount", statistic: sum,
		dims: map[string]*string{"EventSourceMappingUUID": a.mappings[c].Ref()}, period: minutes5,
	}
	return []alarm{
		{
			id: id + "Behind", says: "The stream's records wait for minutes before " + name + " works them",
			metric: a.ofFunction("IteratorAge", env.Function(c), maximum), threshold: float64(late.Milliseconds()),
		},
		{id: id + "Failures", says: "Records that " + name + " could not work in 23 h lie in the failure bucket: kesher faults", metric: failures, threshold: 1},
	}
}

func (a *app) ofFunction(name string, f env.Function, statistic string) metric {
	return metric{namespace: "AWS/Lambda", name: name, statistic: statistic, dims: map[string]*string{"FunctionName": a.functions[f].FunctionName()}, period: minutes5}
}

// ours is a metric of this stage that our functions measure.
func (a *app) ours(name, statistic string) metric {
	return metric{namespace: metrics.Namespace, name: name, statistic: statistic, dims: map[string]*string{metrics.DimStage: &a.Stage}, period: minutes5}
}

// reputation is of the whole account: so SES judges it.
func reputation(name string) metric {
	return metric{namespace: "AWS/SES", name: name, statistic: maximum, period: time.Hour}
}

func (a *app) newAlarm(w alarm) awscloudwatch.CfnAlarm {
	if w.unseenIs == "" {
		w.unseenIs = "notBreaching" // Lambda counts nothing where nothing happens
	}
	props := &awscloudwatch.CfnAlarmProps{
		AlarmDescription:   jsii.String("Kesher " + a.Stage + ": " + w.says),
		Namespace:          &w.metric.namespace,
		MetricName:         &w.metric.name,
		Dimensions:         w.metric.dimensions(),
		Statistic:          &w.metric.statistic,
		Period:             jsii.Number(w.metric.period.Seconds()),
		EvaluationPeriods:  jsii.Number(max(w.of, 1)),
		DatapointsToAlarm:  jsii.Number(max(w.bad, 1)),
		Threshold:          jsii.Number(w.threshold),
		ComparisonOperator: jsii.String("GreaterThanOrEqualToThreshold"),
		TreatMissingData:   &w.unseenIs,
	}
	if a.AlarmTopic != "" {
		props.AlarmActions, props.OkActions = &[]any{a.AlarmTopic}, &[]any{a.AlarmTopic}
	}
	return awscloudwatch.NewCfnAlarm(a.stack, jsii.String(w.id+"Alarm"), props)
}

func (m metric) dimensions() []awscloudwatch.CfnAlarm_DimensionProperty {
	var dims []awscloudwatch.CfnAlarm_DimensionProperty
	for name, value := range m.dims { // one at most
		dims = append(dims, awscloudwatch.CfnAlarm_DimensionProperty{Name: jsii.String(name), Value: value})
	}
	return dims
}
