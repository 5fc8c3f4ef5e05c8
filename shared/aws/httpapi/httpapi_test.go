package httpapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"
)

// seen is what a handler saw of a request.
type seen struct {
	Method, Path, Query, Host, RemoteAddr, RequestURI string
	Header                                            http.Header
	Body                                              string
	Length                                            int64
}

// look keeps what it is asked, and answers with it.
func look(got *seen) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
			return
		}
		*got = seen{
			Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Host: r.Host, RemoteAddr: r.RemoteAddr,
			RequestURI: r.RequestURI, Header: r.Header.Clone(), Body: string(body), Length: r.ContentLength,
		}
	})
}

// The event is the one printed in AWS's guide for payload format 2.0.
func TestHandleReadsAWSsOwnExample(t *testing.T) {
	event, err := os.ReadFile("testdata/aws-example.json")
	if err != nil {
		t.Fatal(err)
	}
	var got seen
	if _, err := Handle(look(&got))(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	want := seen{
		Method: "POST", Path: "/my/path", Query: "parameter1=value1&parameter1=value2&parameter2=value",
		Host: "id.execute-api.us-east-1.amazonaws.com", RemoteAddr: "192.0.2.1:0",
		RequestURI: "/my/path?parameter1=value1&parameter1=value2&parameter2=value",
		Header:     http.Header{"Header1": {"value1"}, "Header2": {"value1,value2"}, "Cookie": {"cookie1; cookie2"}},
		Body:       "Hello from Lambda", Length: 17,
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

func TestHandleRefusesWhatIsNoEvent(t *testing.T) {
	for _, payload := range []string{
		``, `[]`, `{}`, `{"version":"1.0","rawPath":"/"}`, `{"version":"2.0","rawPath":"p"}`,
		`{"version":"2.0","rawPath":"/","requestContext":{"http":{"method":"B AD"}}}`,
		`{"version":"2.0","rawPath":"/","isBase64Encoded":true,"body":"*"}`,
	} {
		if _, err := Handle(http.NotFoundHandler())(t.Context(), []byte(payload)); err == nil {
			t.Errorf("%s was taken", payload)
		}
	}
}

func TestHandleGivesTheInvocationsContext(t *testing.T) {
	type key struct{}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Context().Value(key{})) })
	answer, err := Handle(h)(context.WithValue(t.Context(), key{}, "mine"), []byte(`{"version":"2.0","rawPath":"/"}`))
	if err != nil || !strings.Contains(string(answer), `"mine"`) {
		t.Fatalf("got %s, %v", answer, err)
	}
}

