package stack

import (
	"encoding/json"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"github.com/kesher-io/kesher/shared/aws/env"
	"github.com/kesher-io/kesher/shared/aws/routes"
)

// newAPI makes the HTTP API without its routes: the functions read its address,
// and the routes lead to the functions. CORS is the functions' to answer: which
// origins may call stands in the catalog.
func (a *app) newAPI() awsapigatewayv2.CfnApi {
	api := awsapigatewayv2.NewCfnApi(a.stack, jsii.String("Api"), &awsapigatewayv2.CfnApiProps{
		Name:         jsii.String("Kesher-" + a.Stage),
		ProtocolType: jsii.String("HTTP"),
	})
	awsapigatewayv2.NewCfnStage(a.stack, jsii.String("ApiStage"), &awsapigatewayv2.CfnStageProps{
		ApiId:      api.Ref(),
		StageName:  jsii.String("$default"),
		AutoDeploy: jsii.Bool(true),
		DefaultRouteSettings: awsapigatewayv2.CfnStage_RouteSettingsProperty{
			ThrottlingRateLimit:  jsii.Number(a.Rate),
			ThrottlingBurstLimit: jsii.Number(2 * a.Rate),
		},
		AccessLogSettings: awsapigatewayv2.CfnStage_AccessLogSettingsProperty{
			DestinationArn: a.logGroup("ApiLogs").LogGroupArn(),
			Format:         jsii.String(accessLog()),
		},
	})
	return api
}

// accessLog is a line per request. It names the route and never the path, which
// may carry a token, nor who asked (E06).
func accessLog() string {
	line, err := json.Marshal(map[string]string{
		"at": "$context.requestTime", "request": "$context.requestId", "route": "$context.routeKey",
		"status": "$context.status", "ms": "$context.responseLatency", "bytes": "$context.responseLength",
		"error": "$context.integrationErrorMessage",
	})
	if err != nil {
		panic(err) // texts always marshal
	}
	return string(line)
}

// url is the address of the API, without a slash at its end.
func (a *app) url() *string { return a.api.AttrApiEndpoint() }

// serve leads every route to its function.
func (a *app) serve() {
	targets := map[env.Function]*string{}
	for _, r := range routes.All {
		if targets[r.Function] == nil {
			targets[r.Function] = a.newTarget(r.Function)
		}
		props := &awsapigatewayv2.CfnRouteProps{
			ApiId:             a.api.Ref(),
			RouteKey:          jsii.String(r.Key()),
			Target:            targets[r.Function],
			AuthorizationType: jsii.String("NONE"),
		}
		if r.Signed {
			props.AuthorizationType = jsii.String("AWS_IAM")
		}
		awsapigatewayv2.NewCfnRoute(a.stack, jsii.String("Route "+r.Key()), props)
	}
}

func (a *app) newTarget(f env.Function) *string {
	id := logical(string(f))
	integration := awsapigatewayv2.NewCfnIntegration(a.stack, jsii.String(id+"Integration"), &awsapigatewayv2.CfnIntegrationProps{
		ApiId:                a.api.Ref(),
		IntegrationType:      jsii.String("AWS_PROXY"),
		IntegrationUri:       a.functions[f].FunctionArn(),
		PayloadFormatVersion: jsii.String("2.0"),
	})
	a.permit(id+"FromApi", f, "apigateway.amazonaws.com", a.stack.FormatArn(&awscdk.ArnComponents{
		Service: jsii.String("execute-api"), Resource: a.api.Ref(), ResourceName: jsii.String("*/*"),
	}))
	return awscdk.Fn_Join(jsii.String("/"), &[]*string{jsii.String("integrations"), integration.Ref()})
}

// permit lets one thing of ours, and nothing else of that service, call f.
func (a *app) permit(id string, f env.Function, service string, source *string) {
	awslambda.NewCfnPermission(a.stack, jsii.String(id), &awslambda.CfnPermissionProps{
		Action:       jsii.String("lambda:InvokeFunction"),
		FunctionName: a.functions[f].FunctionArn(),
		Principal:    jsii.String(service),
		SourceArn:    source,
	})
}
