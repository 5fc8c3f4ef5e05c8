package collect

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/testkit/fake"
)

func TestPlainTrackOfAKnownCustomerCostsOneReadAndOnePlainWrite(t *testing.T) {
	f := setup(t)
	f.agrees("u1")
	f.taken(server, `{"type":"identify","userId":"u1","traits":{"first_name":"Dana"}}`)
	c := &fake.Store{Store: f.store}
	f.Store = c
	f.taken(server, `{"type":"track","userId":"u1","messageId":"m1","event":"Product Added","timestamp":"2027-03-01T09:00:00Z","properties":{"price":9}}`)
	if c.Gets != 1 || c.Keys != 2 || c.Writes != 1 || c.Ops != 1 {
		t.Fatalf("%d reads of %d items, %d writes of %d ops", c.Gets, c.Keys, c.Writes, c.Ops)
	}
}

func TestFirstFactListsTheCustomer(t *testing.T) {
	f := setup(t)
	f.taken(server, `{"type":"track","userId":"u1","event":"Order Completed"}`)
	it := f.doc(f.pk("u1"), item.SKProfile, &profile.Profile{})
	key := f.Keys.Customer("u1")
	if it == nil || it.IK != item.AllList(item.Shard(key)) || it.IS != key {
		t.Fatalf("%+v", it)
	}
	if got := f.profile("u1").UserID.Reveal(); got != "u1" {
		t.Fatalf("user id %q", got)
	}
}

func TestI05RefusedFactIsCountedByReasonAndNeverStored(t *testing.T) {
	f := setup(t)
	tests := []struct {
		call, field string
		code        events.Code
	}{
		{`{"type":"track","userId":"u1","event":"Product Added"}`, "event", events.NotPermitted},
		{`{"type":"track","userId":"u1","event":"Product Aded"}`, "event", events.UnknownEvent},
		{`{"type":"track","userId":"u1","event":"Order Completed","properties":{"order_id":7}}`, "properties.order_id", events.InvalidField},
		{`{"type":"track","userId":"u1","event":"Message Requested","properties":{"kind":"api","template":"receipt"}}`, "event", events.InvalidField},
		{`{"type":"track","userId":"u1","event":"Consent Granted","properties":{"purpose":"marketing","channel":"email"}}`, "event", events.InvalidField},
		{`{"type":"screen","userId":"u1","name":"Home"}`, "event", events.UnknownEvent},
	}
	for _, tt := range tests {
		out := f.send(server, tt.call)
		if out.Refused == nil || out.Refused.Code != tt.code || out.Refused.Field != tt.field {
			t.Errorf("%s: %v", tt.call, out.Refused)
			continue
		}
		if f.counts.n[metricRefused+" "+string(tt.code)] == 0 {
			t.Errorf("%s is not counted", tt.code)
		}
	}
	if n := len(f.store.Changes()); n != 0 {
		t.Fatalf("%d items were written", n)
	}
}

func TestUnknownEventsAreKeptUnderThePurposeThatThePlanNames(t *testing.T) {
	f := setup(t)
	f.rel.Plan.UnknownEvents = "keep: service"
	f.taken(server, `{"type":"track","userId":"u1","event":"Chair Tried"}`)
	if len(f.events(f.pk("u1"), "Chair Tried")) != 1 {
		t.Fatal("not kept")
	}
}

func TestGroupIsAcceptedAndNotStored(t *testing.T) {
	f := setup(t)
	f.taken(server, `{"type":"group","userId":"u1","groupId":"g"}`)
	if len(f.store.Changes()) != 0 {
		t.Fatal("stored")
	}
}

func TestPageIsTheEventPageViewedWithItsName(t *testing.T) {
	f := setup(t)
	f.taken(server, `{"type":"page","userId":"u1","name":"Home","category":"Shop","properties":{"url":"https://shop.example/"}}`)
	got := f.events(f.pk("u1"), events.PageViewed)
	if len(got) != 1 || got[0].Props["name"] != "Home" || got[0].Props["category"] != "Shop" || got[0].Props["url"] == nil {
		t.Fatalf("%+v", got)
	}
}

