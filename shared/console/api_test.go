package console_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/console"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/collect"
	"github.com/kesher-io/kesher/shared/flow/doctor"
	"github.com/kesher-io/kesher/shared/flow/erase"
	"github.com/kesher-io/kesher/shared/flow/explain"
	"github.com/kesher-io/kesher/shared/flow/report"
)

// paths of the admin API, with a body that each takes.
var paths = map[string]string{
	"GET /admin/v1/status": "", "GET /admin/v1/release": "", "GET /admin/v1/report": "", "GET /admin/v1/tail": "",
	"GET /admin/v1/doctor": "", "GET /admin/v1/faults": "",
	"POST /admin/v1/explain": `{"userId":"dana"}`, "POST /admin/v1/export": `{"userId":"dana"}`, "POST /admin/v1/erase": `{"userId":"dana"}`,
	"POST /admin/v1/check": `{"files":{"plan.yaml":""}}`, "POST /admin/v1/publish": `{"files":{"plan.yaml":""}}`,
	"POST /admin/v1/faults/retry": `{"key":"all"}`,
}

func TestNothingOfTheAdminAPIIsServedWithoutItsToken(t *testing.T) {
	w := published(t)
	w.dana()
	before := len(w.store.Changes())
	for route, body := range paths {
		method, path, _ := strings.Cut(route, " ")
		for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer wrong", "Basic " + token, token} {
			r := httptest.NewRequest(method, path, strings.NewReader(body))
			r.Header.Set("Authorization", authorization)
			if a := w.request(r); a.Code != http.StatusUnauthorized {
				t.Errorf("%s with %q: %d", route, authorization, a.Code)
			}
		}
	}
	if n := len(w.store.Changes()); n != before {
		t.Fatalf("%d changes were made", n-before)
	}
}

func TestAnEmptyTokenLetsNobodyIn(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer ")
	if console.Bearer("")(r) {
		t.Fatal("let in")
	}
}

func TestE11PostsFromOtherOriginsAreRefused(t *testing.T) {
	w := published(t)
	w.dana()
	for _, path := range []string{"/admin/v1/erase", "/console/faults/retry"} {
		for _, origin := range []string{"https://evil.example", "null", "http://example.com:81"} {
			r := httptest.NewRequest("POST", "http://example.com"+path, strings.NewReader(`{"userId":"dana"}`))
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Origin", origin)
			if a := w.request(r); a.Code != http.StatusForbidden {
				t.Errorf("%s from %s: %d", path, origin, a.Code)
			}
		}
	}
}

func TestExplainTellsTheStoryOfOnePersonAndOneJourney(t *testing.T) {
	w := published(t)
	w.dana()
	lines := decode[[]explain.Line](w.post("/admin/v1/explain", `{"userId":"dana","about":"cart-abandonment"}`))
	last := lines[len(lines)-1]
	if last.Decision != "wait" || last.Step != "wait-1h" || last.Values[explain.ValueFor] != "1h" {
		t.Fatalf("got %+v", last)
	}
	w.post("/admin/v1/explain", `{"userId":"nobody"}`).expect(http.StatusNotFound)
	w.post("/admin/v1/explain", `{"userId":"dana","about":"kart"}`).expect(http.StatusNotFound)
	w.post("/admin/v1/explain", `{}`).expect(http.StatusBadRequest)
	w.post("/admin/v1/explain", `{`).expect(http.StatusBadRequest)
}

func TestExportHoldsEveryTraitWithItsOrigin(t *testing.T) {
	w := published(t)
	w.dana()
	x := decode[collect.Export](w.post("/admin/v1/export", `{"userId":"dana"}`))
	if trait := x.Profile.Traits["first_name"]; trait.Value != "Dana" || trait.Origin != "zero" || len(trait.Purposes) == 0 {
		t.Fatalf("got %+v", trait)
	}
	if len(x.Items) == 0 || len(x.Ledger) == 0 {
		t.Fatalf("%d items, %d lines of consent", len(x.Items), len(x.Ledger))
	}
	w.post("/admin/v1/export", `{"userId":"nobody"}`).expect(http.StatusNotFound)
}

