package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/interfaces/interfacesawscloudwatch"
	"github.com/aws/jsii-runtime-go"

	"github.com/kesher-io/kesher/shared/aws/env"
	"github.com/kesher-io/kesher/shared/flow/clock"
	"github.com/kesher-io/kesher/shared/flow/deliver"
	"github.com/kesher-io/kesher/shared/flow/delivery"
)

// dashboard is the one page that says whether mail leaves in time: what is bad,
// then what is late, then what fails, then what SES thinks of us. It stays below
// the 50 metrics that a free dashboard may have.
func (a *app) dashboard(alarms []awscloudwatch.CfnAlarm) {
	rows := [][]awscloudwatch.IWidget{
		{a.alarmWidget(alarms)},
		{
			graph("Lateness of the clock and of mails (ms)", a.ours(clock.MetricLateness, maximum), a.ours(deliver.MetricLateness, maximum)),
			graph("Age of the stream's records (ms)", a.ages()...),
			graph("Sends whose outcome is unknown", a.ours(deliver.MetricUnknown, sum)),
		},
		{
			graph("Invocations", a.perFunction("Invocations")...),
			graph("Errors", a.perFunction("Errors")...),
			graph("Throttles", a.perFunction("Throttles")...),
		},
		{
			graph("Complaints (SES acts at 0.001)", reputation("Reputation.ComplaintRate")),
			graph("Bounces (SES acts at 0.05)", reputation("Reputation.BounceRate")),
			graph("Milliseconds to answer", a.ofFunction("Duration", env.Collect, "p99"), a.ofFunction("Duration", env.Pages, "p99")),
		},
	}
	board := awscloudwatch.NewDashboard(a.stack, jsii.String("Dashboard"), &awscloudwatch.DashboardProps{
		DefaultInterval: awscdk.Duration_Hours(jsii.Number(3)),
	})
	for _, row := range rows {
		board.AddWidgets(row...)
	}
}

func (a *app) alarmWidget(alarms []awscloudwatch.CfnAlarm) awscloudwatch.IWidget {
	watched := make([]interfacesawscloudwatch.IAlarmRef, len(alarms))
	for i, one := range alarms {
		watched[i] = one
	}
	return awscloudwatch.NewAlarmStatusWidget(&awscloudwatch.AlarmStatusWidgetProps{
		Title: jsii.String("Kesher " + a.Stage), Width: jsii.Number(24), Height: jsii.Number(4), Alarms: &watched,
	})
}

func graph(title string, list ...metric) awscloudwatch.IWidget {
	lines := make([]awscloudwatch.IMetric, len(list))
	for i, m := range list {
		lines[i] = awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
			Namespace: &m.namespace, MetricName: &m.name, Statistic: &m.statistic, DimensionsMap: &m.dims,
			Period: awscdk.Duration_Seconds(jsii.Number(m.period.Seconds())),
		})
	}
	return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{Title: &title, Width: jsii.Number(8), Left: &lines})
}

func (a *app) perFunction(name string) []metric {
	var all []metric
	for _, f := range functions {
		all = append(all, a.ofFunction(name, f.name, sum))
	}
	return all
}

func (a *app) ages() []metric {
	var all []metric
	for _, c := range delivery.Consumers {
		all = append(all, a.ofFunction("IteratorAge", env.Function(c), maximum))
	}
	return all
}
