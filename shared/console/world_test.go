package console_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/catalog"
	"github.com/kesher-io/kesher/shared/console"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/advance"
	"github.com/kesher-io/kesher/shared/flow/collect"
	"github.com/kesher-io/kesher/shared/flow/erase"
	"github.com/kesher-io/kesher/shared/flow/faults"
	"github.com/kesher-io/kesher/shared/flow/insights"
	"github.com/kesher-io/kesher/shared/flow/publish"
	"github.com/kesher-io/kesher/shared/flow/releases"
	"github.com/kesher-io/kesher/shared/flow/report"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

const token = "secret-token"

var t0 = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// world is a stage behind its console.
type world struct {
	testing.TB
	store   *memstore.Store
	clock   *fake.Clock
	tokens  *fake.Tokens
	keys    ident.Keys
	config  console.Config
	handler http.Handler
	counts  *insights.Counter
	told    int // changes that journey has been told of
}

func newWorld(t testing.TB) *world {
	t.Helper()
	clock, tokens := fake.NewClock(t0), fake.NewTokens(1)
	store := memstore.New(clock.NowOf)
	keys := ident.NewKeys([]byte("01234567890123456789012345678901"))
	releases := releases.New(store, keys, clock.Real)
	w := &world{TB: t, store: store, clock: clock, tokens: tokens, keys: keys, counts: &insights.Counter{Store: store}}
	w.config = console.Config{
		Store: store, Clock: clock, Tokens: tokens, Releases: releases, Keys: keys,
		Collect: &collect.Service{Store: store, Clock: clock, Tokens: tokens, Releases: releases, Keys: keys, Metrics: fake.NoMetrics{}},
		Erase:   &erase.Service{Store: store, Clock: clock, Tokens: tokens},
		Admin:   console.Bearer(token), Page: console.Everybody, Mailbox: true, Log: slog.New(slog.DiscardHandler),
		Intake: func(context.Context) (report.Intake, error) {
			return report.Intake{Accepted: 7, Rejected: map[string]int{"unknown_event": 2}}, nil
		},
	}
	w.handler = console.New(w.config)
	return w
}

// example is compiled once: it takes longer than all that a test does with it.
var example = sync.OnceValue(func() *publish.Candidate {
	candidate, problems := publish.Compile(catalog.Example())
	if candidate == nil {
		panic(problems[0])
	}
	return candidate
})

// published is a stage with the example catalog.
func published(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	_, err := (&publish.Service{Store: w.store, Clock: w.clock, Tokens: w.tokens, Keys: w.keys}).Publish(t.Context(), example(), "")
	w.must(err)
	w.clock.Advance(time.Minute + time.Second) // what functions know of the release
	return w
}

// answer is what the console said.
type answer struct {
	*httptest.ResponseRecorder
	w *world
}

func (a answer) expect(status int) answer {
	a.w.Helper()
	if a.Code != status {
		a.w.Fatalf("answered %d, want %d: %s", a.Code, status, a.Body)
	}
	return a
}

// decode reads the answer's JSON.
func decode[T any](a answer) (v T) {
	a.w.Helper()
	a.expect(http.StatusOK)
	if err := json.Unmarshal(a.Body.Bytes(), &v); err != nil {
		a.w.Fatalf("%v in %s", err, a.Body)
	}
	return v
}

func (w *world) request(r *http.Request) answer {
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	return answer{recorder, w}
}

func (w *world) send(method, path, contentType string, body []byte) answer {
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", contentType)
	return w.request(r)
}

func (w *world) post(path, body string) answer {
	return w.send("POST", path, "application/json", []byte(body))
}

func (w *world) get(path string) answer { return w.send("GET", path, "", nil) }

// zip packs the example catalog with some files replaced.
func (w *world) zip(replace map[string]string) []byte {
	w.Helper()
	var buffer bytes.Buffer
	z := zip.NewWriter(&buffer)
	for name, content := range w.files(replace) {
		f, err := z.Create(name)
		w.must(err)
		_, err = io.WriteString(f, content)
		w.must(err)
	}
	w.must(z.Close())
	return buffer.Bytes()
}