func TestEraseGivesAReceiptAndLeavesNothingToExplain(t *testing.T) {
	w := published(t)
	w.dana()
	receipt := decode[erase.Receipt](w.post("/admin/v1/erase", `{"userId":"dana"}`))
	if receipt.Customer != w.keys.Customer("dana") || receipt.Deleted == 0 || len(receipt.Kept) == 0 {
		t.Fatalf("got %+v", receipt)
	}
	w.post("/admin/v1/export", `{"userId":"dana"}`).expect(http.StatusNotFound)
	lines := decode[[]explain.Line](w.post("/admin/v1/explain", `{"userId":"dana"}`))
	if len(lines) != 1 || !strings.Contains(lines[0].Reason, "erased") {
		t.Fatalf("got %+v", lines)
	}
	decode[erase.Receipt](w.post("/admin/v1/erase", `{"userId":"dana"}`))
}

func TestPublishMakesACatalogLiveOnceAndCarriesItsBase(t *testing.T) {
	w := newWorld(t)
	w.get("/admin/v1/report").expect(http.StatusOK)
	if live := decode[console.Release](w.get("/admin/v1/release")); live.Release != "" {
		t.Fatalf("live on a fresh stack: %q", live.Release)
	}
	first := decode[console.Published](w.send("POST", "/admin/v1/publish", "application/zip", w.zip(nil)))
	if !first.Changed || first.Base != "" || first.Release == "" || first.Bound == "" {
		t.Fatalf("got %+v", first)
	}
	if again := decode[console.Published](w.send("POST", "/admin/v1/publish", "application/zip", w.zip(nil))); again.Changed {
		t.Fatal("the same catalog was published twice")
	}
	if live := decode[console.Release](w.get("/admin/v1/release")); live.Release != first.Release {
		t.Fatalf("live is %q", live.Release)
	}
	changed := w.zip(map[string]string{"journeys/cart-abandonment.yaml": strings.Replace(
		w.files(nil)["journeys/cart-abandonment.yaml"], "wait: 1h", "wait: 2h", 1)})
	refused := w.send("POST", "/admin/v1/publish?base=other", "application/zip", changed).expect(http.StatusConflict)
	if !strings.Contains(refused.Body.String(), string(console.CodeMoved)) {
		t.Fatalf("got %s", refused.Body)
	}
	second := decode[console.Published](w.send("POST", "/admin/v1/publish?base="+first.Release, "application/zip", changed))
	if !second.Changed || second.Base != first.Release {
		t.Fatalf("got %+v", second)
	}
}

func TestAZipAndItsFilesAsJSONAreTheSameCatalog(t *testing.T) {
	w := newWorld(t)
	body, err := json.Marshal(map[string]any{"files": w.files(nil)})
	w.must(err)
	asJSON := decode[console.Published](w.send("POST", "/admin/v1/publish", "application/json", body))
	asZip := decode[console.Published](w.send("POST", "/admin/v1/publish", "application/zip", w.zip(nil)))
	if asJSON.Release != asZip.Release || asZip.Changed {
		t.Fatalf("got %+v and %+v", asJSON, asZip)
	}
}

func TestACatalogWithErrorsIsCheckedButNotPublished(t *testing.T) {
	w := newWorld(t)
	broken := w.zip(map[string]string{"journeys/cart-abandonment.yaml": strings.Replace(
		w.files(nil)["journeys/cart-abandonment.yaml"], "event.price", "event.prise", 1)})
	checked := decode[console.Checked](w.send("POST", "/admin/v1/check", "application/zip", broken))
	if len(checked.Problems) == 0 || checked.Problems[0].File != "journeys/cart-abandonment.yaml" || checked.Problems[0].Line == 0 || checked.Bound != "" {
		t.Fatalf("got %+v", checked)
	}
	a := w.send("POST", "/admin/v1/publish", "application/zip", broken).expect(http.StatusUnprocessableEntity)
	var failed console.Failed
	w.must(json.Unmarshal(a.Body.Bytes(), &failed))
	if failed.Error.Code != console.CodeProblems || len(failed.Problems) != len(checked.Problems) {
		t.Fatalf("got %+v", failed)
	}
	if live := decode[console.Release](w.get("/admin/v1/release")); live.Release != "" {
		t.Fatal("it was published")
	}
}

func TestAStageRefusesSendersOutsideItsDomain(t *testing.T) {
	w := newWorld(t)
	w.config.Domain = "elsewhere.example"
	w.handler = console.New(w.config)
	checked := decode[console.Checked](w.send("POST", "/admin/v1/check", "application/zip", w.zip(nil)))
	if len(checked.Problems) != 2 || checked.Problems[0].File != "settings.yaml" || checked.Bound != "" {
		t.Fatalf("got %+v", checked)
	}
}

