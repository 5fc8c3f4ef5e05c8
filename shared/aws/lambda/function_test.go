package lambda

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/aws/internal/wire"
)

func TestInvokeWaitsForTheAnswer(t *testing.T) {
	s := wire.Serve(t, wire.Always(wire.Answer{Body: `{"statusCode":200}`}))
	answer, err := NewFunction(s.Config(), "console").Invoke(t.Context(), []byte(`{"version":"2.0"}`))
	if err != nil || string(answer) != `{"statusCode":200}` {
		t.Fatalf("got %s, %v", answer, err)
	}
	r := s.Requests()[0]
	if kind := r.Header.Get("X-Amz-Invocation-Type"); kind != "" && kind != "RequestResponse" {
		t.Errorf("invocation type %q", kind)
	}
	if string(r.Body) != `{"version":"2.0"}` {
		t.Errorf("payload %s", r.Body)
	}
}

func TestInvokeTellsThatTheFunctionFailed(t *testing.T) {
	s := wire.Serve(t, wire.Always(wire.Answer{
		Header: http.Header{"X-Amz-Function-Error": {"Unhandled"}}, Body: `{"errorMessage":"secret"}`,
	}))
	_, err := NewFunction(s.Config(), "console").Invoke(t.Context(), []byte(`{}`))
	if err == nil || !strings.Contains(err.Error(), "console failed") || strings.Contains(err.Error(), "secret") {
		t.Fatalf("got %v", err)
	}
}
