package console_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/kesher-io/kesher/shared/console"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/flow"
)

// sent lets an hour pass and stores that dana's reminder left, or did not.
func (w *world) sent(state message.State, reason string) message.Msg {
	w.Helper()
	ctx, customer := w.Context(), w.keys.Customer("dana")
	w.clock.Advance(time.Hour)
	w.due(customer)
	items, err := w.store.Get(ctx, flow.Strong, item.C(customer, item.RunSK("cart-abandonment", "")))
	w.must(err)
	var run engine.Run
	w.must(items[0].Decode(&run))
	now := w.clock.Now(customer)
	m := message.Msg{
		ID: run.Out.Send.Message, State: state, Reason: reason, Journey: run.Journey, RunKey: items[0].SK, Run: run.ID,
		Step: run.Step, Template: run.Out.Send.Template, At: now.UnixMilli(), In: ident.NewStamp(now, w.tokens.Seq()), Until: now.Add(time.Hour).UnixMilli(),
	}
	it := (*item.Item)(nil).Next(item.C(customer, item.MsgSK(m.ID)), w.tokens.Token(), 0)
	w.must(it.Encode(m))
	w.must(w.store.Write(ctx, flow.Put(it, flow.Any)))
	w.journey()
	return m
}

func (w *world) page() string {
	w.Helper()
	return w.request(httptest.NewRequest("GET", "/", nil)).expect(http.StatusOK).Body.String()
}

func (w *world) shows(page string, texts ...string) {
	w.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			w.Errorf("the page lacks %q", text)
		}
	}
}

func TestThePageTellsWhoEnteredWhatWasSentAndWhereToReadIt(t *testing.T) {
	w := published(t)
	w.dana()
	m := w.sent(message.Sent, "")
	w.shows(w.page(), "dana", "entered (Product Added)", "waits 1h at wait-1h until", "SENT cart-reminder",
		`href="/mailbox?id=`+m.ID+`#mail"`, `href="/mailbox"`, `href="/openapi.json"`, `href="/s/style"`)
}

func TestThePageTellsWhatWasNotSentAndWhy(t *testing.T) {
	w := published(t)
	w.dana()
	w.sent(message.Skipped, message.ReasonCap)
	page := w.page()
	w.shows(page, "NOT SENT cart-reminder: cap", "Why mails were not sent", "Calls that were not taken", "unknown_event")
	if strings.Contains(page, "read it") {
		t.Error("a mail that was not sent can be read")
	}
}

func TestThePageTellsWhyPeopleDidNotEnterAsItWasCounted(t *testing.T) {
	w := published(t)
	w.dana()
	w.calls(`{"type":"track","userId":"dana","messageId":"5","event":"Order Completed","properties":{"order_id":"o1"}}`)
	w.clock.Advance(time.Minute)
	w.calls(
		`{"type":"track","userId":"dana","messageId":"6","event":"Product Added","properties":{"product_id":"tent-2","name":"Tent","price":490}}`,
		`{"type":"track","userId":"dana","messageId":"7","event":"Product Added","properties":{"product_id":"mug-2","name":"Mug","price":4}}`,
	)
	page := w.page()
	w.shows(page, "Why people did not enter", "cart-abandonment: "+engine.NoAgain)
	if strings.Contains(page, engine.NoWhere) {
		t.Error("what is no entry at all is listed")
	}
}

func TestWhatIsHeldUnknownOrSetAsideStandsWorthALook(t *testing.T) {
	for state, text := range map[message.State]string{
		message.Held: "holds cart-reminder back: quiet hours", message.Unknown: "may or may not have sent cart-reminder",
	} {
		w := published(t)
		w.dana()
		w.sent(state, message.ReasonQuiet)
		page := w.page()
		w.shows(page, "Worth a look", text, "24 Nov 10:01</time>")
	}
	w := published(t)
	if strings.Contains(w.page(), "Worth a look") {
		t.Error("there is nothing to look at")
	}
}

