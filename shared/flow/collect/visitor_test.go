package collect

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/survey"
	"github.com/kesher-io/kesher/shared/testkit/fake"
)

// TestI07FactsRacingTheMergeAreNeitherLostNorDoubled: some of a visitor's facts
// were stored before the identify, some come later, one comes both ways.
func TestI07FactsRacingTheMergeAreNeitherLostNorDoubled(t *testing.T) {
	f := setup(t)
	f.taken(public, `{"type":"group","anonymousId":"a1","context":{"consent":{"categoryPreferences":{"Advertising":true}}}}`)
	track := func(who, id string) {
		f.taken(server, `{"type":"track",`+who+`,"messageId":"`+id+`","event":"Product Added","timestamp":"2027-03-01T08:59:30Z","properties":{"product_id":"`+id+`"}}`)
	}
	track(`"anonymousId":"a1"`, "before")
	track(`"anonymousId":"a1"`, "both")
	f.clock.Advance(time.Second)
	f.taken(server, `{"type":"identify","userId":"u1","anonymousId":"a1"}`)
	track(`"anonymousId":"a1"`, "late")
	track(`"userId":"u1"`, "both")
	agenda := map[string]int64{}
	if f.doc(f.pk("u1"), item.SKAgenda, &agenda); agenda["copies"] != f.clock.Now("").Add(time.Minute).UnixMilli() {
		t.Fatalf("not due again: %v", agenda)
	}
	f.clock.Advance(time.Minute)
	for range 2 {
		if err := f.Copy(context.Background(), f.Keys.Customer("u1")); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]int{}
	for _, e := range f.events(f.pk("u1"), "Product Added") {
		got[e.ID]++
		if !e.Copied || e.At != start.Add(-30*time.Second).UnixMilli() {
			t.Errorf("%s: copied %v at %d", e.ID, e.Copied, e.At)
		}
	}
	if fmt.Sprint(got) != "map[before:1 both:1 late:1]" {
		t.Fatalf("%v", got)
	}
	if f.gate(f.pk("u1")).States["personalization"].State != consent.Granted {
		t.Fatal("her choice as a visitor is forgotten")
	}
}

// A second browser is hers within the minute of the first: its late facts find the
// chore still to be done.
func TestI07EachIdentifyIsGivenItsMinute(t *testing.T) {
	f := setup(t)
	for _, visitor := range []string{"a1", "a2"} {
		f.taken(public, `{"type":"group","anonymousId":"`+visitor+`","context":{"consent":{"categoryPreferences":{"Advertising":true}}}}`)
		f.taken(server, `{"type":"track","anonymousId":"`+visitor+`","messageId":"m-`+visitor+`","event":"Product Added","properties":{"product_id":"p1"}}`)
	}
	f.taken(server, `{"type":"identify","userId":"u1","anonymousId":"a1"}`)
	f.clock.Advance(50 * time.Second)
	f.taken(server, `{"type":"identify","userId":"u1","anonymousId":"a2"}`)
	agenda := map[string]int64{}
	it := f.doc(f.pk("u1"), item.SKAgenda, &agenda)
	if agenda["copies"] != f.clock.Now("").Add(time.Minute).UnixMilli() || it.V != 2 {
		t.Fatalf("due %s, want a minute after the second; written %d times, want once for each", time.UnixMilli(agenda["copies"]).UTC(), it.V)
	}
}

// Whatever their names: of more facts than an identify copies, the newest come
// over, in the order of their times, and the others are counted.
func TestOfTooManyFactsTheNewestBecomeHers(t *testing.T) {
	const orders, views = 2*maxCopies + 5, 5
	f := setup(t)
	track := func(event string, n int, from time.Time) {
		for i := range n {
			at := from.Add(time.Duration(i) * time.Second).Format(time.RFC3339)
			f.taken(server, fmt.Sprintf(`{"type":"track","anonymousId":"a1","messageId":"%s%d","event":"%s","timestamp":"%s"}`, event, i, event, at))
		}
	}
	track("Order Completed", orders, start.Add(-orders*time.Second))
	track("Page Viewed", views, start.Add(-views*time.Second))
	f.taken(server, `{"type":"identify","userId":"u1","anonymousId":"a1"}`)
	copied := f.events(f.pk("u1"), "Order Completed")
	if got := len(f.events(f.pk("u1"), "Page Viewed")); got != views || len(copied) != maxCopies-views {
		t.Fatalf("%d views and %d orders are hers", got, len(copied))
	}
	if first := copied[0]; first.At != start.Add(-(maxCopies-views)*time.Second).UnixMilli() {
		t.Fatalf("the oldest copied is of %v", time.UnixMilli(first.At).UTC())
	}
	if !slices.IsSortedFunc(copied, func(a, b fact.Event) int { return strings.Compare(string(a.In), string(b.In)) }) {
		t.Fatal("they arrive in another order than they happened")
	}
	if got := f.counts.n[metricLeft]; got != orders+views-maxCopies {
		t.Fatalf("%d are counted as left", got)
	}
}

