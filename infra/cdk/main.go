// Command cdk is the CDK app: cdk.json runs it. It builds the functions and
// synthesizes the stacks of one stage.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/kesher-io/kesher/infra/binaries"
	"github.com/kesher-io/kesher/infra/stack"
)

func main() {
	defer jsii.Close()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		jsii.Close() // os.Exit runs nothing that was deferred
		os.Exit(1)
	}
}

func run() error {
	app := awscdk.NewApp(&awscdk.AppProps{PostCliContext: &stack.Context, AnalyticsReporting: jsii.Bool(false)})
	given, _ := app.Node().GetAllContext(nil).(map[string]any)
	settings, err := stack.ReadSettings(given)
	if err != nil {
		return err
	}
	folder, err := binaries.Build(context.Background(), ".", string(settings.Arch), binaries.Functions...)
	if err != nil {
		return err
	}
	stack.New(app, stack.Props{Settings: settings, Bootstraps: folder})
	app.Synth(nil)
	return nil
}
