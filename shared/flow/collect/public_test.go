package collect

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/testkit/fake"
)

// TestI02PublicKeyWithAForeignUserIdChangesNothing: whatever kind of call, with
// no proof or a wrong one, what is stored of the customer is the same bytes after
// it, and no mail is asked for.
func TestI02PublicKeyWithAForeignUserIdChangesNothing(t *testing.T) {
	f := setup(t)
	f.agrees("u1")
	f.taken(server, `{"type":"identify","userId":"u1","anonymousId":"hers","traits":{"email":"dana@shop.example","first_name":"Dana"}}`)
	f.taken(server, `{"type":"track","userId":"u1","event":"Product Added","properties":{"price":5}}`)
	f.clock.Advance(time.Hour)
	address := item.PrefixAddress + f.Keys.Address("dana@shop.example")
	before := f.image(f.pk("u1"), address)
	proofs := map[string]string{
		"none": "", "empty": `,"userHash":""`, "another user's": `,"userHash":"` + f.hash("u2") + `"`,
		"upper case": `,"userHash":"` + fmt.Sprintf("%X", userHash(f.Identity, "u1")) + `"`, "nonsense": `,"userHash":"zz"`,
	}
	anonymous := map[string]string{"alone": "", "the attacker's own": `,"anonymousId":"mine"`, "hers": `,"anonymousId":"hers"`}
	for proof, hash := range proofs {
		for name, anon := range anonymous {
			ctx := `,"context":{"consent":{"categoryPreferences":{"Advertising":false},"updatedAt":"2027-03-01T09:59:00Z"}` + hash + `}`
			for _, c := range []string{
				`{"type":"track","userId":"u1"` + anon + ctx + `,"event":"Order Completed"}`,
				`{"type":"identify","userId":"u1"` + anon + ctx + `,"traits":{"email":"evil@example.com","first_name":"Eve"}}`,
				`{"type":"page","userId":"u1"` + anon + ctx + `}`,
				`{"type":"group","userId":"u1"` + anon + ctx + `}`,
				`{"type":"alias","userId":"u1","previousId":"mine"` + anon + ctx + `}`,
			} {
				f.send(public, c)
			}
			for _, state := range []string{"granted", "withdrawn", "denied"} {
				f.consent(public, `{"userId":"u1"`+anon+ctx+`,"purpose":"marketing","channel":"email","notice":"newsletter","state":"`+state+`"}`)
			}
			f.respond(public, `{"userId":"u1"`+anon+ctx+`,"answers":{"interests":["home"]},"consent":[{"purpose":"personalization","state":"granted","notice":"newsletter"}]}`)
			if after := f.image(f.pk("u1"), address); after != before {
				t.Fatalf("proof %s, anonymousId %s: changed\n%s\n%s", proof, name, before, after)
			}
		}
	}
	if f.counts.n[metricUnproven] == 0 {
		t.Error("not counted")
	}
}

func TestUnprovenCallIsKeptAsTheVisitors(t *testing.T) {
	f := setup(t)
	f.taken(public, `{"type":"track","userId":"u1","anonymousId":"a1","event":"Order Completed"}`)
	if len(f.events(f.vpk("a1"), "Order Completed")) != 1 || f.profile("u1") != nil {
		t.Fatal("not the visitor's")
	}
	if out := f.send(public, `{"type":"track","userId":"u1","event":"Order Completed"}`); out.Refused == nil || out.Refused.Code != events.UserUnproven {
		t.Fatalf("%v", out.Refused)
	}
}

func TestProvenUserMayBeWrittenByThePublicKey(t *testing.T) {
	f := setup(t)
	f.taken(public, `{"type":"track","userId":"u1","event":"Order Completed","context":{"userHash":"`+f.hash("u1")+`"}}`)
	if len(f.events(f.pk("u1"), "Order Completed")) != 1 {
		t.Fatal("not kept")
	}
}

