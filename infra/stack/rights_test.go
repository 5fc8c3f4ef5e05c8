package stack

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/aws/env"
)

// grants are the actions that a function is allowed, by what on: the table of
// ARCHITECTURE section 6 in IAM's words, without the rights that nothing built so
// far uses: to invoke functions (the step `call`), and for clock to put events.
type grants map[string]string

const (
	reads = "dynamodb:BatchGetItem dynamodb:GetItem dynamodb:Query"
	puts  = "dynamodb:ConditionCheckItem dynamodb:PutItem"
	adds  = "dynamodb:PutItem" // what stands in the ledger can be added to, no more
)

// everyone reads customers, catalog and the secret, adds to insights, and logs.
var everyone = grants{
	"Customers": reads, "Catalog": reads, "Insights": "dynamodb:UpdateItem",
	"Secret": "secretsmanager:GetSecretValue", "own logs": "logs:CreateLogStream logs:PutLogEvents",
}

// The server key is read by those who are called with it. The public one stands
// in their environment, as it does in every browser.
var apiKeys = grants{"ServerKey": "secretsmanager:GetSecretValue"}

// consumer is what Lambda does in the name of a function that reads the stream.
var consumer = grants{
	"Customers stream":   "dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator",
	"Customers/stream/*": "dynamodb:ListStreams",
	"Failures":           "s3:ListBucket", "Failures/*": "s3:PutObject",
}

var wanted = map[env.Function]grants{
	env.Collect: together(apiKeys, grants{"Customers": puts, "Ledger": adds}),
	env.Pages:   {"Customers": puts, "Ledger": adds},
	env.Journey: together(consumer, grants{
		"Customers": puts + " dynamodb:DeleteItem", "Ledger": adds, "Bus": "events:PutEvents",
	}),
	env.Deliver: together(consumer, grants{
		"Customers": puts, "*": "ses:GetAccount",
		"identity/* from the domain":    "ses:SendEmail ses:SendRawEmail",
		"ServiceMail from the domain":   "ses:SendEmail ses:SendRawEmail",
		"MarketingMail from the domain": "ses:SendEmail ses:SendRawEmail",
	}),
	env.Feedback: {"Customers": puts, "Ledger": adds, "Failures": "s3:ListBucket", "Failures/*": "s3:PutObject"},
	env.Clock: {
		"Customers": puts + " dynamodb:DeleteItem", "Customers/index/lists": "dynamodb:Query", "Ledger": adds,
	},
	env.Console: together(apiKeys, grants{
		"Customers": puts + " dynamodb:DeleteItem", "Customers/index/lists": "dynamodb:Query", "Ledger": adds + " " + reads,
		"Catalog": puts, "Failures": "s3:ListBucket", "Failures/*": "s3:GetObject",
	}),
}

func together(all ...grants) grants {
	sum := grants{}
	for _, g := range all {
		for on, actions := range g {
			sum[on] = strings.TrimSpace(sum[on] + " " + actions)
		}
	}
	for on, actions := range sum {
		list := strings.Fields(actions)
		slices.Sort(list)
		sum[on] = strings.Join(slices.Compact(list), " ")
	}
	return sum
}

func TestE21EachFunctionMayDoExactlyWhatTheTableSays(t *testing.T) {
	b := synth(t)
	for f, own := range wanted {
		compare(t, string(f), granted(t, b, f), together(everyone, own))
	}
}

func TestE21ARightThatNobodyListedIsFound(t *testing.T) {
	b := synthesize(settingsOf(t), nil)
	role := roleOf(t, b.app, env.Pages)
	statements := get(role.Properties, "Policies", 0, "PolicyDocument", "Statement").([]any)
	statements[0].(map[string]any)["Action"] = append(get(statements, 0, "Action").([]any), "dynamodb:Scan")
	if got := granted(t, b, env.Pages); got["Customers"] == together(everyone, wanted[env.Pages])["Customers"] {
		t.Fatal("a Scan of customers was not seen")
	}
}

func TestAnIdentitySecretIsReadByThoseWhoProveUsersByIt(t *testing.T) {
	const arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop-AbCdEf"
	b := synth(t, "identity-secret", arn)
	more := grants{arn: "secretsmanager:GetSecretValue"}
	for _, f := range []env.Function{env.Collect, env.Console} {
		compare(t, string(f), granted(t, b, f), together(everyone, wanted[f], more))
		if got := environmentOf(b.app, f)["KESHER_IDENTITY_ID"]; got != arn {
			t.Errorf("%s is told %v", f, got)
		}
	}
}