func TestE10UploadsThatAreTooLargeOrLeadElsewhereAreRefused(t *testing.T) {
	w := newWorld(t)
	bomb := func(files int, size int64) []byte {
		var buffer bytes.Buffer
		z := zip.NewWriter(&buffer)
		for i := range files {
			f, err := z.Create(fmt.Sprint("journeys/", i, ".yaml"))
			w.must(err)
			for written := int64(0); written < size; written += 1 << 20 {
				_, err = f.Write(make([]byte, min(size, 1<<20)))
				w.must(err)
			}
		}
		w.must(z.Close())
		return buffer.Bytes()
	}
	outside := func(name string) []byte {
		var buffer bytes.Buffer
		z := zip.NewWriter(&buffer)
		_, err := z.Create(name)
		w.must(err)
		w.must(z.Close())
		return buffer.Bytes()
	}
	uploads := map[string][]byte{
		"unpacks to 80 MB": bomb(1, 80<<20), "has 6,000 files": bomb(6000, 0), "is 11 MB": make([]byte, 11<<20),
		"is no zip": []byte("PK"), "leads out": outside("../plan.yaml"), "is absolute": outside("/plan.yaml"),
	}
	for name, body := range uploads {
		if a := w.send("POST", "/admin/v1/check", "application/zip", body); a.Code != http.StatusBadRequest {
			t.Errorf("an upload that %s: %d %s", name, a.Code, a.Body)
		}
	}
	for _, body := range []string{"", "[]", `{"files":{}}`, `{"files":{"../plan.yaml":""}}`, `{"files":{"plan.yaml":1}}`} {
		if a := w.post("/admin/v1/check", body); a.Code != http.StatusBadRequest {
			t.Errorf("%q: %d", body, a.Code)
		}
	}
}

func TestReportCountsWithWhatWasTakenIn(t *testing.T) {
	w := published(t)
	w.dana()
	r := decode[report.Report](w.get("/admin/v1/report"))
	if r.Events != 7 || r.Rejected["unknown_event"] != 2 || r.Runs["cart-abandonment"].Active != 1 {
		t.Fatalf("got %+v", r)
	}
}

func TestTailTellsTheNewestDecisionsOldestFirst(t *testing.T) {
	w := published(t)
	w.dana()
	tail := decode[console.Tail](w.get("/admin/v1/tail"))
	if len(tail.Lines) != 2 || tail.Lines[0].Decision != "entered" || tail.Lines[1].Decision != "wait" || tail.Lines[0].UserID != "dana" {
		t.Fatalf("got %+v", tail)
	}
	later := w.clock.Now("").Add(time.Hour).Format(time.RFC3339)
	if tail := decode[console.Tail](w.get("/admin/v1/tail?since=" + later)); tail.Lines == nil || len(tail.Lines) != 0 {
		t.Fatalf("got %+v", tail)
	}
	if tail := decode[console.Tail](w.get("/admin/v1/tail?limit=1")); len(tail.Lines) != 1 || tail.Lines[0].Decision != "wait" {
		t.Fatalf("got %+v", tail)
	}
	for _, q := range []string{"limit=0", "limit=x", "limit=1001", "since=yesterday"} {
		w.get("/admin/v1/tail?" + q).expect(http.StatusBadRequest)
	}
}

func TestJ19AFaultIsListedWithoutPersonalDataAndRetried(t *testing.T) {
	w := published(t)
	w.dana()
	key := w.fault()
	list := decode[console.FaultList](w.get("/admin/v1/faults"))
	if len(list.Faults) != 1 || list.Faults[0].Item != "PROFILE" || list.Faults[0].Tries != 1 || list.Faults[0].Reason == "" {
		t.Fatalf("got %+v", list)
	}
	before := w.version(key)
	done := decode[console.Retried](w.post("/admin/v1/faults/retry", `{"key":"`+list.Faults[0].Key+`"}`))
	if done.Retried != 1 || w.version(key) != before+1 {
		t.Fatalf("got %+v, version %d after %d", done, w.version(key), before)
	}
	if list := decode[console.FaultList](w.get("/admin/v1/faults")); len(list.Faults) != 0 {
		t.Fatalf("still listed: %+v", list)
	}
	w.post("/admin/v1/faults/retry", `{"key":"none"}`).expect(http.StatusNotFound)
	if done := decode[console.Retried](w.post("/admin/v1/faults/retry", `{"key":"all"}`)); done.Retried != 0 {
		t.Fatalf("got %+v", done)
	}
}

