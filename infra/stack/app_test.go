package stack

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/infra/binaries"
	"github.com/kesher-io/kesher/shared/aws/env"
	"github.com/kesher-io/kesher/shared/aws/routes"
	"github.com/kesher-io/kesher/shared/flow/delivery"
)

func TestEveryFunctionIsBuiltAndDeclaredForOneProcessor(t *testing.T) {
	for arch, b := range map[string]built{"arm64": synth(t), "x86_64": synth(t, "arch", "x86_64")} {
		if n := len(b.app.of("AWS::Lambda::Function")); n != len(binaries.Functions) {
			t.Fatalf("%s: %d functions are deployed, %d are built", arch, n, len(binaries.Functions))
		}
		for _, f := range binaries.Functions {
			_, fn := functionOf(b.app, f)
			p := fn.Properties
			if p["Runtime"] != "provided.al2023" || p["Handler"] != "bootstrap" || compact(p["Architectures"]) != `["`+arch+`"]` {
				t.Errorf("%s: %v %v %s", f, p["Runtime"], p["Handler"], compact(p["Architectures"]))
			}
		}
	}
}

func TestEachFunctionIsToldExactlyWhatItReads(t *testing.T) {
	b := synth(t)
	for _, f := range binaries.Functions {
		set := environmentOf(b.app, f)
		for _, v := range env.Variables(f) {
			if _, ok := set[string(v.Name)]; !ok && !v.Optional {
				t.Errorf("%s lacks %s", f, v.Name)
			}
			delete(set, string(v.Name))
		}
		if len(set) > 0 {
			t.Errorf("%s does not read %v", f, slices.Collect(maps.Keys(set)))
		}
	}
}

func TestConcurrencyIsReservedOnlyWhereItIsAsked(t *testing.T) {
	reserved := func(b built) map[env.Function]any {
		found := map[env.Function]any{}
		for _, f := range binaries.Functions {
			_, fn := functionOf(b.app, f)
			if n := fn.Properties["ReservedConcurrentExecutions"]; n != nil {
				found[f] = n
			}
		}
		return found
	}
	plain, asked := synth(t), synth(t, "reserved", "on")
	if got := reserved(plain); len(got) != 0 {
		t.Errorf("without being asked: %v", got)
	}
	if got := compact(reserved(asked)); got != `{"clock":2,"collect":100,"deliver":10}` {
		t.Errorf("when asked: %s", got)
	}
	// The rate of SES is divided by as many instances as there can be.
	if got := environmentOf(plain.app, env.Deliver)["KESHER_CONCURRENCY"]; got != "4" {
		t.Errorf("without reservation %v instances share the rate", got)
	}
	if got := environmentOf(asked.app, env.Deliver)["KESHER_CONCURRENCY"]; got != "10" {
		t.Errorf("with reservation %v instances share the rate", got)
	}
}

func TestBothConsumersReadTheStreamByTheDeliveryTable(t *testing.T) {
	b := synth(t)
	if n := len(b.app.of("AWS::Lambda::EventSourceMapping")); n != len(delivery.Consumers) {
		t.Fatalf("there are %d mappings, %d consumers", n, len(delivery.Consumers))
	}
	bucket, _ := one(t, b.data, "AWS::S3::Bucket", "")
	table, _ := one(t, b.data, "AWS::DynamoDB::Table", "Customers")
	for _, c := range delivery.Consumers {
		_, m := one(t, b.app, "AWS::Lambda::EventSourceMapping", logical(string(c)))
		p := m.Properties
		fn, _ := functionOf(b.app, env.Function(c))
		if get(p, "FunctionName", "Fn::GetAtt", 0) != fn || !refers(p["EventSourceArn"], table) || !strings.Contains(compact(p["EventSourceArn"]), "StreamArn") {
			t.Errorf("%s: %s reads %s", c, compact(p["FunctionName"]), compact(p["EventSourceArn"]))
		}
		if !refers(get(p, "DestinationConfig", "OnFailure", "Destination"), bucket) {
			t.Errorf("%s: failures go to %s", c, compact(p["DestinationConfig"]))
		}
		for name, want := range map[string]any{
			"StartingPosition": "TRIM_HORIZON", "MaximumRetryAttempts": -1.0, "MaximumRecordAgeInSeconds": 82800.0,
			"BisectBatchOnFunctionError": true, "ParallelizationFactor": 1.0, "BatchSize": 100.0,
		} {
			if p[name] != want {
				t.Errorf("%s: %s is %v, want %v", c, name, p[name], want)
			}
		}
		if compact(p["FunctionResponseTypes"]) != `["ReportBatchItemFailures"]` {
			t.Errorf("%s answers %s", c, compact(p["FunctionResponseTypes"]))
		}
		var patterns []delivery.Pattern
		for _, f := range get(p, "FilterCriteria", "Filters").([]any) {
			patterns = append(patterns, delivery.Pattern(get(f, "Pattern").(string)))
		}
		if !slices.Equal(patterns, delivery.For(c)) || len(patterns) > delivery.MaxPatterns {
			t.Errorf("%s lets through %v", c, patterns)
		}
	}
}