func TestVisitorsHaveNoProfileAndNoPlaceInAnyList(t *testing.T) {
	f := setup(t)
	out := f.send(public, `{"type":"identify","anonymousId":"a1","traits":{"email":"dana@shop.example"}}`)
	f.taken(public, `{"type":"track","anonymousId":"a1","event":"Order Completed"}`)
	if len(out.Dropped) != 1 || out.Dropped[0].Field != "traits.email" {
		t.Fatalf("%v", out.Dropped)
	}
	for _, it := range f.list(f.vpk("a1"), "") {
		if it.IK != "" || it.SK == item.SKProfile {
			t.Errorf("%s is listed in %q", it.SK, it.IK)
		}
	}
	if f.owner("dana@shop.example").Customer != "" {
		t.Error("a visitor owns an address")
	}
}

func TestIdentifyMergesConsentToTheMostRestrictive(t *testing.T) {
	f := setup(t)
	f.agrees("u1")
	f.clock.Advance(time.Minute)
	f.taken(public, `{"type":"group","anonymousId":"a1","context":{"consent":{"categoryPreferences":{"Advertising":false}}}}`)
	f.clock.Advance(time.Minute)
	identify := `{"type":"identify","userId":"u1","anonymousId":"a1"}`
	f.taken(server, identify)
	g := f.gate(f.pk("u1"))
	if !g.States["personalization"].State.Refused() || g.States["marketing/email"].State != consent.Granted {
		t.Fatalf("%+v", g.States)
	}
	f.clock.Advance(time.Minute)
	f.agrees("u1")
	for range 3 {
		f.clock.Advance(time.Hour)
		f.taken(server, identify)
	}
	if f.gate(f.pk("u1")).States["personalization"].State != consent.Granted {
		t.Fatal("what the visitor said once is merged again, over her later word")
	}
}

func TestBrowserOfTwoPeopleGivesTheSecondNothingOfTheFirst(t *testing.T) {
	f := setup(t)
	f.taken(public, `{"type":"track","anonymousId":"a1","messageId":"m1","event":"Order Completed"}`)
	f.clock.Advance(time.Minute)
	f.taken(server, `{"type":"identify","userId":"u1","anonymousId":"a1"}`)
	f.clock.Advance(time.Minute)
	f.taken(server, `{"type":"identify","userId":"u2","anonymousId":"a1"}`)
	if n := len(f.events(f.pk("u2"), "Order Completed")); n != 0 {
		t.Fatal("she got the other's order")
	}
	f.clock.Advance(time.Minute)
	f.taken(public, `{"type":"track","anonymousId":"a1","messageId":"m2","event":"Order Completed"}`)
	f.taken(server, `{"type":"identify","userId":"u2","anonymousId":"a1"}`)
	if n := len(f.events(f.pk("u2"), "Order Completed")); n != 1 {
		t.Fatalf("she got %d of her own", n)
	}
	x, err := f.Export(context.Background(), "u2")
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range x.Items {
		if it.Partition == "visitor" {
			t.Fatalf("her export shows %s", it.Key)
		}
	}
}

func TestAliasIsTheIdentifyOfPreviousId(t *testing.T) {
	f := setup(t)
	f.taken(public, `{"type":"track","anonymousId":"a1","event":"Order Completed"}`)
	f.taken(server, `{"type":"alias","userId":"u1","previousId":"a1"}`)
	if n := len(f.events(f.pk("u1"), "Order Completed")); n != 1 {
		t.Fatalf("%d copies", n)
	}
}

