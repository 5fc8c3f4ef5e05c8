// Package lambda invokes the functions that a step `call` may name. It knows
// the asynchronous invoke of AWS Lambda and which names are allowed; what a call
// is for, and how its answer comes back, is the journey's.
package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// Caller is safe for concurrent use.
type Caller struct {
	client    *lambda.Client
	functions map[string]string
}

// New returns a caller of these functions: ARN by the name that journeys use.
func New(cfg aws.Config, functions map[string]string) *Caller {
	return &Caller{client: lambda.NewFromConfig(cfg), functions: functions}
}

// Call hands payload, as JSON, to the function of that name and does not wait
// for it. It may be handed over twice, as Lambda itself may run it twice, so a
// payload carries an id.
func (c *Caller) Call(ctx context.Context, name string, payload any) error {
	function, ok := c.functions[name]
	if !ok {
		known := slices.Sorted(maps.Keys(c.functions))
		return fmt.Errorf("call %q: not among the functions that this stack may call (%s)", name, strings.Join(known, ", "))
	}
	body, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("call %q: %w", name, err)
	}
	_, err = c.client.Invoke(ctx, &lambda.InvokeInput{
		FunctionName:   &function,
		InvocationType: types.InvocationTypeEvent,
		Payload:        body,
	})
	if err != nil {
		return fmt.Errorf("call %q: %w", name, err)
	}
	return nil
}
