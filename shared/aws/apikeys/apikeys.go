// Package apikeys reads the keys that callers of the API hold from SSM's
// Parameter Store. It stands apart from package secrets because few functions
// take calls from outside, and SSM's client costs a cold start a millisecond.
package apikeys

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/kesher-io/kesher/shared/aws/env"
)

// Names of the parameters, of any type. A Secrets Manager secret can be named as
// well: /aws/reference/secretsmanager/<name> (Systems Manager user guide,
// "Referencing AWS Secrets Manager secrets from Parameter Store parameters").
type Names struct {
	Public   string
	Server   string
	Identity string // "": the server key stands in for it
}

// NamesOf reads the names from a function's environment.
func NamesOf(c env.Config) Names {
	return Names{Public: c.Get(env.PublicKeyParameter), Server: c.Get(env.ServerKeyParameter), Identity: c.Get(env.IdentityParameter)}
}

// Keys are never printed.
type Keys struct {
	Public   string // what browsers write with
	Server   string // what may do all
	Identity []byte // under which a site proves a browser's userId
}

func (Keys) String() string   { return "[secret]" }
func (Keys) GoString() string { return "[secret]" }

// Read reads the keys. Its errors name the parameter that is wrong.
func Read(ctx context.Context, cfg aws.Config, names Names) (Keys, error) {
	asked := []string{names.Public, names.Server}
	if names.Identity != "" {
		asked = append(asked, names.Identity)
	}
	slices.Sort(asked)
	asked = slices.Compact(asked) // SSM refuses duplicates
	out, err := ssm.NewFromConfig(cfg).GetParameters(ctx, &ssm.GetParametersInput{Names: asked, WithDecryption: aws.Bool(true)})
	if err != nil {
		return Keys{}, fmt.Errorf("read parameters %v: %w", asked, err)
	}
	values := map[string]string{}
	for _, p := range out.Parameters {
		values[aws.ToString(p.Name)] = aws.ToString(p.Value)
	}
	for _, name := range asked {
		if values[name] == "" {
			return Keys{}, fmt.Errorf("parameter %s is missing or empty", name)
		}
	}
	keys := Keys{Public: values[names.Public], Server: values[names.Server]}
	keys.Identity = []byte(keys.Server)
	if names.Identity != "" {
		keys.Identity = []byte(values[names.Identity])
	}
	return keys, nil
}