func TestPublicKeyNeverGrantsBeyondPendingAndMayAlwaysWithdraw(t *testing.T) {
	f := setup(t)
	proof := `,"context":{"userHash":"` + f.hash("u1") + `"}`
	say := func(state string) Outcome {
		f.clock.Advance(time.Minute)
		return f.consent(public, `{"userId":"u1","purpose":"marketing","channel":"email","notice":"newsletter","state":"`+state+`"`+proof+`}`)
	}
	if out := say("granted"); out.Refused != nil {
		t.Fatal(out.Refused)
	}
	if got := f.gate(f.pk("u1")).States["marketing/email"]; got.State != consent.Pending {
		t.Fatalf("%+v", got)
	}
	f.agrees("u1")
	if out := say("withdrawn"); out.Refused != nil || f.gate(f.pk("u1")).States["marketing/email"].State != consent.Withdrawn {
		t.Fatalf("%v", out.Refused)
	}
}

func TestGrantWithoutNoticeOrEvidenceIsRefused(t *testing.T) {
	f := setup(t)
	tests := []struct {
		body string
		code events.Code
	}{
		{`{"userId":"u1","purpose":"marketing","channel":"email","state":"granted"}`, events.NoEvidence},
		{`{"userId":"u1","purpose":"marketing","channel":"email","state":"granted","evidence":{"basis":"consent"}}`, events.NoEvidence},
		{`{"userId":"u1","purpose":"marketing","channel":"email","state":"granted","evidence":{"basis":"hope","source":"x"}}`, events.InvalidField},
		{`{"userId":"u1","purpose":"marketing","channel":"email","state":"granted","notice":"nowhere"}`, events.InvalidField},
		{`{"userId":"u1","purpose":"marketing","channel":"pigeon","state":"granted","notice":"newsletter"}`, events.InvalidField},
		{`{"userId":"u1","purpose":"marketing","channel":"email","state":"maybe","notice":"newsletter"}`, events.InvalidField},
	}
	for _, tt := range tests {
		if out := f.consent(server, tt.body); out.Refused == nil || out.Refused.Code != tt.code {
			t.Errorf("%s: %v", tt.body, out.Refused)
		}
	}
	out := f.consent(server, `{"userId":"u1","purpose":"marketing","channel":"email","state":"granted","evidence":{"basis":"existing-customer","source":"order 7"}}`)
	if out.Refused != nil || f.gate(f.pk("u1")).States["marketing/email"].State != consent.Granted {
		t.Fatalf("%v", out.Refused)
	}
}

func TestConsentToldAgainWithoutATimeIsOne(t *testing.T) {
	f := setup(t)
	w := `{"messageId":"w","userId":"u1","purpose":"marketing","channel":"email","state":"withdrawn"}`
	f.consent(server, w)
	f.clock.Advance(time.Hour)
	f.agrees("u1")
	f.clock.Advance(time.Hour)
	if out := f.consent(server, w); !out.Duplicate {
		t.Fatal("a retry is taken for a new withdrawal")
	}
	if f.gate(f.pk("u1")).States["marketing/email"].State != consent.Granted {
		t.Fatal("it undid a later grant")
	}
}

func TestConsentCostsOneReadAndOneTransaction(t *testing.T) {
	f := setup(t)
	c := &fake.Store{Store: f.store}
	f.Store = c
	f.consent(server, `{"userId":"u1","purpose":"marketing","channel":"email","state":"granted","evidence":{"basis":"consent","source":"till"}}`)
	if c.Gets != 1 || c.Writes != 1 {
		t.Fatalf("%d reads and %d writes", c.Gets, c.Writes)
	}
}

// What is said while another statement is being written stands beside it, and of
// two about the same permission the later one.
func TestConsentIsSaidUponWhatStandsThereWhenItIsWritten(t *testing.T) {
	f := setup(t)
	f.clock.Advance(time.Hour)
	say := func(purpose, state, at string) {
		f.consent(server, `{"userId":"u1","purpose":`+purpose+`,"state":"`+state+`","time":"2027-03-01T`+at+`Z","evidence":{"basis":"consent","source":"till"}}`)
	}
	f.Store = fake.Racing(f.store, item.SKGate, func() {
		say(`"personalization"`, "withdrawn", "09:30:00")
		say(`"marketing","channel":"email"`, "withdrawn", "09:30:00")
	})
	say(`"marketing","channel":"email"`, "granted", "09:00:00")
	states := f.gate(f.pk("u1")).States
	if states["personalization"].State != consent.Withdrawn || states["marketing/email"].State != consent.Withdrawn {
		t.Fatalf("%+v", states)
	}
}

