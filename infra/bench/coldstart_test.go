package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/infra/binaries"
	"github.com/kesher-io/kesher/shared/aws/env"
	"github.com/kesher-io/kesher/shared/testkit/runtimeapi"
)

const root = "../.."

// firstEvents are the first event of each function: what asks AWS for nothing but
// the secret and, where it cannot be helped, the release.
var firstEvents = map[env.Function]string{
	env.Collect: httpEvent, env.Pages: httpEvent, env.Console: httpEvent,
	env.Journey: `{"Records":[]}`, env.Deliver: `{"Records":[]}`,
	env.Feedback: `{}`, env.Clock: `{}`,
}

const httpEvent = `{"version":"2.0","rawPath":"/none","headers":{},"requestContext":{"http":{"method":"GET","path":"/none"}}}`

// BenchmarkColdStart starts each function's real bootstrap, built for this
// machine, under a Runtime API that stands for Lambda's and an AWS that answers at
// once.
func BenchmarkColdStart(b *testing.B) {
	arch := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	folder, err := binaries.Build(b.Context(), root, arch, binaries.Functions...)
	if err != nil {
		b.Fatal(err)
	}
	aws := serveAWS(b)
	for _, f := range binaries.Functions {
		bootstrap := filepath.Join(folder, string(f), "bootstrap")
		b.Run(string(f), func(b *testing.B) {
			best := start{next: time.Hour, answer: time.Hour}
			for range 20 { // the page cache is warm after the first, as Lambda's is
				s := coldStart(b, bootstrap, f, aws)
				best = start{min(best.next, s.next), min(best.answer, s.answer), s.memory}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(milliseconds(best.next), "ms-next")
			b.ReportMetric(milliseconds(best.answer), "ms-answer")
			b.ReportMetric(best.memory, "MB-RSS")
		})
	}
}

type start struct {
	next, answer time.Duration
	memory       float64
}

func coldStart(b *testing.B, bootstrap string, f env.Function, aws string) (s start) {
	api := runtimeapi.New(b)
	set := []string{"AWS_ENDPOINT_URL=" + aws}
	for _, v := range env.Variables(f) {
		if !v.Optional {
			set = append(set, string(v.Name)+"=https://shop.example")
		}
	}
	begun := time.Now()
	process := api.Start(b, bootstrap, io.Discard, set...)
	<-api.Ready()
	s.next = time.Since(begun)
	s.memory = residentMB(b, process.Pid)
	// A function may answer with an error: that nothing is published is one.
	_, _ = api.Invoke(b.Context(), []byte(firstEvents[f]))
	s.answer = time.Since(begun)
	return s
}

// serveAWS stands for the two services that a first event asks.
func serveAWS(b *testing.B) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := `{}`
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetSecretValue") {
			answer = fmt.Sprintf(`{"SecretString":"{\"secret\":\"%s\"}"}`, strings.Repeat("s", 64))
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		io.WriteString(w, answer) // the function is gone otherwise
	}))
	b.Cleanup(server.Close)
	return server.URL
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// residentMB is a process's memory as Linux counts it.
func residentMB(b testing.TB, pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Skip(err) // not Linux
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	var kB float64
	if _, err := fmt.Sscan(rest, &kB); err != nil {
		b.Fatal(err)
	}
	return kB / 1024
}
