package stack

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"

	"github.com/kesher-io/kesher/shared/aws/env"
	"github.com/kesher-io/kesher/shared/aws/schema"
	"github.com/kesher-io/kesher/shared/core/item"
)

// right is one thing that a function may do: a word of the table in ARCHITECTURE
// section 6, which the test of this package holds once more in IAM's words. What
// the table grants for steps that are not built yet is not granted yet.
type right string

const (
	readCustomers   right = "read customers"
	queryIndex      right = "query the index"
	putCustomers    right = "put customers"
	deleteCustomers right = "delete customers"
	putLedger       right = "put ledger"
	readLedger      right = "read ledger"
	readCatalog     right = "read catalog"
	putCatalog      right = "put catalog"
	addInsights     right = "add to insights"
	readSecret      right = "read the secret"
	readKeys        right = "read the API keys"
	readTypeform    right = "read Typeform's secret"
	readFailures    right = "read failures"
	emit            right = "put events"
	sendMail        right = "send mail"
	// What Lambda itself does in a function's name.
	readStream  right = "read the stream"
	putFailures right = "put failures"
	writeLogs   right = "write logs"
	useKey      right = "use the key"
)

// everybody's rights.
var everybody = []right{readCustomers, readCatalog, addInsights, readSecret, writeLogs, useKey}

// rights of each function besides. Who may write which sort key is a rule of the
// code: IAM sees partition keys only.
var rights = map[env.Function][]right{
	env.Collect:  {putCustomers, putLedger, readKeys, readTypeform},
	env.Pages:    {putCustomers, putLedger},
	env.Journey:  {readStream, putFailures, putCustomers, deleteCustomers, putLedger, emit},
	env.Deliver:  {readStream, putFailures, putCustomers, sendMail},
	env.Feedback: {putFailures, putCustomers, putLedger},
	env.Clock:    {queryIndex, putCustomers, deleteCustomers, putLedger},
	env.Console:  {queryIndex, putCustomers, deleteCustomers, putLedger, readLedger, putCatalog, readFailures, readKeys},
}

// Actions on tables. A Check of a transaction is an action of its own; the
// ledger needs none, nor may what stands in it be overwritten by its readers.
var (
	readActions   = []string{"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"}
	putActions    = []string{"dynamodb:ConditionCheckItem", "dynamodb:PutItem"}
	deleteActions = []string{"dynamodb:DeleteItem"}
)

const (
	customers = item.Customers
	ledger    = item.Ledger
	catalog   = item.Catalog
	insights  = item.Insights
)

func (a *app) table(t item.Table) awsdynamodb.Table { return a.data.tables[t] }

// statements are a function's rights in IAM's words.
func (a *app) statements(f env.Function, logs awslogs.LogGroup) *[]awsiam.PolicyStatement {
	var all []awsiam.PolicyStatement
	for _, r := range slices.Concat(everybody, rights[f]) {
		if r == writeLogs {
			all = append(all, allow([]string{"logs:CreateLogStream", "logs:PutLogEvents"}, logs.LogGroupArn()))
			continue
		}
		all = append(all, a.statement(r)...)
	}
	return &all
}

func (a *app) statement(r right) []awsiam.PolicyStatement {
	one := func(actions []string, resources ...*string) []awsiam.PolicyStatement {
		return []awsiam.PolicyStatement{allow(actions, resources...)}
	}
	on := func(t item.Table) *string { return a.table(t).TableArn() }
	switch r {
	case readCustomers:
		return one(readActions, on(customers))
	case queryIndex:
		return one([]string{"dynamodb:Query"}, join(on(customers), "/index/"+schema.Index))
	case putCustomers:
		return one(putActions, on(customers))
	case deleteCustomers:
		return one(deleteActions, on(customers))
	case putLedger:
		return one([]string{"dynamodb:PutItem"}, on(ledger))
	case readLedger:
		return one(readActions, on(ledger))
	case readCatalog:
		return one(readActions, on(catalog))
	case putCatalog:
		return one(putActions, on(catalog))
	case addInsights:
		return one([]string{"dynamodb:UpdateItem"}, on(insights))
	case readSecret:
		return one([]string{"secretsmanager:GetSecretValue"}, arnOf(a.data.secret))
	case emit:
		return one([]string{"events:PutEvents"}, a.bus.EventBusArn())
	default:
		return a.further(r)
	}
}

// further are the rights that take more than one statement, or none.
func (a *app) further(r right) []awsiam.PolicyStatement {
	switch r {
	case readKeys:
		keys := []*string{arnOf(a.data.serverKey)}
		if a.IdentitySecret != "" {
			keys = append(keys, &a.IdentitySecret)
		}
		return []awsiam.PolicyStatement{allow([]string{"secretsmanager:GetSecretValue"}, keys...)}
	case readTypeform:
		if a.TypeformSecret == "" {
			return nil
		}
		return []awsiam.PolicyStatement{allow([]string{"secretsmanager:GetSecretValue"}, &a.TypeformSecret)}
	case readFailures, putFailures:
		action := map[right]string{readFailures: "s3:GetObject", putFailures: "s3:PutObject"}[r]
		return []awsiam.PolicyStatement{
			allow([]string{"s3:ListBucket"}, a.data.failures.BucketArn()), // also for Lambda, to put
			allow([]string{action}, join(a.data.failures.BucketArn(), "/*")),
		}
	case readStream:
		stream := a.table(customers).TableStreamArn()
		return []awsiam.PolicyStatement{
			allow([]string{"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}, stream),
			// A list is of all streams of the table (SAM's DynamoDBStreamReadPolicy).
			allow([]string{"dynamodb:ListStreams"}, join(a.table(customers).TableArn(), "/stream/*")),
		}
	case sendMail:
		return a.sender.statements()
	case useKey:
		if a.data.key == nil {
			return nil
		}
		return []awsiam.PolicyStatement{allow(keyActions, a.data.key.KeyArn())}
	}
	panic("no statement for the right to " + string(r))
}

func allow(actions []string, resources ...*string) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{Actions: jsii.Strings(actions...), Resources: &resources})
}

func join(token *string, text string) *string {
	return awscdk.Fn_Join(jsii.String(""), &[]*string{token, jsii.String(text)})
}
