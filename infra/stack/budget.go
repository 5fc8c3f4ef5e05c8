package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsbudgets"
	"github.com/aws/jsii-runtime-go"
)

// defaultBudget is many times what an idle stage costs, and a shop's whole month.
const defaultBudget = 100

// budget tells the alarms' topic when the month costs more than it should, or by
// its course will. It is a budget and not an anomaly monitor: of the monitors that
// watch services an account has one, and new accounts are born with it ("Default-
// Services-Monitor"), so a deploy of ours would fail. It watches the whole account:
// costs are parted by tag only where somebody has activated the tag for that. Told
// to nobody it would be of no use, so it needs a topic.
func (a *app) budget() {
	if a.AlarmTopic == "" {
		return
	}
	awsbudgets.NewCfnBudget(a.stack, jsii.String("Budget"), &awsbudgets.CfnBudgetProps{
		Budget: &awsbudgets.CfnBudget_BudgetDataProperty{
			BudgetType:  jsii.String("COST"),
			TimeUnit:    jsii.String("MONTHLY"),
			BudgetLimit: &awsbudgets.CfnBudget_SpendProperty{Amount: jsii.Number(a.Budget), Unit: jsii.String("USD")},
		},
		NotificationsWithSubscribers: []awsbudgets.CfnBudget_NotificationWithSubscribersProperty{
			a.overspent("ACTUAL"), a.overspent("FORECASTED"),
		},
	})
}

// overspent is said once a month, when all of the budget is spent or will be.
func (a *app) overspent(kind string) awsbudgets.CfnBudget_NotificationWithSubscribersProperty {
	return awsbudgets.CfnBudget_NotificationWithSubscribersProperty{
		Notification: &awsbudgets.CfnBudget_NotificationProperty{
			NotificationType:   &kind,
			ComparisonOperator: jsii.String("GREATER_THAN"),
			Threshold:          jsii.Number(100),
			ThresholdType:      jsii.String("PERCENTAGE"),
		},
		Subscribers: []awsbudgets.CfnBudget_SubscriberProperty{{SubscriptionType: jsii.String("SNS"), Address: &a.AlarmTopic}},
	}
}