// TestI03SnapshotsOnlyRaiseByANewChoice walks a cookie banner's life.
func TestI03SnapshotsOnlyRaiseByANewChoice(t *testing.T) {
	f := setup(t)
	send := func(choice, updated string) consent.State {
		f.clock.Advance(time.Minute)
		if updated != "" {
			updated = `,"updatedAt":"` + updated + `"`
		}
		f.send(server, `{"type":"group","userId":"u1","context":{"consent":{"categoryPreferences":{"Advertising":`+choice+`}`+updated+`}}}`)
		return f.gate(f.pk("u1")).States["personalization"].State
	}
	if got := send("true", ""); got != consent.Granted {
		t.Fatalf("unknown, then yes: %s", got)
	}
	f.consent(server, `{"userId":"u1","purpose":"personalization","state":"withdrawn"}`)
	for _, updated := range []string{"", "2027-03-01T09:00:30Z"} {
		if got := send("true", updated); got != consent.Withdrawn {
			t.Fatalf("a cookie of before (updated %q) raised it to %s", updated, got)
		}
	}
	if got := send("true", "2027-03-01T09:02:30Z"); got != consent.Granted {
		t.Fatalf("her new choice: %s", got)
	}
	if got := send("false", ""); got != consent.Withdrawn {
		t.Fatalf("a snapshot may lower: %s", got)
	}
	if f.gate(f.pk("u1")).States["marketing/email"].State != consent.Unknown {
		t.Fatal("a banner granted contact")
	}
}

func TestSnapshotThatSaysNothingNewCostsNothing(t *testing.T) {
	f := setup(t)
	c := `{"type":"group","userId":"u1","context":{"consent":{"categoryPreferences":{"Advertising":true}}}}`
	f.taken(server, c)
	n := len(f.store.Changes())
	f.clock.Advance(time.Minute)
	f.taken(server, c)
	if len(f.store.Changes()) != n {
		t.Fatal("written again")
	}
}

func TestPublicAddressIsPendingAndAskedOnce(t *testing.T) {
	f := setup(t)
	proof := `"context":{"userHash":"` + f.hash("u1") + `"}`
	f.taken(server, `{"type":"identify","userId":"u1","traits":{"email":"dana@shop.example"}}`)
	for range 5 {
		f.clock.Advance(time.Minute)
		f.taken(public, `{"type":"identify","userId":"u1","traits":{"email":"new@shop.example"},`+proof+`}`)
	}
	p := f.profile("u1")
	if p.Address.Reveal() != "dana@shop.example" || p.Traits["email"].Value != "dana@shop.example" {
		t.Fatal("a public key replaced her address")
	}
	if p.Pending.Reveal() != "new@shop.example" || p.PendingTill <= start.UnixMilli() {
		t.Fatalf("not pending: %s", p.PendingHash)
	}
	asked := f.events(f.pk("u1"), fact.MessageRequested)
	if len(asked) != 1 || asked[0].Props["kind"] != "confirm" || asked[0].Props["address"] != p.PendingHash {
		t.Fatalf("asked %d times: %+v", len(asked), asked)
	}
	agenda := map[string]int64{}
	if f.doc(f.pk("u1"), item.SKAgenda, &agenda); agenda["pending"] != p.PendingTill {
		t.Fatalf("nobody purges it: %v", agenda)
	}
}

