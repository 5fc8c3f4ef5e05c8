package collect

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/survey"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
)

func (f *fixture) respond(src Source, text string) Outcome {
	f.t.Helper()
	r, bad := events.DecodeResponse([]byte(text))
	if bad != nil {
		f.t.Fatal(bad)
	}
	r.Survey = "style"
	out, err := f.Respond(context.Background(), r, src)
	if err != nil {
		f.t.Fatal(err)
	}
	return out
}

func TestSurveyNeedsItsPurposeOrGrantsIt(t *testing.T) {
	f := setup(t)
	answers := `"answers":{"interests":["home"]}`
	if out := f.respond(server, `{"userId":"u1",`+answers+`}`); out.Refused == nil || out.Refused.Code != events.NotPermitted {
		t.Fatalf("%v", out.Refused)
	}
	if len(f.list(f.pk("u1"), "")) != 0 {
		t.Fatal("something is stored")
	}
	grant := `"consent":[{"purpose":"personalization","state":"granted","notice":"newsletter"},{"purpose":"marketing","channel":"email","state":"granted","notice":"newsletter"}]`
	body := `{"responseId":"r1","userId":"u1",` + answers + `,` + grant + `,"context":{"userHash":"` + f.hash("u1") + `"}}`
	for range 2 {
		if out := f.respond(public, body); out.Refused != nil || out.Dropped != nil {
			t.Fatal(out.Refused, out.Dropped)
		}
		f.clock.Advance(time.Minute)
	}
	if n := len(f.list(f.pk("u1"), item.PrefixResponse)); n != 1 {
		t.Fatalf("%d responses", n)
	}
	if n := len(f.events(f.pk("u1"), fact.SurveyAnswered)); n != 1 {
		t.Fatalf("%d events", n)
	}
	if got := fmt.Sprint(f.profile("u1").Traits["interests"].Value); got != "[home]" {
		t.Fatalf("trait %s", got)
	}
	if g := f.gate(f.pk("u1")); g.States["personalization"].State != consent.Granted || g.States["marketing/email"].State != consent.Pending {
		t.Fatalf("%+v", g.States)
	}
}

func TestSurveyAnswersAreChecked(t *testing.T) {
	f := setup(t)
	f.agrees("u1")
	for body, field := range map[string]string{
		`{"userId":"u1","answers":{"interests":["boats"]}}`:   "answers.interests",
		`{"userId":"u1","answers":{"interests":"home"}}`:      "answers.interests",
		`{"userId":"u1","answers":{"colour":"red"}}`:          "answers.colour",
		`{"token":"forged","answers":{"interests":["home"]}}`: "token",
	} {
		if out := f.respond(server, body); out.Refused == nil || out.Refused.Field != field {
			t.Errorf("%s: %v", body, out.Refused)
		}
	}
}

func TestSurveyByALinkMailedToHerIsHerOwnWord(t *testing.T) {
	f := setup(t)
	f.taken(server, `{"type":"identify","userId":"u1","traits":{"first_name":"Dana"}}`)
	link := f.Ring.MintSurvey(token.Survey{Customer: f.Keys.Customer("u1"), Survey: "style"})
	out := f.respond(public, `{"token":"`+link+`","answers":{"interests":["home"]},"consent":[{"purpose":"marketing","channel":"email","state":"granted","notice":"newsletter"},{"purpose":"personalization","state":"granted","notice":"newsletter"}]}`)
	if out.Refused != nil {
		t.Fatal(out.Refused)
	}
	p := f.profile("u1")
	if fmt.Sprint(p.Traits["interests"].Value) != "[home]" || p.UserID.Reveal() != "u1" || f.gate(f.pk("u1")).States["marketing/email"].State != consent.Granted {
		t.Fatalf("%+v", f.gate(f.pk("u1")).States)
	}
}

func TestExportHoldsEverythingStoredOfHer(t *testing.T) {
	f := setup(t)
	f.agrees("u1")
	f.taken(public, `{"type":"track","anonymousId":"a1","event":"Order Completed"}`)
	f.taken(server, `{"type":"identify","userId":"u1","anonymousId":"a1","traits":{"email":"dana@shop.example"}}`)
	run := item.Item{Key: item.Key{Table: item.Customers, PK: f.pk("u1"), SK: item.RunSK("cart", "")}, V: 1, W: "w", F: item.Format, Trace: "{\"d\":\"in\"}\n{\"d\":\"e\"}", Body: "{}"}
	if err := f.Store.Write(context.Background(), flow.Put(run, flow.Absent)); err != nil {
		t.Fatal(err)
	}
	x, err := f.Export(context.Background(), "u1")
	if err != nil || x == nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(x)
	if err != nil || !strings.Contains(string(text), `"trace":[{"d":"in"},{"d":"e"}]`) {
		t.Fatalf("what was decided is not exported (%v): %s", err, text)
	}
	n := 0
	for _, pk := range []string{f.pk("u1"), f.vpk("a1"), item.PrefixAddress + f.Keys.Address("dana@shop.example")} {
		n += len(f.list(pk, ""))
	}
	if len(x.Items) != n || len(x.Ledger) != 2 || x.Profile.Traits["email"].Value != "dana@shop.example" {
		t.Fatalf("%d of %d items, %d ledger entries", len(x.Items), n, len(x.Ledger))
	}
	if x, err := f.Export(context.Background(), "nobody"); x != nil || err != nil {
		t.Fatal("somebody is nobody", err)
	}
}

func TestA33WhoOnlyStatedConsentIsKnown(t *testing.T) {
	f := setup(t)
	f.consent(server, `{"userId":"u1","purpose":"marketing","channel":"email","state":"withdrawn"}`)
	x, err := f.Export(context.Background(), "u1")
	if err != nil || x == nil || len(x.Ledger) != 1 || x.Profile.Consent["marketing/email"].State != consent.Withdrawn {
		t.Fatalf("%+v, %v", x, err)
	}
}

func TestItemsAreStoredByTheServerKeyOnly(t *testing.T) {
	f := setup(t)
	price := 9.5
	it := &events.Item{ID: "p1#x", Title: "Tent", Price: &price}
	if out, err := f.Item(context.Background(), it, public); err != nil || out.Refused == nil {
		t.Fatal("a browser sets prices", err)
	}
	if out, err := f.Item(context.Background(), it, server); err != nil || out.Refused != nil {
		t.Fatal(err, out.Refused)
	}
	var got events.Item
	if f.doc(PKItems, item.Part("p1#x"), &got); got.Title != "Tent" || *got.Price != 9.5 {
		t.Fatalf("%+v", got)
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