func TestIdentifyDropsWhatItMayNotKeepAndKeepsTheRest(t *testing.T) {
	f := setup(t)
	out := f.send(server, `{"type":"identify","userId":"u1","traits":{"first_name":"Dana","interests":["home"],"shoe":42,"email":"nowhere"}}`)
	got := map[string]events.Code{}
	for _, d := range out.Dropped {
		got[d.Field] = d.Code
	}
	want := map[string]events.Code{"traits.interests": events.NotPermitted, "traits.shoe": events.UnknownTrait, "traits.email": events.InvalidField}
	if out.Refused != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("refused %v, dropped %v", out.Refused, got)
	}
	if p := f.profile("u1"); len(p.Traits) != 1 || p.Address != "" {
		t.Fatalf("kept %d traits", len(p.Traits))
	}
}

func TestIdentifyTakesLanguageAndZoneUnlessSheChoseThem(t *testing.T) {
	f := setup(t)
	f.taken(server, `{"type":"identify","userId":"u1","context":{"locale":"he-IL","timezone":"Europe/London"}}`)
	if p := f.profile("u1"); p.Locale != "he" || p.Zone != "Europe/London" {
		t.Fatalf("%s, %s", p.Locale, p.Zone)
	}
	f.clock.Advance(time.Minute)
	f.taken(server, `{"type":"identify","userId":"u1","context":{"locale":"e\"n","timezone":"../../etc/passwd"}}`)
	f.taken(server, `{"type":"identify","userId":"u1","timestamp":"2027-02-01T00:00:00Z","context":{"locale":"fr"}}`)
	if p := f.profile("u1"); p.Locale != "he" || p.Zone != "Europe/London" {
		t.Fatalf("nonsense, or an older call, replaced it: %s, %s", p.Locale, p.Zone)
	}
	p := f.profile("u1")
	p.Chosen = true
	it := f.doc(f.pk("u1"), item.SKProfile, &profile.Profile{})
	next := it.Next(it.Key, "w", 0)
	if err := next.Encode(p); err != nil {
		t.Fatal(err)
	}
	if err := f.store.Write(context.Background(), flow.Put(next, flow.Any)); err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(time.Minute)
	f.taken(server, `{"type":"identify","userId":"u1","context":{"locale":"en"}}`)
	if p := f.profile("u1"); p.Locale != "he" {
		t.Fatal("a call overrides her choice")
	}
}

func TestI12BoundsRefuseNamingTheField(t *testing.T) {
	f := setup(t)
	for i := range 4 {
		f.rel.Plan.Traits[fmt.Sprintf("note%d", i)] = f.rel.Plan.Traits["first_name"]
	}
	big := strings.Repeat("x", 20<<10)
	var last Outcome
	for i := range 4 {
		last = f.send(server, fmt.Sprintf(`{"type":"identify","userId":"u1","traits":{"note%d":%q,"first_name":"D"}}`, i, big))
	}
	if last.Refused == nil || last.Refused.Code != events.TooLarge || last.Refused.Field != "traits.note3" {
		t.Fatalf("%v", last.Refused)
	}
	if it := f.doc(f.pk("u1"), item.SKProfile, &profile.Profile{}); it.Size() > profile.MaxSize {
		t.Fatalf("profile of %d bytes", it.Size())
	}
	f.taken(server, `{"type":"track","userId":"u1","event":"Order Completed"}`)
}

func TestI01AnyRetryIsOneItem(t *testing.T) {
	for _, name := range []string{"event", "visitor"} {
		t.Run(name, func(t *testing.T) { rapid.Check(t, oneItem(name == "visitor")) })
	}
}

// oneItem retries one call with other clocks and other sentAt.
func oneItem(visitor bool) func(*rapid.T) {
	return func(rt *rapid.T) {
		f := setup(rt)
		who, pk := `"userId":"u1"`, f.pk("u1")
		if visitor {
			who, pk = `"anonymousId":"a1"`, f.vpk("a1")
		}
		own := start.Add(-time.Duration(rapid.Int64Range(-20, 20*24*60).Draw(rt, "minutes ago")) * time.Minute)
		stamp := fmt.Sprintf(`,"timestamp":%q`, own.Format(time.RFC3339Nano))
		if rapid.Bool().Draw(rt, "without a time") {
			stamp = ""
		}
		for range rapid.IntRange(2, 4).Draw(rt, "attempts") {
			sent := ""
			if rapid.Bool().Draw(rt, "with sentAt") {
				at := f.clock.Now("").Add(time.Duration(rapid.Int64Range(-40*24*60, 60).Draw(rt, "skew")) * time.Minute)
				sent = fmt.Sprintf(`,"sentAt":%q`, at.Format(time.RFC3339))
			}
			c, r := events.DecodeCall([]byte(`{"type":"track",`+who+`,"messageId":"m1","event":"Order Completed"`+stamp+sent+`}`), "")
			if r != nil {
				rt.Fatal(r)
			}
			if out, err := f.Collect(context.Background(), c, server); err != nil || out.Refused != nil {
				rt.Fatal(err, out.Refused)
			}
			f.clock.Advance(time.Duration(rapid.Int64Range(0, 20*60).Draw(rt, "later")) * time.Minute)
		}
		page, err := f.store.Query(context.Background(), flow.Query{Table: item.Customers, PK: pk, Prefix: item.PrefixEvent})
		if err != nil || len(page.Items) != 1 {
			rt.Fatalf("%d items, %v", len(page.Items), err)
		}
	}
}