func TestAFaultIsRetriedByAButtonOfThePageAlone(t *testing.T) {
	w := published(t)
	w.dana()
	key := w.fault()
	page := w.page()
	w.shows(page, "PROFILE could not be worked", `action="/console/faults/retry"`)
	button := regexp.MustCompile(`<button name="key" value="([^"]+)">`).FindStringSubmatch(page)
	press := func(origin string) answer {
		r := httptest.NewRequest("POST", "http://console.example/console/faults/retry", strings.NewReader(url.Values{"key": {button[1]}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", origin)
		return w.request(r)
	}
	before := w.version(key)
	press("https://evil.example").expect(http.StatusForbidden)
	if w.version(key) != before {
		t.Fatal("a foreign page pressed the button")
	}
	if a := press("http://console.example").expect(http.StatusSeeOther); a.Header().Get("Location") != "/console?retried" {
		t.Fatalf("leads to %s", a.Header().Get("Location"))
	}
	if w.version(key) != before+1 {
		t.Fatal("nothing was retried")
	}
	press("http://console.example").expect(http.StatusNotFound)
}

func TestWhereThePageIsNotForEverybodyItTakesTheToken(t *testing.T) {
	w := published(t)
	w.config.Page = nil
	w.handler = console.New(w.config)
	w.request(httptest.NewRequest("GET", "/console", nil)).expect(http.StatusUnauthorized)
	w.get("/console").expect(http.StatusOK)
	w.request(httptest.NewRequest("POST", "/console/faults/retry", nil)).expect(http.StatusForbidden)
}

func TestAFreshStagesPageSaysHowToBegin(t *testing.T) {
	w := newWorld(t)
	w.shows(w.page(), "Nothing is published yet", "kesher publish DIR")
}

func TestE14NamesAreShownAsTextWhateverTheyHold(t *testing.T) {
	w := published(t)
	w.calls(
		`{"type":"consent","userId":"<script>alert(1)</script>\"'","messageId":"2","purpose":"marketing","channel":"email","state":"granted","notice":"newsletter"}`,
		`{"type":"consent","userId":"<script>alert(1)</script>\"'","messageId":"3","purpose":"personalization","state":"granted","notice":"newsletter"}`,
		`{"type":"track","userId":"<script>alert(1)</script>\"'","messageId":"4","event":"Product Added","properties":{"product_id":"x","name":"x","price":490}}`,
	)
	page := w.page()
	if strings.Contains(page, "<script") || !strings.Contains(page, "&lt;script&gt;") {
		t.Fatal("a userId was taken for markup")
	}
}

func TestE12NothingOnThePageNeedsAScriptOrAnInlineStyle(t *testing.T) {
	w := published(t)
	w.dana()
	w.fault()
	a := w.request(httptest.NewRequest("GET", "/", nil))
	policy := a.Header().Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy lacks %s: %s", part, policy)
		}
	}
	for _, n := range nodes(t, a.Body.String()) {
		if n.Data == "script" || n.Data == "style" {
			t.Errorf("<%s> stands on the page", n.Data)
		}
		for _, attribute := range n.Attr {
			if attribute.Key == "style" || strings.HasPrefix(attribute.Key, "on") {
				t.Errorf("%s=%q stands on <%s>", attribute.Key, attribute.Val, n.Data)
			}
		}
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"} {
		if got := a.Header().Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Forwarded-Proto", "https")
	if w.request(r).Header().Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS over https")
	}
}

func nodes(t *testing.T, page string) []*html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var list []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			list = append(list, n)
		}
	}
	return list
}

// What WCAG 2.2 AA asks for and a parser can see: 1.3.1, 2.4.1, 2.4.2, 3.1.1.
func TestThePageHasTheStructureThatAssistiveTechnologyNeeds(t *testing.T) {
	w := published(t)
	w.dana()
	w.fault()
	ids, headings := map[string]int{}, map[string]int{}
	var labelled []string
	for _, n := range nodes(t, w.page()) {
		headings[n.Data]++
		for _, a := range n.Attr {
			switch {
			case a.Key == "id":
				ids[a.Val]++
			case a.Key == "aria-labelledby":
				labelled = append(labelled, a.Val)
			case a.Key == "href" && strings.HasPrefix(a.Val, "#"):
				labelled = append(labelled, a.Val[1:])
			case n.Data == "html" && a.Key == "lang" && a.Val != "en":
				t.Errorf("lang is %q", a.Val)
			}
		}
	}
	if headings["h1"] != 1 || headings["main"] != 1 || headings["title"] != 1 {
		t.Errorf("%d h1, %d main, %d title", headings["h1"], headings["main"], headings["title"])
	}
	for _, id := range labelled {
		if ids[id] != 1 {
			t.Errorf("%q leads to %d places", id, ids[id])
		}
	}
}

// Contrast of the stylesheet's colours, WCAG 2.2, 1.4.3.
func TestColoursKeepTheirContrastInBothSchemes(t *testing.T) {
	sheet, err := os.ReadFile("style.css")
	if err != nil {
		t.Fatal(err)
	}
	schemes := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(string(sheet), -1)
	if len(schemes) != 2 {
		t.Fatalf("%d schemes", len(schemes))
	}
	for i, scheme := range schemes {
		c := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6})`).FindAllStringSubmatch(scheme[1], -1) {
			c[m[1]] = m[2]
		}
		for _, pair := range []string{
			"ink/paper", "ink/ground", "ink/sunk", "soft/paper", "soft/ground", "brand/paper", "brand/sunk", "on-top/top", "on-top-soft/top",
			"sent/paper", "not/paper", "bad/paper", "in/paper", "out/paper", "wait/paper",
		} {
			fore, back, _ := strings.Cut(pair, "/")
			if got, ok := message.Contrast(c[fore], c[back]); !ok || got < 4.5 {
				t.Errorf("scheme %d: %s has %.2f (colours found: %t)", i, pair, got, ok)
			}
		}
	}
}

func TestErasedPeopleAreNotOnThePage(t *testing.T) {
	w := published(t)
	w.dana()
	w.post("/admin/v1/erase", `{"userId":"dana"}`).expect(http.StatusOK)
	if strings.Contains(w.page(), "dana") {
		t.Fatal("an erased customer is shown")
	}
}
