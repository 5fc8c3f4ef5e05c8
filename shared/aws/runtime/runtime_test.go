package runtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/kesher-io/kesher/shared/aws/env"
	"github.com/kesher-io/kesher/shared/aws/internal/wire"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/testkit/runtimeapi"
)

const stackSecret = "0123456789abcdef0123456789abcdef"

// TestMain is a function, too: see TestMainServesEvents.
func TestMain(m *testing.M) {
	if os.Getenv("FUNCTION") != "" {
		Main(env.Pages, greet)
	}
	os.Exit(m.Run())
}

func greet(_ context.Context, s *Stack) (Handler, error) {
	return func(_ context.Context, payload []byte) ([]byte, error) {
		s.Log.Info("greeted")
		s.Metrics.Count("Greeted", 1)
		return json.Marshal(string(payload) + " from " + s.Env.Get(env.Stage))
	}, nil
}

// environment is that of a deployed function, with AWS at endpoint.
func environment(f env.Function, endpoint string) map[string]string {
	set := map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_ENDPOINT_URL": endpoint,
	}
	for _, v := range env.Variables(f) {
		if !v.Optional {
			set[string(v.Name)] = "x"
		}
	}
	set[string(env.Stage)], set[string(env.PublicURL)] = "beta", "https://mail.example.com"
	return set
}

func getenv(set map[string]string) func(string) string {
	return func(name string) string { return set[name] }
}

func secret(text string) wire.Answer {
	return wire.Answer{Body: fmt.Sprintf(`{"SecretString":%q}`, text)}
}

var rightSecret = secret(`{"secret":"` + stackSecret + `"}`)

func TestMainServesEvents(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	aws := wire.Serve(t, wire.Always(rightSecret))
	set := []string{"FUNCTION=pages"}
	for name, value := range environment(env.Pages, aws.URL) {
		set = append(set, name+"="+value)
	}
	var out bytes.Buffer
	api := runtimeapi.New(t)
	api.Start(t, self, &out, set...)
	<-api.Ready()
	if n := len(aws.Requests()); n != 0 {
		t.Errorf("%d requests to AWS before the first event", n)
	}
	for range 2 {
		got, err := api.Invoke(t.Context(), []byte("hello"))
		if err != nil || string(got) != `"hello from beta"` {
			t.Fatalf("got %s, %v", got, err)
		}
	}
	if n := len(aws.Requests()); n != 1 {
		t.Errorf("%d requests to AWS for two events", n)
	}
}

func TestMainSaysWhatTheEnvironmentLacks(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	api := runtimeapi.New(t)
	api.Start(t, self, &out, "FUNCTION=pages")
	if _, err := api.Invoke(t.Context(), nil); err == nil {
		t.Fatal("started")
	}
	for _, want := range []string{`"level":"ERROR"`, `"service":"pages"`, "KESHER_STAGE", "KESHER_SECRET_ID"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q lacks %s", out.String(), want)
		}
	}
}

func TestNewNamesWhatLambdaDidNotSet(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", string(env.CatalogTable)} {
		set := environment(env.Deliver, "")
		delete(set, name)
		if _, err := New(env.Deliver, getenv(set), &bytes.Buffer{}, greet); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: got %v", name, err)
		}
	}
}