func TestWithoutMessageIdEachCallIsNew(t *testing.T) {
	f := setup(t)
	for range 3 {
		f.taken(server, `{"type":"track","userId":"u1","event":"Order Completed","timestamp":"2027-03-01T08:59:00Z"}`)
	}
	if n := len(f.events(f.pk("u1"), "Order Completed")); n != 3 {
		t.Fatalf("%d events", n)
	}
}

func TestI11Timestamps(t *testing.T) {
	day := 24 * time.Hour
	tests := []struct {
		name, times string
		at, key     time.Time
		wrong       string
	}{
		{"now", `"timestamp":"2027-03-01T09:00:00Z"`, start, start, ""},
		{"an hour ago", `"timestamp":"2027-03-01T08:00:00Z"`, start.Add(-time.Hour), start.Add(-time.Hour), ""},
		{"another zone", `"timestamp":"2027-03-01T10:00:00+02:00"`, start.Add(-time.Hour), start.Add(-time.Hour), ""},
		{"a little skew stays", `"timestamp":"2027-03-01T08:55:00Z","sentAt":"2027-03-01T08:55:00Z"`, start.Add(-5 * time.Minute), start.Add(-5 * time.Minute), ""},
		{"an hour of skew is corrected", `"timestamp":"2027-03-01T07:59:00Z","sentAt":"2027-03-01T08:00:00Z"`, start.Add(-time.Minute), start.Add(-61 * time.Minute), "skewed"},
		{"days of skew leave the key", `"timestamp":"2027-02-20T08:59:00Z","sentAt":"2027-02-20T09:00:00Z"`, start.Add(-time.Minute), start.Add(-time.Minute), "skewed"},
		{"a clock that is fast is corrected", `"timestamp":"2027-03-01T11:30:00Z","sentAt":"2027-03-01T12:00:00Z"`, start.Add(-30 * time.Minute), start.Add(150 * time.Minute), "skewed"},
		{"future", `"timestamp":"2027-03-01T12:00:00Z"`, start, start.Add(3 * time.Hour), "future"},
		{"far future", `"timestamp":"2031-01-01T00:00:00Z"`, start, start, "future"},
		{"absent", `"properties":{}`, start, start, "absent"},
		{"null", `"timestamp":null`, start, start, "absent"},
		{"ancient", `"timestamp":"1970-01-01T00:00:05Z"`, start, start, "ancient"},
		{"only the original one", `"originalTimestamp":"2027-02-28T09:00:00Z"`, start.Add(-day), start.Add(-day), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := setup(t)
			out := f.send(server, `{"type":"track","userId":"u1","messageId":"m1","event":"Order Completed",`+tt.times+`}`)
			switch a := out.Adjusted; {
			case tt.wrong == "" || tt.wrong == absent:
				if a != nil {
					t.Errorf("told of %+v", a)
				}
			case a == nil || a.Reason != tt.wrong || a.Field != "timestamp" || !a.At.Equal(tt.at):
				t.Errorf("told of %+v", a)
			}
			its := f.list(f.pk("u1"), item.PrefixEvent)
			if len(its) != 1 || its[0].SK != item.EventSK("Order Completed", tt.key, "m1") {
				t.Fatalf("%d events, %+v", len(its), its)
			}
			e := f.events(f.pk("u1"), "")[0]
			if e.At != tt.at.UnixMilli() || e.In.Milli() != start.UnixMilli() {
				t.Errorf("at %s, in %s", time.UnixMilli(e.At).UTC(), e.In.Time())
			}
			if drift := tt.key.Sub(tt.at).Abs(); drift > maxDrift {
				t.Errorf("readers would not find a key %s away", drift)
			}
			if tt.wrong != "" && f.counts.n[metricTimes+" "+tt.wrong] != 1 {
				t.Errorf("not said: %v", f.counts.n)
			}
		})
	}
}

