package collect

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/item"
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
