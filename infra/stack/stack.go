// Package stack is Kesher on AWS: two CDK stacks per stage, `Kesher-<stage>-Data`
// with everything that must outlive a mistake, and `Kesher-<stage>-App` with
// everything that can be deployed anew. It knows AWS's resources and who may do
// what to them. Names, filters, routes, attributes and retention are facts of the
// packages that also use them at run time; here they are only deployed. It makes
// no call to AWS, and nothing but infra/cdk imports it.
package stack

import (
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// Props are what the stacks are made from.
type Props struct {
	Settings
	// Bootstraps is the folder that holds <function>/bootstrap, built for Arch.
	Bootstraps string
	// Synthesizer overrides how the CLI deploys; nil is CDK's default.
	Synthesizer func() awscdk.IStackSynthesizer
}

// Stacks are the two of a stage.
type Stacks struct {
	Data, App awscdk.Stack
}

// Context is the app's context that holds whoever synthesizes it: CDK's
// behaviour that we count on and that older apps are spared from by default.
var Context = map[string]any{
	"@aws-cdk/core:checkSecretUsage":            true, // no secret's value in a template
	"@aws-cdk/aws-iam:minimizePolicies":         true,
	"@aws-cdk/core:defaultCrossStackReferences": "strong", // nobody deletes what App still uses
	"@aws-cdk/core:target-partitions":           []string{"aws", "aws-us-gov"},
}

// New adds the stacks of one stage to an app.
func New(app awscdk.App, p Props) Stacks {
	d := newData(app, p)
	a := newApp(app, p, d)
	awscdk.Tags_Of(app).Add(jsii.String("kesher-stage"), jsii.String(p.Stage), nil)
	for _, key := range slices.Sorted(maps.Keys(p.Tags)) {
		awscdk.Tags_Of(app).Add(jsii.String(key), jsii.String(p.Tags[key]), nil)
	}
	return Stacks{Data: d.stack, App: a.stack}
}

// newStack makes one of them. Names of resources are CloudFormation's to give:
// a fixed one could not be replaced, nor deployed twice in an account.
func newStack(scope constructs.Construct, p Props, part, says string) awscdk.Stack {
	props := &awscdk.StackProps{
		Description:           jsii.String("Kesher " + p.Stage + ": " + says),
		TerminationProtection: jsii.Bool(p.Stage == "prod"),
	}
	if p.Synthesizer != nil {
		props.Synthesizer = p.Synthesizer()
	}
	stack := awscdk.NewStack(scope, jsii.String("Kesher-"+p.Stage+"-"+part), props)
	if p.Boundary != "" {
		awsiam.PermissionsBoundary_Of(stack).Apply(boundary(stack, p.Boundary))
	}
	return stack
}

func boundary(stack awscdk.Stack, nameOrARN string) awsiam.IManagedPolicy {
	if isARN(nameOrARN) {
		return awsiam.ManagedPolicy_FromManagedPolicyArn(stack, jsii.String("Boundary"), jsii.String(nameOrARN))
	}
	return awsiam.ManagedPolicy_FromManagedPolicyName(stack, jsii.String("Boundary"), jsii.String(nameOrARN))
}

func isARN(s string) bool { return len(s) > 4 && s[:4] == "arn:" }