func TestARetryOfWhatWasKeptSucceedsAlsoAfterItsPermissionIsGone(t *testing.T) {
	f := setup(t)
	f.agrees("u1")
	const added = `{"type":"track","userId":"u1","messageId":"m1","event":"Product Added","timestamp":"2027-03-01T08:59:00Z"}`
	const untimed = `{"type":"track","userId":"u1","messageId":"m2","event":"Product Added"}`
	f.taken(server, added)
	f.taken(server, untimed)
	f.clock.Advance(time.Second)
	if out := f.consent(server, `{"userId":"u1","purpose":"personalization","state":"withdrawn"}`); out.Refused != nil {
		t.Fatal(out.Refused)
	}
	for _, text := range []string{added, untimed} {
		if out := f.send(server, text); out.Refused != nil || !out.Duplicate {
			t.Errorf("%s: %+v", text, out)
		}
	}
	if out := f.send(server, strings.Replace(added, "m1", "m3", 1)); out.Refused == nil || out.Refused.Code != events.NotPermitted {
		t.Fatalf("another call: %+v", out)
	}
}

func TestFactOlderThanThePlanKeepsItIsRefused(t *testing.T) {
	f := setup(t)
	f.agrees("u1")
	out := f.send(server, `{"type":"track","userId":"u1","event":"Product Added","timestamp":"2025-03-01T09:00:00Z"}`)
	if out.Refused == nil || out.Refused.Field != "timestamp" {
		t.Fatalf("%v", out.Refused)
	}
}

func TestPlayedCallsKeepTheirTimes(t *testing.T) {
	f := setup(t)
	src := Source{Kind: Server, Played: true}
	f.taken(src, `{"type":"track","userId":"u1","messageId":"m1","event":"Order Completed","timestamp":"2027-02-20T09:00:00Z","sentAt":"2027-02-20T09:00:00Z"}`)
	if e := f.events(f.pk("u1"), "")[0]; e.At != start.Add(-9*24*time.Hour).UnixMilli() {
		t.Fatalf("at %s", time.UnixMilli(e.At).UTC())
	}
}

func TestImportedFactsAreMarkedAndNeedTheServerKey(t *testing.T) {
	f := setup(t)
	f.taken(Source{Kind: Server, Import: true}, `{"type":"track","userId":"u1","messageId":"m1","event":"Order Completed","timestamp":"2026-06-01T09:00:00Z"}`)
	if e := f.events(f.pk("u1"), "")[0]; !e.Imported || !f.profile("u1").Imported {
		t.Fatalf("%+v", e)
	}
	out := f.send(Source{Kind: Public, Import: true}, `{"type":"track","anonymousId":"a1","event":"Order Completed"}`)
	if out.Refused == nil || out.Refused.Code != events.Forbidden {
		t.Fatalf("%v", out.Refused)
	}
}

func TestErasedCustomerIsNotWokenByWhatHappenedBefore(t *testing.T) {
	f := setup(t)
	f.agrees("u1")
	f.clock.Advance(time.Hour)
	erased := f.clock.Now("")
	key := item.Key{Table: item.Customers, PK: f.pk("u1"), SK: item.SKGate}
	tombstone := (*item.Item)(nil).Next(key, "erase", 1)
	if err := tombstone.Encode(consent.Gate{Erased: erased.UnixMilli(), Ledger: f.gate(f.pk("u1")).Ledger}); err != nil {
		t.Fatal(err)
	}
	if err := f.store.Write(context.Background(), flow.Put(tombstone, flow.Any)); err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(time.Hour)
	for _, c := range []string{
		`{"type":"track","userId":"u1","messageId":"m1","event":"Order Completed","timestamp":"2027-03-01T09:30:00Z"}`,
		`{"type":"identify","userId":"u1","timestamp":"2027-03-01T09:30:00Z","traits":{"email":"dana@shop.example"}}`,
	} {
		if out := f.send(server, c); out.Refused == nil || out.Refused.Code != events.Erased {
			t.Errorf("%s: %v", c, out.Refused)
		}
	}
	f.taken(server, `{"type":"identify","userId":"u1","traits":{"email":"dana@shop.example","first_name":"Dana"}}`)
	f.taken(server, `{"type":"track","userId":"u1","event":"Order Completed"}`)
	for _, it := range f.list(f.pk("u1"), item.EventPrefix("Order Completed")) {
		if it.E != 1 {
			t.Errorf("%s has epoch %d", it.SK, it.E)
		}
	}
	g := f.gate(f.pk("u1"))
	if p := f.profile("u1"); p == nil || p.Traits["first_name"].Value != "Dana" || g.Erased != 0 || g.Since != erased.UnixMilli() {
		t.Fatalf("she does not begin anew: %+v", g)
	}
	if len(g.States) != 0 {
		t.Error("old consent came back")
	}
}

