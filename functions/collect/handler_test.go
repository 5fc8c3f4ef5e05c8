package collect

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/flow"
)

const order = `{"userId":"u1","messageId":"m1","event":"Order Completed","timestamp":"2027-03-01T08:59:00Z"}`

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestI10EverySpellingOfACallIsTheSame(t *testing.T) {
	withKey := strings.Replace(order, "{", `{"writeKey":"`+serverKey+`",`, 1)
	tests := map[string]func(*fixture) int{
		"Basic":      func(f *fixture) int { return f.post("/v1/track", serverKey, order).Code },
		"short path": func(f *fixture) int { return f.post("/v1/t", serverKey, order).Code },
		"writeKey":   func(f *fixture) int { return f.post("/v1/track", "", withKey).Code },
		"text/plain": func(f *fixture) int { return f.post("/v1/t", "", withKey, "Content-Type", "text/plain").Code },
		"gzip": func(f *fixture) int {
			return f.request("POST", "/v1/track", serverKey, zipped(t, order), "Content-Encoding", "gzip").Code
		},
		"gzip, writeKey": func(f *fixture) int {
			return f.request("POST", "/v1/track", "", zipped(t, withKey), "Content-Encoding", "gzip").Code
		},
		"gzip inside base64": func(f *fixture) int {
			return f.request("POST", "/v1/track", serverKey, []byte(base64.StdEncoding.EncodeToString(zipped(t, order))), "Content-Encoding", "gzip").Code
		},
		"batch": func(f *fixture) int {
			return f.post("/v1/batch", serverKey, `{"batch":[`+strings.Replace(order, "{", `{"type":"track",`, 1)+`]}`).Code
		},
		"short batch": func(f *fixture) int {
			return f.post("/v1/b", "", `{"writeKey":"`+serverKey+`","batch":[`+strings.Replace(order, "{", `{"type":"track",`, 1)+`]}`).Code
		},
		"the path says what it is": func(f *fixture) int {
			return f.post("/v1/track", serverKey, strings.Replace(order, "{", `{"type":"identify",`, 1)).Code
		},
	}
	for name, send := range tests {
		f := setup(t)
		if code := send(f); code != http.StatusOK {
			t.Errorf("%s: %d", name, code)
		}
		if got := f.stored(f.pk("u1")); len(got) != 1 || got[0].ID != "m1" || got[0].At != start.Add(-time.Minute).UnixMilli() {
			t.Errorf("%s: stored %+v", name, got)
		}
	}
}

func TestEveryTrackingPathAnswersSuccessExactly(t *testing.T) {
	bodies := map[string]string{"track": order, "t": order, "alias": `{"userId":"u1","previousId":"a"}`, "a": `{"userId":"u1","previousId":"a"}`, "batch": `{"batch":[]}`, "b": `{"batch":[]}`, "import": `{"batch":[]}`}
	for _, path := range []string{"identify", "track", "page", "screen", "group", "alias", "batch", "import", "i", "t", "p", "s", "g", "a", "b"} {
		f := setup(t)
		body, ok := bodies[path]
		if !ok {
			body = `{"userId":"u1"}`
		}
		w := f.post("/v1/"+path, serverKey, body)
		if w.Code != http.StatusOK || w.Body.String() != "{\"success\":true}\n" || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestATimeThatWasNotTakenAsGivenIsSaid(t *testing.T) {
	f := setup(t)
	body := `{"batch":[` + order + `,{"type":"track","userId":"u1","messageId":"m2","event":"Order Completed","timestamp":"2099-01-01T00:00:00Z"}]}`
	body = strings.Replace(body, "{\"batch\":[{", `{"batch":[{"type":"track",`, 1)
	got := accepted(t, f.post("/v1/batch", serverKey, body))
	if len(got.Rejected) != 0 || len(got.Adjusted) != 1 {
		t.Fatalf("%+v", got)
	}
	if a := got.Adjusted[0]; a.Index != 1 || a.Field != "timestamp" || a.Reason != "future" || !a.At.Equal(start) {
		t.Fatalf("%+v", a)
	}
	w := f.post("/v1/consents", serverKey, `{"userId":"u1","purpose":"marketing","channel":"email","state":"withdrawn","time":"1970-01-01T00:00:00Z"}`)
	if got := accepted(t, w).Adjusted; len(got) != 1 || got[0].Field != "time" || got[0].Reason != "ancient" {
		t.Fatalf("%+v", got)
	}
}

func TestWrongOrMissingKeyIs401(t *testing.T) {
	f := setup(t)
	for name, w := range map[string]int{
		"none":                    f.post("/v1/track", "", order).Code,
		"wrong":                   f.post("/v1/track", "nonsense", order).Code,
		"wrong writeKey":          f.post("/v1/track", "", `{"writeKey":"x"}`).Code,
		"a header beats the body": f.post("/v1/track", "nonsense", strings.Replace(order, "{", `{"writeKey":"`+serverKey+`",`, 1)).Code,
		"Bearer":                  f.post("/v1/track", "", strings.Replace(order, "{", `{"writeKey":"`+serverKey+`",`, 1), "Authorization", "Bearer "+serverKey).Code,
		"consents":                f.post("/v1/consents", "", `{}`).Code,
		"profiles":                f.post("/v1/profiles/get", "", `{}`).Code,
		"an empty key of the server": func() int {
			g := setup(t)
			g.config.ServerKey = ""
			return g.post("/v1/track", "", `{"writeKey":""}`).Code
		}(),
	} {
		if w != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, w)
		}
	}
	w := f.post("/v1/track", "", order)
	if e := decoded[events.Failed](t, w).Error; e.Code != events.Unauthorized || e.Message == "" {
		t.Errorf("%+v", e)
	}
	if len(f.store.Changes()) != 0 {
		t.Error("something was stored")
	}
}

