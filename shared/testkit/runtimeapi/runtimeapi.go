// Package runtimeapi is Lambda's side of a custom runtime (Lambda developer
// guide, "Using the Lambda runtime API for custom runtimes"), so that real
// bootstrap binaries run in tests. It knows the API and no function. For tests
// only.
package runtimeapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// timeout is the function's time where its caller sets no deadline.
	timeout = 30 * time.Second
	// maxResponse is the most that a function may answer (Lambda quotas).
	maxResponse = 6 << 20
)

// API hands events to the functions that ask it; several may. It is safe for
// concurrent use.
type API struct {
	// Address is host:port, as AWS_LAMBDA_RUNTIME_API holds it.
	Address string

	events   chan *invocation
	ready    chan struct{} // closed at the first /next
	failed   chan string   // init errors
	readied  sync.Once
	mu       sync.Mutex
	next     int
	underway map[string]*invocation
}

type invocation struct {
	id       string
	payload  []byte
	deadline time.Time
	result   chan result
}

type result struct {
	body []byte
	err  error
}

// FunctionError is what a function reported instead of an answer.
type FunctionError struct {
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}

func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// New starts an API on 127.0.0.1 that ends with the test.
func New(t testing.TB) *API {
	a := &API{
		events:   make(chan *invocation),
		ready:    make(chan struct{}),
		failed:   make(chan string, 16),
		underway: map[string]*invocation{},
	}
	mux := http.NewServeMux()
	const prefix = "/2018-06-01/runtime/"
	mux.HandleFunc("GET "+prefix+"invocation/next", a.serveNext)
	mux.HandleFunc("POST "+prefix+"invocation/{id}/response", a.serveResponse)
	mux.HandleFunc("POST "+prefix+"invocation/{id}/error", a.serveError)
	mux.HandleFunc("POST "+prefix+"init/error", a.serveInitError)
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections() // functions wait in /next
		server.Close()
	})
	a.Address = strings.TrimPrefix(server.URL, "http://")
	return a
}

// Invoke has a function work one event, and waits for its answer until ctx ends.
// What the function reported as its failure is a *FunctionError.
func (a *API) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(timeout)
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	i := a.enter(payload, deadline)
	defer a.leave(i.id)
	select {
	case a.events <- i:
	case reason := <-a.failed:
		return nil, fmt.Errorf("the function could not start: %s", reason)
	case <-ctx.Done():
		return nil, fmt.Errorf("no function took the event: %w", ctx.Err())
	}
	select {
	case r := <-i.result:
		return r.body, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("the function did not answer: %w", ctx.Err())
	}
}

// Ready is closed when a function has asked for its first event.
func (a *API) Ready() <-chan struct{} { return a.ready }

func (a *API) enter(payload []byte, deadline time.Time) *invocation {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next++
	i := &invocation{
		id: fmt.Sprintf("request-%d", a.next), payload: payload, deadline: deadline, result: make(chan result, 1),
	}
	a.underway[i.id] = i
	return i
}

func (a *API) leave(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.underway, id)
}

func (a *API) serveNext(w http.ResponseWriter, r *http.Request) {
	a.readied.Do(func() { close(a.ready) })
	select {
	case i := <-a.events:
		h := w.Header()
		h.Set("Lambda-Runtime-Aws-Request-Id", i.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:123456789012:function:test")
		h.Set("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0")
		h.Set("Content-Type", "application/json")
		w.Write(i.payload)
	case <-r.Context().Done():
	}
}

func (a *API) serveResponse(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxResponse))
	if err != nil {
		a.finish(w, r, http.StatusRequestEntityTooLarge, result{err: &FunctionError{
			Type: "Function.ResponseSizeTooLarge", Message: err.Error()}})
		return
	}
	a.finish(w, r, http.StatusAccepted, result{body: body})
}

func (a *API) serveError(w http.ResponseWriter, r *http.Request) {
	var reported FunctionError
	if err := json.NewDecoder(r.Body).Decode(&reported); err != nil {
		reported = FunctionError{Type: "Runtime.Unknown", Message: err.Error()}
	}
	a.finish(w, r, http.StatusAccepted, result{err: &reported})
}

func (a *API) finish(w http.ResponseWriter, r *http.Request, status int, with result) {
	a.mu.Lock()
	i := a.underway[r.PathValue("id")]
	a.mu.Unlock()
	if i == nil {
		http.Error(w, `{"errorType":"InvalidRequestID"}`, http.StatusBadRequest)
		return
	}
	w.WriteHeader(status)
	select {
	case i.result <- with:
	default: // answered twice; the first one counts
	}
}

func (a *API) serveInitError(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.WriteHeader(http.StatusAccepted)
	select {
	case a.failed <- string(body):
	default:
	}
}

// Start runs a bootstrap binary against the API, with environment (NAME=value)
// and what Lambda itself sets and nothing else, and ends it with the test. Its
// output goes to out. A function that ends by itself fails the events after it.
func (a *API) Start(t testing.TB, bootstrap string, out io.Writer, environment ...string) *os.Process {
	t.Helper()
	cmd := exec.Command(bootstrap)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = append([]string{
		"AWS_LAMBDA_RUNTIME_API=" + a.Address, "AWS_LAMBDA_FUNCTION_NAME=test", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512",
		"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_SESSION_TOKEN=test",
		"TZ=:UTC", "LANG=en_US.UTF-8", "PATH=" + os.Getenv("PATH"),
	}, environment...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		err := cmd.Wait()
		close(ended)
		select {
		case a.failed <- fmt.Sprintf("it ended: %v", err):
		default:
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill() // as Lambda ends an idle environment
		<-ended
	})
	return cmd.Process
}
