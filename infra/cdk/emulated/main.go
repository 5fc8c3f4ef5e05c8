// Command emulated is infra/cdk for MiniStack with IAM enforced. The stacks are the
// same, with what the emulator needs besides: they are deployed with the caller's
// own credentials, and deliver may send whatever MiniStack calls the resource of
// a SendEmail, which is never the identity. TAKE_AWAY=Role=action denies a role
// one action more.
package main

import (
	"os"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"

	"github.com/kesher-io/kesher/infra/cdk/synth"
	"github.com/kesher-io/kesher/infra/stack"
)

func main() {
	synth.Main(func() awscdk.IStackSynthesizer { return awscdk.NewCliCredentialsStackSynthesizer(nil) }, adapt)
}

func adapt(stacks stack.Stacks) {
	add(stacks.App, "DeliverRole", "Allow", "ses:SendEmail", "ses:SendRawEmail")
	if role, action, ok := strings.Cut(os.Getenv("TAKE_AWAY"), "="); ok {
		add(stacks.App, role, "Deny", action)
	}
}

// add gives a role one more policy, about everything.
func add(in awscdk.Stack, role, effect string, actions ...string) {
	to := in.Node().FindChild(jsii.String(role)).Node().DefaultChild().(awsiam.CfnRole)
	awsiam.NewCfnPolicy(in, jsii.String(role+effect), &awsiam.CfnPolicyProps{
		PolicyName: jsii.String(effect),
		Roles:      &[]*string{to.Ref()},
		PolicyDocument: map[string]any{
			"Version":   "2012-10-17",
			"Statement": []map[string]any{{"Effect": effect, "Action": actions, "Resource": "*"}},
		},
	})
}
