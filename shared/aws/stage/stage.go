// Package stage finds a deployed stage from outside, for the command: with the
// credentials of whoever calls it, and nothing but the stage's name.
package stage

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/kesher-io/kesher/shared/aws/env"
	"github.com/kesher-io/kesher/shared/aws/lambda"
	"github.com/kesher-io/kesher/shared/aws/transport"
)

// Config is the AWS configuration of who calls the command: environment, profile,
// SSO, as every AWS tool finds it.
func Config(ctx context.Context) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if client, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok {
		cfg.HTTPClient = transport.Over(client) // the loader takes no other client when AWS_CA_BUNDLE is set
	}
	if err == nil && cfg.Region == "" {
		err = errors.New("no region (set AWS_REGION, or a region in the profile)")
	}
	if err != nil {
		return cfg, fmt.Errorf("AWS: %w", err)
	}
	return cfg, nil
}

// Console finds the console function of a stage, which a deploy notes in SSM.
func Console(ctx context.Context, cfg aws.Config, stage string) (*lambda.Function, error) {
	name := env.ConsoleParameter(stage)
	out, err := ssm.NewFromConfig(cfg).GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
	if err != nil {
		return nil, fmt.Errorf("there is no stage %q in %s of this account, or it may not be read (parameter %s): %w", stage, cfg.Region, name, err)
	}
	return lambda.NewFunction(cfg, aws.ToString(out.Parameter.Value)), nil
}
