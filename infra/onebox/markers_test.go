package onebox

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/local/mailbox"
)

// What is personal of one customer. The stem is unlike anything else, so that a
// scan that finds it has found her.
const (
	stem        = "qmarkdana"
	hersID      = stem + "-41"
	hersName    = stem + "-name"
	hersAddress = stem + "@customer.example"
	hersVisitor = stem + "-visitor"
	hersProduct = stem + "-product"
	hersReferer = "https://shop.example/" + stem
)

// tells says whether bytes tell of her, plainly or as hex or base64 have it.
func tells(found []byte) bool {
	spellings := []string{stem, fmt.Sprintf("%x", stem)}
	for before := range 3 { // wherever in three bytes she begins
		coded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("-", before) + stem))
		spellings = append(spellings, coded[(before*8+5)/6:(before+len(stem))*8/6])
	}
	for _, spelling := range spellings {
		if bytes.Contains(found, []byte(spelling)) {
			return true
		}
	}
	return false
}

// life is a machine whose every word is kept.
type life struct {
	*testing.T
	*Box
	dir   string
	log   *kept
	lines chan string
	said  *kept
	stop  func()
}

// kept is a buffer for several writers.
type kept struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (k *kept) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.buf.Write(p)
}

func (k *kept) bytes() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return bytes.Clone(k.buf.Bytes())
}

// live starts a machine on which a night passes in a second.
func live(t *testing.T) *life {
	t.Helper()
	l := &life{T: t, dir: t.TempDir(), log: &kept{}, said: &kept{}, lines: make(chan string, 1000)}
	out, in := io.Pipe()
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			l.lines <- lines.Text()
		}
	}()
	log := slog.New(slog.NewJSONHandler(l.log, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}))
	ctx, cancel := context.WithCancel(context.Background())
	var err error
	if l.Box, err = Open(ctx, Config{Data: l.dir, Speed: 36_000}, "http://127.0.0.1:8080", io.MultiWriter(in, l.said), log); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- l.run(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil })
	}()
	l.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		in.Close()
	})
	t.Cleanup(l.stop)
	return l
}

// told waits for a line that tells of something.
func (l *life) told(what string) {
	l.Helper()
	for late := time.After(30 * time.Second); ; {
		select {
		case line := <-l.lines:
			if strings.Contains(line, what) {
				return
			}
		case <-late:
			l.Fatalf("it tells nothing of %q; its log says %s", what, l.log.bytes())
		}
	}
}

// call is one request with the server key, or with what edit puts in its place.
func (l *life) call(method, path, body string, edit ...func(*http.Request)) *httptest.ResponseRecorder {
	l.Helper()
	r := httptest.NewRequest(method, "http://127.0.0.1:8080"+path, strings.NewReader(body))
	r.SetBasicAuth(DefaultServerKey, "")
	r.Header.Set("Referer", hersReferer)
	r.Header.Set("User-Agent", hersName)
	for _, e := range edit {
		e(r)
	}
	w := httptest.NewRecorder()
	l.routes().ServeHTTP(w, r)
	return w
}

func (l *life) ok(method, path, body string, edit ...func(*http.Request)) *httptest.ResponseRecorder {
	l.Helper()
	w := l.call(method, path, body, edit...)
	if w.Code != http.StatusOK || strings.Contains(w.Body.String(), `"rejected"`) {
		l.Fatalf("%s %s: %d %s", path, body, w.Code, w.Body)
	}
	return w
}

func (l *life) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

func asAdmin(l *life) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+l.admin) }
}

func asForm(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }

// becomesKnown: she visits, signs up, permits, and leaves a cart.
func (l *life) becomesKnown() {
	l.Helper()
	product := fmt.Sprintf(`{"product_id":%q,"name":%q,"price":90}`, hersProduct, hersProduct)
	l.ok("POST", "/v1/identify", fmt.Sprintf(`{"userId":%q,"anonymousId":%q,"traits":{"email":%q,"first_name":%q}}`, hersID, hersVisitor, hersAddress, hersName))
	l.ok("POST", "/v1/consents", fmt.Sprintf(`{"userId":%q,"purpose":"marketing","channel":"email","state":"granted","notice":"newsletter"}`, hersID))
	l.ok("POST", "/v1/consents", fmt.Sprintf(`{"userId":%q,"purpose":"personalization","state":"granted","notice":"newsletter"}`, hersID))
	l.ok("POST", "/v1/consents", fmt.Sprintf(`{"userId":%q,"purpose":"tracking","state":"granted","evidence":{"basis":"consent","source":"test"}}`, hersID))
	l.ok("POST", "/v1/surveys/style/responses", fmt.Sprintf(`{"userId":%q,"answers":{"interests":["home"]}}`, hersID))
	l.ok("POST", "/v1/track", fmt.Sprintf(`{"userId":%q,"event":"Product Added","properties":%s}`, hersID, product))
}

