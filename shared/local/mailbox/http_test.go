package mailbox

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// visit asks the handler.
func visit(t *testing.T, m *Mailbox, method, target, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "http://127.0.0.1:8080"+target, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, r)
	return w
}

func filled(t *testing.T, opts Options) *Mailbox {
	m := open(t, t.TempDir(), opts)
	send(t, m, sample(t, "m1.0", "c1", "dana@shop.example"))
	send(t, m, sample(t, "m2.0", "c2", "noa@shop.example"))
	return m
}

func TestMessageAsJSONHasTheFieldsOfTheContract(t *testing.T) {
	w := visit(t, filled(t, Options{}), "GET", "/mailbox/messages/m1.0", "")
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"id": "m1.0", "to": "dana@shop.example", "from": "news@shop.example", "subject": "שלום & <b>welcome</b>",
		"journey": "cart", "step": "send", "run": "run-m1.0", "customer": "c1", "purpose": "marketing",
		"at": "2026-11-24T09:00:00Z", "text": "Marker-c1\n",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	links := got["links"].([]any)
	if len(links) != 2 || links[0] != "https://shop.example/?a=1&b=2" || links[1] != "mailto:a@b.example" {
		t.Errorf("links %v", links)
	}
	headers := got["headers"].(map[string]any)
	if headers["List-Unsubscribe"] != "<https://k.example/u/1>" || !strings.HasPrefix(headers["Subject"].(string), "=?UTF-8?B?") {
		t.Errorf("headers %v", headers)
	}
	if !strings.Contains(got["html"].(string), `<a href="https://shop.example/?a=1&amp;b=2">`) {
		t.Errorf("html %v", got["html"])
	}
}

func TestListAsJSONIsOldestFirstAndFiltered(t *testing.T) {
	m := filled(t, Options{})
	for target, want := range map[string]string{
		"/mailbox/messages":                       "m1.0 m2.0 ",
		"/mailbox/messages?limit=1":               "m1.0 ",
		"/mailbox/messages?after=m1.0":            "m2.0 ",
		"/mailbox/messages?to=noa@shop.example":   "m2.0 ",
		"/mailbox/messages?journey=none":          "",
		"/mailbox/messages?journey=cart&limit=10": "m1.0 m2.0 ",
	} {
		w := visit(t, m, "GET", target, "")
		var list []View
		if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
			t.Fatalf("%s: %v in %s", target, err, w.Body)
		}
		got := ""
		for _, v := range list {
			got += v.ID + " "
		}
		if got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
	for _, target := range []string{"/mailbox/messages?limit=x", "/mailbox/messages?limit=0", "/mailbox/messages?limit=1001", "/mailbox/messages?after=none"} {
		if w := visit(t, m, "GET", target, ""); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"message"`) {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
}

func TestEmlIsTheBytesThatWereSent(t *testing.T) {
	w := visit(t, filled(t, Options{}), "GET", "/mailbox/messages/m1.0.eml", "")
	want := sample(t, "m1.0", "c1", "dana@shop.example").Raw
	if w.Body.String() != string(want) || w.Header().Get("Content-Type") != "message/rfc822" {
		t.Fatalf("%s:\n%s", w.Header(), w.Body)
	}
}

func TestUnknownMailIsNotFound(t *testing.T) {
	m := filled(t, Options{})
	for _, target := range []string{"/mailbox/messages/none", "/mailbox/messages/none.eml", "/mailbox/messages/none/html"} {
		if w := visit(t, m, "GET", target, ""); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
	if w := visit(t, m, "POST", "/mailbox/messages/none/events", `{"type":"bounce"}`); w.Code != http.StatusNotFound {
		t.Errorf("event: %d", w.Code)
	}
}

func TestPostedEventIsReported(t *testing.T) {
	var got []string
	m := filled(t, Options{Report: func(_ context.Context, r Report) error {
		got = append(got, string(r.Kind)+" "+r.Message.ID+" "+r.Message.To)
		return nil
	}})
	posts := []struct{ body, contentType string }{
		{`{"type":"bounce"}`, "application/json"},
		{`{"type":"complaint"}`, ""},
		{`{"type":"open"}`, "application/x-www-form-urlencoded"}, // curl -d
		{`type=click`, "application/x-www-form-urlencoded"},
		{`{"type":"delivery"}`, "application/json"},
	}
	for _, post := range posts {
		w := visit(t, m, "POST", "/mailbox/messages/m1.0/events", post.body, "Content-Type", post.contentType)
		if w.Code != http.StatusOK && w.Code != http.StatusSeeOther {
			t.Fatalf("%s: %d %s", post.body, w.Code, w.Body)
		}
	}
	want := "bounce complaint open click delivery"
	if s := strings.Join(got, " "); strings.ReplaceAll(s, " m1.0 dana@shop.example", "") != want {
		t.Fatalf("reports %v", got)
	}
}

func TestUnknownOrBrokenEventsAreRefused(t *testing.T) {
	m := filled(t, Options{Report: func(context.Context, Report) error { t.Error("was reported"); return nil }})
	for _, body := range []string{"", "{", `{"type":"spam"}`, `{"type":1}`, `[]`, strings.Repeat("x", 10<<10)} {
		w := visit(t, m, "POST", "/mailbox/messages/m1.0/events", body, "Content-Type", "application/json")
		if w.Code != http.StatusBadRequest {
			t.Errorf("%.20q: %d", body, w.Code)
		}
	}
}

func TestReportThatIsNotTakenSaysTryAgain(t *testing.T) {
	m := filled(t, Options{Report: func(context.Context, Report) error { return errors.New("busy") }})
	if w := visit(t, m, "POST", "/mailbox/messages/m1.0/events", `{"type":"bounce"}`); w.Code != http.StatusServiceUnavailable {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

func TestPostsComeFromTheOwnOriginOrNone(t *testing.T) {
	m := filled(t, Options{})
	for origin, want := range map[string]int{
		"":                      http.StatusOK,
		"http://127.0.0.1:8080": http.StatusOK,
		"http://127.0.0.1:9999": http.StatusForbidden,
		"https://evil.example":  http.StatusForbidden,
		"null":                  http.StatusForbidden,
	} {
		w := visit(t, m, "POST", "/mailbox/messages/m1.0/events", `{"type":"open"}`, "Origin", origin)
		if w.Code != want {
			t.Errorf("origin %q: %d, want %d", origin, w.Code, want)
		}
	}
}

func TestE14PreviewIsIsolated(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	mail := sample(t, "m1.0", "c1", "dana@shop.example")
	mail.Raw = []byte("From: <script>alert(1)</script>\r\nSubject: <img src=x onerror=alert(1)>\r\nContent-Type: text/html\r\n\r\n<head></head><script>alert(1)</script>")
	mail.Journey = `"><script>alert(1)</script>`
	send(t, m, mail)

	w := visit(t, m, "GET", "/mailbox/messages/m1.0/html", "")
	csp := w.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(csp, "sandbox ") || strings.Contains(csp, "allow-scripts") || strings.Contains(csp, "allow-forms") || !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("policy of the body: %s", csp)
	}
	w = visit(t, m, "GET", "/mailbox?id=m1.0", "")
	if body := w.Body.String(); strings.Contains(body, "<script") || strings.Contains(body, "<img") {
		t.Errorf("the page holds foreign markup:\n%s", body)
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "script-src") {
		t.Errorf("policy of the page: %s", csp)
	}
	if body := w.Body.String(); !strings.Contains(body, `sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox"`) {
		t.Error("the frame is not sandboxed")
	}
}

