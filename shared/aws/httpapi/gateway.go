package httpapi

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"unicode/utf8"
)

// maxRequest is the most that the HTTP API takes (API Gateway quotas,
// "Quotas for configuring and running an HTTP API": payload size).
const maxRequest = 10 << 20

// Gateway is the HTTP API before one function.
func Gateway(invoke Invoke) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
		if err != nil {
			refuse(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
			return
		}
		payload, err := json.Marshal(encodeRequest(r, body))
		if err != nil {
			refuse(w, http.StatusInternalServerError, "Internal Server Error")
			return
		}
		answer, err := invoke(r.Context(), payload)
		if err != nil || !reply(w, answer) {
			refuse(w, http.StatusInternalServerError, "Internal Server Error")
		}
	})
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	io.WriteString(w, `{"message":"`+message+`"}`)
}

func encodeRequest(r *http.Request, body []byte) *request {
	source, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		source = r.RemoteAddr
	}
	e := &request{
		Version:        "2.0",
		RouteKey:       "$default",
		RawPath:        r.URL.EscapedPath(),
		RawQueryString: r.URL.RawQuery,
		Cookies:        cookies(r),
		Headers:        make(map[string]string, len(r.Header)+1),
		RequestContext: requestContext{
			DomainName: r.Host,
			RequestID:  rand.Text(),
			Stage:      "$default",
			HTTP: requestHTTP{
				Method: r.Method, Path: r.URL.Path, Protocol: r.Proto, SourceIP: source, UserAgent: r.UserAgent(),
			},
		},
	}
	for name, values := range r.Header {
		if name != "Cookie" {
			e.Headers[strings.ToLower(name)] = strings.Join(values, ",")
		}
	}
	e.forward(r, source)
	e.Body, e.IsBase64Encoded = encodeBody(r.Header, body)
	return e
}

// forward sets the headers that tell of the gateway's own client; whoever asks
// cannot set them himself, but for what X-Forwarded-For said before.
func (e *request) forward(r *http.Request, source string) {
	e.Headers["host"] = r.Host
	if before := e.Headers["x-forwarded-for"]; before != "" {
		source = before + ", " + source
	}
	e.Headers["x-forwarded-for"] = source
	e.Headers["x-forwarded-proto"] = "http"
	if r.TLS != nil {
		e.Headers["x-forwarded-proto"] = "https"
	}
}

// cookies are the pairs of all Cookie headers, as they came.
func cookies(r *http.Request) []string {
	var pairs []string
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			if pair = strings.TrimSpace(pair); pair != "" {
				pairs = append(pairs, pair)
			}
		}
	}
	return pairs
}

// reply writes a function's answer; false when it is none.
func reply(w http.ResponseWriter, answer []byte) bool {
	var a response
	if err := json.Unmarshal(answer, &a); err != nil || a.StatusCode < 200 || a.StatusCode > 599 {
		return false
	}
	body := []byte(a.Body)
	if a.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(a.Body); err != nil {
			return false
		}
	}
	for name, value := range a.Headers {
		w.Header().Set(name, value)
	}
	for _, cookie := range a.Cookies {
		w.Header().Add("Set-Cookie", cookie)
	}
	w.WriteHeader(a.StatusCode)
	w.Write(body) // a client that has gone is nobody's error
	return true
}

// encodeBody makes text of a body as the HTTP API does: what is not plain text
// by its headers, or not text at all, travels as base64.
func encodeBody(h http.Header, body []byte) (text string, isBase64 bool) {
	if len(body) == 0 {
		return "", false
	}
	if h.Get("Content-Encoding") == "" && textual(h.Get("Content-Type")) && utf8.Valid(body) {
		return string(body), false
	}
	return base64.StdEncoding.EncodeToString(body), true
}

func textual(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch kind {
	case "application/json", "application/javascript", "application/xml":
		return true
	}
	return strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+json") || strings.HasSuffix(kind, "+xml")
}