func TestI09InboxGoesTheWayOfHTTP(t *testing.T) {
	f, g := setup(t), setup(t)
	body := `{"type":"track","event":"Order Completed","properties":{"order_id":"o1"},"timestamp":"2027-03-01T08:59:30Z"}`
	it := item.Item{Key: item.Key{Table: item.Customers, PK: item.PrefixInbox + "u1", SK: "m1"}, Body: body}
	if err := f.store.Write(context.Background(), flow.Put(it, flow.Any)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.Inbox(context.Background(), it); err != nil {
			t.Fatal(err)
		}
	}
	g.taken(server, strings.Replace(body, `{`, `{"userId":"u1","messageId":"m1",`, 1))
	strip := func(es []fact.Event) string { es[0].In = ""; return fmt.Sprint(es) }
	if a, b := strip(f.events(f.pk("u1"), "")), strip(g.events(g.pk("u1"), "")); a != b {
		t.Fatalf("inbox %s\nhttp %s", a, b)
	}
	if len(f.list(it.PK, "")) != 0 {
		t.Fatal("the item stays")
	}
}

func TestInboxItemThatIsNoCallIsCountedAndGone(t *testing.T) {
	f := setup(t)
	for sk, body := range map[string]string{"m1": `{"type":"track"`, "m2": ``, "m3": `{"type":"track","event":"Order Completed","userId":"somebody else"}`} {
		it := item.Item{Key: item.Key{Table: item.Customers, PK: item.PrefixInbox + "u1", SK: sk}, Body: body}
		if err := f.store.Write(context.Background(), flow.Put(it, flow.Any)); err != nil {
			t.Fatal(err)
		}
		if err := f.Inbox(context.Background(), it); err != nil {
			t.Fatal(err)
		}
	}
	if len(f.list(item.PrefixInbox+"u1", "")) != 0 || f.counts.n[metricRefused+" "+string(events.InvalidJSON)] != 2 || f.counts.n[metricRefused+" "+string(events.InvalidField)] != 1 {
		t.Fatalf("%v", f.counts.n)
	}
	if f.profile("u1") != nil {
		t.Fatal("a refused call made a customer")
	}
}

func TestMessageIsRequestedOnceAndOnlyOfTheKnown(t *testing.T) {
	f := setup(t)
	ask := func(src Source, text string) Outcome {
		c, r := events.DecodeMessage([]byte(text))
		if r != nil {
			t.Fatal(r)
		}
		out, err := f.Message(context.Background(), c, src)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	good := `{"messageId":"m1","userId":"u1","template":"receipt","data":{"total":9}}`
	if out := ask(server, good); out.Refused == nil || out.Refused.Code != events.UnknownUser {
		t.Errorf("unknown: %v", out.Refused)
	}
	f.taken(server, `{"type":"track","userId":"u1","event":"Order Completed"}`)
	if out := ask(public, good); out.Refused == nil || out.Refused.Code != events.Forbidden {
		t.Errorf("public: %v", out.Refused)
	}
	if out := ask(server, `{"userId":"u1","template":"reciept"}`); out.Refused == nil || !strings.Contains(out.Refused.Message, "receipt") {
		t.Errorf("typo: %v", out.Refused)
	}
	for range 3 {
		if out := ask(server, good); out.Refused != nil {
			t.Fatal(out.Refused)
		}
		f.clock.Advance(time.Minute)
	}
	got := f.events(f.pk("u1"), fact.MessageRequested)
	if len(got) != 1 || got[0].Props["kind"] != "api" || got[0].Props["message_id"] != "m1" || got[0].Props["template"] != "receipt" {
		t.Fatalf("%+v", got)
	}
}