func TestVisitorsAnswersBecomeTraitsWhenSheIsKnown(t *testing.T) {
	f := setup(t)
	out := f.respond(public, `{"anonymousId":"a1","answers":{"interests":["outdoor"]},"consent":[{"purpose":"personalization","state":"granted","notice":"newsletter"}]}`)
	if out.Refused != nil {
		t.Fatal(out.Refused)
	}
	f.clock.Advance(time.Minute)
	f.taken(server, `{"type":"identify","userId":"u1","anonymousId":"a1"}`)
	if got := fmt.Sprint(f.profile("u1").Traits["interests"].Value); got != "[outdoor]" {
		t.Fatalf("trait %s", got)
	}
}

// Another is identified in the browser within the minute before the first one's
// late facts are copied: what comes from then on is the other's.
func TestLateFactsOfABrowserGoToWhoHadItThen(t *testing.T) {
	f := setup(t)
	order := func(id string) {
		f.clock.Advance(10 * time.Second)
		f.taken(public, `{"type":"track","anonymousId":"a1","messageId":"`+id+`","event":"Order Completed"}`)
	}
	identify := func(user string) {
		f.clock.Advance(10 * time.Second)
		f.taken(server, `{"type":"identify","userId":"`+user+`","anonymousId":"a1"}`)
	}
	identify("u1")
	order("first")
	identify("u2")
	order("second")
	f.clock.Advance(time.Minute)
	for user, want := range map[string]string{"u1": "first", "u2": "second"} {
		if err := f.Copy(context.Background(), f.Keys.Customer(user)); err != nil {
			t.Fatal(err)
		}
		if got := f.events(f.pk(user), "Order Completed"); len(got) != 1 || got[0].ID != want {
			t.Errorf("%s got %+v", user, got)
		}
	}
}

// A page that was offline tells late what its visitor said before she was known.
func TestANoOfAVisitorThatArrivesLateBindsHer(t *testing.T) {
	f := setup(t)
	f.agrees("u1")
	f.clock.Advance(2 * time.Minute)
	identify := `{"type":"identify","userId":"u1","anonymousId":"a1"}`
	f.taken(server, identify)
	f.clock.Advance(time.Minute)
	f.consent(public, `{"anonymousId":"a1","messageId":"n1","purpose":"personalization","state":"withdrawn","time":"2027-03-01T09:01:00Z"}`)
	f.taken(server, identify)
	if got := f.gate(f.pk("u1")).States["personalization"].State; got != consent.Withdrawn {
		t.Fatalf("she is still %s", got)
	}
}

// The chore writes traits of somebody whom others write, and who was erased once.
func TestLateAnswersOfAVisitorBecomeTraitsOfWhoCameBack(t *testing.T) {
	f := setup(t)
	f.lives("u1", "dana@shop.example")
	f.clock.Advance(time.Minute)
	f.erase("u1")
	f.clock.Advance(time.Minute)
	f.starts("u1")
	f.taken(server, `{"type":"identify","userId":"u1","anonymousId":"a1"}`)
	f.clock.Advance(time.Second)
	f.respond(public, `{"anonymousId":"a1","answers":{"interests":["outdoor"]},"consent":[{"purpose":"personalization","state":"granted","notice":"newsletter"}]}`)
	f.clock.Advance(time.Minute)
	f.Store = fake.Racing(f.store, item.SKProfile, func() {
		f.taken(server, `{"type":"identify","userId":"u1","traits":{"first_name":"Dana"}}`)
	})
	if err := f.Copy(context.Background(), f.Keys.Customer("u1")); err != nil {
		t.Fatal(err)
	}
	p := f.profile("u1")
	if got := fmt.Sprint(p.Traits["interests"].Value); got != "[outdoor]" {
		t.Fatalf("trait %s", got)
	}
	if p.At != f.clock.Now("").UnixMilli() {
		t.Fatalf("the profile changed at %d", p.At)
	}
}

