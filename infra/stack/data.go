package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/kesher-io/kesher/shared/aws/schema"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow/erase"
)

// data is the stack that must outlive a mistake: deleted, it leaves behind
// tables, secrets and the key they are encrypted with.
type data struct {
	stack    awscdk.Stack
	key      awskms.Key // nil: AWS's own keys
	tables   map[item.Table]awsdynamodb.Table
	failures awss3.Bucket
	// secret keys all customers and is never rotated.
	secret    awssecretsmanager.Secret
	serverKey awssecretsmanager.Secret
	publicKey awsssm.StringParameter
}

func newData(scope constructs.Construct, p Props) *data {
	d := &data{stack: newStack(scope, p, "Data", "customers, consent, catalog and secrets"), tables: map[item.Table]awsdynamodb.Table{}}
	if p.CustomerKey {
		d.key = newKey(d.stack, p.Stage)
	}
	for _, t := range []item.Table{item.Customers, item.Ledger, item.Catalog, item.Insights} {
		d.tables[t] = d.table(t)
	}
	d.tables[item.Customers].AddGlobalSecondaryIndex(&awsdynamodb.GlobalSecondaryIndexProps{
		IndexName:      jsii.String(schema.Index),
		PartitionKey:   key(schema.IK),
		SortKey:        key(schema.IS),
		ProjectionType: awsdynamodb.ProjectionType_KEYS_ONLY,
	})
	d.failures = d.bucket()
	d.secrets()
	return d
}

func key(attribute string) *awsdynamodb.Attribute {
	return &awsdynamodb.Attribute{Name: jsii.String(attribute), Type: awsdynamodb.AttributeType_STRING}
}

// table makes one of the four. The ledger has a TTL attribute like the others,
// which no entry of consent ever sets.
func (d *data) table(t item.Table) awsdynamodb.Table {
	props := &awsdynamodb.TableProps{
		PartitionKey:        key(schema.PK),
		SortKey:             key(schema.SK),
		BillingMode:         awsdynamodb.BillingMode_PAY_PER_REQUEST,
		TimeToLiveAttribute: jsii.String(schema.TTL),
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{
			PointInTimeRecoveryEnabled: jsii.Bool(true),
			RecoveryPeriodInDays:       jsii.Number(erase.BackupDays),
		},
		DeletionProtection: jsii.Bool(true),
		RemovalPolicy:      awscdk.RemovalPolicy_RETAIN,
	}
	if t == item.Customers {
		props.Stream = awsdynamodb.StreamViewType_NEW_AND_OLD_IMAGES
	}
	if d.key != nil {
		props.Encryption, props.EncryptionKey = awsdynamodb.TableEncryption_CUSTOMER_MANAGED, d.key
	}
	return awsdynamodb.NewTable(d.stack, jsii.String(logical(string(t))), props)
}

// bucket takes the payloads that no handler could work. They are personal, so
// they go for good after a week: no versions, no replicas.
func (d *data) bucket() awss3.Bucket {
	props := &awss3.BucketProps{
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		EnforceSSL:        jsii.Bool(true),
		MinimumTLSVersion: jsii.Number(1.2),
		Encryption:        awss3.BucketEncryption_S3_MANAGED,
		RemovalPolicy:     awscdk.RemovalPolicy_RETAIN,
		LifecycleRules: &[]*awss3.LifecycleRule{{
			Expiration:                          awscdk.Duration_Days(jsii.Number(erase.FailureDays)),
			AbortIncompleteMultipartUploadAfter: awscdk.Duration_Days(jsii.Number(1)),
		}},
	}
	if d.key != nil {
		props.Encryption, props.EncryptionKey = awss3.BucketEncryption_KMS, d.key
		props.BucketKeyEnabled = jsii.Bool(true)
	}
	return awss3.NewBucket(d.stack, jsii.String("Failures"), props)
}

// secretLength is what shared/aws/secrets expects of a deploy.
const secretLength = 64

func (d *data) secrets() {
	d.secret = d.newSecret("Secret", "Keys every customer of this stage. Never rotate it: without it the data means nothing.",
		&awssecretsmanager.SecretStringGenerator{
			SecretStringTemplate: jsii.String("{}"),
			GenerateStringKey:    jsii.String("secret"),
			PasswordLength:       jsii.Number(secretLength),
			ExcludePunctuation:   jsii.Bool(true),
		}, awscdk.RemovalPolicy_RETAIN)
	d.serverKey = d.newSecret("ServerKey", "The server key of the tracking API. Functions read it when they start.",
		&awssecretsmanager.SecretStringGenerator{PasswordLength: jsii.Number(40), ExcludePunctuation: jsii.Bool(true)},
		awscdk.RemovalPolicy_DESTROY)
	// CloudFormation draws random texts only inside secrets. The public key stands
	// in every browser, so it has to be unlike any other stack's and not secret:
	// the stack's own unique id is that.
	d.publicKey = awsssm.NewStringParameter(d.stack, jsii.String("PublicKey"), &awsssm.StringParameterProps{
		Description: jsii.String("The public key of the tracking API: it stands in browsers."),
		StringValue: awscdk.Fn_Select(jsii.Number(2), awscdk.Fn_Split(jsii.String("/"), d.stack.StackId(), nil)),
	})
}

func (d *data) newSecret(id, says string, draw *awssecretsmanager.SecretStringGenerator, removal awscdk.RemovalPolicy) awssecretsmanager.Secret {
	props := &awssecretsmanager.SecretProps{
		Description:          jsii.String(says),
		GenerateSecretString: draw,
		RemovalPolicy:        removal,
	}
	if d.key != nil {
		props.EncryptionKey = d.key
	}
	return awssecretsmanager.NewSecret(d.stack, jsii.String(id), props)
}

// arnOf is a secret's ARN, by the attribute that says so: what Ref gives is the
// same on AWS, and the mere name in emulators.
func arnOf(s awssecretsmanager.Secret) *string {
	return s.Node().DefaultChild().(awssecretsmanager.CfnSecret).AttrId()
}

// serverKeyParameter is the server key as the Parameter Store names it: it hands
// out secrets of Secrets Manager under this prefix (Systems Manager user guide,
// "Referencing AWS Secrets Manager secrets from Parameter Store parameters").
// CloudFormation itself cannot create a SecureString. The name is the ARN's last
// part without the random end: CloudFormation makes it of the logical id and one
// more random text.
func (d *data) serverKeyParameter() *string {
	last := awscdk.Fn_Select(jsii.Number(6), awscdk.Fn_Split(jsii.String(":"), arnOf(d.serverKey), nil))
	words := awscdk.Fn_Split(jsii.String("-"), last, nil)
	return awscdk.Fn_Join(jsii.String(""), &[]*string{
		jsii.String("/aws/reference/secretsmanager/"),
		awscdk.Fn_Select(jsii.Number(0), words), jsii.String("-"), awscdk.Fn_Select(jsii.Number(1), words),
	})
}
