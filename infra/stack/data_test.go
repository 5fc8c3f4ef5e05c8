package stack

import (
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/flow/erase"
)

func TestEveryTableSurvivesMistakesAndForgetsInTime(t *testing.T) {
	b := synth(t)
	tables := b.data.of("AWS::DynamoDB::Table")
	if len(tables) != 4 || len(b.app.of("AWS::DynamoDB::Table")) != 0 {
		t.Fatalf("%d tables in Data, %d in App; want 4 and none", len(tables), len(b.app.of("AWS::DynamoDB::Table")))
	}
	for id, table := range tables {
		p := table.Properties
		if p["DeletionProtectionEnabled"] != true || table.DeletionPolicy != "Retain" {
			t.Errorf("%s can be deleted", id)
		}
		if get(p, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled") != true {
			t.Errorf("%s has no point-in-time recovery", id)
		}
		if compact(p["TimeToLiveSpecification"]) != `{"AttributeName":"ttl","Enabled":true}` {
			t.Errorf("%s: TTL is %s", id, compact(p["TimeToLiveSpecification"]))
		}
		if p["BillingMode"] != "PAY_PER_REQUEST" {
			t.Errorf("%s is paid as %v", id, p["BillingMode"])
		}
		if compact(p["KeySchema"]) != `[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}]` {
			t.Errorf("%s: keys are %s", id, compact(p["KeySchema"]))
		}
	}
}

func TestOnlyCustomersHaveAStreamAndAnIndexOfKeys(t *testing.T) {
	b := synth(t)
	id, customers := one(t, b.data, "AWS::DynamoDB::Table", "Customers")
	if got := get(customers.Properties, "StreamSpecification", "StreamViewType"); got != "NEW_AND_OLD_IMAGES" {
		t.Errorf("the stream shows %v", got)
	}
	want := `[{"IndexName":"lists","KeySchema":[{"AttributeName":"ik","KeyType":"HASH"},{"AttributeName":"is","KeyType":"RANGE"}],"Projection":{"ProjectionType":"KEYS_ONLY"}}]`
	if got := compact(customers.Properties["GlobalSecondaryIndexes"]); got != want {
		t.Errorf("indexes are %s", got)
	}
	for other, table := range b.data.of("AWS::DynamoDB::Table") {
		if other != id && (table.Properties["StreamSpecification"] != nil || table.Properties["GlobalSecondaryIndexes"] != nil) {
			t.Errorf("%s has a stream or an index", other)
		}
	}
}

// E30: how long each place keeps what it holds, and how long it may at most.
func TestE30NothingIsKeptLongerThanItsTableSays(t *testing.T) {
	for what, days := range map[string][2]float64{
		"logs": {erase.LogDays, 30}, "backups": {erase.BackupDays, 35}, "failures": {erase.FailureDays, 14},
	} {
		if days[0] > days[1] {
			t.Errorf("%s are kept %v days, %v are the most", what, days[0], days[1])
		}
	}
	b := synth(t)
	for _, in := range b.both() {
		for id, r := range in.of("AWS::Logs::LogGroup") {
			if r.Properties["RetentionInDays"] != float64(erase.LogDays) {
				t.Errorf("%s keeps lines for %v days", id, r.Properties["RetentionInDays"])
			}
		}
		for id, r := range in.of("AWS::DynamoDB::Table") {
			if got := get(r.Properties, "PointInTimeRecoverySpecification", "RecoveryPeriodInDays"); got != float64(erase.BackupDays) {
				t.Errorf("%s can be recovered for %v days", id, got)
			}
		}
		for id, r := range in.of("AWS::S3::Bucket") {
			rule := get(r.Properties, "LifecycleConfiguration", "Rules", 0)
			if get(rule, "ExpirationInDays") != float64(erase.FailureDays) || get(rule, "Status") != "Enabled" || get(rule, "Prefix") != nil {
				t.Errorf("%s forgets by %s", id, compact(rule))
			}
			if r.Properties["VersioningConfiguration"] != nil {
				t.Errorf("%s keeps versions of what it forgets", id)
			}
		}
	}
}

func TestEveryFunctionAndTheDoorWriteToALogGroupOfOurs(t *testing.T) {
	b := synth(t)
	for id, fn := range b.app.of("AWS::Lambda::Function") {
		group, _ := get(fn.Properties, "LoggingConfig", "LogGroup", "Ref").(string)
		if b.app.Resources[group].Type != "AWS::Logs::LogGroup" {
			t.Errorf("%s logs to %s", id, compact(fn.Properties["LoggingConfig"]))
		}
	}
}