// isRefused: calls about her that can't be taken, each with her in the part that
// is wrong.
func (l *life) isRefused() {
	for path, body := range map[string]string{
		"/v1/track?u=" + hersAddress: fmt.Sprintf(`{"userId":%q,"event":"%s Bought"}`, hersID, hersName),
		"/v1/identify":               fmt.Sprintf(`{"userId":%q,"traits":{%q:1,"email":"%s at nowhere"}}`, hersID, hersName, hersName),
		"/v1/t":                      fmt.Sprintf(`{"userId":%q,"event":%q,`, hersID, hersAddress),
		"/v1/page":                   fmt.Sprintf(`{"userId":[%q],"timestamp":%q}`, hersAddress, hersAddress),
		"/v1/messages":               fmt.Sprintf(`{"userId":%q,"template":%q,"data":{"name":%q}}`, hersID, hersName, hersName),
		"/v1/nothing/" + hersAddress: hersAddress,
		"/p/" + hersAddress:          "do=" + hersName,
		"/u/" + hersAddress:          "List-Unsubscribe=" + hersName,
		"/admin/v1/" + hersAddress:   "{",
	} {
		l.call("POST", path, body)
		l.call("POST", path, body, func(r *http.Request) { r.SetBasicAuth(hersAddress, hersName) })
		l.call("GET", path, "")
	}
	l.call("POST", "/v1/import", fmt.Sprintf(`{"batch":[{"type":"track","userId":%q,"event":%q}]}`, hersAddress, hersAddress))
}

// isPoison: items that cannot be worked, as a bug or a newer release leaves them.
func (l *life) isPoison(ctx context.Context) (n int) {
	l.Helper()
	customer := l.keys.Customer(hersID)
	about := `{"a":"` + hersAddress + `","s":["` + hersName + `"],"p":"` + hersName + `","tr":"` + hersAddress + `"}`
	for _, it := range []item.Item{
		{Key: item.C(customer, item.EventSK("Order Completed", l.clock.Now(customer), "bad")), F: item.Format},
		{Key: item.C(customer, item.EventSK("Order Completed", l.clock.Now(customer), "newer")), F: item.Format + 1},
		{Key: item.C(customer, item.RunSK("cart-abandonment", "bad")), F: item.Format, Due: "bad-0"},
	} {
		it.V, it.W, it.Body = 1, "poison", about
		l.must(l.store.Write(ctx, flow.Put(it, flow.Any)))
		n++
	}
	return n
}

// isMailed: what comes of a mail: its links are followed, and it bounces.
func (l *life) isMailed(ctx context.Context, id string) {
	l.Helper()
	for _, link := range l.mail(id).Links {
		if path, ours := strings.CutPrefix(link, l.base); ours {
			l.call("GET", path, "")
			l.call("POST", path, "List-Unsubscribe=One-Click", asForm)
		}
	}
	l.ok("POST", "/p", "address="+url.QueryEscape(hersAddress), asForm)
	l.told("SENT kesher-link")
	for _, kind := range []string{"delivery", "open", "click", "complaint", "bounce"} {
		l.ok("POST", "/mailbox/messages/"+id+"/events", `{"type":"`+kind+`"}`)
	}
}

// settle returns when everything that was stored or reported is worked.
func (l *life) settle(ctx context.Context) {
	l.Helper()
	for {
		l.must(l.mailbox.Work(ctx))
		l.must(l.pump.Drain(ctx))
		left, err := l.mailbox.Pending()
		l.must(err)
		if left == 0 {
			return
		}
	}
}

// mail is one of the mailbox, as its JSON has it.
func (l *life) mail(id string) (m struct{ Links []string }) {
	l.Helper()
	l.must(json.Unmarshal(l.ok("GET", "/mailbox/messages/"+id, "").Body.Bytes(), &m))
	return m
}