func TestTypeformsSecretIsReadByCollectAlone(t *testing.T) {
	const arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:form-AbCdEf"
	b := synth(t, "typeform-secret", arn)
	compare(t, "collect", granted(t, b, env.Collect), together(everyone, wanted[env.Collect], grants{arn: "secretsmanager:GetSecretValue"}))
	compare(t, "console", granted(t, b, env.Console), together(everyone, wanted[env.Console]))
	if got := environmentOf(b.app, env.Collect)["KESHER_TYPEFORM_ID"]; got != arn {
		t.Errorf("collect is told %v", got)
	}
}

func compare(t *testing.T, f string, got, want grants) {
	t.Helper()
	for _, on := range slices.Sorted(maps.Keys(together(got, want))) {
		if got[on] != want[on] {
			t.Errorf("%s on %s:\n got %q\nwant %q", f, on, got[on], want[on])
		}
	}
}

// granted reads all policies of a function's role.
func granted(t *testing.T, b built, f env.Function) grants {
	t.Helper()
	role := roleOf(t, b.app, f)
	if managed := role.Properties["ManagedPolicyArns"]; managed != nil {
		t.Fatalf("%s has managed policies, whose rights nobody here holds: %v", f, managed)
	}
	if policies := b.app.of("AWS::IAM::Policy"); len(policies) > 0 {
		t.Fatalf("there are policies beside the roles: %v", slices.Collect(maps.Keys(policies)))
	}
	all := grants{}
	for _, policy := range role.Properties["Policies"].([]any) {
		for _, s := range get(policy, "PolicyDocument", "Statement").([]any) {
			if get(s, "Effect") != "Allow" || get(s, "NotAction") != nil || get(s, "NotResource") != nil {
				t.Fatalf("%s: a statement that this test cannot read: %s", f, compact(s))
			}
			for _, r := range list(get(s, "Resource")) {
				on := nameOf(b, f, r) + nameOfCondition(t, get(s, "Condition"))
				for _, action := range list(get(s, "Action")) {
					all[on] += " " + action.(string)
				}
			}
		}
	}
	return together(all)
}

// nameOf names a resource of a policy: by the construct that it refers to, with
// what stands behind that in the ARN.
func nameOf(b built, f env.Function, r any) string {
	if text, ok := r.(string); ok {
		return text
	}
	suffix := ""
	walk(r, "", func(_, text string) {
		if strings.HasPrefix(text, "/") || strings.HasPrefix(text, ":identity/") {
			suffix = strings.TrimPrefix(text, ":")
		}
	})
	for _, t := range b.both() {
		for id := range t.Resources {
			if !refers(r, id) {
				continue
			}
			name := strings.TrimRight(id, "0123456789ABCDEF")
			switch {
			case strings.Contains(compact(r), "StreamArn"):
				return name + " stream"
			case name == logical(string(f))+"Logs":
				return "own logs"
			}
			return name + suffix
		}
	}
	return suffix
}

func nameOfCondition(t *testing.T, condition any) string {
	if condition == nil {
		return ""
	}
	if compact(condition) == `{"StringLike":{"ses:FromAddress":["*@mail.example.com","*@*.mail.example.com"]}}` {
		return " from the domain"
	}
	t.Fatalf("a condition that this test cannot read: %s", compact(condition))
	return ""
}

func list(v any) []any {
	if many, ok := v.([]any); ok {
		return many
	}
	return []any{v}
}

// functionOf is the resource of a function.
func functionOf(in template, f env.Function) (string, resource) {
	for id, r := range in.of("AWS::Lambda::Function") {
		if strings.TrimRight(id, "0123456789ABCDEF") == logical(string(f)) {
			return id, r
		}
	}
	panic(fmt.Sprintf("%s has no function %s", in.Stack, f))
}

func roleOf(t *testing.T, in template, f env.Function) resource {
	t.Helper()
	_, fn := functionOf(in, f)
	id, _ := get(fn.Properties, "Role", "Fn::GetAtt", 0).(string)
	role, ok := in.Resources[id]
	if !ok {
		t.Fatalf("%s has the role %s", f, compact(fn.Properties["Role"]))
	}
	return role
}

func environmentOf(in template, f env.Function) map[string]any {
	_, fn := functionOf(in, f)
	return maps.Clone(get(fn.Properties, "Environment", "Variables").(map[string]any))
}

func settingsOf(t *testing.T) Settings {
	t.Helper()
	s, err := ReadSettings(map[string]any{"domain": "mail.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