func TestErrorsCarryExactlyCodeMessageAndField(t *testing.T) {
	f := setup(t)
	tests := []struct {
		method, path, key, body string
		status                  int
		code                    events.Code
		field                   string
	}{
		{"POST", "/v1/track", serverKey, `{"userId":`, 400, events.InvalidJSON, ""},
		{"POST", "/v1/track", serverKey, `{"userId":"a","userId":"b"}`, 400, events.InvalidJSON, ""},
		{"POST", "/v1/track", serverKey, strings.Repeat(" ", events.MaxBody+1), 400, events.TooLarge, ""},
		{"POST", "/v1/batch", serverKey, `{"batch":7}`, 400, events.InvalidField, "batch"},
		{"POST", "/v1/consents", serverKey, `{"userId":"u","purpose":"marketing","channel":"email","state":"granted"}`, 400, events.NoEvidence, "notice"},
		{"POST", "/v1/consents", publicKey, `{"userId":"u","purpose":"marketing","channel":"email","state":"withdrawn"}`, 400, events.UserUnproven, "context.userHash"},
		{"POST", "/v1/surveys/nothing/responses", serverKey, `{"userId":"u","answers":{"a":1}}`, 404, events.NotFound, "survey"},
		{"POST", "/v1/surveys/style/responses", serverKey, `{"userId":"u","answers":{"mood":"bad"}}`, 400, events.InvalidField, "answers.mood"},
		{"POST", "/v1/messages", publicKey, `{"userId":"u","template":"receipt"}`, 403, events.Forbidden, ""},
		{"POST", "/v1/messages", serverKey, `{"userId":"u","template":"receipt"}`, 400, events.UnknownUser, "userId"},
		{"POST", "/v1/items", serverKey, `{"items":[{"id":"p1"},{"title":"x"}]}`, 400, events.InvalidField, "items.1.id"},
		{"POST", "/v1/profiles/get", serverKey, `{"userId":"nobody"}`, 404, events.NotFound, "userId"},
		{"POST", "/v1/profiles/export", publicKey, `{"userId":"u"}`, 403, events.Forbidden, ""},
		{"POST", "/v1/nowhere", serverKey, `{}`, 404, events.NotFound, ""},
		{"GET", "/v1/track", serverKey, ``, 405, events.NotFound, ""},
		{"GET", "/v1/projects/wrong/settings", "", ``, 401, events.Unauthorized, ""},
	}
	for _, tt := range tests {
		w := f.request(tt.method, tt.path, tt.key, []byte(tt.body))
		var got map[string]map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got) != 1 || len(got["error"]) != 3 {
			t.Errorf("%s %s: %s", tt.method, tt.path, w.Body)
			continue
		}
		e := got["error"]
		if w.Code != tt.status || e["code"] != string(tt.code) || e["field"] != tt.field || e["message"] == "" {
			t.Errorf("%s %s: %d %v, want %d %s %q", tt.method, tt.path, w.Code, e, tt.status, tt.code, tt.field)
		}
	}
	if len(f.store.Changes()) != 0 {
		t.Error("something was stored")
	}
}

