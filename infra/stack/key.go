package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/jsii-runtime-go"
)

// newKey makes the one key of a stage that encrypts with a key of its own:
// tables and their stream, secrets, failure bucket and logs.
func newKey(stack awscdk.Stack, stage string) awskms.Key {
	k := awskms.NewKey(stack, jsii.String("Key"), &awskms.KeyProps{
		Description:       jsii.String("Encrypts what Kesher " + stage + " keeps"),
		EnableKeyRotation: jsii.Bool(true),
		RemovalPolicy:     awscdk.RemovalPolicy_RETAIN,
	})
	// CloudWatch Logs uses the key by the key's own policy (CloudWatch Logs user
	// guide, "Encrypt log data in CloudWatch Logs using AWS KMS"): here for the log
	// groups of this stage's App stack, whose names begin with the stack's.
	groups := stack.FormatArn(&awscdk.ArnComponents{
		Service: jsii.String("logs"), Resource: jsii.String("log-group"),
		ResourceName: jsii.String("Kesher-" + stage + "-App-*"), ArnFormat: awscdk.ArnFormat_COLON_RESOURCE_NAME,
	})
	k.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("logs."+*stack.Region()+".amazonaws.com"), nil)},
		Actions:    jsii.Strings(keyActions...),
		Resources:  jsii.Strings("*"), // in a key's own policy: this key
		Conditions: &map[string]any{"ArnLike": map[string]any{"kms:EncryptionContext:aws:logs:arn": groups}},
	}), nil)
	return k
}

// keyActions are what AWS's services ask of a key on behalf of who uses them
// (DynamoDB developer guide, "DynamoDB encryption at rest: usage notes").
var keyActions = []string{
	"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey",
	"kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo",
}