func TestJ17NoFunctionWorksUnderAWrongSecret(t *testing.T) {
	for _, f := range []env.Function{env.Collect, env.Pages, env.Journey, env.Deliver, env.Feedback, env.Clock, env.Console} {
		aws := wire.Serve(t, wire.InTurn(secret(`{"secret":"short"}`), secret(""), rightSecret))
		worked := 0
		handler, err := New(f, getenv(environment(f, aws.URL)), &bytes.Buffer{}, func(context.Context, *Stack) (Handler, error) {
			return func(context.Context, []byte) ([]byte, error) { worked++; return nil, nil }, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, says := range []string{`"secret" has 5 characters`, "not JSON"} {
			if _, err := handler(t.Context(), nil); err == nil || !strings.Contains(err.Error(), says) || worked != 0 {
				t.Errorf("%s: got %v after %d events, want %s", f, err, worked, says)
			}
		}
		if _, err := handler(t.Context(), nil); err != nil || worked != 1 {
			t.Errorf("%s, once it is mended: got %v after %d events", f, err, worked)
		}
	}
}

func TestStackIsWhole(t *testing.T) {
	aws := wire.Serve(t, wire.Always(rightSecret))
	var stack *Stack
	handler, err := New(env.Pages, getenv(environment(env.Pages, aws.URL)), &bytes.Buffer{}, func(_ context.Context, s *Stack) (Handler, error) {
		stack = s
		return func(context.Context, []byte) ([]byte, error) { return nil, nil }, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := handler(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if stack.Store == nil || stack.Releases == nil || stack.Clock == nil || stack.Tokens == nil || stack.Metrics == nil || stack.Log == nil {
		t.Fatalf("got %+v", stack)
	}
	if want := ident.NewKeys([]byte(stackSecret)); stack.Secrets.Keys.Check() != want.Check() {
		t.Error("keys of another secret")
	}
}

func TestBuildThatFailsIsAskedAgain(t *testing.T) {
	aws := wire.Serve(t, wire.Always(rightSecret))
	var errs = []error{errors.New("not yet"), nil}
	handler, err := New(env.Pages, getenv(environment(env.Pages, aws.URL)), &bytes.Buffer{}, func(ctx context.Context, s *Stack) (Handler, error) {
		err := errs[0]
		errs = errs[1:]
		if err != nil {
			return nil, err
		}
		return greet(ctx, s)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := handler(t.Context(), nil); err == nil {
		t.Fatal("no error")
	}
	if _, err := handler(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}

func TestMetricsLeaveWithTheirInvocation(t *testing.T) {
	aws := wire.Serve(t, wire.Always(rightSecret))
	var out bytes.Buffer
	handler, err := New(env.Pages, getenv(environment(env.Pages, aws.URL)), &out, greet)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		if _, err := handler(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(out.String(), `"Greeted":1,"Stage":"beta"`); got != n+1 {
			t.Fatalf("after %d events: %s", n+1, &out)
		}
	}
}

func TestE06LoggerShowsNothingPersonal(t *testing.T) {
	const personal = "dana@customer.example"
	type private struct {
		Address profile.Secret
		hidden  string
	}
	secrets := map[string]any{
		"secret":    profile.Secret(personal),
		"profile":   profile.Profile{Address: personal, Traits: map[string]profile.Trait{"name": {Value: personal}}},
		"pointer":   &profile.Profile{Address: personal},
		"structure": private{Address: personal, hidden: personal},
		"map":       map[string]any{"address": personal},
		"list":      []profile.Secret{personal},
		"error":     fmt.Errorf("mail to %v: %w", profile.Secret(personal), errors.New("refused")),
		"bytes":     []byte(personal),
	}
	for name, value := range secrets {
		var out bytes.Buffer
		NewLogger(&out, "test").With("with", value).WithGroup("g").Info("said", name, value, "group", map[string]any{"x": value})
		if strings.Contains(out.String(), "dana") || strings.Contains(out.String(), "ZGFuYU") {
			t.Errorf("%s: %s", name, &out)
		}
	}
}

func TestLoggerShowsWhatHelps(t *testing.T) {
	var out bytes.Buffer
	NewLogger(&out, "journey").Error("failed", "error", errors.New("because"), "n", 3, "keys", []string{"a", "b"}, "odd", map[string]int{"x": 1}, "outcome", flow.OutcomeSenderWide)
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	delete(line, "time")
	want := map[string]any{
		"level": "ERROR", "msg": "failed", "service": "journey", "error": "because", "n": 3.0, "odd": "[map[string]int]",
		"outcome": "sender-wide",
	}
	keys := line["keys"]
	delete(line, "keys")
	if !maps.EqualFunc(line, want, func(a, b any) bool { return a == b }) || fmt.Sprint(keys) != "[a b]" {
		t.Fatalf("got %v and %v, want %v", line, keys, want)
	}
}

func TestTokensAreNewAndSequencesGrow(t *testing.T) {
	var source flow.Tokens = &tokens{}
	var mu sync.Mutex
	seen := map[string]bool{}
	numbers := map[int64]bool{}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			last := int64(0)
			for range 500 {
				token, seq := source.Token(), source.Seq()
				if seq <= last {
					t.Errorf("%d follows %d", seq, last)
				}
				last = seq
				mu.Lock()
				if seen[token] || numbers[seq] {
					t.Errorf("%s or %d came twice", token, seq)
				}
				seen[token], numbers[seq] = true, true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if before, after := (&tokens{}).Seq(), (&tokens{}).Seq(); after < before {
		t.Errorf("after a restart %d follows %d", after, before)
	}
	if len(fmt.Sprint(source.Seq())) != 16 {
		t.Error("a stamp takes 16 digits")
	}
	if a, b := source.Secret(32), source.Secret(32); len(a) != 32 || bytes.Equal(a, b) {
		t.Errorf("secrets %x and %x", a, b)
	}
}