func TestRefusedMembersAreListedAndTheOthersKept(t *testing.T) {
	f := setup(t)
	body := `{"batch":[
		{"type":"track","userId":"u1","event":"Order Completed","properties":{"order_id":"a"}},
		{"type":"track","userId":"u1","event":"Order Compleded"},
		{"type":"track","userId":"u1","event":"Product Added"},
		{"type":"identify","userId":"u1","traits":{"first_name":"Dana","shoe":42}},
		{"type":"track","userId":"u1","event":"Order Completed","properties":{"order_id":7}},
		{"type":"dance","userId":"u1"},
		"nonsense",
		{"type":"track","userId":"u2","event":"Order Completed"}
	]}`
	got := accepted(t, f.post("/v1/batch", serverKey, body))
	var list []string
	for _, r := range got.Rejected {
		list = append(list, fmt.Sprintf("%d %s %s", r.Index, r.Code, r.Field))
	}
	want := "1 unknown_event event, 2 not_permitted event, 3 unknown_trait traits.shoe, 4 invalid_field properties.order_id, 5 invalid_field type, 6 invalid_json "
	if strings.Join(list, ", ") != want {
		t.Errorf("rejected %s\nwant     %s", strings.Join(list, ", "), want)
	}
	if len(f.stored(f.pk("u1"))) != 1 || len(f.stored(f.pk("u2"))) != 1 {
		t.Error("good ones were not kept")
	}
}

func TestSingleCallThatParsesIsMemberZero(t *testing.T) {
	f := setup(t)
	for body, code := range map[string]events.Code{
		`{"userId":"u1","event":"Nope"}`: events.UnknownEvent,
		`{"userId":"u1"}`:                events.InvalidField,
		`{"userId":"u1","event":"Order Completed","properties":{"a":"` + strings.Repeat("x", events.MaxMessage) + `"}}`: events.TooLarge,
	} {
		got := accepted(t, f.post("/v1/track", serverKey, body))
		if !got.Success || len(got.Rejected) != 1 || got.Rejected[0].Index != 0 || got.Rejected[0].Code != code {
			t.Errorf("%.60s: %+v", body, got)
		}
	}
}

func TestSmallBodyThatInflatesToALargeOneIsRefused(t *testing.T) {
	f := setup(t)
	bomb := zipped(t, strings.Repeat(" ", 50<<20))
	if len(bomb) > events.MaxBody {
		t.Fatalf("no bomb: %d bytes", len(bomb))
	}
	w := f.request("POST", "/v1/batch", serverKey, bomb, "Content-Encoding", "gzip")
	if e := decoded[events.Failed](t, w).Error; w.Code != 400 || e.Code != events.TooLarge {
		t.Fatalf("%d %+v", w.Code, e)
	}
	w = f.request("POST", "/v1/batch", serverKey, []byte("\x1f\x8bnonsense"), "Content-Encoding", "gzip")
	if e := decoded[events.Failed](t, w).Error; w.Code != 400 || e.Code != events.InvalidJSON {
		t.Fatalf("%d %+v", w.Code, e)
	}
}

func TestCallersAreAskedToComeBack(t *testing.T) {
	f := setup(t)
	f.config.Limit = func(*http.Request) (time.Duration, bool) { return 1500 * time.Millisecond, true }
	w := f.post("/v1/track", serverKey, order)
	if w.Code != 429 || w.Header().Get("Retry-After") != "2" || w.Header().Get("X-RateLimit-Reset") != fmt.Sprint(start.Add(1500*time.Millisecond).UnixMilli()) {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	if e := decoded[events.Failed](t, w).Error; e.Code != events.RateLimited {
		t.Fatalf("%+v", e)
	}
	for _, cause := range []error{flow.ErrNoRelease, flow.ErrThrottled, errors.New("broken: marker@shop.example")} {
		f := setup(t)
		f.config.Flow.Releases = &releases{err: cause}
		w := f.post("/v1/batch", serverKey, `{"batch":[`+strings.Replace(order, "{", `{"type":"track",`, 1)+`]}`)
		if w.Code != 503 || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "marker") {
			t.Errorf("%v: %d %s", cause, w.Code, w.Body)
		}
		if errors.Is(cause, flow.ErrNoRelease) != strings.Contains(w.Body.String(), "kesher publish") {
			t.Errorf("%v: %s", cause, w.Body)
		}
	}
}

func TestE11OnlyThePublicSourcesOriginsMayReadAnswers(t *testing.T) {
	f := setup(t)
	for origin, want := range map[string]string{
		"https://shop.example": "https://shop.example", "https://evil.example": "", "https://shop.example.evil.example": "",
		"http://shop.example": "", "null": "", "https://backend.example": "",
	} {
		for _, method := range []string{"OPTIONS", "POST"} {
			w := f.request(method, "/v1/t", serverKey, []byte(order), "Origin", origin)
			if got := w.Header().Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("%s from %s: %q", method, origin, got)
			}
			if w.Header().Get("Access-Control-Allow-Credentials") != "" || w.Header().Get("Set-Cookie") != "" {
				t.Errorf("%s from %s: cookies are of no use here", method, origin)
			}
			if w.Header().Get("Vary") != "Origin" {
				t.Errorf("%s from %s: a cache may mix origins up", method, origin)
			}
		}
	}
	const headers = "authorization,content-type,x-retry-count"
	for origin, want := range map[string]string{"https://shop.example": headers, "https://evil.example": ""} {
		w := f.request("OPTIONS", "/v1/t", "", nil, "Origin", origin, "Access-Control-Request-Headers", headers)
		if w.Code != 204 || w.Header().Get("Access-Control-Allow-Headers") != want {
			t.Errorf("preflight from %s: %d %v", origin, w.Code, w.Header())
		}
	}
}