func TestE06TheDoorsLogNamesNobody(t *testing.T) {
	_, stage := one(t, synth(t).app, "AWS::ApiGatewayV2::Stage", "")
	format := get(stage.Properties, "AccessLogSettings", "Format").(string)
	for _, never := range []string{"path", "ip", "Ip", "identity", "userAgent", "authorizer", "query", "header"} {
		if strings.Contains(format, never) {
			t.Errorf("%q is in %s", never, format)
		}
	}
}

func TestE23EverythingIsEncryptedByTheAccountsKeyWhereItIsAsked(t *testing.T) {
	b := synth(t, "keys", "customer")
	key, r := one(t, b.data, "AWS::KMS::Key", "")
	if r.Properties["EnableKeyRotation"] != true || r.DeletionPolicy != "Retain" {
		t.Error("the key is not rotated, or goes with the stack")
	}
	where := map[string][]any{
		"AWS::DynamoDB::Table":        {"SSESpecification", "KMSMasterKeyId"},
		"AWS::S3::Bucket":             {"BucketEncryption", "ServerSideEncryptionConfiguration", 0, "ServerSideEncryptionByDefault", "KMSMasterKeyID"},
		"AWS::SecretsManager::Secret": {"KmsKeyId"},
		"AWS::Logs::LogGroup":         {"KmsKeyId"},
	}
	for kind, path := range where {
		found := 0
		for _, in := range b.both() {
			for id, r := range in.of(kind) {
				found++
				if !refers(get(r.Properties, path...), key) {
					t.Errorf("%s is not encrypted by the key: %s", id, compact(get(r.Properties, path...)))
				}
			}
		}
		if found == 0 {
			t.Errorf("there is no %s", kind)
		}
	}
	for f := range wanted {
		if _, ok := granted(t, b, f)["Key"]; !ok {
			t.Errorf("%s may not use the key", f)
		}
	}
}

func TestE23TheFailureBucketTakesNothingInTheOpen(t *testing.T) {
	b := synth(t)
	_, bucket := one(t, b.data, "AWS::S3::Bucket", "")
	if compact(bucket.Properties["PublicAccessBlockConfiguration"]) != `{"BlockPublicAcls":true,"BlockPublicPolicy":true,"IgnorePublicAcls":true,"RestrictPublicBuckets":true}` {
		t.Errorf("the public is let in: %s", compact(bucket.Properties["PublicAccessBlockConfiguration"]))
	}
	_, policy := one(t, b.data, "AWS::S3::BucketPolicy", "")
	for _, want := range []string{`"Condition":{"Bool":{"aws:SecureTransport":"false"}},"Effect":"Deny"`, `"Condition":{"NumericLessThan":{"s3:TlsVersion":1.2}},"Effect":"Deny"`} {
		if !strings.Contains(compact(policy.Properties), want) {
			t.Errorf("the policy lacks %s: %s", want, compact(policy.Properties))
		}
	}
}

func TestE24NoSecretStandsInATemplateOrAnEnvironment(t *testing.T) {
	b := synth(t)
	for _, in := range b.both() {
		walk(in.raw, in.Stack, func(path, text string) {
			if strings.Contains(text, "{{resolve:") {
				t.Errorf("%s is filled in with %s", path, text)
			}
		})
		for id, r := range in.of("AWS::SecretsManager::Secret") {
			if r.Properties["SecretString"] != nil || r.Properties["GenerateSecretString"] == nil {
				t.Errorf("%s is not drawn by Secrets Manager", id)
			}
		}
	}
	// Names of secrets, and the one key that is none.
	names := map[string]bool{"KESHER_SECRET_ID": true, "KESHER_SERVER_KEY_ID": true, "KESHER_PUBLIC_KEY": true}
	for f := range wanted {
		for name := range environmentOf(b.app, f) {
			if secretive(name) && !names[name] {
				t.Errorf("%s is given %s", f, name)
			}
		}
	}
}

// secretive says whether a name sounds as if a secret stood behind it.
func secretive(name string) bool {
	for _, word := range []string{"SECRET", "KEY", "TOKEN", "PASSWORD", "IDENTITY"} {
		if strings.Contains(strings.ReplaceAll(name, "KESHER_", ""), word) {
			return true
		}
	}
	return false
}

func TestTheSecretOutlivesItsStackAndIsAsTheFunctionsReadIt(t *testing.T) {
	b := synth(t)
	for id, r := range b.data.of("AWS::SecretsManager::Secret") {
		if !strings.HasPrefix(id, "Secret") {
			continue
		}
		want := `{"ExcludePunctuation":true,"GenerateStringKey":"secret","PasswordLength":64,"SecretStringTemplate":"{}"}`
		if got := compact(r.Properties["GenerateSecretString"]); got != want || r.DeletionPolicy != "Retain" {
			t.Errorf("%s: %s, on deletion %s", id, got, r.DeletionPolicy)
		}
	}
}