func TestE06AFaultOfAnInboxItemDoesNotTellWhose(t *testing.T) {
	w := published(t)
	key := item.Key{Table: item.Customers, PK: item.PrefixInbox + "dana@example.com", SK: "m1"}
	it := item.Item{Key: key, V: 1, W: "w", F: item.Format, Body: "{}"}
	w.must(w.store.Write(context.Background(), flow.Put(it, flow.Any)))
	w.faultOf(key)
	a := w.get("/admin/v1/faults").expect(http.StatusOK)
	if strings.Contains(a.Body.String(), "dana") || !strings.Contains(a.Body.String(), `"item":"IN"`) {
		t.Fatalf("got %s", a.Body)
	}
}

// kept is a failure storage of one payload.
type kept map[string]string

func (k kept) List(context.Context) ([]console.Failure, error) {
	var list []console.Failure
	for name := range k {
		list = append(list, console.Failure{Name: name, At: t0})
	}
	return list, nil
}

func (k kept) Read(_ context.Context, name string) ([]byte, error) { return []byte(k[name]), nil }

func TestAKeptPayloadIsRetriedByRewritingWhatItSpeaksOf(t *testing.T) {
	w := published(t)
	w.dana()
	key := item.C(w.keys.Customer("dana"), item.SKProfile)
	gone := item.C("c0ffee", item.SKProfile)
	w.config.Failures = kept{"a.json": payload(t, key, key, gone), "b.json": `{"version":"1.0","payload":""}`}
	w.handler = console.New(w.config)

	list := decode[console.FaultList](w.get("/admin/v1/faults"))
	if len(list.Failures) != 2 {
		t.Fatalf("got %+v", list)
	}
	before := w.version(key)
	if done := decode[console.Retried](w.post("/admin/v1/faults/retry", `{"key":"a.json"}`)); done.Retried != 1 || done.Gone != 1 {
		t.Fatalf("got %+v", done)
	}
	if w.version(key) != before+1 {
		t.Fatal("the item was not rewritten")
	}
	w.post("/admin/v1/faults/retry", `{"key":"b.json"}`).expect(http.StatusBadRequest)
	w.post("/admin/v1/faults/retry", `{"key":"../a.json"}`).expect(http.StatusNotFound)
	examined := decode[doctor.Report](w.get("/admin/v1/doctor"))
	if !slices.ContainsFunc(examined.Findings, func(f doctor.Finding) bool { return f.Name == "failure-objects" }) {
		t.Fatalf("got %+v", examined)
	}
}

// payload is what Lambda keeps of a batch that failed.
func payload(t *testing.T, keys ...item.Key) string {
	t.Helper()
	var stream events.StreamEvent
	for i, key := range keys {
		keys := events.Attributes{"pk": events.Text(key.PK), "sk": events.Text(key.SK)}
		stream.Records = append(stream.Records, events.StreamRecord{
			EventID: fmt.Sprint(i), EventName: "INSERT", EventVersion: "1.1", EventSource: "aws:dynamodb", AWSRegion: "eu-west-1",
			EventSourceARN: "arn:aws:dynamodb:eu-west-1:123456789012:table/customers/stream/x",
			DynamoDB: events.StreamChange{
				Keys: keys, NewImage: keys, SequenceNumber: fmt.Sprint(100 + i), StreamViewType: "NEW_AND_OLD_IMAGES",
			},
		})
	}
	object, err := json.Marshal(map[string]any{"version": "1.0", "payload": string(stream.Append(nil))})
	if err != nil {
		t.Fatal(err)
	}
	return string(object)
}

func TestAFreshStageSaysHowToBegin(t *testing.T) {
	w := newWorld(t)
	w.config.Target = " --target aws:prod"
	w.handler = console.New(w.config)
	a := w.post("/admin/v1/explain", `{"userId":"dana"}`).expect(http.StatusServiceUnavailable)
	if !strings.Contains(a.Body.String(), "no release: kesher publish --target aws:prod") {
		t.Fatalf("got %s", a.Body)
	}
	if status := decode[console.Status](w.get("/admin/v1/status")); status.Release.Release != "" || !status.Now.Equal(t0) {
		t.Fatalf("got %+v", status)
	}
	w.get("/admin/v1/nothing").expect(http.StatusNotFound)
}

func TestAFailureOfTheStoreAsksToTryAgain(t *testing.T) {
	w := published(t)
	w.config.Intake = func(context.Context) (report.Intake, error) { return report.Intake{}, errors.New("broken") }
	w.handler = console.New(w.config)
	w.get("/admin/v1/report").expect(http.StatusServiceUnavailable)
	w.get("/").expect(http.StatusServiceUnavailable)
}
