package collect

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/testkit/chromium"
)

// accepts tells of every call that was answered with 200.
type accepts struct {
	next http.Handler
	path chan string
}

func (a accepts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	seen := httptest.NewRecorder()
	a.next.ServeHTTP(seen, r)
	for name, values := range seen.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(seen.Code)
	_, _ = w.Write(seen.Body.Bytes()) // a browser that went away asks again
	if r.Method == http.MethodPost && seen.Code == http.StatusOK {
		a.path <- r.URL.Path
	}
}

// I10, I01: analytics.js in a browser, on a page of another origin, of which it is
// told our address and the public key; its first two calls are answered with 503.
func TestI10AnalyticsJSInABrowserWorksUnchanged(t *testing.T) {
	folder := nodeTool(t, "@segment/analytics-next")
	f := setup(t)
	f.clock.Set(time.Now())
	accepted := accepts{path: make(chan string, 100)}
	site := http.NewServeMux()
	site.Handle("/", http.FileServer(http.Dir("testdata")))
	site.Handle("/analytics/", http.StripPrefix("/analytics", http.FileServer(http.Dir(folder+"/dist/umd"))))
	shop := httptest.NewServer(site)
	t.Cleanup(shop.Close)
	kesher := httptest.NewUnstartedServer(nil)
	t.Cleanup(kesher.Close)
	f.config.Base = "http://" + kesher.Listener.Addr().String()
	f.config.Flow.Releases.(*releases).rel.Settings.Sources = map[string]plan.Source{"web": {Kind: "public", Origins: []string{shop.URL}}}
	accepted.next = &flaky{next: New(f.config)}
	kesher.Config.Handler = accepted
	kesher.Start()

	proof := hmac.New(sha256.New, f.config.Flow.Identity)
	proof.Write([]byte("web"))
	page := url.Values{"host": {f.config.Base}, "key": {publicKey}, "hash": {hex.EncodeToString(proof.Sum(nil))}}
	p := chromium.Start(t).Tab(t) // ends before the servers, which wait for it
	p.Open(shop.URL + "/shop.html?" + page.Encode())
	paths := map[string]int{}
	for late := time.After(30 * time.Second); paths["/v1/p"] < 1 || paths["/v1/i"] < 1 || paths["/v1/t"] < 3; {
		select {
		case path := <-accepted.path:
			paths[path]++
		case <-late:
			t.Fatalf("accepted are %v; the browser says %v", paths, p.Wrong())
		}
	}
	// A call that was answered with 503 may come after the identify: the clock copies it.
	if err := f.config.Flow.Copy(t.Context(), f.config.Flow.Keys.Customer("web")); err != nil {
		t.Fatal(err)
	}
	orders := map[any]int{}
	for _, e := range f.stored(f.pk("web")) {
		orders[e.Props["order_id"]]++
	}
	for _, id := range []string{"before", "o1", "o2"} { // the first as a visitor
		if orders[id] != 1 {
			t.Errorf("order %s is stored %d times", id, orders[id])
		}
	}
	for _, said := range p.Wrong() {
		if !strings.Contains(said, "503") && !strings.HasSuffix(said, "/favicon.ico") {
			t.Errorf("the browser says: %s", said)
		}
	}
}