func TestEveryRouteLeadsToItsFunctionAndOnlyAdminIsSigned(t *testing.T) {
	b := synth(t)
	deployed := b.app.of("AWS::ApiGatewayV2::Route")
	if len(deployed) != len(routes.All) {
		t.Fatalf("%d routes are deployed, there are %d", len(deployed), len(routes.All))
	}
	for _, r := range deployed {
		key := r.Properties["RouteKey"].(string)
		i := slices.IndexFunc(routes.All, func(r routes.Route) bool { return r.Key() == key })
		if i < 0 {
			t.Errorf("nobody knows %s", key)
			continue
		}
		integration, _ := get(r.Properties, "Target", "Fn::Join", 1, 1, "Ref").(string)
		fn, _ := functionOf(b.app, routes.All[i].Function)
		target := b.app.Resources[integration].Properties
		if get(target, "IntegrationUri", "Fn::GetAtt", 0) != fn || target["PayloadFormatVersion"] != "2.0" || target["IntegrationType"] != "AWS_PROXY" {
			t.Errorf("%s leads to %s", key, compact(target))
		}
		want := "NONE"
		if strings.HasPrefix(key, "ANY /admin/") {
			want = "AWS_IAM"
		}
		if r.Properties["AuthorizationType"] != want {
			t.Errorf("%s is authorized by %v", key, r.Properties["AuthorizationType"])
		}
	}
}