func TestAnswersTakeTheFormOfPayload2(t *testing.T) {
	cases := []struct {
		name    string
		handler http.HandlerFunc
		want    string
	}{
		{"nothing written", func(http.ResponseWriter, *http.Request) {}, `{"statusCode":200}`},
		{"text, type found out", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hi") },
			`{"statusCode":200,"headers":{"content-type":"text/plain; charset=utf-8"},"body":"hi"}`},
		{"several values joined, cookies apart", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("Vary", "Origin")
			w.Header().Add("Vary", "Accept")
			w.Header().Add("Set-Cookie", "a=1; HttpOnly")
			w.Header().Add("Set-Cookie", "b=2")
			w.WriteHeader(http.StatusNoContent)
		}, `{"statusCode":204,"headers":{"vary":"Origin,Accept"},"cookies":["a=1; HttpOnly","b=2"]}`},
		{"the first status counts, headers as they stood", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusNotFound)
			w.Header().Set("Late", "x")
			w.WriteHeader(http.StatusOK)
		}, `{"statusCode":404}`},
		{"an image is base64", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/gif")
			w.Write([]byte("GIF89a"))
		}, `{"statusCode":200,"headers":{"content-type":"image/gif"},"body":"R0lGODlh","isBase64Encoded":true}`},
		{"text that is compressed is base64", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Content-Encoding", "gzip")
			w.Write([]byte{0x1f, 0x8b})
		}, `{"statusCode":200,"headers":{"content-encoding":"gzip","content-type":"text/html"},"body":"H4s=","isBase64Encoded":true}`},
		{"text that is no text is base64", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.Write([]byte{0xff})
		}, `{"statusCode":200,"headers":{"content-type":"text/plain"},"body":"/w==","isBase64Encoded":true}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := Handle(c.handler)(t.Context(), []byte(`{"version":"2.0","rawPath":"/"}`))
			if err != nil || string(got) != c.want {
				t.Fatalf("got  %s (%v)\nwant %s", got, err, c.want)
			}
		})
	}
}

func TestHeadHasNoBody(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, "hi")
		w.Write([]byte("there"))
	})
	got, err := Handle(h)(t.Context(), []byte(`{"version":"2.0","rawPath":"/","requestContext":{"http":{"method":"HEAD"}}}`))
	if err != nil || strings.Contains(string(got), "body") {
		t.Fatalf("got %s, %v", got, err)
	}
}

// through serves h behind the gateway and the bytes between.
func through(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(Gateway(Handle(h)))
	t.Cleanup(server.Close)
	return server
}

func zipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

func TestRequestsComeThroughTheGatewayUnchanged(t *testing.T) {
	cases := []struct {
		name, method, target, body string
		header                     http.Header
	}{
		{"a plain page", "GET", "/", "", nil},
		{"an encoded path and a query", "GET", "/u/a%2Fb%20c%25?x=1&x=2&y=%E2%82%AC;z", "", nil},
		{"JSON", "POST", "/v1/track", `{"name":"דנה"}`, http.Header{"Content-Type": {"application/json"}}},
		{"gzip", "POST", "/v1/batch", zipped(`{}`), http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}},
		{"a form", "POST", "/u/t", "List-Unsubscribe=One-Click", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}},
		{"bytes of no type", "PUT", "/x", "\x00\xff", nil},
		{"cookies and repeated headers", "DELETE", "/x", "", http.Header{"Cookie": {"a=1; b=2"}, "Accept": {"a, b"}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got, direct seen
			ask(t, through(t, look(&got)), c.method, c.target, c.body, c.header)
			plain := httptest.NewServer(look(&direct))
			defer plain.Close()
			ask(t, plain, c.method, c.target, c.body, c.header)

			for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto"} {
				if got.Header.Get(name) == "" {
					t.Errorf("no %s", name)
				}
				got.Header.Del(name)
			}
			got.Host, direct.Host = "", "" // their ports differ
			if !strings.HasPrefix(got.RemoteAddr, "127.0.0.1:") {
				t.Errorf("remote address %s", got.RemoteAddr)
			}
			got.RemoteAddr, direct.RemoteAddr = "", ""
			if !reflect.DeepEqual(got, direct) {
				t.Fatalf("got    %+v\ndirect %+v", got, direct)
			}
		})
	}
}

func ask(t *testing.T, server *httptest.Server, method, target, body string, header http.Header) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

func TestAnswersComeThroughTheGatewayUnchanged(t *testing.T) {
	server := through(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.Header().Set("Location", "https://shop.example/?q=1,2")
		w.WriteHeader(http.StatusFound)
		w.Write([]byte{0, 1, 0xff})
	}))
	response := ask(t, server, "GET", "/l/x", "", nil)
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusFound || !bytes.Equal(body, []byte{0, 1, 0xff}) {
		t.Fatalf("got %d %q, %v", response.StatusCode, body, err)
	}
	if got := response.Header["Set-Cookie"]; !reflect.DeepEqual(got, []string{"a=1", "b=2"}) {
		t.Errorf("cookies %q", got)
	}
	if got := response.Header.Get("Location"); got != "https://shop.example/?q=1,2" {
		t.Errorf("location %q", got)
	}
}

func TestGatewayAnswersForAFunctionThatFails(t *testing.T) {
	for name, invoke := range map[string]Invoke{
		"an error":  func(context.Context, []byte) ([]byte, error) { return nil, errors.New("secret reason") },
		"no JSON":   func(context.Context, []byte) ([]byte, error) { return []byte("oops"), nil },
		"no status": func(context.Context, []byte) ([]byte, error) { return []byte("{}"), nil },
		"base64 that isn't": func(context.Context, []byte) ([]byte, error) {
			return []byte(`{"statusCode":200,"isBase64Encoded":true,"body":"*"}`), nil
		},
	} {
		server := httptest.NewServer(Gateway(invoke))
		response := ask(t, server, "GET", "/", "", nil)
		body, _ := io.ReadAll(response.Body)
		if response.StatusCode != 500 || string(body) != `{"message":"Internal Server Error"}` {
			t.Errorf("%s: got %d %s", name, response.StatusCode, body)
		}
		server.Close()
	}
}

func TestGatewayRefusesWhatTheHTTPAPIWould(t *testing.T) {
	called := false
	server := httptest.NewServer(Gateway(func(context.Context, []byte) ([]byte, error) {
		called = true
		return nil, nil
	}))
	defer server.Close()
	response := ask(t, server, "POST", "/v1/import", strings.Repeat("x", maxRequest+1), nil)
	if response.StatusCode != http.StatusRequestEntityTooLarge || called {
		t.Fatalf("got %d, function called: %v", response.StatusCode, called)
	}
}

func TestForwardedHeadersCannotBeForged(t *testing.T) {
	var got seen
	ask(t, through(t, look(&got)), "GET", "/", "", http.Header{
		"X-Forwarded-Proto": {"https"}, "X-Forwarded-For": {"203.0.113.9"},
	})
	if p, f := got.Header.Get("X-Forwarded-Proto"), got.Header.Get("X-Forwarded-For"); p != "http" || f != "203.0.113.9, 127.0.0.1" {
		t.Fatalf("proto %q, for %q", p, f)
	}
}

// FuzzHandle: whatever bytes come, there is an answer in the right form or an
// error, and the answer goes through the gateway.
func FuzzHandle(f *testing.F) {
	example, err := os.ReadFile("testdata/aws-example.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	f.Add([]byte(`{"version":"2.0","rawPath":"/%zz","headers":{"\n":"x"},"isBase64Encoded":true,"body":"AA=="}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var got seen
		answer, err := Handle(look(&got))(t.Context(), payload)
		if err != nil {
			return
		}
		var r response
		if err := json.Unmarshal(answer, &r); err != nil {
			t.Fatal(err)
		}
		if !reply(httptest.NewRecorder(), answer) {
			t.Fatalf("the gateway refuses %s", answer)
		}
	})
}