// The link to what she did unnamed is as lasting as anything that lies there.
func TestA33A35ExportAndErasureFindWhatSheDidUnnamedForYears(t *testing.T) {
	f := setup(t)
	f.rel.Plan.Events["Order Completed"] = plan.Event{Purposes: []string{"service"}, Keep: plan.Duration(730 * 24 * time.Hour)}
	f.taken(public, `{"type":"track","anonymousId":"a1","event":"Order Completed","context":{"consent":{"categoryPreferences":{"Advertising":true}}}}`)
	f.taken(server, `{"type":"identify","userId":"u1","anonymousId":"a1"}`)
	f.clock.Advance(500 * 24 * time.Hour)
	if len(f.list(f.pk("u1"), item.PrefixVisitorOf)) != 1 {
		t.Fatal("nothing names the visitor she was any more")
	}
	x, err := f.Export(context.Background(), "u1")
	if err != nil {
		t.Fatal(err)
	}
	has := func(prefix string) bool {
		return slices.ContainsFunc(x.Items, func(it ExportedItem) bool { return it.Partition == "visitor" && strings.HasPrefix(it.Key, prefix) })
	}
	if !has(item.EventPrefix("Order Completed")) || !has(item.PrefixLedger) {
		t.Fatalf("not exported: %+v", x.Items)
	}
	f.erase("u1")
	if left := f.list(f.vpk("a1"), item.PrefixEvent); len(left) != 0 {
		t.Fatalf("left %s", left[0].SK)
	}
}

// A visitor's facts of the last 30 days become hers, and end when they would have.
func TestAVisitorsMonthBecomesHersWithItsEnd(t *testing.T) {
	f := setup(t)
	f.taken(public, `{"type":"group","anonymousId":"a1","context":{"consent":{"categoryPreferences":{"Advertising":true}}}}`)
	for _, at := range []string{"2027-02-02T09:00:00Z", "2027-01-20T09:00:00Z"} {
		f.taken(server, `{"type":"track","anonymousId":"a1","messageId":"m`+at+`","event":"Product Added","timestamp":"`+at+`"}`)
	}
	f.taken(server, `{"type":"identify","userId":"u1","anonymousId":"a1"}`)
	list := f.list(f.pk("u1"), item.EventPrefix("Product Added"))
	if len(list) != 1 || list[0].TTL == 0 {
		t.Fatalf("%+v", list)
	}
	var e fact.Event
	if err := list[0].Decode(&e); err != nil || e.At != start.Add(-27*24*time.Hour).UnixMilli() {
		t.Fatalf("%+v (%v)", e, err)
	}
}

// An address in a form a visitor fills in is nobody's.
func TestAVisitorsAnswerIsNoAddressOfHers(t *testing.T) {
	f := setup(t)
	f.rel.Surveys["style"].Questions = append(f.rel.Surveys["style"].Questions, survey.Question{ID: "email", Type: survey.Text, Trait: "email"})
	f.taken(public, `{"type":"group","anonymousId":"a1","context":{"consent":{"categoryPreferences":{"Advertising":true}}}}`)
	r, _ := events.DecodeResponse([]byte(`{"anonymousId":"a1","responseId":"r1","answers":{"email":"eve@shop.example","interests":["home"]}}`))
	r.Survey = "style"
	if out, err := f.Respond(context.Background(), r, public); err != nil || out.Refused != nil {
		t.Fatalf("%+v (%v)", out.Refused, err)
	}
	f.agrees("u1")
	f.taken(server, `{"type":"identify","userId":"u1","anonymousId":"a1"}`)
	if p := f.profile("u1"); p.Traits["interests"].Value == nil || p.Traits[profile.TraitEmail].Value != nil {
		t.Fatalf("%+v", p.Traits)
	}
}

// What a visitor stated is not a permission to mail whoever she turns out to be, and
// what the first at a browser said is not the second's.
func TestAVisitorsWordIsNoPermissionToMailNorTheNextOnes(t *testing.T) {
	f := setup(t)
	f.consent(server, `{"anonymousId":"a1","purpose":"marketing","channel":"email","state":"granted","notice":"newsletter"}`)
	f.consent(server, `{"anonymousId":"a1","purpose":"personalization","state":"withdrawn"}`)
	f.clock.Advance(time.Second)
	f.taken(server, `{"type":"identify","userId":"u1","anonymousId":"a1"}`)
	if s := f.gate(f.pk("u1")).States; s["marketing/email"].State == consent.Granted || !s["personalization"].State.Refused() {
		t.Errorf("u1: %+v", s)
	}
	f.clock.Advance(time.Second)
	f.taken(server, `{"type":"identify","userId":"u2","anonymousId":"a1"}`)
	if s := f.gate(f.pk("u2")).States; len(s) != 0 {
		t.Errorf("u2: %+v", s)
	}
}
