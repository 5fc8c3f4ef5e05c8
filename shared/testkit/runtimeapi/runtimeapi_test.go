package runtimeapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// TestMain is a function, too: started by Start it serves events with AWS's own
// library.
func TestMain(m *testing.M) {
	switch os.Getenv("FUNCTION") {
	case "echo":
		lambda.Start(echo)
	case "broken":
		fmt.Println("cannot start")
		os.Exit(3)
	}
	os.Exit(m.Run())
}

func echo(ctx context.Context, payload json.RawMessage) (any, error) {
	deadline, _ := ctx.Deadline()
	switch string(payload) {
	case `"fail"`:
		return nil, errors.New("as asked")
	case `"panic"`:
		panic("as asked")
	case `"large"`:
		return strings.Repeat("x", maxResponse+1), nil
	case `"hang"`:
		<-ctx.Done()
		select {}
	}
	return map[string]any{"payload": payload, "left": time.Until(deadline) > 0, "session": os.Getenv("AWS_SESSION_TOKEN")}, nil
}

func function(t *testing.T, which string) (*API, *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	a := New(t)
	a.Start(t, self, &out, "FUNCTION="+which)
	return a, &out
}

func TestFunctionAnswersEventAfterEvent(t *testing.T) {
	a, _ := function(t, "echo")
	<-a.Ready()
	for n := range 3 {
		got, err := a.Invoke(t.Context(), fmt.Appendf(nil, `{"n":%d}`, n))
		want := fmt.Sprintf(`{"left":true,"payload":{"n":%d},"session":"test"}`, n)
		if err != nil || string(got) != want {
			t.Fatalf("got %s, %v, want %s", got, err, want)
		}
	}
}

func TestCallersAtTheSameTimeGetTheirOwnAnswers(t *testing.T) {
	a, _ := function(t, "echo")
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			got, err := a.Invoke(t.Context(), fmt.Append(nil, n))
			if err != nil || !strings.Contains(string(got), fmt.Sprintf(`"payload":%d,`, n)) {
				t.Errorf("%d: got %s, %v", n, got, err)
			}
		})
	}
	wg.Wait()
}

func TestFailureIsTold(t *testing.T) {
	a, _ := function(t, "echo")
	_, err := a.Invoke(t.Context(), []byte(`"fail"`))
	var failed *FunctionError
	if !errors.As(err, &failed) || failed.Message != "as asked" {
		t.Fatalf("got %v", err)
	}
	if _, err := a.Invoke(t.Context(), []byte(`1`)); err != nil {
		t.Fatalf("after a failure: %v", err)
	}
}

func TestPanicIsToldAndEndsTheFunction(t *testing.T) {
	a, _ := function(t, "echo")
	var failed *FunctionError
	if _, err := a.Invoke(t.Context(), []byte(`"panic"`)); !errors.As(err, &failed) {
		t.Fatalf("got %v", err)
	}
	if _, err := a.Invoke(t.Context(), []byte(`1`)); err == nil || !strings.Contains(err.Error(), "could not start") {
		t.Fatalf("after a panic: %v", err)
	}
}

func TestAnswerAboveTheQuotaIsRefused(t *testing.T) {
	a, _ := function(t, "echo")
	var failed *FunctionError
	if _, err := a.Invoke(t.Context(), []byte(`"large"`)); !errors.As(err, &failed) || failed.Type != "Function.ResponseSizeTooLarge" {
		t.Fatalf("got %v", err)
	}
}

func TestFunctionThatHangsTimesOut(t *testing.T) {
	a, _ := function(t, "echo")
	<-a.Ready()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := a.Invoke(ctx, []byte(`"hang"`)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

func TestFunctionThatCannotStartFailsTheEvent(t *testing.T) {
	a, out := function(t, "broken")
	_, err := a.Invoke(t.Context(), []byte(`1`))
	if err == nil || !strings.Contains(err.Error(), "could not start") {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(out.String(), "cannot start") {
		t.Fatalf("its output is %q", out)
	}
}
