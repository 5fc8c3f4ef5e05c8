// Package runtime is what every functions/<name>/lambda/main.go shares: it reads
// the environment once, makes the adapters that every function has, and runs
// the handler that main builds on them. It knows how a function lives on Lambda
// and nothing of what any of them does.
package runtime

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	_ "time/tzdata" // provided.al2023 has no zones; quiet hours and local days need them

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/kesher-io/kesher/shared/aws/dynamo"
	"github.com/kesher-io/kesher/shared/aws/env"
	"github.com/kesher-io/kesher/shared/aws/metrics"
	"github.com/kesher-io/kesher/shared/aws/secrets"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/releases"
)

// Handler works one event: bytes to bytes.
type Handler func(ctx context.Context, payload []byte) ([]byte, error)

// Invoke makes a Handler a lambda.Handler.
func (h Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) { return h(ctx, payload) }

var _ lambda.Handler = Handler(nil)

// Stack is what every function has. AWS leads main to the adapters that only
// its function needs, so that no other one links them.
type Stack struct {
	Env      env.Config
	AWS      aws.Config
	Log      *slog.Logger
	Clock    flow.Clock
	Tokens   flow.Tokens
	Metrics  flow.Metrics
	Store    flow.Store
	Secrets  secrets.Secrets
	Links    token.Links
	Releases flow.Releases
}

// Build makes a function's handler out of its stack.
type Build func(ctx context.Context, s *Stack) (Handler, error)

// Main is all that a function's main does. It does not return.
func Main(f env.Function, build Build) {
	handler, err := New(f, os.Getenv, os.Stdout, build)
	if err != nil {
		NewLogger(os.Stdout, string(f)).Error("cannot start", "error", err)
		os.Exit(1)
	}
	lambda.Start(handler)
}

// New returns the handler of a function whose environment is getenv and whose
// log lines go to out. The error names what is wrong with the environment.
//
// Secrets are read, and build is called, at the first event: so a cold start
// asks the network nothing before Lambda may hand over that event, and a secret
// that cannot be read is an error of that one event, not of the environment.
func New(f env.Function, getenv func(string) string, out io.Writer, build Build) (Handler, error) {
	config, err := env.Read(f, getenv)
	if err != nil {
		return nil, fmt.Errorf("environment of %s: %w", f, err)
	}
	cfg, err := awsConfig(getenv)
	if err != nil {
		return nil, err
	}
	measured := metrics.New(out, wall{}.Real, flow.Dim{Name: metrics.DimStage, Value: config.Get(env.Stage)})
	stack := &Stack{
		Env:     config,
		AWS:     cfg,
		Log:     NewLogger(out, string(f)),
		Clock:   wall{},
		Tokens:  &tokens{},
		Metrics: measured,
		Store:   dynamo.New(cfg, config.Tables(), nil),
	}
	first := &lazy{stack: stack, build: build}
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		defer measured.Flush()
		handler, err := first.handler(ctx)
		if err != nil {
			return nil, err
		}
		return handler(ctx, payload)
	}, nil
}

// lazy builds a handler once; a failure is tried again at the next event.
type lazy struct {
	stack *Stack
	build Build

	mu    sync.Mutex
	built Handler
}

func (l *lazy) handler(ctx context.Context) (Handler, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.built != nil {
		return l.built, nil
	}
	s := l.stack
	var err error
	if s.Secrets, err = secrets.Read(ctx, s.AWS, s.Env.Get(env.SecretID)); err != nil {
		return nil, err
	}
	s.Links = token.NewLinks(s.Env.Get(env.PublicURL), s.Secrets.Ring)
	s.Releases = releases.New(s.Store, s.Secrets.Keys, s.Clock.Real)
	built, err := l.build(ctx, s)
	if err != nil {
		return nil, err
	}
	l.built = built
	return built, nil
}
