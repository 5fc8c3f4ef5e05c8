package collect

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/analytics-go/v3"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
)

// flaky answers the first attempts to post with 503 and remembers how many there were.
type flaky struct {
	next http.Handler
	mu   sync.Mutex
	seen int
}

func (h *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost { // what a browser asks besides
		h.next.ServeHTTP(w, r)
		return
	}
	h.mu.Lock()
	h.seen++
	attempt := h.seen
	h.mu.Unlock()
	if attempt == 2 { // the worse of both: it is stored, and the answer lost
		h.next.ServeHTTP(httptest.NewRecorder(), r)
	}
	if attempt <= 2 {
		w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin")) // as the handler's own 503 has
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	h.next.ServeHTTP(w, r)
}

// served is the handler on loopback, on the wall's clock: the SDKs send its time.
func served(t *testing.T) (*fixture, *flaky, string) {
	f := setup(t)
	f.clock.Set(time.Now())
	h := &flaky{next: New(f.config)}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return f, h, server.URL
}

// checkShop checks what every SDK below sends: one identify and three orders.
func (f *fixture) checkShop(user string, h *flaky) {
	f.t.Helper()
	if h.seen < 3 {
		f.t.Errorf("%d attempts: it did not try again", h.seen)
	}
	got := map[any]int{}
	for _, e := range f.stored(f.pk(user)) {
		got[e.Props["order_id"]]++
		if age := time.Since(time.UnixMilli(e.At)); age < 0 || age > time.Minute {
			f.t.Errorf("an order %s old", age)
		}
	}
	if len(got) != 3 || got["o1"] != 1 || got["o2"] != 1 || got["o3"] != 1 {
		f.t.Errorf("orders %v", got)
	}
	items, err := f.store.Get(context.Background(), flow.Strong, item.Key{Table: item.Customers, PK: f.pk(user), SK: item.SKProfile})
	if err != nil || items[0] == nil {
		f.t.Fatal("no profile", err)
	}
	var p profile.Profile
	if err := items[0].Decode(&p); err != nil || p.Traits["first_name"].Value != "Dana" || p.Address.Reveal() != "dana@shop.example" {
		f.t.Errorf("profile is not what was said: %v", err)
	}
}

// zipping is what a host in front of an SDK may do to its requests.
type zipping struct{ http.RoundTripper }

func (z zipping) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(&b), int64(b.Len())
	r.Header.Set("Content-Encoding", "gzip")
	return z.RoundTripper.RoundTrip(r)
}

// delivered tells of each message what became of it.
type delivered chan error

func (d delivered) Success(analytics.Message)            { d <- nil }
func (d delivered) Failure(_ analytics.Message, e error) { d <- e }

func TestI01SegmentsGoSDK(t *testing.T) {
	for name, transport := range map[string]http.RoundTripper{
		"plain": http.DefaultTransport, "gzip": zipping{http.DefaultTransport},
	} {
		t.Run(name, func(t *testing.T) {
			f, h, url := served(t)
			done := make(delivered, 4)
			client, err := analytics.NewWithConfig(serverKey, analytics.Config{
				Endpoint: url, BatchSize: cap(done), Transport: transport, Callback: done,
				Logger:     analytics.StdLogger(log.New(io.Discard, "", 0)),
				RetryAfter: func(int) time.Duration { return time.Millisecond },
			})
			if err != nil {
				t.Fatal(err)
			}
			calls := []analytics.Message{
				analytics.Identify{UserId: "go", Traits: analytics.NewTraits().Set("first_name", "Dana").SetEmail("dana@shop.example")},
			}
			for _, o := range []string{"o1", "o2", "o3"} {
				calls = append(calls, analytics.Track{UserId: "go", Event: "Order Completed", Properties: analytics.NewProperties().Set("order_id", o)})
			}
			for _, c := range calls {
				if err := client.Enqueue(c); err != nil {
					t.Fatal(err)
				}
			}
			for range cap(done) { // Close would give up what is being retried
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			}
			if err := client.Close(); err != nil {
				t.Fatal(err)
			}
			f.checkShop("go", h)
		})
	}
}

// nodeTool is the folder of a package of infra/tools.
func nodeTool(t *testing.T, name string) string {
	t.Helper()
	folder, err := filepath.Abs(filepath.Join("../../infra/tools/node_modules", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder); err != nil {
		missing := name + " is not installed: make tools-node"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip("NOT TESTED: " + missing)
	}
	return folder
}

func TestI01SegmentsNodeSDKs(t *testing.T) {
	for _, name := range []string{"analytics-node-2", "analytics-node-3"} {
		t.Run(name, func(t *testing.T) {
			folder := nodeTool(t, name)
			f, h, url := served(t)
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			out, err := exec.CommandContext(ctx, "node", "testdata/segment.cjs", folder, url, serverKey, "Order Completed").CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			f.checkShop("node", h)
		})
	}
}

// I05: what was refused is done with: no SDK sends it again.
func TestI05NoSDKLoopsOnARefusedCall(t *testing.T) {
	send := map[string]func(url string){
		"Go": func(url string) {
			done := make(delivered, 1)
			client, err := analytics.NewWithConfig(serverKey, analytics.Config{
				Endpoint: url, BatchSize: 1, Callback: done, RetryAfter: func(int) time.Duration { return time.Millisecond },
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := client.Enqueue(analytics.Track{UserId: "u1", Event: "Nothing We Know"}); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(<-done, client.Close()); err != nil {
				t.Error(err)
			}
		},
	}
	for _, name := range []string{"analytics-node-2", "analytics-node-3"} {
		send[name] = func(url string) {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			if out, err := exec.CommandContext(ctx, "node", "testdata/segment.cjs", nodeTool(t, name), url, serverKey, "Nothing We Know").CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", name, err, out)
			}
		}
	}
	for name, send := range send {
		f := setup(t)
		f.clock.Set(time.Now())
		calls := map[string]int{}
		handler := New(f.config)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			for _, id := range messageIDs.FindAllString(string(body), -1) {
				calls[id]++ // an SDK posts one batch after another
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			handler.ServeHTTP(w, r)
		}))
		send(server.URL)
		server.Close()
		for id, times := range calls {
			if times != 1 {
				t.Errorf("%s: %s was sent %d times", name, id, times)
			}
		}
		if len(calls) == 0 {
			t.Errorf("%s sent nothing", name)
		}
	}
}

var messageIDs = regexp.MustCompile(`"messageId":"[^"]+"`)
