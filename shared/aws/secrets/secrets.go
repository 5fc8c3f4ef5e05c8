// Package secrets reads the stack's secret from Secrets Manager and makes its
// keys. It knows the secret's form, not what the keys open.
package secrets

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/token"
)

// Secrets are what follows from the stack's secret. They are never printed.
type Secrets struct {
	Keys ident.Keys    // of customers
	Ring token.Keyring // of links
}

func (Secrets) String() string   { return "[secret]" }
func (Secrets) GoString() string { return "[secret]" }

// Read reads the secret of this name or ARN. Its errors name the secret (J17)
// and hold nothing of it.
func Read(ctx context.Context, cfg aws.Config, id string) (Secrets, error) {
	client := secretsmanager.NewFromConfig(cfg)
	out, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
	if err != nil {
		return Secrets{}, fmt.Errorf("read secret %s: %w", id, err)
	}
	keys, ring, err := parse(aws.ToString(out.SecretString))
	if err != nil {
		return Secrets{}, fmt.Errorf("secret %s: %w (restore the version that this stack was deployed with)", id, err)
	}
	return Secrets{Keys: keys, Ring: ring}, nil
}
