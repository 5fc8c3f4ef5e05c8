// Package apikeys reads the keys that callers of the API hold: the public one
// from the environment, since it stands in every browser, the others from Secrets
// Manager. It knows where they stand, not what they open. SSM, by which people
// read them, is not asked: its client alone would make a function 1.2 MB larger.
package apikeys

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/kesher-io/kesher/shared/aws/env"
)

// Keys are never printed.
type Keys struct {
	Public   string // what browsers write with
	Server   string // what may do all
	Identity []byte // under which a site proves a browser's userId
	Typeform []byte // with which Typeform signs its webhooks; empty: none are taken
}

func (Keys) String() string   { return "[secret]" }
func (Keys) GoString() string { return "[secret]" }

// Read reads the keys of a function's environment. Its errors name the secret
// that is wrong, and hold nothing of it.
func Read(ctx context.Context, cfg aws.Config, c env.Config) (Keys, error) {
	client := secretsmanager.NewFromConfig(cfg)
	keys := Keys{Public: c.Get(env.PublicKey)}
	var err error
	if keys.Server, err = read(ctx, client, c.Get(env.ServerKeyID)); err != nil {
		return Keys{}, err
	}
	keys.Identity = []byte(keys.Server)
	for _, optional := range []struct {
		id  string
		key *[]byte
	}{{c.Get(env.IdentityID), &keys.Identity}, {c.Get(env.TypeformID), &keys.Typeform}} {
		if optional.id == "" {
			continue
		}
		secret, err := read(ctx, client, optional.id)
		if err != nil {
			return Keys{}, err
		}
		*optional.key = []byte(secret)
	}
	return keys, nil
}

func read(ctx context.Context, client *secretsmanager.Client, id string) (string, error) {
	out, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
	if err != nil {
		return "", fmt.Errorf("read secret %s: %w", id, err)
	}
	if aws.ToString(out.SecretString) == "" {
		return "", fmt.Errorf("secret %s is empty (write a key into it)", id)
	}
	return *out.SecretString, nil
}