func TestAnalyticsJSIsToldToSendEverythingHere(t *testing.T) {
	f := setup(t)
	w := f.request("GET", "/v1/projects/"+publicKey+"/settings", "", nil)
	got := decoded[jsSettings](t, w)
	want := jsDestination{APIKey: publicKey, APIHost: "mail.shop.example/v1", Protocol: "https"}
	if w.Code != 200 || len(got.Integrations) != 1 || got.Integrations["Segment.io"] != want {
		t.Fatalf("%d %+v", w.Code, got)
	}
	if w := f.request("GET", "/v1/projects/"+serverKey+"/settings", "", nil); w.Code != 401 {
		t.Fatalf("the server key in a browser: %d", w.Code)
	}
}

func TestTypeformIsTakenBySignatureAlone(t *testing.T) {
	f := setup(t)
	body, err := os.ReadFile("../../events/testdata/tracking/typeform.json")
	if err != nil {
		t.Fatal(err)
	}
	sign := func(secret string) string {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		return "sha256=" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	if w := f.request("POST", "/v1/surveys/typeform", serverKey, body, events.TypeformSignature, sign("other")); w.Code != 401 {
		t.Fatalf("a wrong signature: %d", w.Code)
	}
	w := f.request("POST", "/v1/surveys/typeform", "", body, events.TypeformSignature, sign("typeform"))
	if e := decoded[events.Failed](t, w).Error; w.Code != 400 || e.Code != events.UserUnproven {
		t.Fatalf("a userId from the form's address is believed: %d %+v", w.Code, e)
	}
	body = bytes.Replace(body, []byte(`"user_id":"u1"`), []byte(`"anonymous_id":"a1"`), 1)
	w = f.request("POST", "/v1/surveys/typeform", "", body, events.TypeformSignature, sign("typeform"))
	if w.Code != 200 || len(f.stored(f.vpk("a1"))) != 1 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

func TestProfilesAreReadWithTheServerKey(t *testing.T) {
	f := setup(t)
	accepted(t, f.post("/v1/identify", serverKey, `{"userId":"u1","traits":{"first_name":"Dana"},"timestamp":"2027-03-01T08:00:00Z"}`))
	w := f.post("/v1/profiles/get", serverKey, `{"userId":"u1"}`)
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := `map[consent:map[] segments:[] traits:map[first_name:map[at:2027-03-01T08:00:00Z origin:zero purposes:[service] value:Dana]] userId:u1]`
	if fmt.Sprint(got) != want {
		t.Fatalf("%v", got)
	}
	if w := f.post("/v1/profiles/export", serverKey, `{"userId":"u1"}`); w.Code != 200 || !strings.Contains(w.Body.String(), `"items"`) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

func TestPeopleOfABatchKeepTheirOrder(t *testing.T) {
	calls := func(ids ...string) []*events.Call {
		var all []*events.Call
		for _, id := range ids {
			if id == "" {
				all = append(all, nil)
				continue
			}
			c := &events.Call{}
			for _, part := range strings.Split(id, "+") {
				switch part[0] {
				case 'u':
					c.UserID = events.NewPersonal(part)
				case 'a':
					c.AnonymousID = events.NewPersonal(part)
				case 'p':
					c.PreviousID = events.NewPersonal("a" + part[1:])
				}
			}
			all = append(all, c)
		}
		return all
	}
	tests := []struct {
		ids  []string
		want string
	}{
		{[]string{"u1", "u2", "u1"}, "[[0 2] [1]]"},
		{[]string{"a1", "u1", "u1+a1", "u2"}, "[[0 1 2] [3]]"},
		{[]string{"a1", "u2", "u1+p1", "u2+a2", "a2"}, "[[0 2] [1 3 4]]"},
		{[]string{"u1", "", "u1"}, "[[0 2]]"},
		{[]string{"a1", "a2", "a3", "u1+a1", "u1+a2", "u1+a3", "a2"}, "[[0 1 2 3 4 5 6]]"},
		{nil, "[]"},
	}
	for _, tt := range tests {
		if got := fmt.Sprint(people(calls(tt.ids...))); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.ids, got, tt.want)
		}
	}
}

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
