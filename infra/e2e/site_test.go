// Package e2e deploys the stacks with the real CDK command into an AWS that
// nobody here wrote (MiniStack, infra/tools), which runs the real bootstraps
// behind its HTTP API, its stream and its SES, and uses them from outside. It
// knows no code of ours but what a person has: the command and the HTTP API.
//
// What MiniStack does not do is covered elsewhere: partial failures of batches
// and bisecting (shared/local/pump), SES's events and a mail's headers
// (functions/feedback, shared/aws/ses), signatures on IAM routes and alarms'
// metrics (infra/stack). It draws secrets with punctuation, hands out no secret
// through SSM, and knows no attributes of an SES identity.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"

	"github.com/kesher-io/kesher/shared/testkit/ministack"
)

const (
	stage    = "e2e"
	domain   = "mail.shop.example"
	user     = "dana"
	customer = "dana@customer.example" // among the catalog's test recipients: the stage is not prod
	region   = "us-east-1"
	account  = "000000000000"
	// patience bounds every wait; each ends as soon as its signal is there.
	patience  = 2 * time.Minute
	serverKey = "server-e2e"
)

// settings of the deploy: the processor is this machine's, whose bootstraps
// MiniStack runs, and SES has the domain already.
var settings = []string{"-c", "stage=" + stage, "-c", "domain=" + domain, "-c", "identity=existing", "-c", "arch=" + arch()}

func arch() string {
	return map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
}

// site is a deployed stage, and everything that is outside of it.
type site struct {
	t        *testing.T
	endpoint string // of AWS
	api      string
	env      []string
	app      []string // flags that name another app than cdk.json does
	calls    int
	http     *http.Client
}

// deploy starts AWS, with what is added to its environment, and deploys the stage.
func deploy(t *testing.T, app []string, emulator ...string) *site {
	t.Helper()
	if os.Getenv("KESHER_E2E") == "" {
		t.Skip("SKIPPED: the deployed test takes minutes: make e2e")
	}
	if _, err := os.Stat(cli()); err != nil {
		t.Fatalf("the CDK command is missing (make tools-node): %v", err)
	}
	s := &site{t: t, app: append(app, "--output", t.TempDir()), endpoint: ministack.Start(t, emulator...)}
	s.env = environment(t, s.endpoint)
	s.http = &http.Client{Timeout: time.Minute, Transport: s.toEmulator(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	s.run(t.TempDir(), cli(), "bootstrap", "aws://"+account+"/"+region)
	outputs := filepath.Join(t.TempDir(), "outputs.json")
	s.deploy("--outputs-file", outputs)
	s.api = outputsOf(t, outputs)["Kesher-"+stage+"-App"]["ApiUrl"]
	s.prepare()
	return s
}

func cli() string { return filepath.Join(root(), "infra/tools/node_modules/.bin/cdk") }

func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// environment of the commands: this machine's, with credentials of the emulator
// alone and a home of its own, but Go's caches.
func environment(t *testing.T, endpoint string) []string {
	t.Helper()
	own := []string{
		"AWS_ENDPOINT_URL=" + endpoint, "AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region,
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true",
		"CDK_DISABLE_CLI_TELEMETRY=1", "HOME=" + t.TempDir(), "CI=true",
	}
	caches, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE", "GOMODCACHE", "GOPATH").Output()
	if err != nil {
		t.Fatal(err)
	}
	for i, value := range strings.Fields(string(caches)) {
		own = append(own, []string{"GOCACHE", "GOMODCACHE", "GOPATH"}[i]+"="+value)
	}
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "AWS_") {
			env = append(env, e)
		}
	}
	return append(env, own...)
}

// toEmulator connects to the emulator whatever host is named: that of the HTTP
// API resolves nowhere.
func (s *site) toEmulator() http.RoundTripper {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(s.endpoint, "http://"))
	}
	return transport
}

func outputsOf(t *testing.T, path string) (outputs map[string]map[string]string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &outputs)
	}
	if err != nil {
		t.Fatal(err)
	}
	return outputs
}

// prepare does what an operator has done before: the domain is verified, and the
// server key is one that stands in the shop's backend.
func (s *site) prepare() {
	s.t.Helper()
	cfg := s.aws()
	_, err := sesv2.NewFromConfig(cfg).CreateEmailIdentity(s.t.Context(), &sesv2.CreateEmailIdentityInput{EmailIdentity: aws.String(domain)})
	if err != nil {
		s.t.Fatal(err)
	}
	keys := secretsmanager.NewFromConfig(cfg)
	all, err := keys.ListSecrets(s.t.Context(), &secretsmanager.ListSecretsInput{})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, secret := range all.SecretList {
		if !strings.Contains(*secret.Name, "ServerKey") {
			continue
		}
		if _, err := keys.PutSecretValue(s.t.Context(), &secretsmanager.PutSecretValueInput{SecretId: secret.ARN, SecretString: aws.String(serverKey)}); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *site) aws() aws.Config {
	return aws.Config{Region: region, BaseEndpoint: &s.endpoint, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
}

func (s *site) deploy(more ...string) string {
	s.t.Helper()
	return s.cdk(append([]string{"deploy", "--all", "--require-approval", "never", "--progress", "events"}, more...)...)
}

// cdk is the CDK command on this stage.
func (s *site) cdk(args ...string) string {
	s.t.Helper()
	return s.run(root(), cli(), slices.Concat(args, settings, s.app)...)
}

// kesher is the command, as an operator runs it.
func (s *site) kesher(args ...string) string {
	s.t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		s.t.Fatal(err)
	}
	return s.run(folder, "go", append([]string{"run", "../kesher"}, args...)...)
}

func (s *site) run(folder, name string, args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), name, args...)
	cmd.Dir, cmd.Env = folder, s.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return string(out)
}

// call is the body of a call of the tracking API.
type call map[string]any

func now() string { return time.Now().UTC().Format(time.RFC3339Nano) }

// call makes one for the customer, as the shop's backend would.
func (s *site) call(path string, body call) {
	s.t.Helper()
	if status, answer := s.try(path, body); status != http.StatusOK || strings.Contains(answer, "rejected") {
		s.t.Fatalf("%s answers %d: %s", path, status, answer)
	}
}

func (s *site) try(path string, body call) (status int, answer string) {
	s.t.Helper()
	s.calls++
	body["userId"], body["messageId"] = user, fmt.Sprintf("call-%d", s.calls)
	if path != "/v1/consents" {
		body["timestamp"] = now()
	}
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.api+path, bytes.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth(serverKey, "")
	return s.do(r)
}

func (s *site) do(r *http.Request) (status int, answer string) {
	s.t.Helper()
	response, err := s.http.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// mail is one that SES took.
type mail struct {
	Source, Subject, BodyText string
	To                        []string
}

func (s *site) mails() []mail {
	s.t.Helper()
	address, err := url.JoinPath(s.endpoint, "_ministack/ses/messages")
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	_, answer := s.do(r)
	var taken struct{ Messages map[string][]mail }
	if err := json.Unmarshal([]byte(answer), &taken); err != nil {
		s.t.Fatalf("%s: %v", answer, err)
	}
	return taken.Messages[account]
}

func (s *site) tables() []string {
	s.t.Helper()
	out, err := dynamodb.NewFromConfig(s.aws()).ListTables(s.t.Context(), &dynamodb.ListTablesInput{})
	if err != nil {
		s.t.Fatal(err)
	}
	return out.TableNames
}

// await asks until it is so: MiniStack gives no other signal.
func (s *site) await(what string, so func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-ctx.Done():
			s.t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}
