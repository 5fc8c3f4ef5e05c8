package stack

import (
	"slices"
	"testing"
)

// E28: what a month has cost, and by its course will, tells the topic or not.
func TestE28TheBudgetTellsOfCostsThatAreNotUsual(t *testing.T) {
	const topic = "arn:aws:sns:eu-west-1:111122223333:ops"
	b := synth(t, "alarm-topic", topic, "budget", "40")
	_, budget := one(t, b.app, "AWS::Budgets::Budget", "")
	for _, month := range []struct {
		spent, forecast float64
		told            []string
	}{
		{3, 3, nil}, {40, 40, nil}, {20, 41, []string{"FORECASTED"}}, {41, 80, []string{"ACTUAL", "FORECASTED"}}, {41, 0, []string{"ACTUAL"}},
	} {
		if got := told(t, budget, topic, map[string]float64{"ACTUAL": month.spent, "FORECASTED": month.forecast}); !slices.Equal(got, month.told) {
			t.Errorf("$%v spent, $%v to come: it tells %v, want %v", month.spent, month.forecast, got, month.told)
		}
	}
	if len(synth(t).app.of("AWS::Budgets::Budget")) != 0 {
		t.Error("there is a budget that tells nobody")
	}
}

// told are the notifications that a month's costs set off.
func told(t *testing.T, budget resource, topic string, costs map[string]float64) (kinds []string) {
	t.Helper()
	p := get(budget.Properties, "Budget")
	if get(p, "BudgetType") != "COST" || get(p, "TimeUnit") != "MONTHLY" || get(p, "BudgetLimit", "Unit") != "USD" {
		t.Fatalf("this test cannot read %s", compact(p))
	}
	limit := get(p, "BudgetLimit", "Amount").(float64)
	for _, n := range list(budget.Properties["NotificationsWithSubscribers"]) {
		when := get(n, "Notification")
		if get(when, "ComparisonOperator") != "GREATER_THAN" || get(when, "ThresholdType") != "PERCENTAGE" {
			t.Fatalf("this test cannot read %s", compact(when))
		}
		if compact(get(n, "Subscribers")) != `[{"Address":"`+topic+`","SubscriptionType":"SNS"}]` {
			t.Errorf("it tells %s", compact(get(n, "Subscribers")))
		}
		kind := get(when, "NotificationType").(string)
		if costs[kind] > limit*get(when, "Threshold").(float64)/100 {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}
