package console_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/events"
	fn "github.com/kesher-io/kesher/functions/console"
	"github.com/kesher-io/kesher/shared/aws/httpapi"
	"github.com/kesher-io/kesher/shared/catalog"
	"github.com/kesher-io/kesher/shared/console"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/flow/collect"
	"github.com/kesher-io/kesher/shared/flow/erase"
	"github.com/kesher-io/kesher/shared/flow/publish"
	"github.com/kesher-io/kesher/shared/flow/releases"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

// function is what the gateway calls, and the flow by which a test makes customers known.
type function struct {
	http.Handler
	collect *collect.Service
}

// deployed is the function behind the bytes of the HTTP API, as on AWS: whoever
// comes by /admin/v1 has been let through by the signed route.
func deployed(t *testing.T) function {
	t.Helper()
	clock, tokens := fake.NewClock(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)), fake.NewTokens(1)
	store := memstore.New(clock.NowOf)
	keys := ident.NewKeys([]byte("01234567890123456789012345678901"))
	releases := releases.New(store, keys, clock.Real)
	candidate, problems := publish.Compile(catalog.Example())
	if candidate == nil {
		t.Fatal(problems)
	}
	if _, err := (&publish.Service{Store: store, Clock: clock, Tokens: tokens, Keys: keys}).Publish(context.Background(), candidate, ""); err != nil {
		t.Fatal(err)
	}
	people := &collect.Service{Store: store, Clock: clock, Tokens: tokens, Releases: releases, Keys: keys, Metrics: fake.NoMetrics{}}
	return function{collect: people, Handler: httpapi.Gateway(httpapi.Handle(fn.New(fn.Config{
		Config: console.Config{
			Store: store, Clock: clock, Tokens: tokens, Releases: releases, Keys: keys,
			Collect: people,
			Erase:   &erase.Service{Store: store, Clock: clock, Tokens: tokens},
			Admin:   console.Everybody, Log: slog.New(slog.DiscardHandler),
		},
		PublicKey: "public", ServerKey: "server", Base: "https://api.example",
	})))}
}

func call(h http.Handler, method, path, key, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.SetBasicAuth(key, "")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestProfilesTakeTheServerKeyAndNoOther(t *testing.T) {
	h := deployed(t)
	for key, want := range map[string]int{"": 401, "wrong": 401, "public": 403, "server": 404} {
		for _, verb := range []string{"get", "export"} {
			if w := call(h, "POST", "/v1/profiles/"+verb, key, `{"userId":"dana"}`); w.Code != want {
				t.Errorf("%s with %q: %d, want %d", verb, key, w.Code, want)
			}
		}
	}
}

func TestProfilesEraseGivesTheReceipt(t *testing.T) {
	w := call(deployed(t), "POST", "/v1/profiles/erase", "server", `{"userId":"dana"}`)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"erased":"2026-11-24T09:00:00Z"`) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

// The route of profiles is open to whoever has the server key; the admin API's is
// not. No spelling of a path under the one may reach the other.
func TestNoPathUnderProfilesLeadsToTheAdminAPI(t *testing.T) {
	h := deployed(t)
	for _, path := range []string{
		"/v1/profiles/../../admin/v1/erase", "/v1/profiles/%2e%2e/%2e%2e/admin/v1/erase", "/v1/profiles/..%2f..%2fadmin/v1/erase",
		"/v1/profiles//../../admin/v1/erase", "//admin/v1/erase", "/v1/profiles/..;/admin/v1/erase",
	} {
		for _, key := range []string{"", "server"} {
			if w := call(h, "POST", path, key, `{"userId":"dana"}`); w.Code == http.StatusOK {
				t.Errorf("%s with %q: %d %s", path, key, w.Code, w.Body)
			}
		}
	}
}

func TestThePageAndTheAdminAPIAreServedBesideProfiles(t *testing.T) {
	h := deployed(t)
	for path, want := range map[string]string{
		"/": "text/html; charset=utf-8", "/console": "text/html; charset=utf-8", "/console/style.css": "text/css; charset=utf-8",
		"/admin/v1/status": "application/json",
	} {
		if w := call(h, "GET", path, "", ""); w.Code != http.StatusOK || w.Header().Get("Content-Type") != want {
			t.Errorf("%s: %d %s", path, w.Code, w.Header().Get("Content-Type"))
		}
	}
}

func TestAnErasureIsOfWhomItNames(t *testing.T) {
	h := deployed(t)
	known := func(want int) {
		t.Helper()
		if w := call(h, "POST", "/v1/profiles/get", "server", `{"userId":"dana"}`); w.Code != want {
			t.Fatalf("%d, want %d: %s", w.Code, want, w.Body)
		}
	}
	known(404)
	c, bad := events.DecodeCall([]byte(`{"type":"identify","userId":"dana","traits":{"email":"dana@shop.example"}}`), "")
	if bad != nil {
		t.Fatal(bad)
	}
	if out, err := h.collect.Collect(context.Background(), c, collect.Source{Kind: collect.Server}); err != nil || out.Refused != nil {
		t.Fatal(out.Refused, err)
	}
	known(200)
	if w := call(h, "POST", "/v1/profiles/erase", "server", `{"userId":"dana"}`); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	known(404)
}