func (w *world) files(replace map[string]string) map[string]string {
	w.Helper()
	files := map[string]string{}
	folder := catalog.Example()
	w.must(fs.WalkDir(folder, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(folder, path)
		files[path] = string(content)
		return err
	}))
	for name, content := range replace {
		files[name] = content
	}
	return files
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// calls takes tracking calls in, and lets journey work what they stored.
func (w *world) calls(bodies ...string) {
	w.Helper()
	ctx, server := context.Background(), collect.Source{Kind: collect.Server, Name: "test"}
	for _, body := range bodies {
		var out collect.Outcome
		var err error
		if strings.Contains(body, `"type":"consent"`) {
			c, refusal := events.DecodeConsent([]byte(body))
			if refusal != nil {
				w.Fatal(refusal)
			}
			out, err = w.config.Collect.Consent(ctx, c, server)
		} else {
			var head struct{ Type string }
			w.must(json.Unmarshal([]byte(body), &head))
			c, refusal := events.DecodeCall([]byte(body), head.Type)
			if refusal != nil {
				w.Fatal(refusal)
			}
			out, err = w.config.Collect.Collect(ctx, c, server)
		}
		w.must(err)
		if out.Refused != nil {
			w.Fatalf("%s: %v", body, out.Refused)
		}
		w.journey()
	}
}

func (w *world) runs() *advance.Service {
	return &advance.Service{
		Store: w.store, Clock: w.clock, Tokens: w.tokens, Releases: w.config.Releases, Metrics: fake.NoMetrics{}, Log: w.config.Log,
		Counts: w.counts,
	}
}

// due fires the timer of the customer's cart journey.
func (w *world) due(customer string) {
	w.Helper()
	w.must(w.runs().Due(context.Background(), customer, item.RunSK("cart-abandonment", "")))
}

// journey works what has been stored since it last did.
func (w *world) journey() {
	w.Helper()
	runs := w.runs()
	for changes := w.store.Changes(); w.told < len(changes); changes = w.store.Changes() {
		c := changes[w.told]
		w.told++
		if c.New != nil && c.Key.Table == item.Customers && !strings.HasPrefix(c.Key.SK, item.PrefixRun) {
			w.must(runs.Change(context.Background(), c.Old, c.New))
		}
	}
	w.must(w.counts.Flush(context.Background()))
}

// dana left a tent in her cart, and may be mailed.
func (w *world) dana() {
	w.Helper()
	w.calls(
		`{"type":"identify","userId":"dana","messageId":"1","traits":{"email":"dana@example.com","first_name":"Dana"}}`,
		`{"type":"consent","userId":"dana","messageId":"2","purpose":"marketing","channel":"email","state":"granted","notice":"newsletter"}`,
		`{"type":"consent","userId":"dana","messageId":"3","purpose":"personalization","state":"granted","notice":"newsletter"}`,
		`{"type":"track","userId":"dana","messageId":"4","event":"Product Added","properties":{"product_id":"tent-2","name":"Tent","price":490}}`,
	)
}

// fault is a record of hers that could not be worked.
func (w *world) fault() item.Key {
	w.Helper()
	key := item.C(w.keys.Customer("dana"), item.SKProfile)
	w.faultOf(key)
	return key
}

func (w *world) faultOf(key item.Key) {
	w.Helper()
	f := faults.Service{Store: w.store, Clock: w.clock, Tokens: w.tokens}
	w.must(f.Record(context.Background(), "journey", &item.Item{Key: key, V: 1}, &item.DecodeError{Key: key, Err: io.ErrUnexpectedEOF}))
}

func (w *world) version(key item.Key) int64 {
	w.Helper()
	items, err := w.store.Get(context.Background(), flow.Strong, key)
	w.must(err)
	return items[0].V
}
