package stack

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/kesher-io/kesher/shared/aws/env"
	"github.com/kesher-io/kesher/shared/flow/delivery"
)

// app is the stack of everything that can be deployed anew.
type app struct {
	Props
	stack     awscdk.Stack
	data      *data
	api       awsapigatewayv2.CfnApi
	bus       awsevents.EventBus // this stage's own, for what Kesher tells the outside
	sender    sender
	functions map[env.Function]awslambda.Function
	mappings  map[delivery.Consumer]awslambda.CfnEventSourceMapping
}

func newApp(scope constructs.Construct, p Props, d *data) *app {
	a := &app{
		Props:     p,
		stack:     newStack(scope, p, "App", "functions, HTTP API, clock and mail"),
		data:      d,
		functions: map[env.Function]awslambda.Function{},
		mappings:  map[delivery.Consumer]awslambda.CfnEventSourceMapping{},
	}
	a.bus = awsevents.NewEventBus(a.stack, jsii.String("Bus"), &awsevents.EventBusProps{
		Description: jsii.String("What Kesher " + p.Stage + " tells: consent, engagement, erasure; nothing personal"),
	})
	a.sender = a.newSender()
	a.api = a.newAPI()
	for _, spec := range functions {
		a.functions[spec.name] = a.newFunction(spec)
	}
	a.serve()
	for _, consumer := range delivery.Consumers {
		a.mappings[consumer] = a.newMapping(consumer)
	}
	a.everyMinute()
	a.reports()
	alarms := a.alarms()
	a.dashboard(alarms)
	a.budget()
	a.note()
	a.outputs()
	return a
}

// note tells the command where the stage is: the one name that is fixed, since
// nobody can look for what has none.
func (a *app) note() {
	awsssm.NewStringParameter(a.stack, jsii.String("Console name"), &awsssm.StringParameterProps{
		ParameterName: jsii.String(env.ConsoleParameter(a.Stage)),
		StringValue:   a.functions[env.Console].FunctionName(),
		Description:   jsii.String("The function that kesher --target aws:" + a.Stage + " asks"),
	})
}

func (a *app) outputs() {
	output(a.stack, "ApiUrl", a.url(), "Where tracking calls and links go")
	output(a.stack, "PublicKeyParameter", a.data.publicKey.ParameterName(), "SSM parameter with the key for browsers")
	output(a.stack, "ServerKeyParameter", a.data.serverKeyParameter(), "SSM parameter with the key for servers: aws ssm get-parameter --with-decryption --name ...")
	output(a.stack, "BusName", a.bus.EventBusName(), "EventBridge bus of what Kesher tells")
}

func output(stack awscdk.Stack, name string, value *string, says string) {
	awscdk.NewCfnOutput(stack, jsii.String(name), &awscdk.CfnOutputProps{Value: value, Description: jsii.String(says)})
}

// logical is the id of the construct for something that has a name already.
func logical(name string) string {
	var id strings.Builder
	for word := range strings.SplitSeq(name, "-") {
		id.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return id.String()
}
