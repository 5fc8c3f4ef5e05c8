// Package lambda invokes a function and waits for its answer: how the command asks
// a stage's console. It knows AWS Lambda's Invoke, and not what is asked.
package lambda

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// Function is one function, invoked as who asks waits for it. It is safe for
// concurrent use.
type Function struct {
	client *lambda.Client
	name   string
}

// NewFunction returns the function of this name or ARN.
func NewFunction(cfg aws.Config, name string) *Function {
	return &Function{client: lambda.NewFromConfig(cfg), name: name}
}

// Invoke hands an event to the function and returns its answer (Lambda API,
// "Invoke", RequestResponse). What the function itself reports as its error is
// one.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	out, err := f.client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &f.name, Payload: payload})
	if err != nil {
		return nil, fmt.Errorf("invoke %s: %w", f.name, err)
	}
	if out.FunctionError != nil {
		return nil, fmt.Errorf("function %s failed (%s): its log says why", f.name, *out.FunctionError)
	}
	return out.Payload, nil
}
