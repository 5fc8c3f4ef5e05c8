package lambda

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/aws/internal/wire"
	"github.com/kesher-io/kesher/shared/testkit/awsmodel"
)

var functions = map[string]string{"coupon": "arn:aws:lambda:eu-west-1:123456789012:function:coupon"}

func TestCallHandsOverAndDoesNotWait(t *testing.T) {
	s := wire.Serve(t, wire.Always(wire.Answer{Status: http.StatusAccepted}))
	err := New(s.Config(), functions).Call(t.Context(), "coupon", map[string]string{"id": "run-1"})
	if err != nil {
		t.Fatal(err)
	}
	r := s.Requests()[0]
	if got := r.Header.Get("X-Amz-Invocation-Type"); got != "Event" {
		t.Errorf("invocation type %q", got)
	}
	if string(r.Body) != `{"id":"run-1"}` {
		t.Errorf("payload %s", r.Body)
	}
	http := awsmodel.Load(t, "lambda").Operations["Invoke"].HTTP
	want := strings.Replace(http.RequestURI, "{FunctionName}", "arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Acoupon", 1)
	if r.Method != http.Method || r.Path != want {
		t.Errorf("%s %s, want %s %s", r.Method, r.Path, http.Method, want)
	}
}

func TestCallKnowsOnlyTheFunctionsOfItsStage(t *testing.T) {
	s := wire.Serve(t, wire.Always(wire.Answer{Status: http.StatusAccepted}))
	err := New(s.Config(), functions).Call(t.Context(), "coupons", nil)
	if err == nil || !strings.Contains(err.Error(), "coupon)") || len(s.Requests()) != 0 {
		t.Fatalf("got %v after %d requests", err, len(s.Requests()))
	}
}

func TestCallTellsThatItWasRefused(t *testing.T) {
	s := wire.Serve(t, wire.Always(wire.Answer{
		Status: http.StatusForbidden, Header: http.Header{"X-Amzn-Errortype": {"AccessDeniedException"}}, Body: `{"Message":"no"}`,
	}))
	err := New(s.Config(), functions).Call(t.Context(), "coupon", nil)
	if err == nil || !strings.Contains(err.Error(), `call "coupon"`) || !strings.Contains(err.Error(), "AccessDenied") {
		t.Fatalf("got %v", err)
	}
}
