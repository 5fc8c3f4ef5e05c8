package transport

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// sdkBody is a request body as the SDK makes it.
func sdkBody(t *testing.T, text string) io.ReadCloser {
	t.Helper()
	r, err := smithyhttp.NewStackRequest().(*smithyhttp.Request).SetStream(bytes.NewReader([]byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return r.Build(t.Context()).Body
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// net/http copies what may be left of a body to io.Discard, and drops the
// connection and the reply on its way when that fails.
func TestBodyThatTheSDKHasClosedIsAtItsEnd(t *testing.T) {
	seen := false
	transport := Mend(roundTrip(func(r *http.Request) (*http.Response, error) {
		seen = true
		r.Body.Close()
		if n, err := io.Copy(io.Discard, r.Body); n != 0 || err != nil {
			t.Errorf("read %d bytes, %v", n, err)
		}
		return nil, http.ErrUseLastResponse
	}))
	request := httptest.NewRequest("POST", "/", nil)
	request.Body = sdkBody(t, "hello")
	if _, mendable := request.Body.(io.WriterTo); !mendable {
		t.Fatal("the SDK's bodies have no WriteTo any more: this package can go")
	}
	transport.RoundTrip(request)
	if !seen {
		t.Fatal("not sent")
	}
}

func TestRequestArrivesWhole(t *testing.T) {
	got := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Method + " " + string(body)
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), "PUT", server.URL, sdkBody(t, "hello"))
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = 5
	response, err := New().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if got != "PUT hello" || response.StatusCode != http.StatusFound {
		t.Fatalf("arrived %q, answered %d", got, response.StatusCode)
	}
}