func TestA13UnconfirmedAddressIsPurged(t *testing.T) {
	f := setup(t)
	f.taken(public, `{"type":"identify","userId":"u1","traits":{"email":"new@shop.example"},"context":{"userHash":"`+f.hash("u1")+`"}}`)
	f.clock.Advance(6 * 24 * time.Hour)
	if err := f.Purge(context.Background(), f.Keys.Customer("u1")); err != nil || f.profile("u1").Pending == "" {
		t.Fatal("purged early", err)
	}
	f.clock.Advance(25 * time.Hour)
	if err := f.Purge(context.Background(), f.Keys.Customer("u1")); err != nil || f.profile("u1").Pending != "" {
		t.Fatal("not purged", err)
	}
}

func TestConfirmedAddressBecomesHers(t *testing.T) {
	f := setup(t)
	f.taken(public, `{"type":"identify","userId":"u1","traits":{"email":"new@shop.example"},"context":{"userHash":"`+f.hash("u1")+`"}}`)
	if f.follows("u1", "other@shop.example") {
		t.Fatal("another address was confirmed")
	}
	if !f.follows("u1", "new@shop.example") {
		t.Fatal("not confirmed")
	}
	p := f.profile("u1")
	if p.Address.Reveal() != "new@shop.example" || p.Pending != "" || p.Traits["email"].Value != "new@shop.example" || f.owner("new@shop.example").Customer != f.Keys.Customer("u1") {
		t.Fatal("not hers")
	}
	if f.follows("u1", "new@shop.example") {
		t.Fatal("confirmed twice")
	}
}

func TestPendingPermissionIsAskedForWhereHerMailGoes(t *testing.T) {
	f := setup(t)
	proof := `"context":{"userHash":"` + f.hash("u1") + `"}`
	f.consent(public, `{"userId":"u1","purpose":"marketing","channel":"email","notice":"newsletter","state":"granted",`+proof+`}`)
	if n := len(f.events(f.pk("u1"), fact.MessageRequested)); n != 0 {
		t.Fatalf("asked %d times without an address", n)
	}
	f.taken(public, `{"type":"identify","userId":"u1","traits":{"email":"new@shop.example"},`+proof+`}`)
	asked := f.events(f.pk("u1"), fact.MessageRequested)
	if len(asked) != 1 || asked[0].Props["purpose"] != "marketing" || asked[0].Props["channel"] != "email" || asked[0].Props["notice"] != "newsletter" {
		t.Fatalf("%+v", asked)
	}
	for range 1000 { // E09: a thousand posts, one mail
		f.clock.Advance(time.Second)
		f.consent(public, `{"userId":"u1","purpose":"marketing","channel":"email","notice":"newsletter","state":"granted",`+proof+`}`)
	}
	if n := len(f.events(f.pk("u1"), fact.MessageRequested)); n != 1 {
		t.Fatalf("%d mails", n)
	}
}

func TestE09AnAddressThatWasOnlyAskedLeavesNothing(t *testing.T) {
	f := setup(t)
	f.taken(public, `{"type":"identify","userId":"u1","traits":{"email":"new@shop.example"},"context":{"userHash":"`+f.hash("u1")+`"}}`)
	f.clock.Advance(consent.ConfirmFor)
	if len(f.owner("new@shop.example").Asked) != 0 {
		t.Fatal("it is remembered that it was asked")
	}
	f.lives("u1", "dana@shop.example")
	f.consent(public, `{"userId":"u1","purpose":"marketing","channel":"email","notice":"newsletter","state":"granted","context":{"userHash":"`+f.hash("u1")+`"}}`)
	f.clock.Advance(2 * consent.ConfirmFor)
	if f.owner("dana@shop.example").Customer != f.Keys.Customer("u1") {
		t.Fatal("an owner was forgotten")
	}
}

func TestTwoFirstFactsAtOnceAreBothKept(t *testing.T) {
	f := setup(t)
	f.Store = fake.Racing(f.store, "", func() {
		f.taken(server, `{"type":"track","userId":"u1","messageId":"m2","event":"Order Completed"}`)
	})
	f.taken(server, `{"type":"track","userId":"u1","messageId":"m1","event":"Order Completed"}`)
	if n := len(f.events(f.pk("u1"), "")); n != 2 {
		t.Fatalf("%d events", n)
	}
}

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
