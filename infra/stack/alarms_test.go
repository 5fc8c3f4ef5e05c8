package stack

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/infra/binaries"
	"github.com/kesher-io/kesher/shared/aws/metrics"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/clock"
	"github.com/kesher-io/kesher/shared/flow/deliver"
)

const none = -1 // a period without data

// E28: every alarm, with what must fire it and what must not. Each point is one
// period's value of the alarm's statistic.
func TestE28EachAlarmFiresWhenItMustAndOnlyThen(t *testing.T) {
	type firing struct{ fires, quiet [][]float64 }
	wanted := map[string]firing{
		"JourneyBehindAlarm":    {fires: [][]float64{{300_000}}, quiet: [][]float64{{299_999}, {none}}},
		"DeliverBehindAlarm":    {fires: [][]float64{{300_000}}, quiet: [][]float64{{299_999}, {none}}},
		"JourneyFailuresAlarm":  {fires: [][]float64{{1}}, quiet: [][]float64{{0}, {none}}},
		"DeliverFailuresAlarm":  {fires: [][]float64{{1}}, quiet: [][]float64{{0}, {none}}},
		"FeedbackFailuresAlarm": {fires: [][]float64{{1}}, quiet: [][]float64{{0}, {none}}},
		"ClockLateAlarm":        {fires: [][]float64{{300_000}, {none}}, quiet: [][]float64{{299_999}, {0}}},
		"SendUnknownAlarm":      {fires: [][]float64{{1}}, quiet: [][]float64{{0}, {none}}},
		"ComplaintsAlarm":       {fires: [][]float64{{0.0008}}, quiet: [][]float64{{0.00079}, {none}}},
		"BouncesAlarm":          {fires: [][]float64{{0.04}}, quiet: [][]float64{{0.0399}, {none}}},
	}
	for _, f := range binaries.Functions {
		often := firing{
			fires: [][]float64{{1, 1, none}, {none, 1, 1}, {1, 0, 1}},
			quiet: [][]float64{{1, none, none}, {0, 0, 50}, {none, none, none}},
		}
		wanted[logical(string(f))+"ErrorsAlarm"] = often
		wanted[logical(string(f))+"ThrottlesAlarm"] = often
	}
	deployed := synth(t).app.of("AWS::CloudWatch::Alarm")
	if len(deployed) != len(wanted) {
		t.Errorf("%d alarms are deployed, %d are held here", len(deployed), len(wanted))
	}
	for id, w := range wanted {
		alarm, ok := deployed[id]
		if !ok {
			t.Errorf("there is no %s", id)
			continue
		}
		for _, points := range w.fires {
			if !fires(t, alarm, points) {
				t.Errorf("%s does not fire at %v", id, points)
			}
		}
		for _, points := range w.quiet {
			if fires(t, alarm, points) {
				t.Errorf("%s fires at %v", id, points)
			}
		}
	}
}

// fires is CloudWatch's evaluation of so many periods ("Evaluating an alarm" and
// "Configuring how CloudWatch alarms treat missing data", CloudWatch user guide).
func fires(t *testing.T, alarm resource, points []float64) bool {
	t.Helper()
	p := alarm.Properties
	if p["ComparisonOperator"] != "GreaterThanOrEqualToThreshold" || p["EvaluationPeriods"] != float64(len(points)) {
		t.Fatalf("this test cannot read %s with %d periods", compact(p), len(points))
	}
	bad := 0
	for _, point := range points {
		if point == none && p["TreatMissingData"] == "breaching" || point != none && point >= p["Threshold"].(float64) {
			bad++
		}
	}
	return float64(bad) >= p["DatapointsToAlarm"].(float64)
}

func TestEveryFunctionHasAlarmsOfItsErrorsAndThrottles(t *testing.T) {
	b := synth(t)
	for _, f := range binaries.Functions {
		id, _ := functionOf(b.app, f)
		for _, metric := range []string{"Errors", "Throttles"} {
			_, alarm := one(t, b.app, "AWS::CloudWatch::Alarm", logical(string(f))+metric)
			if alarm.Properties["MetricName"] != metric || !refers(alarm.Properties["Dimensions"], id) {
				t.Errorf("%s: %s", f, compact(alarm.Properties))
			}
		}
	}
}

// What our own alarms watch is what the functions measure, in the very words of
// the lines that they write.
func TestTheAlarmsWatchWhatTheFunctionsWrite(t *testing.T) {
	var out bytes.Buffer
	m := metrics.New(&out, time.Now, flow.Dim{Name: metrics.DimStage, Value: "dev"})
	m.Observe(clock.MetricLateness, time.Second)
	m.Count(deliver.MetricUnknown, 1)
	m.Flush()
	var line struct {
		Stage string
		AWS   struct {
			CloudWatchMetrics []struct {
				Namespace  string
				Dimensions [][]string
				Metrics    []struct{ Name string }
			}
		} `json:"_aws"`
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	written := line.AWS.CloudWatchMetrics[0]
	b := synth(t)
	for i, begins := range []string{"ClockLate", "SendUnknown"} {
		_, alarm := one(t, b.app, "AWS::CloudWatch::Alarm", begins)
		p := alarm.Properties
		if p["Namespace"] != written.Namespace || p["MetricName"] != written.Metrics[i].Name {
			t.Errorf("%s watches %v %v, written is %+v", begins, p["Namespace"], p["MetricName"], written)
		}
		if want := `[{"Name":"` + written.Dimensions[0][0] + `","Value":"` + line.Stage + `"}]`; compact(p["Dimensions"]) != want {
			t.Errorf("%s watches %s, written is %s", begins, compact(p["Dimensions"]), want)
		}
	}
}

func TestAlarmsGoToTheTopicThatIsNamed(t *testing.T) {
	const topic = "arn:aws:sns:eu-west-1:111122223333:ops"
	for id, alarm := range synth(t, "alarm-topic", topic).app.of("AWS::CloudWatch::Alarm") {
		if compact(alarm.Properties["AlarmActions"]) != `["`+topic+`"]` || compact(alarm.Properties["OKActions"]) != `["`+topic+`"]` {
			t.Errorf("%s tells %s", id, compact(alarm.Properties["AlarmActions"]))
		}
	}
	for id, alarm := range synth(t).app.of("AWS::CloudWatch::Alarm") {
		if alarm.Properties["AlarmActions"] != nil {
			t.Errorf("%s tells somebody whom nobody named", id)
		}
	}
}

func TestThereIsOneDashboardAndItIsFree(t *testing.T) {
	_, board := one(t, synth(t).app, "AWS::CloudWatch::Dashboard", "")
	body := ""
	walk(board.Properties["DashboardBody"], "", func(_, text string) { body += text })
	if strings.Contains(body, "expression") {
		t.Error("a math expression is counted several times")
	}
	if n := strings.Count(body, `["AWS/`) + strings.Count(body, `["Kesher"`); n == 0 || n > 50 {
		t.Errorf("it shows %d metrics, 50 are free", n)
	}
}
