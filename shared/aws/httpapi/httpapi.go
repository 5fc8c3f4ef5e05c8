// Package httpapi stands between API Gateway's HTTP API and net/http, in both
// directions: Handle lets a http.Handler serve payload format 2.0, as Lambda
// gets it; Gateway does what the HTTP API does, so that one machine sends the
// same bytes through the same door. It knows the format (API Gateway developer
// guide, "Create AWS Lambda proxy integrations for HTTP APIs") and no route.
package httpapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Invoke is one call of a function: an event's bytes to an answer's bytes.
type Invoke func(ctx context.Context, payload []byte) ([]byte, error)

// request is the part of the event that a http.Handler can see. What is left
// out (queryStringParameters, requestContext.time, stageVariables, ...) says
// the same again or nothing that a handler may depend on.
type request struct {
	Version         string            `json:"version"`
	RouteKey        string            `json:"routeKey"`
	RawPath         string            `json:"rawPath"`
	RawQueryString  string            `json:"rawQueryString"`
	Cookies         []string          `json:"cookies,omitempty"`
	Headers         map[string]string `json:"headers"`
	RequestContext  requestContext    `json:"requestContext"`
	Body            string            `json:"body,omitempty"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

type requestContext struct {
	DomainName string      `json:"domainName"`
	HTTP       requestHTTP `json:"http"`
	RequestID  string      `json:"requestId"`
	Stage      string      `json:"stage"`
}

type requestHTTP struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

type response struct {
	StatusCode      int               `json:"statusCode"`
	Headers         map[string]string `json:"headers,omitempty"`
	Cookies         []string          `json:"cookies,omitempty"`
	Body            string            `json:"body,omitempty"`
	IsBase64Encoded bool              `json:"isBase64Encoded,omitempty"`
}

// Handle makes a function out of a handler. An event that cannot be read is an
// error, which the HTTP API answers with 500.
func Handle(h http.Handler) Invoke {
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		var event request
		if err := json.Unmarshal(payload, &event); err != nil {
			return nil, fmt.Errorf("HTTP API event: %w", err)
		}
		r, err := event.decode(ctx)
		if err != nil {
			return nil, fmt.Errorf("HTTP API event: %w", err)
		}
		w := newRecorder(r.Method == http.MethodHead)
		h.ServeHTTP(w, r)
		return json.Marshal(w.encode())
	}
}

var errVersion = errors.New("payload format 2.0 is expected")

func (e *request) decode(ctx context.Context) (*http.Request, error) {
	if e.Version != "2.0" {
		return nil, errVersion
	}
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
	}
	target, err := e.target()
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, e.RequestContext.HTTP.Method, "/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.URL, r.RequestURI = target, target.RequestURI()
	r.Header = e.header()
	r.Host = r.Header.Get("Host")
	if r.Host == "" {
		r.Host = e.RequestContext.DomainName
	}
	r.Header.Del("Host")
	r.RemoteAddr = net.JoinHostPort(e.RequestContext.HTTP.SourceIP, "0")
	return r, nil
}

// target is the URL asked for. The HTTP API hands out the path decoded in some
// setups and as it came in others; a path that is no valid encoding is taken as
// it stands.
func (e *request) target() (*url.URL, error) {
	if !strings.HasPrefix(e.RawPath, "/") {
		return nil, fmt.Errorf("path %q does not begin with a slash", e.RawPath)
	}
	u := &url.URL{Path: e.RawPath, RawQuery: e.RawQueryString}
	if path, err := url.PathUnescape(e.RawPath); err == nil {
		u.Path, u.RawPath = path, e.RawPath
	}
	return u, nil
}

// header undoes what the HTTP API did to headers: names in lower case, several
// values joined by commas, cookies apart. A joined value stays one: nothing
// tells its commas from a value's own (RFC 9110 section 5.3 makes both equal).
func (e *request) header() http.Header {
	h := make(http.Header, len(e.Headers)+1)
	for name, value := range e.Headers {
		h[http.CanonicalHeaderKey(name)] = []string{value}
	}
	if len(e.Cookies) > 0 {
		h["Cookie"] = []string{strings.Join(e.Cookies, "; ")}
	}
	return h
}

// recorder is the ResponseWriter of one event.
type recorder struct {
	header http.Header
	sent   http.Header // as it stood at WriteHeader
	status int
	body   bytes.Buffer
	noBody bool
}

func newRecorder(noBody bool) *recorder { return &recorder{header: http.Header{}, noBody: noBody} }

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status != 0 || status < http.StatusOK { // once, and nothing provisional
		return
	}
	w.status, w.sent = status, w.header.Clone()
}

func (w *recorder) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.noBody {
		return len(b), nil
	}
	return w.body.Write(b)
}

// WriteString keeps io.WriteString from copying.
func (w *recorder) WriteString(s string) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.noBody {
		return len(s), nil
	}
	return w.body.WriteString(s)
}

var _ io.StringWriter = (*recorder)(nil)

func (w *recorder) encode() *response {
	w.WriteHeader(http.StatusOK)
	if w.body.Len() > 0 && w.sent.Get("Content-Type") == "" {
		w.sent.Set("Content-Type", http.DetectContentType(w.body.Bytes()))
	}
	r := &response{StatusCode: w.status, Cookies: w.sent["Set-Cookie"], Headers: make(map[string]string, len(w.sent))}
	for name, values := range w.sent {
		if name != "Set-Cookie" {
			r.Headers[strings.ToLower(name)] = strings.Join(values, ",")
		}
	}
	r.Body, r.IsBase64Encoded = encodeBody(w.sent, w.body.Bytes())
	return r
}
