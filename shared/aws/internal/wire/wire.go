// Package wire is an AWS service on 127.0.0.1 that keeps what it is sent and
// answers as a test tells it. For tests only.
package wire

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/kesher-io/kesher/shared/aws/transport"
)

// Request is one as it came.
type Request struct {
	Method    string
	Path      string // encoded, with the query
	Operation string // of the JSON protocols: X-Amz-Target after the full stop
	Header    http.Header
	Body      []byte
}

// Answer is what a request gets; 0 is 200.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Service is safe for concurrent use.
type Service struct {
	URL string

	mu       sync.Mutex
	requests []Request
}

// Serve starts a service that ends with the test.
func Serve(t testing.TB, answer func(Request) Answer) *Service {
	s := &Service{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		request := Request{r.Method, r.URL.RequestURI(), operation, r.Header, body}
		s.mu.Lock()
		s.requests = append(s.requests, request)
		s.mu.Unlock()
		a := answer(request)
		for name, values := range a.Header {
			w.Header()[name] = values
		}
		if a.Status == 0 {
			a.Status = http.StatusOK
		}
		w.WriteHeader(a.Status)
		io.WriteString(w, a.Body)
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Always is the same answer to everything.
func Always(a Answer) func(Request) Answer { return func(Request) Answer { return a } }

// InTurn gives each answer once, and the last for ever.
func InTurn(answers ...Answer) func(Request) Answer {
	var mu sync.Mutex
	n := 0
	return func(Request) Answer {
		mu.Lock()
		defer mu.Unlock()
		n++
		return answers[min(n, len(answers))-1]
	}
}

// Requests are all so far.
func (s *Service) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Config leads an SDK client here, without retries.
func (s *Service) Config() aws.Config {
	return aws.Config{
		Region:       "eu-west-1",
		BaseEndpoint: &s.URL,
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		HTTPClient:   transport.New(),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
	}
}
