// Package secrets reads what a function must not be handed in its environment:
// the stack's secret from Secrets Manager and the API keys from SSM's Parameter
// Store. It knows where they stand and their form, not what they open.
package secrets

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/token"
)

// Names tells where the secrets stand. A function that needs no API keys leaves
// their parameters empty.
type Names struct {
	SecretID           string // Secrets Manager: name or ARN
	PublicKeyParameter string // SSM, any type
	ServerKeyParameter string
	IdentityParameter  string // optional: the server key stands in for it
}

// Secrets are never printed.
type Secrets struct {
	Keys     ident.Keys
	Ring     token.Keyring
	Public   string // what browsers write with
	Server   string // what may do all
	Identity []byte // under which a site proves a browser's userId
}

func (Secrets) String() string   { return "[secret]" }
func (Secrets) GoString() string { return "[secret]" }

// Source reads secrets once and keeps them; it is safe for concurrent use.
type Source struct {
	secrets    *secretsmanager.Client
	parameters *ssm.Client
	names      Names

	mu   sync.Mutex
	read *Secrets
}

// New returns the source of these names. Nothing is read yet.
func New(cfg aws.Config, names Names) *Source {
	return &Source{secrets: secretsmanager.NewFromConfig(cfg), parameters: ssm.NewFromConfig(cfg), names: names}
}

// Get reads the secrets, the first time that it can. Its errors name the secret
// or parameter that is wrong (J17), and hold nothing of it.
func (s *Source) Get(ctx context.Context) (Secrets, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read != nil {
		return *s.read, nil
	}
	read, err := s.readSecret(ctx)
	if err != nil {
		return Secrets{}, err
	}
	if err := s.readParameters(ctx, &read); err != nil {
		return Secrets{}, err
	}
	s.read = &read
	return read, nil
}

func (s *Source) readSecret(ctx context.Context) (Secrets, error) {
	out, err := s.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &s.names.SecretID})
	if err != nil {
		return Secrets{}, fmt.Errorf("read secret %s: %w", s.names.SecretID, err)
	}
	keys, ring, err := parse(aws.ToString(out.SecretString))
	if err != nil {
		return Secrets{}, fmt.Errorf("secret %s: %w (restore the version that this stack was deployed with)", s.names.SecretID, err)
	}
	return Secrets{Keys: keys, Ring: ring}, nil
}

func (s *Source) readParameters(ctx context.Context, into *Secrets) error {
	var names []string
	for _, name := range []string{s.names.PublicKeyParameter, s.names.ServerKeyParameter, s.names.IdentityParameter} {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	out, err := s.parameters.GetParameters(ctx, &ssm.GetParametersInput{Names: names, WithDecryption: aws.Bool(true)})
	if err != nil {
		return fmt.Errorf("read parameters %v: %w", names, err)
	}
	values := map[string]string{}
	for _, p := range out.Parameters {
		values[aws.ToString(p.Name)] = aws.ToString(p.Value)
	}
	for _, name := range names {
		if values[name] == "" {
			return fmt.Errorf("parameter %s is missing or empty", name)
		}
	}
	into.Public = values[s.names.PublicKeyParameter]
	into.Server = values[s.names.ServerKeyParameter]
	into.Identity = []byte(into.Server)
	if s.names.IdentityParameter != "" {
		into.Identity = []byte(values[s.names.IdentityParameter])
	}
	return nil
}
