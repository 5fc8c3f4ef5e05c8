package stack

import (
	"fmt"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"

	"github.com/kesher-io/kesher/shared/aws/env"
	"github.com/kesher-io/kesher/shared/flow/erase"
)

// function is what the functions differ in besides their rights.
type function struct {
	name    env.Function
	says    string
	memory  int // MB; Lambda gives processor time in proportion
	timeout int // seconds
	// reserved is how many instances it may have, and has for sure, where the
	// account allows reservations; 0 shares what is left.
	reserved int
}

// functions are all of them. Those that somebody waits for get more memory. The
// door's reservation is a ceiling, so that a flood cannot take the instances that
// the others need; the clock's is a floor; deliver's divides the rate of SES.
var functions = []function{
	{name: env.Collect, says: "takes tracking calls, consent and answers", memory: 512, timeout: 15, reserved: 100},
	{name: env.Pages, says: "serves the links of mails", memory: 512, timeout: 15},
	{name: env.Journey, says: "feeds facts to journeys", memory: 256, timeout: 60},
	{name: env.Deliver, says: "takes due messages through the gate to SES", memory: 256, timeout: 60, reserved: 10},
	{name: env.Feedback, says: "takes in what SES reports", memory: 256, timeout: 30},
	{name: env.Clock, says: "works off what is due, every minute", memory: 512, timeout: 60, reserved: 2},
	{name: env.Console, says: "the admin API", memory: 512, timeout: 29},
}

// streamShards is how many instances of deliver share the rate of SES where
// nothing is reserved: a new on-demand table has four partitions, and a shard of
// its stream one instance (DynamoDB developer guide, "On-demand capacity mode").
// With more, SES says so, and messages are held for seconds.
const streamShards = 4

// newFunction leaves the platform's START, END and REPORT of every invocation out
// of the log (Lambda developer guide, "Log-level filtering"): they would be nine
// tenths of it, and a tenth of the bill; durations are metrics anyway.
func (a *app) newFunction(f function) awslambda.Function {
	id := logical(string(f.name))
	logs := a.logGroup(id + "Logs")
	props := &awslambda.FunctionProps{
		Description:      jsii.String("Kesher " + a.Stage + ": " + f.says),
		Runtime:          awslambda.Runtime_PROVIDED_AL2023(),
		Architecture:     a.architecture(),
		Handler:          jsii.String("bootstrap"),
		Code:             awslambda.Code_FromAsset(jsii.String(filepath.Join(a.Bootstraps, string(f.name))), nil),
		MemorySize:       jsii.Number(f.memory),
		Timeout:          awscdk.Duration_Seconds(jsii.Number(f.timeout)),
		Environment:      a.environment(f.name),
		LogGroup:         logs,
		LoggingFormat:    awslambda.LoggingFormat_JSON,
		SystemLogLevelV2: awslambda.SystemLogLevel_WARN,
		Role:             a.role(f.name, logs),
	}
	if a.Reserved && f.reserved > 0 {
		props.ReservedConcurrentExecutions = jsii.Number(f.reserved)
	}
	return awslambda.NewFunction(a.stack, jsii.String(id), props)
}

func (a *app) architecture() awslambda.Architecture {
	if a.Arch == X8664 {
		return awslambda.Architecture_X86_64()
	}
	return awslambda.Architecture_ARM_64()
}

func (a *app) logGroup(id string) awslogs.LogGroup {
	props := &awslogs.LogGroupProps{Retention: logRetention, RemovalPolicy: awscdk.RemovalPolicy_DESTROY}
	if a.data.key != nil {
		props.EncryptionKey = a.data.key
	}
	return awslogs.NewLogGroup(a.stack, jsii.String(id), props)
}

// logRetention is erase.LogDays; CloudWatch Logs offers only certain numbers.
var logRetention = map[int]awslogs.RetentionDays{
	7: awslogs.RetentionDays_ONE_WEEK, 14: awslogs.RetentionDays_TWO_WEEKS, 30: awslogs.RetentionDays_ONE_MONTH,
}[erase.LogDays]

func (a *app) role(f env.Function, logs awslogs.LogGroup) awsiam.IRole {
	document := awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: a.statements(f, logs)})
	return awsiam.NewRole(a.stack, jsii.String(logical(string(f))+"Role"), &awsiam.RoleProps{
		AssumedBy:      awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		Description:    jsii.String("What the function " + string(f) + " may do"),
		InlinePolicies: &map[string]awsiam.PolicyDocument{"Rights": document},
	})
}

// environment sets exactly what the function reads.
func (a *app) environment(f env.Function) *map[string]*string {
	values := a.values()
	set := map[string]*string{}
	for _, v := range env.Variables(f) {
		switch value := values[v.Name]; {
		case value != nil:
			set[string(v.Name)] = value
		case !v.Optional:
			panic(fmt.Sprintf("function %s reads %s, which the stack does not set", f, v.Name))
		}
	}
	return &set
}

func (a *app) values() map[env.Name]*string {
	optional := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	return map[env.Name]*string{
		env.Stage:                     &a.Stage,
		env.Domain:                    &a.Domain,
		env.PublicURL:                 a.url(),
		env.CustomersTable:            a.table(customers).TableName(),
		env.LedgerTable:               a.table(ledger).TableName(),
		env.CatalogTable:              a.table(catalog).TableName(),
		env.InsightsTable:             a.table(insights).TableName(),
		env.SecretID:                  arnOf(a.data.secret),
		env.PublicKey:                 a.data.publicKey.StringValue(),
		env.ServerKeyID:               arnOf(a.data.serverKey),
		env.IdentityID:                optional(a.IdentitySecret),
		env.TypeformID:                optional(a.TypeformSecret),
		env.ServiceConfigurationSet:   a.sender.service.ConfigurationSetName(),
		env.MarketingConfigurationSet: a.sender.marketing.ConfigurationSetName(),
		env.BusName:                   a.bus.EventBusName(),
		env.FailureBucket:             a.data.failures.BucketName(),
		env.Concurrency:               jsii.String(fmt.Sprint(a.deliverInstances())),
	}
}

func (a *app) deliverInstances() int {
	for _, f := range functions {
		if f.name == env.Deliver && a.Reserved {
			return f.reserved
		}
	}
	return streamShards
}