func TestTheDoorIsThrottled(t *testing.T) {
	for want, b := range map[string]built{
		`{"ThrottlingBurstLimit":2000,"ThrottlingRateLimit":1000}`: synth(t),
		`{"ThrottlingBurstLimit":100,"ThrottlingRateLimit":50}`:    synth(t, "rate", "50"),
	} {
		_, stage := one(t, b.app, "AWS::ApiGatewayV2::Stage", "")
		if got := compact(stage.Properties["DefaultRouteSettings"]); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// Whoever may call a function is one thing of ours, never a whole service.
func TestNobodyElseMayCallAFunction(t *testing.T) {
	b := synth(t)
	who := map[string]string{}
	for id, r := range b.app.of("AWS::Lambda::Permission") {
		source := ""
		for other, o := range b.app.Resources {
			if (o.Type == "AWS::Events::Rule" || o.Type == "AWS::ApiGatewayV2::Api") && refers(r.Properties["SourceArn"], other) {
				source = other
			}
		}
		if source == "" || r.Properties["Action"] != "lambda:InvokeFunction" {
			t.Errorf("%s: %s", id, compact(r.Properties))
		}
		who[id] = source
	}
	want := map[string]string{
		"CollectFromApi": "Api", "PagesFromApi": "Api", "ConsoleFromApi": "Api", "ClockFromMinute": "Minute", "FeedbackFromReports": "Reports",
	}
	if !maps.Equal(who, want) {
		t.Fatalf("got %v, want %v", who, want)
	}
}

func TestTheClockStartsEveryMinuteAndNeverTwiceForOne(t *testing.T) {
	b := synth(t)
	_, rule := one(t, b.app, "AWS::Events::Rule", "Minute")
	if rule.Properties["ScheduleExpression"] != "rate(1 minute)" || get(rule.Properties, "Targets", 0, "RetryPolicy", "MaximumRetryAttempts") != 0.0 {
		t.Errorf("the rule is %s", compact(rule.Properties))
	}
	_, invoke := one(t, b.app, "AWS::Lambda::EventInvokeConfig", "Clock")
	if invoke.Properties["MaximumRetryAttempts"] != 0.0 {
		t.Errorf("Lambda tries %v times more", invoke.Properties["MaximumRetryAttempts"])
	}
	// No lease keeps two workers apart: the one has ended when the next begins.
	if _, f := one(t, b.app, "AWS::Lambda::Function", "Clock"); f.Properties["Timeout"] != 60.0 {
		t.Errorf("a minute's work may take %v s", f.Properties["Timeout"])
	}
}

// E25: SES's events come from our configuration sets to our rule, and from
// nowhere else to feedback.
func TestE25ReportsAreTakenOnlyThroughOurRuleAndConfigurationSets(t *testing.T) {
	b := synth(t)
	_, rule := one(t, b.app, "AWS::Events::Rule", "Reports")
	pattern := rule.Properties["EventPattern"]
	if compact(get(pattern, "source")) != `["aws.ses"]` || rule.Properties["EventBusName"] != nil {
		t.Errorf("the rule listens to %s", compact(rule.Properties))
	}
	sets := b.app.of("AWS::SES::ConfigurationSet")
	named := get(pattern, "detail", "mail", "tags", "ses:configuration-set").([]any)
	if len(named) != len(sets) {
		t.Errorf("the rule takes %s", compact(named))
	}
	for _, set := range named {
		if _, ours := sets[get(set, "Ref").(string)]; !ours {
			t.Errorf("%s is none of our sets", compact(set))
		}
	}
	fn, _ := functionOf(b.app, env.Feedback)
	if len(list(rule.Properties["Targets"])) != 1 || get(rule.Properties, "Targets", 0, "Arn", "Fn::GetAtt", 0) != fn {
		t.Errorf("the rule starts %s", compact(rule.Properties["Targets"]))
	}
	for id, d := range b.app.of("AWS::SES::ConfigurationSetEventDestination") {
		to := get(d.Properties, "EventDestination", "EventBridgeDestination", "EventBusArn")
		if !strings.HasSuffix(compact(to), `:event-bus/default"]]}`) {
			t.Errorf("%s sends to %s", id, compact(to))
		}
	}
}

func TestEveryReportOfSESThatTheSetsSendIsTakenByTheRule(t *testing.T) {
	b := synth(t)
	want := `["send","delivery","bounce","complaint","deliveryDelay","reject"]`
	for id, d := range b.app.of("AWS::SES::ConfigurationSetEventDestination") {
		if got := compact(get(d.Properties, "EventDestination", "MatchingEventTypes")); got != want {
			t.Errorf("%s sends %s", id, got)
		}
	}
	_, rule := one(t, b.app, "AWS::Events::Rule", "Reports")
	taken := compact(get(rule.Properties, "EventPattern", "detail-type"))
	for _, event := range []string{events.SESSend, events.SESDelivery, events.SESBounce, events.SESComplaint, events.SESDeliveryDelay, events.SESReject} {
		if !strings.Contains(taken, `"`+events.SESDetailTypes[event]+`"`) {
			t.Errorf("%s is not taken: %s", event, taken)
		}
	}
}

func TestB11ServiceMailHasAConfigurationSetOfItsOwn(t *testing.T) {
	set := environmentOf(synth(t).app, env.Deliver)
	service, marketing := compact(set["KESHER_SERVICE_CONFIGURATION_SET"]), compact(set["KESHER_MARKETING_CONFIGURATION_SET"])
	if service == marketing || !strings.Contains(service, `"ServiceMail`) || !strings.Contains(marketing, `"MarketingMail`) {
		t.Fatalf("service mail leaves under %s, the rest under %s", service, marketing)
	}
}

func TestTheDomainIsVerifiedUnlessSESHasIt(t *testing.T) {
	b := synth(t)
	_, identity := one(t, b.app, "AWS::SES::EmailIdentity", "")
	p := identity.Properties
	if p["EmailIdentity"] != "mail.example.com" || get(p, "DkimSigningAttributes", "NextSigningKeyLength") != "RSA_2048_BIT" ||
		get(p, "MailFromAttributes", "MailFromDomain") != "bounce.mail.example.com" {
		t.Errorf("the identity is %s", compact(p))
	}
	for _, name := range []string{"DnsDkim1", "DnsDkim2", "DnsDkim3", "DnsMailFrom", "DnsSpf", "DnsDmarc"} {
		if b.app.Outputs[name].Value == nil {
			t.Errorf("the record %s is not printed", name)
		}
	}
	existing := synth(t, "identity", "existing")
	if n := len(existing.app.of("AWS::SES::EmailIdentity")); n != 0 || existing.app.Outputs["DnsSpf"].Value != nil {
		t.Errorf("the domain that SES has is made anew (%d)", n)
	}
}

func TestADeployTellsWhereItIs(t *testing.T) {
	b := synth(t)
	for _, name := range []string{"ApiUrl", "PublicKeyParameter", "ServerKeyParameter"} {
		if b.app.Outputs[name].Value == nil {
			t.Errorf("there is no output %s", name)
		}
	}
	if got := compact(b.app.Outputs["ServerKeyParameter"].Value); !strings.Contains(got, `"/aws/reference/secretsmanager/"`) {
		t.Errorf("the server key is %s", got)
	}
	note, r := one(t, b.app, "AWS::SSM::Parameter", "")
	fn, _ := functionOf(b.app, env.Console)
	if r.Properties["Name"] != "/kesher/dev/console" || get(r.Properties, "Value", "Ref") != fn {
		t.Errorf("%s notes %s", note, compact(r.Properties))
	}
}

func TestABoundaryAndTagsAreOnEverything(t *testing.T) {
	for given, want := range map[string]string{
		"Limits": `:policy/Limits"]]}`,
		"arn:aws:iam::111122223333:policy/Limits": `"arn:aws:iam::111122223333:policy/Limits"`,
	} {
		b := synth(t, "boundary", given, "tags", "team=growth")
		for id, role := range b.app.of("AWS::IAM::Role") {
			if got := compact(role.Properties["PermissionsBoundary"]); !strings.HasSuffix(got, want) {
				t.Errorf("%s is bound by %s", id, got)
			}
		}
		for _, in := range b.both() {
			for id, r := range in.Resources {
				if tags := compact(r.Properties["Tags"]); r.Properties["Tags"] != nil && (!strings.Contains(tags, "growth") || !strings.Contains(tags, "kesher-stage")) {
					t.Errorf("%s has the tags %s", id, tags)
				}
			}
		}
	}
}

func TestProdIsNotDeletedByMistake(t *testing.T) {
	if *stacksOf(t, "prod").Data.TerminationProtection() != true || *stacksOf(t, "dev").Data.TerminationProtection() != false {
		t.Fatal("termination protection is for prod")
	}
}