func TestPageShowsTheLatestMailFirstAlsoWhereAnEarlierOneArrivedAfterIt(t *testing.T) {
	m := filled(t, Options{})
	earlier := sample(t, "m3.0", "c3", "tom@shop.example")
	earlier.At = earlier.At.Add(-time.Hour)
	send(t, m, earlier)
	body := visit(t, m, "GET", "/mailbox", "").Body.String()
	if strings.Index(body, "tom@shop.example") < strings.Index(body, "dana@shop.example") {
		t.Error("an earlier mail stands above a later one")
	}
	if !strings.Contains(body, `src="/mailbox/messages/m2.0/html"`) {
		t.Error("the mail to read is not the latest that came last")
	}
}

func TestPageListsAndShowsMails(t *testing.T) {
	m := filled(t, Options{})
	body := visit(t, m, "GET", "/mailbox", "").Body.String()
	for _, want := range []string{"2 mails", "dana@shop.example", "noa@shop.example", "שלום &amp; &lt;b&gt;welcome&lt;/b&gt;", `src="/mailbox/messages/m2.0/html"`, "/mailbox/messages/m2.0.eml", `dir="auto"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	body = visit(t, m, "GET", "/mailbox?id=m1.0&to=dana@shop.example&done=bounce", "").Body.String()
	for _, want := range []string{`src="/mailbox/messages/m1.0/html"`, "Reported: bounce.", `value="dana@shop.example"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(body, "noa@shop.example") {
		t.Error("the filter does not hold")
	}
	empty := visit(t, open(t, t.TempDir(), Options{}), "GET", "/mailbox", "").Body.String()
	if !strings.Contains(empty, "No mail yet") {
		t.Errorf("empty page:\n%s", empty)
	}
}
