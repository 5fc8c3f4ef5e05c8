package collect

// Each of these catches a planted bug that every other test let pass.

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/item"
)

func TestOnlyTheImportPathImports(t *testing.T) {
	for path, imported := range map[string]bool{"/v1/import": true, "/v1/batch": false} {
		f := setup(t)
		accepted(t, f.post(path, serverKey, `{"batch":[`+strings.Replace(order, "{", `{"type":"track",`, 1)+`]}`))
		if got := f.stored(f.pk("u1")); len(got) != 1 || got[0].Imported != imported {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

func TestItemsNeedTheServerKey(t *testing.T) {
	f := setup(t)
	w := f.post("/v1/items", publicKey, `{"items":[{"id":"p1","name":"Tent"}]}`)
	if w.Code != http.StatusForbidden {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// A header that is no Basic authorization is a wrong key, whatever the body says.
func TestAnotherSchemeIsNoKey(t *testing.T) {
	f := setup(t)
	body := strings.Replace(order, "{", `{"writeKey":"`+serverKey+`",`, 1)
	if w := f.post("/v1/track", "", body, "Authorization", "Bearer "+serverKey); w.Code != http.StatusUnauthorized {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestAnswersAreKeptByNobodyAndTellWhenToComeBack(t *testing.T) {
	f := setup(t)
	if got := f.post("/v1/track", serverKey, order).Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	w := f.post("/v1/track", publicKey, order, "Origin", "https://shop.example")
	if got := w.Header().Get("Access-Control-Expose-Headers"); !strings.Contains(got, "Retry-After") || !strings.Contains(got, "X-RateLimit-Reset") {
		t.Errorf("exposed %q", got)
	}
}

var _ = events.Accepted{}
var _ = item.Customers
