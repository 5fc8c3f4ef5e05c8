package stack

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
)

// star is a `*` that a policy may hold, and why.
type star struct{ where, text, reason string }

var stars = []star{
	{`^DeliverRole.*\.Resource$`, `^\*$`, "ses:GetAccount is about the account and knows no resource"},
	{`^DeliverRole.*\.Resource`, `:identity/\*$`, "SES names the identity that fits best, and in the sandbox the recipient's; the sender's address is held to the domain instead"},
	{`^(Journey|Deliver)Role.*\.Resource`, `^/stream/\*$`, "ListStreams is about all streams of the one table"},
	{`^(Journey|Deliver|Feedback|Console)Role.*\.Resource`, `^/\*$`, "the objects of the one bucket"},
	{`^FailuresPolicy.*\.(Action|Principal\.AWS)$`, `^(s3:)?\*$`, "what is denied to everybody: access in the open"},
	{`^FailuresPolicy.*\.Resource`, `^/\*$`, "the objects of the bucket itself"},
	{`^Key.*\.Resource$`, `^\*$`, "in a key's own policy, the key itself (KMS developer guide, Key policies)"},
	{`^Key.*\.Action$`, `^kms:\*$`, "the account itself, so that its IAM policies count and the key stays manageable"},
	{`^Key.*\.Action`, `^kms:(GenerateDataKey|ReEncrypt)\*$`, "through Secrets Manager alone (CDK's statement)"},
}

func TestE20NoStarStandsInAPolicyWithoutAReason(t *testing.T) {
	used := map[star]bool{}
	for _, b := range []built{synth(t), synth(t, "keys", "customer")} {
		for _, in := range b.both() {
			for id, r := range in.Resources {
				walk(policies(r), id, func(path, text string) {
					if !strings.Contains(text, "*") || strings.Contains(path, ".Condition.") {
						return
					}
					if i := slices.IndexFunc(stars, func(s star) bool { return s.excuses(path, text) }); i >= 0 {
						used[stars[i]] = true
						return
					}
					t.Errorf("%s holds %q", path, text)
				})
			}
		}
	}
	for _, s := range stars {
		if !used[s] {
			t.Errorf("no policy holds what is excused: %s %s (%s)", s.where, s.text, s.reason)
		}
	}
}

func (s star) excuses(path, text string) bool {
	return regexp.MustCompile(s.where).MatchString(path) && regexp.MustCompile(s.text).MatchString(text)
}

// policies are the documents that a resource carries.
func policies(r resource) map[string]any {
	found := map[string]any{}
	for _, name := range []string{"Policies", "PolicyDocument", "KeyPolicy", "AssumeRolePolicyDocument", "ResourcePolicy"} {
		if p := r.Properties[name]; p != nil {
			found[name] = p
		}
	}
	return found
}

// fixed are names that a stack chooses itself, and why that collides with nobody.
var fixed = map[string]string{
	"AWS::Events::EventBus Name":                                      "CloudFormation demands one; it holds the stack's",
	"AWS::ApiGatewayV2::Api Name":                                     "a label, not an identifier",
	"AWS::ApiGatewayV2::Stage StageName":                              "of the one API",
	"AWS::SSM::Parameter Name":                                        "/kesher/<stage>/console: by it the command finds the stage",
	"AWS::SES::EmailIdentity EmailIdentity":                           "the domain is its own name; a second stage of the domain says identity=existing",
	"AWS::CloudWatch::Alarm MetricName":                               "what it watches",
	"AWS::Lambda::Permission FunctionName":                            "a reference",
	"AWS::Lambda::EventInvokeConfig FunctionName":                     "a reference",
	"AWS::Lambda::EventSourceMapping FunctionName":                    "a reference",
	"AWS::SES::ConfigurationSetEventDestination ConfigurationSetName": "a reference",
}

func TestE22NothingHasANameThatAnotherStageCouldHave(t *testing.T) {
	name := regexp.MustCompile(`^(Name|[A-Z]\w*Name|EmailIdentity)$`)
	for _, in := range synth(t).both() {
		for id, r := range in.Resources {
			for _, property := range slices.Sorted(maps.Keys(r.Properties)) {
				if name.MatchString(property) && fixed[r.Type+" "+property] == "" {
					t.Errorf("%s has the fixed %s %s", id, property, compact(r.Properties[property]))
				}
			}
		}
	}
}

func TestE22TwoStagesShareNothing(t *testing.T) {
	dev, test := synth(t), synth(t, "stage", "test", "identity", "existing")
	for _, pair := range [][2]template{{dev.data, test.data}, {dev.app, test.app}} {
		mentions(t, pair[0], "test")
		mentions(t, pair[1], "dev")
	}
	names := func(b built) []string {
		var all []string
		for _, in := range b.both() {
			for _, o := range in.Outputs {
				if export, ok := o.Export["Name"].(string); ok {
					all = append(all, export)
				}
			}
		}
		_, bus := one(t, b.app, "AWS::Events::EventBus", "")
		_, note := one(t, b.app, "AWS::SSM::Parameter", "")
		return append(all, bus.Properties["Name"].(string), note.Properties["Name"].(string))
	}
	for _, n := range names(dev) {
		if slices.Contains(names(test), n) {
			t.Errorf("both are called %s", n)
		}
	}
}

// mentions fails where a stage's template speaks of another stage.
func mentions(t *testing.T, in template, stage string) {
	t.Helper()
	other := regexp.MustCompile(`\b(Kesher-?` + stage + `|` + stage + `)\b`)
	walk(in.raw, in.Stack, func(path, text string) {
		if other.MatchString(text) {
			t.Errorf("%s speaks of %s: %s", path, stage, text)
		}
	})
}

func stacksOf(t *testing.T, stage string) (found Stacks) {
	t.Helper()
	s := settingsOf(t)
	s.Stage = stage
	synthesize(s, func(_ awscdk.App, stacks Stacks) { found = stacks })
	return found
}