// FuzzRoundTrip: a body arrives byte by byte whatever it is and says it is.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("{}"), "application/json", "", "/v1/t", "a=1")
	f.Add([]byte{0xff}, "text/plain", "gzip", "/", "")
	f.Fuzz(func(t *testing.T, body []byte, contentType, encoding, path, query string) {
		r := httptest.NewRequest("POST", "/", bytes.NewReader(body))
		r.URL.Path, r.URL.RawQuery = "/"+path, query
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Content-Encoding", encoding)
		payload, err := json.Marshal(encodeRequest(r, body))
		if err != nil {
			t.Fatal(err)
		}
		var got seen
		if _, err := Handle(look(&got))(t.Context(), payload); err != nil {
			t.Fatalf("%s: %v", payload, err)
		}
		if got.Body != string(body) {
			t.Fatalf("body %q became %q", body, got.Body)
		}
		if got.Path != r.URL.Path {
			t.Fatalf("path %q became %q", r.URL.Path, got.Path)
		}
	})
}

// BenchmarkEvent is one tracking call through gateway, bytes and handler.
func BenchmarkEvent(b *testing.B) {
	body := `{"type":"track","userId":"u1","event":"Product Added","messageId":"m1","properties":{"product_id":"p1","name":"Tent","price":90,"quantity":1},"context":{"library":{"name":"analytics-go","version":"3.3.0"}}}`
	h := Gateway(Handle(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"success":true}`)
	})))
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("POST", "/v1/track", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Basic c2VydmVyLWxvY2FsOg==")
		r.Header.Set("User-Agent", "analytics-go (version: 3.3.0)")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}
