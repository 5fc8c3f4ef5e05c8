package collect

// Each of these catches a planted bug that every other test let pass.

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/survey"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
)

// A browser's word about somebody whom it can't prove to be is not kept as a
// visitor's, nor makes it one person of two.
func TestI02WhatAPublicKeyCanNotProveChangesNobody(t *testing.T) {
	f := setup(t)
	f.agrees("u1")
	before := f.image(f.pk("u1"), f.vpk("a1"))
	if out := f.consent(public, `{"userId":"u1","anonymousId":"a1","purpose":"marketing","channel":"email","state":"withdrawn"}`); out.Refused == nil || out.Refused.Code != events.UserUnproven {
		t.Errorf("consent: %+v", out.Refused)
	}
	if out := f.send(public, `{"type":"alias","userId":"u1","anonymousId":"a1","previousId":"a1"}`); out.Refused == nil || out.Refused.Code != events.UserUnproven {
		t.Errorf("alias: %+v", out.Refused)
	}
	if f.image(f.pk("u1"), f.vpk("a1")) != before {
		t.Error("something was stored")
	}
}

func TestWhatAStatementSaysIsKeptToTheLetter(t *testing.T) {
	f := setup(t)
	f.consent(server, `{"userId":"u1","purpose":"marketing","channel":"email","state":"granted","expires":"2027-04-01T00:00:00Z","evidence":{"basis":"consent","source":"fair","text":"signed at the stand"}}`)
	p := f.gate(f.pk("u1")).States["marketing/email"]
	if p.State != consent.Granted || p.Expires != time.Date(2027, 4, 1, 0, 0, 0, 0, time.UTC).UnixMilli() {
		t.Errorf("%+v", p)
	}
	out := f.consent(Source{Kind: Server, Import: true}, `{"userId":"u2","purpose":"marketing","channel":"email","state":"granted","time":"2026-01-01T00:00:00Z","evidence":{"basis":"consent","source":"fair","text":"signed at the stand"}}`)
	if out.Refused != nil {
		t.Fatal(out.Refused)
	}
	x, err := f.Export(context.Background(), "u2")
	if err != nil || x == nil || len(x.Ledger) != 1 {
		t.Fatalf("%+v (%v)", x, err)
	}
	if e := x.Ledger[0]; e.Evidence == nil || e.Evidence.Text != "signed at the stand" || e.Mechanism != "import" || e.Time != "2026-01-01T00:00:00.000Z" {
		t.Errorf("ledger %+v", e)
	}
	x, _ = f.Export(context.Background(), "u1")
	if e := x.Ledger[0]; e.Expires != "2027-04-01T00:00:00.000Z" || e.Mechanism != "call" {
		t.Errorf("ledger %+v", e)
	}
}

func TestNobodyWhoWasErasedGetsAMessage(t *testing.T) {
	f := setup(t)
	f.agrees("u1")
	f.taken(server, `{"type":"identify","userId":"u1","traits":{"email":"dana@shop.example"}}`)
	it := f.doc(f.pk("u1"), item.SKGate, &consent.Gate{}).Next(item.Key{Table: item.Customers, PK: f.pk("u1"), SK: item.SKGate}, "w", 0)
	_ = it.Encode(consent.Gate{Erased: start.UnixMilli()}) // its epoch is not counted up yet by the test: PROFILE is still hers
	if err := f.store.Write(context.Background(), flow.Put(it, flow.Any)); err != nil {
		t.Fatal(err)
	}
	c, r := events.DecodeMessage([]byte(`{"userId":"u1","template":"receipt"}`))
	if r != nil {
		t.Fatal(r)
	}
	out, err := f.Message(context.Background(), c, server)
	if err != nil || out.Refused == nil || out.Refused.Code != events.UnknownUser {
		t.Fatalf("%+v (%v)", out, err)
	}
}

