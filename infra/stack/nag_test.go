package stack

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
)

// justified are findings of cdk-nag that we do otherwise, and why.
var justified = []struct{ rule, resource, reason string }{
	{"AwsSolutions-IAM5", "Role/", "TestE20NoStarStandsInAPolicyWithoutAReason lists each star with its reason"},
	{"Serverless-LambdaStarPermissions", "DeliverRole/", "ses:GetAccount knows no resource"},
	{"AwsSolutions-APIG4", "App/Route ANY --v1--", "callers know a key, which the functions compare: the HTTP API has no authorizer for it that costs no second function"},
	{"AwsSolutions-APIG4", "App/Route ANY --openapi.json", "a description of the API, for everybody"},
	{"AwsSolutions-APIG4", "App/Route ANY --u--", "the link itself is what lets in, and reduces only"},
	{"AwsSolutions-APIG4", "App/Route ANY --p", "the link itself is what lets in, once, by a button"},
	{"AwsSolutions-APIG4", "App/Route ANY --c--", "the link itself is what lets in"},
	{"AwsSolutions-APIG4", "App/Route ANY --s--", "a form for everybody"},
	{"AwsSolutions-APIG4", "App/Route ANY --l--", "a signed target, for whoever clicks"},
	{"AwsSolutions-APIG4", "App/Route ANY --o--", "a pixel"},
	{"AwsSolutions-S1", "Data/Failures/", "what lies in it is there for a week and read by one function, whose log tells"},
	{"AwsSolutions-SMG4", "Data/Secret/", "keys every customer: rotated, the data would mean nothing"},
	{"AwsSolutions-SMG4", "Data/ServerKey/", "stands in the shop's own backends, which only people can change"},
	{"Serverless-LambdaDLQ", "App/", "callers of the API see the failure; streams and reports have the failure bucket; the next minute does what the clock could not"},
	{"Serverless-LambdaAsyncFailureDestination", "App/ClockInvoke", "the next minute does what this one could not"},
	{"Serverless-EventBusDLQ", "App/Minute", "the next minute does what this one could not"},
	{"Serverless-EventBusDLQ", "App/Reports", "Lambda takes an event also when no instance is free; what feedback cannot work goes to the failure bucket"},
	{"Serverless-LambdaTracing", "App/", "a trace per customer's click costs more than the click; lateness, ages and errors are measured"},
}

// finding is a line of a cdk-nag report.
type finding struct{ RuleId, ResourceId, Compliance, RuleLevel, RuleInfo string }

func TestE20TheStacksPassCdkNag(t *testing.T) {
	used := make([]bool, len(justified))
	for _, f := range findings(t) {
		i := slices.IndexFunc(justified, func(j struct{ rule, resource, reason string }) bool {
			return j.rule == f.RuleId && strings.Contains(f.ResourceId, j.resource)
		})
		if i < 0 {
			t.Errorf("%s %s: %s", f.RuleId, f.ResourceId, f.RuleInfo)
			continue
		}
		used[i] = true
	}
	for i, j := range justified {
		if !used[i] {
			t.Errorf("nothing needs the excuse %s %s (%s)", j.rule, j.resource, j.reason)
		}
	}
}

// findings are what the packs AwsSolutions and Serverless do not like.
func findings(t *testing.T) []finding {
	t.Helper()
	var folder string
	synthesize(settingsOf(t), func(app awscdk.App, _ Stacks) {
		props := &cdknag.NagPackProps{Reports: jsii.Bool(true), ReportFormats: &[]cdknag.NagReportFormat{cdknag.NagReportFormat_JSON}}
		awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(props), nil)
		awscdk.Aspects_Of(app).Add(cdknag.NewServerlessChecks(props), nil)
		folder = *app.Outdir()
	})
	reports, err := filepath.Glob(filepath.Join(folder, "*NagReport.json"))
	if err != nil || len(reports) != 4 {
		t.Fatalf("got %d reports of 2 packs on 2 stacks: %v", len(reports), err)
	}
	var all []finding
	for _, path := range reports {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var report struct{ Lines []finding }
		if err := json.Unmarshal(text, &report); err != nil {
			t.Fatal(err)
		}
		for _, line := range report.Lines {
			if line.Compliance != "Compliant" && line.Compliance != "N/A" {
				all = append(all, line)
			}
		}
	}
	return all
}
