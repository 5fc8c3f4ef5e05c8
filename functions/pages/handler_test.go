package pages

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/aws/httpapi"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/preferences"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

// fresh is a stack to which nothing has been published.
type fresh struct{}

func (fresh) Live(context.Context) (*release.Release, error)        { return nil, flow.ErrNoRelease }
func (fresh) Get(context.Context, string) (*release.Release, error) { return nil, flow.ErrNoRelease }

// A mail provider's POST reaches the pages through the HTTP API's bytes, also in
// a stack without a catalog, and in both of RFC 8058's forms.
func TestPagesServeTheHTTPAPIBeforeTheFirstPublish(t *testing.T) {
	clock := fake.NewClock(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
	ring, err := token.NewKeyring("k1", map[string][]byte{"k1": []byte(strings.Repeat("k", 32))})
	if err != nil {
		t.Fatal(err)
	}
	flow := &preferences.Service{
		Store: memstore.New(clock.NowOf), Clock: clock, Tokens: fake.NewTokens(1), Releases: fresh{}, Keys: ident.NewKeys([]byte("s")), Ring: ring,
	}
	invoke := httpapi.Handle(New(flow, "https://mail.shop.example", slog.New(slog.DiscardHandler)))
	server := httptest.NewServer(httpapi.Gateway(invoke))
	defer server.Close()

	answer, err := http.PostForm(server.URL+"/u/forged", url.Values{"List-Unsubscribe": {"One-Click"}})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK || !strings.Contains(string(body), "<h1>Done.") || answer.Header.Get("Strict-Transport-Security") == "" {
		t.Fatalf("%s: %.300s", answer.Status, body)
	}
}
