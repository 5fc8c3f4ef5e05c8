// Package synth is what the CDK apps do alike: read the settings of the deploy,
// build the functions and synthesize the stacks of one stage. What an app does
// otherwise is its own to say.
package synth

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/kesher-io/kesher/infra/binaries"
	"github.com/kesher-io/kesher/infra/stack"
)

// Main is an app. synthesizer may be nil; change, which sees the stacks before
// they are synthesized, too.
func Main(synthesizer func() awscdk.IStackSynthesizer, change func(stack.Stacks)) {
	defer jsii.Close()
	if err := run(synthesizer, change); err != nil {
		fmt.Fprintln(os.Stderr, err)
		jsii.Close() // os.Exit runs nothing that was deferred
		os.Exit(1)
	}
}

func run(synthesizer func() awscdk.IStackSynthesizer, change func(stack.Stacks)) error {
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
	stacks := stack.New(app, stack.Props{Settings: settings, Bootstraps: folder, Synthesizer: synthesizer})
	if change != nil {
		change(stacks)
	}
	app.Synth(nil)
	return nil
}
