package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/survey"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/collect"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

var start = time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)

const (
	publicKey = "public-test"
	serverKey = "server-test"
)

// fixture is the handler over the real flow and a store in memory.
type fixture struct {
	t      *testing.T
	config Config
	store  *memstore.Store
	clock  *fake.Clock
}

type releases struct {
	rel *release.Release
	err error
}

func (r *releases) Live(context.Context) (*release.Release, error)        { return r.rel, r.err }
func (r *releases) Get(context.Context, string) (*release.Release, error) { return r.rel, r.err }

func setup(t *testing.T) *fixture {
	clock := fake.NewClock(start)
	store := memstore.New(clock.NowOf)
	return &fixture{t: t, store: store, clock: clock, config: Config{
		PublicKey: publicKey, ServerKey: serverKey, Base: "https://mail.shop.example", Typeform: []byte("typeform"),
		Log: slog.New(slog.DiscardHandler),
		Flow: &collect.Service{
			Store: store, Clock: clock, Tokens: fake.NewTokens(1), Releases: &releases{rel: testRelease()},
			Keys: ident.NewKeys([]byte("secret")), Metrics: fake.NoMetrics{}, Identity: []byte("identity"),
		},
	}}
}

func testRelease() *release.Release {
	return &release.Release{
		ID: "r1",
		Plan: &plan.Plan{
			Purposes: map[string]plan.Purpose{
				"marketing":       {Contact: []string{"email"}, Basis: plan.BasisConsent},
				"personalization": {Basis: plan.BasisConsent},
				"service":         {Contact: []string{"email"}, Basis: plan.BasisContract},
			},
			Traits: map[string]plan.Trait{
				"email":      {Type: "email", Origin: plan.OriginFirst, Purposes: []string{"service"}},
				"first_name": {Type: "string", Origin: plan.OriginZero, Purposes: []string{"service"}},
			},
			Events: map[string]plan.Event{
				"Order Completed": {Purposes: []string{"service"}, Properties: map[string]plan.Type{"order_id": "string"}},
				"Product Added":   {Purposes: []string{"personalization"}},
				"Page Viewed":     {Purposes: []string{"service"}},
				"Screen Viewed":   {Purposes: []string{"service"}},
			},
		},
		Settings: &plan.Settings{Sources: map[string]plan.Source{
			"web":     {Kind: "public", Origins: []string{"https://shop.example"}},
			"backend": {Kind: "server", Origins: []string{"https://backend.example"}},
		}},
		Surveys: map[string]*survey.Survey{"style": {Name: "style", Purpose: "service", Questions: []survey.Question{
			{ID: "interests", Type: survey.Choices, Options: []survey.Option{{Value: "outdoor"}, {Value: "home"}}},
			{ID: "mood", Type: survey.Number}, {ID: "email", Type: survey.Text, Trait: "email"}, {ID: "colour", Type: survey.Text},
		}}},
		Templates: map[string]*message.Template{"receipt": nil},
		Notices: map[string]*release.Notice{"newsletter": {
			ID: "newsletter", Version: "v1", Text: plan.Text{"en": "Send me offers."},
			Grants: []release.Grant{{Purpose: "marketing", Channel: "email"}, {Purpose: "personalization"}},
		}},
	}
}

// request sends one request; key "" sends none.
func (f *fixture) request(method, path, key string, body []byte, headers ...string) *httptest.ResponseRecorder {
	f.t.Helper()
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	if key != "" {
		r.SetBasicAuth(key, "")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	handler := New(f.config)
	if len(path) > 12 && path[:12] == "/v1/profiles" {
		handler = NewProfiles(f.config)
	}
	handler.ServeHTTP(w, r)
	return w
}

func (f *fixture) post(path, key, body string, headers ...string) *httptest.ResponseRecorder {
	f.t.Helper()
	return f.request(http.MethodPost, path, key, []byte(body), headers...)
}

func decoded[T any](t *testing.T, w *httptest.ResponseRecorder) T {
	t.Helper()
	var v T
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func accepted(t *testing.T, w *httptest.ResponseRecorder) events.Accepted {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return decoded[events.Accepted](t, w)
}

// stored are the events in a partition.
func (f *fixture) stored(pk string) []fact.Event {
	f.t.Helper()
	var all []fact.Event
	q := flow.Query{Table: item.Customers, PK: pk, Prefix: item.PrefixEvent}
	err := flow.Each(context.Background(), f.store, q, func(it item.Item) error {
		var e fact.Event
		err := it.Decode(&e)
		all = append(all, e)
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return all
}

func (f *fixture) pk(user string) string { return item.CustomerPK(f.config.Flow.Keys.Customer(user)) }
func (f *fixture) vpk(anon string) string {
	return item.PrefixVisitor + f.config.Flow.Keys.Visitor(anon)
}