// events are the facts of one name in her log.
func (l *life) events(ctx context.Context, name string) (n int) {
	q := flow.Query{Table: item.Customers, PK: item.CustomerPK(l.keys.Customer(hersID)), Prefix: item.EventPrefix(name)}
	l.must(flow.Each(ctx, l.store, q, func(item.Item) error { n++; return nil }))
	return n
}

// E06, A35: a customer lives through all that a machine knows. Nothing that is
// not hers to read tells who she is; and once she is erased, no byte tells it.
func TestE06A35NothingTellsWhoSheIsAndOnceErasedNoByteDoes(t *testing.T) {
	ctx := context.Background()
	l := live(t)
	l.becomesKnown()
	l.told("SENT ")
	mails, err := l.mailbox.List(ctx, mailbox.Filter{To: hersAddress})
	if err != nil || len(mails) == 0 {
		t.Fatalf("%d mails (%v)", len(mails), err)
	}
	l.isRefused()
	l.isMailed(ctx, mails[0].ID)
	poison := l.isPoison(ctx)
	l.settle(ctx)
	for _, happened := range []string{fact.EmailBounced, fact.EmailMarkedAsSpam, fact.EmailOpened, fact.Unsubscribed, fact.SurveyAnswered} {
		if l.events(ctx, happened) == 0 {
			t.Errorf("no %s: this test shows less than it should", happened)
		}
	}

	t.Run("E06 logs", func(t *testing.T) {
		for _, text := range [][]byte{l.log.bytes(), l.said.bytes()} {
			for line := range bytes.Lines(text) {
				if tells(line) {
					t.Errorf("a line tells of her: %s", line)
				}
			}
		}
	})
	t.Run("E06 metrics and counters", func(t *testing.T) {
		counts, err := json.Marshal(l.metrics.intake())
		l.must(err)
		l.must(l.store.Each(ctx, item.Insights, func(it *item.Item) error {
			counts = append(counts, it.Key.String()+it.Body...)
			return nil
		}))
		if tells(counts) || !bytes.Contains(counts, []byte("cart-abandonment")) {
			t.Errorf("they tell of her: %s", counts)
		}
	})
	t.Run("E06 faults", func(t *testing.T) {
		faults, err := l.flows.faults.List(ctx)
		if err != nil || len(faults) < poison {
			t.Errorf("%d faults (%v): %+v", len(faults), err, faults)
		}
		for _, f := range faults {
			if text := fmt.Sprintf("%+v", f); tells([]byte(text)) {
				t.Errorf("a fault tells of her: %s", text)
			}
		}
		if list := l.ok("GET", "/admin/v1/faults", "", asAdmin(l)).Body.Bytes(); tells(list) {
			t.Errorf("the list of faults tells of her: %s", list)
		}
	})
	t.Run("B27 tags and headers", func(t *testing.T) {
		all, err := l.mailbox.List(ctx, mailbox.Filter{To: hersAddress})
		l.must(err)
		if len(all) < 2 { // the reminder and a link
			t.Fatalf("%d mails", len(all))
		}
		for _, m := range all {
			tags := strings.Join([]string{m.ID, m.Customer, m.Journey, m.Step, m.Run, m.Purpose}, " ")
			head, _, _ := bytes.Cut(m.Raw, []byte("\r\n\r\n"))
			head = regexp.MustCompile(`(?m)^(To|Subject):.*\r\n(?:[ \t].*\r\n)*`).ReplaceAll(head, nil)
			if tells([]byte(tags)) || tells(head) {
				t.Errorf("tags %s, headers\n%s", tags, head)
			}
			for _, link := range l.mail(m.ID).Links {
				if tells([]byte(link)) {
					t.Errorf("a link tells of her: %s", link)
				}
			}
		}
	})
	t.Run("A35 erasure", func(t *testing.T) {
		if len(filesThatTell(t, l.dir)) == 0 {
			t.Error("the scan finds nothing where she still is")
		}
		receipt := l.ok("POST", "/admin/v1/erase", `{"userId":"`+hersID+`"}`, asAdmin(l)).Body.String()
		if !strings.Contains(receipt, `"gone"`) || tells([]byte(receipt)) {
			t.Errorf("the receipt is %s", receipt)
		}
		l.stop()
		if left := filesThatTell(t, l.dir); len(left) > 0 {
			t.Errorf("she is still in %v", left)
		}
	})
}

// filesThatTell are those whose name or bytes tell of her.
func filesThatTell(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if tells(append(content, d.Name()...)) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