// A link to one survey answers no other, and answers that must be there are.
func TestASurveysLinkIsForThatSurveyAndItsQuestions(t *testing.T) {
	f := setup(t)
	f.rel.Surveys["other"] = &survey.Survey{Name: "other", Purpose: "service", Questions: []survey.Question{{ID: "name", Type: survey.Text, Trait: "first_name", Required: true}, {ID: "colour", Type: survey.Text}}}
	respond := func(token, text string) Outcome {
		r, bad := events.DecodeResponse([]byte(text))
		if bad != nil {
			t.Fatal(bad)
		}
		r.Survey, r.Token = "other", token
		out, err := f.Respond(context.Background(), r, server)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	style := f.Ring.MintSurvey(token.Survey{Customer: f.Keys.Customer("u1"), Survey: "style"})
	if out := respond(style, `{"userId":"u1","answers":{"name":"Dana"}}`); out.Refused == nil || out.Refused.Code != events.UserUnproven {
		t.Errorf("a link to another survey: %+v", out.Refused)
	}
	if out := respond("", `{"userId":"u1","answers":{"colour":"red"}}`); out.Refused == nil || out.Refused.Field != "answers.name" {
		t.Errorf("without a required answer: %+v", out.Refused)
	}
}

// What is over or was never hers is in no answer about her.
func TestAProfileTellsOnlyWhatIsKnownNow(t *testing.T) {
	f := setup(t)
	f.rel.Plan.Traits["interests"] = plan.Trait{Type: "list(string)", Origin: plan.OriginZero, Purposes: []string{"personalization"}, Keep: plan.Duration(time.Hour)}
	f.agrees("u1")
	f.taken(server, `{"type":"identify","userId":"u1","traits":{"interests":["home"],"first_name":"Dana"}}`)
	for sk, ik := range map[string]string{"vip": "seg#vip", "was": ""} {
		it := item.Item{Key: item.Key{Table: item.Customers, PK: f.pk("u1"), SK: item.SegmentSK(sk)}, V: 1, W: "w", F: 1, IK: ik, Body: "{}"}
		if ik != "" {
			it.IS = "x"
		}
		if err := f.store.Write(context.Background(), flow.Put(it, flow.Any)); err != nil {
			t.Fatal(err)
		}
	}
	f.clock.Advance(2 * time.Hour)
	p, err := f.Profile(context.Background(), "u1")
	if err != nil || len(p.Traits) != 1 || len(p.Segments) != 1 || p.Segments[0] != "vip" {
		t.Fatalf("%+v (%v)", p, err)
	}
}

// Nulls are no value, and what a page call names itself stands.
func TestAPagesPropertiesAreAsGiven(t *testing.T) {
	f := setup(t)
	f.taken(server, `{"type":"page","userId":"u1","name":"Cart","properties":{"name":"Basket","referrer":null}}`)
	e := f.events(f.pk("u1"), "Page Viewed")[0]
	if _, null := e.Props["referrer"]; null || e.Props["name"] != "Basket" {
		t.Fatalf("%v", e.Props)
	}
}

// History keeps its times, whatever the clock of whoever sends it says.
func TestImportedTimesAreNotCorrected(t *testing.T) {
	f := setup(t)
	out := f.send(Source{Kind: Server, Import: true}, `{"type":"track","userId":"u1","messageId":"m1","event":"Order Completed","timestamp":"2027-02-01T00:00:00Z","sentAt":"2027-02-20T00:00:00Z"}`)
	if out.Refused != nil {
		t.Fatal(out.Refused)
	}
	e := f.events(f.pk("u1"), "Order Completed")[0]
	if e.At != time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC).UnixMilli() || !e.Imported {
		t.Fatalf("%+v", e)
	}
}

// A call that comes again is counted once.
func TestARepeatedCallIsCountedOnce(t *testing.T) {
	f := setup(t)
	for range 2 {
		f.taken(server, `{"type":"track","userId":"u1","messageId":"m1","event":"Order Completed","timestamp":"2027-03-01T08:59:00Z"}`)
	}
	if n := f.counts.n[metricAccepted+" track"]; n != 1 {
		t.Fatalf("counted %d", n)
	}
}

// A banner's own clock may be ahead: it does not outweigh what she says after it.
func TestABannerFromTheFutureIsOfNow(t *testing.T) {
	f := setup(t)
	f.taken(public, `{"type":"group","anonymousId":"a1","context":{"consent":{"categoryPreferences":{"Advertising":true},"updatedAt":"2028-01-01T00:00:00Z"}}}`)
	if at := f.gate(f.vpk("a1")).States["personalization"].At; at > start.UnixMilli() {
		t.Fatalf("said at %v", time.UnixMilli(at).UTC())
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

// What a call says is no journey's doing, though one wrote the profile before.
func TestACallIsNoJourneysDoing(t *testing.T) {
	f := setup(t)
	f.taken(server, `{"type":"identify","userId":"u1","traits":{"first_name":"Dana"}}`)
	p := f.profile("u1")
	p.By, p.Hops = "loop", 3
	it := f.doc(f.pk("u1"), item.SKProfile, &profile.Profile{}).Next(item.Key{Table: item.Customers, PK: f.pk("u1"), SK: item.SKProfile}, "w", 0)
	_ = it.Encode(p)
	if err := f.store.Write(context.Background(), flow.Put(it, flow.Any)); err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(time.Second)
	f.taken(server, `{"type":"identify","userId":"u1","traits":{"first_name":"Dani"}}`)
	if p := f.profile("u1"); p.By != "" || p.Hops != 0 {
		t.Fatalf("by %q, hops %d", p.By, p.Hops)
	}
}

// An address that another has as well is not hers to read.
func TestA33AnExportHoldsNothingOfASharedAddress(t *testing.T) {
	f := setup(t)
	f.lives("u1", "dana@shop.example")
	f.lives("u2", "dana@shop.example")
	for user, want := range map[string]bool{"u1": true, "u2": false} {
		x, err := f.Export(context.Background(), user)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(x.Items, func(it ExportedItem) bool { return it.Partition == "address" }); got != want {
			t.Errorf("%s: the address is exported: %v, want %v", user, got, want)
		}
	}
}
