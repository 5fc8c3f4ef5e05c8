package deliver

import (
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
)

func TestADueMessageLeavesAndIsWrittenDown(t *testing.T) {
	w := newWorld(t)
	w.event("Product Added", 50*time.Minute, map[string]any{"product_id": "p1", "name": "Tent", "quantity": 1.0})
	w.event("Product Added", 40*time.Minute, map[string]any{"product_id": "p2", "name": "Lamp", "quantity": 2.0})
	key, id := w.due("cart")
	w.clock.Advance(time.Minute)
	r := w.deliver(key)

	m := w.expect(id, message.Sent, "")
	if r.Message == nil || r.Message.State != message.Sent {
		t.Fatalf("result %+v", r)
	}
	want := message.Msg{
		ID: id, State: message.Sent, Journey: "cart", RunKey: key.SK, Run: "run-cart", Step: "send", Template: "cart-reminder",
		Release: "r1", Purpose: "marketing", Due: noon.UnixMilli(), At: noon.Add(time.Minute).UnixMilli(), In: m.In,
		Provider: "provider-" + id, Ledger: "CONSENT#0000000001", Lang: "en", Late: 60_000, Class: message.ClassTriggered,
	}
	because := m.Because
	m.Because = nil
	if got, want := text(m), text(want); got != want {
		t.Fatalf("MSG is\n%s, want\n%s", got, want)
	}
	if want := []string{"Product Added#e1", "cart", "profile.first_name"}; !slices.Equal(because, want) {
		t.Fatalf("because %v, want %v", because, want)
	}
	claim := w.gate().Claims[0]
	if claim.Message != id || !claim.Capped || claim.At != m.At || claim.Lease != w.clock.Real().Add(openEnded+leaseMargin).UnixMilli() {
		t.Fatalf("claim %+v", claim)
	}
	sent := w.mails(1)[0]
	if sent.From != "news@mail.shop.example" || sent.To != address || sent.Customer != dana || sent.Journey != "cart" || sent.Step != "send" || sent.Run != "run-cart" || sent.Purpose != "marketing" {
		t.Fatalf("mail %+v", sent)
	}
	raw := body(t, sent)
	for _, part := range []string{"You left Lamp", "Dana, [Lamp x 2][Tent x 1]", "https://m.shop.example/u/", "https://m.shop.example/p/", "1 Harbour St"} {
		if !strings.Contains(raw, part) {
			t.Errorf("the mail lacks %q:\n%s", part, raw)
		}
	}
}

// A22, A23: without permission to measure, a mail fetches nothing from us and its
// links lead where they say, but for the two that are hers alone.
func TestAMailMeasuresNobodyWithoutPermission(t *testing.T) {
	w := newWorld(t)
	w.event("Product Added", 50*time.Minute, map[string]any{"product_id": "p1", "name": "Tent", "quantity": 1.0})
	key, _ := w.due("cart")
	w.deliver(key)
	raw := body(t, w.mails(1)[0])
	for _, path := range []string{token.PathOpen, token.PathLink} {
		if strings.Contains(raw, "https://m.shop.example"+path) {
			t.Errorf("the mail holds an address of ours under %s:\n%s", path, raw)
		}
	}
	if strings.Contains(raw, `src="https://m.shop.example`) {
		t.Errorf("the mail fetches something from us:\n%s", raw)
	}
}

// text is a value for comparison.
func text(v any) string {
	var it item.Item
	_ = it.Encode(v)
	return it.Body
}

// body is the mail with soft line breaks undone and bidi isolates left out.
func body(t *testing.T, m flow.Mail) string {
	t.Helper()
	if _, err := mail.ReadMessage(strings.NewReader(string(m.Raw))); err != nil {
		t.Fatal(err)
	}
	s := strings.ReplaceAll(string(m.Raw), "=\r\n", "")
	s = strings.NewReplacer("=E2=81=A8", "", "=E2=81=A9", "", "\u2068", "", "\u2069", "", "=3D", "=").Replace(s)
	return s
}

func TestTheOffersAreThoseOfTheStepInHerLanguageWithoutWhatShesBoughtOrIsOver(t *testing.T) {
	offers := func(w *world) string {
		key, id := w.due("offers", func(r *engine.Run) { r.Offers = []string{"tent", "boots", "gone"} })
		w.deliver(key)
		w.expect(id, message.Sent, "")
		return body(w.t.(*testing.T), w.mails(1)[0])
	}
	w := newWorld(t)
	if mail := offers(w); !strings.Contains(mail, "[Tent weekend https://shop.example/tents][Boots https://shop.example/boots]") {
		t.Fatalf("mail %s", mail)
	}
	w = newWorld(t)
	w.event("Order Completed", 10*time.Minute, map[string]any{"cart_id": "another", "products": []any{map[string]any{"product_id": "p1"}}})
	if mail := offers(w); strings.Contains(mail, "Tent") || !strings.Contains(mail, "Boots") {
		t.Fatalf("bought: %s", mail)
	}
	w = newWorld(t)
	w.clock.Set(time.Date(2026, 11, 4, 22, 0, 0, 0, time.UTC)) // the fifth in the brand's zone
	if mail := offers(w); strings.Contains(mail, "Boots") {
		t.Fatalf("over: %s", mail)
	}
	w = newWorld(t)
	w.put(item.SKProfile, 0, &profile.Profile{Address: address, AddressHash: hash, Locale: "he"})
	if mail := offers(w); !strings.Contains(mail, "=D7=A1=D7=95=D7=A3") && !strings.Contains(mail, "סוף") {
		t.Fatalf("Hebrew: %s", mail)
	}
}

// requested is a run of a built-in journey.
func requested(props map[string]any) func(*engine.Run) {
	return func(r *engine.Run) {
		r.Entry = fact.Fact{Kind: fact.KindEvent, ID: "Message Requested#m1", Name: fact.MessageRequested, At: noon.UnixMilli(), In: ident.NewStamp(noon, 1), Props: props}
	}
}

func TestAMessageByAPISeesTheDataThatCameWithIt(t *testing.T) {
	w := newWorld(t)
	key, id := w.due("api", requested(map[string]any{"kind": "api", "template": "api-mail", "data": map[string]any{"order_id": "o-77"}}))
	w.deliver(key)
	if m := w.expect(id, message.Sent, ""); m.Template != "api-mail" || m.Class != message.ClassService {
		t.Fatalf("message %+v", m)
	}
	mail := w.mails(1)[0]
	if !strings.Contains(body(t, mail), "Order o-77") || mail.From != "orders@shop.example" {
		t.Fatalf("mail %s", mail.Raw)
	}
	if strings.Contains(string(mail.Raw), "List-Unsubscribe") {
		t.Fatal("a service mail carries List-Unsubscribe")
	}
}

func TestAConfirmationAsksThePendingAddressForThisTextOnly(t *testing.T) {
	w := newWorld(t)
	w.put(item.SKProfile, 0, &profile.Profile{Pending: "new@shop.example", PendingHash: "00ff00ff", PendingTill: noon.Add(time.Hour).UnixMilli(), Locale: "en"})
	key, id := w.due("confirm", requested(map[string]any{"kind": "confirm", "purpose": "marketing", "channel": "email", "notice": "newsletter"}))
	w.deliver(key)
	w.expect(id, message.Sent, "")
	mail := w.mails(1)[0]
	if mail.To != "new@shop.example" {
		t.Fatal("it went elsewhere")
	}
	token := between(t, body(t, mail), `href="https://m.shop.example/c/`, `"`)
	c, ok := w.keyring().OpenConfirm(token)
	if !ok || c.Customer != dana || c.Address != "00ff00ff" || c.Purpose != "marketing" || c.Channel != "email" || c.Notice != "newsletter" || c.Version != "v7" {
		t.Fatalf("token %+v (%v)", c, ok)
	}
}

// A form gives the address, and then asks: one mail for both (A13).
func TestAConfirmationOfAnAddressAsksForWhatWasAskedSince(t *testing.T) {
	w := newWorld(t)
	w.put(item.SKProfile, 0, &profile.Profile{Pending: "new@shop.example", PendingHash: "00ff00ff", PendingTill: noon.Add(time.Hour).UnixMilli(), Locale: "en"})
	w.put(item.SKGate, 0, &consent.Gate{States: map[string]consent.Permission{"marketing/email": {State: consent.Pending, At: noon.UnixMilli(), Notice: "newsletter"}}})
	key, _ := w.due("confirm", requested(map[string]any{"kind": "confirm"}))
	w.deliver(key)
	text := body(t, w.mails(1)[0])
	if !strings.Contains(text, "Send me offers.") {
		t.Errorf("it does not say what she agrees to: %s", text)
	}
	token := between(t, text, `href="https://m.shop.example/c/`, `"`)
	if c, ok := w.keyring().OpenConfirm(token); !ok || c.Purpose != "marketing" || c.Channel != "email" || c.Notice != "newsletter" || c.Version != "v7" {
		t.Fatalf("token %+v (%v)", c, ok)
	}
}

func TestAConfirmationForAnAddressSheNoLongerGivesIsSkipped(t *testing.T) {
	w := newWorld(t)
	key, id := w.due("confirm", requested(map[string]any{"kind": "confirm", "address": "hash-of-another"}))
	w.deliver(key)
	w.expect(id, message.Skipped, message.ReasonNoAddress)
	w.mails(0)
}

func TestALinkMailCarriesASessionOfHalfAnHour(t *testing.T) {
	w := newWorld(t)
	key, id := w.due("link", requested(map[string]any{"kind": "link"}))
	w.deliver(key)
	w.expect(id, message.Sent, "")
	raw := body(t, w.mails(1)[0])
	s, ok := w.keyring().OpenSession(between(t, raw, `href="https://m.shop.example/p/`, `"`))
	if !ok || s.Customer != dana || s.Nonce != id || s.Expires != noon.Add(30*time.Minute).UnixMilli() {
		t.Fatalf("session %+v (%v)", s, ok)
	}
}

func between(t *testing.T, s, before, after string) string {
	t.Helper()
	_, s, ok1 := strings.Cut(s, before)
	s, _, ok2 := strings.Cut(s, after)
	if !ok1 || !ok2 {
		t.Fatalf("nothing between %q and %q", before, after)
	}
	return s
}

// The headers that nobody sees in a browser: who answers, and how to stop it.
func TestAMailSaysWhoAnswersAndHowToStopIt(t *testing.T) {
	for name, marketing := range map[string]bool{"plain": true, "order": false} {
		w := newWorld(t)
		key, id := w.due(name)
		w.deliver(key)
		raw := string(w.mails(1)[0].Raw)
		head, _, _ := strings.Cut(raw, "\r\n\r\n")
		if !strings.Contains(head, "Reply-To: Shop care <care@shop.example>") {
			t.Errorf("%s: %s", name, head)
		}
		for _, part := range []string{"List-Unsubscribe: <https://m.shop.example/u/", "<mailto:care@shop.example?subject=unsubscribe%20" + id, "List-Unsubscribe-Post: List-Unsubscribe=One-Click"} {
			if strings.Contains(head, part) != marketing {
				t.Errorf("%s: %q in the head: %v\n%s", name, part, !marketing, head)
			}
		}
		if !marketing {
			continue
		}
		_, link, _ := strings.Cut(head, "<https://m.shop.example"+token.PathUnsubscribe)
		link, _, _ = strings.Cut(link, ">")
		u, ok := w.keyring().OpenUnsubscribe(link)
		if want := (token.Unsubscribe{Customer: dana, Address: hash, Message: id, Purpose: "marketing", Topic: "cart"}); !ok || u != want {
			t.Errorf("the link is %+v, want %+v", u, want)
		}
	}
}

// The footer names what she agreed to.
func TestAFooterNamesThePurpose(t *testing.T) {
	w := newWorld(t)
	key, _ := w.due("plain")
	w.deliver(key)
	if raw := body(t, w.mails(1)[0]); !strings.Contains(raw, "you agreed to: Offers by e-mail") {
		t.Fatalf("%s", raw)
	}
}

func TestAMailBehindAWaitForSpeaksOfWhatCame(t *testing.T) {
	w := newWorld(t)
	tpl, err := message.CompileTemplate(message.TemplateSource{
		Name: "thanks", Subject: plan.Text{"en": "Order {{ event.order_id }}"}, HTML: map[string]string{"en": "<p>{{ event.order_id }} {{ entry.cart_id }}</p>"},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.live.Templates["thanks"] = tpl
	key, id := w.due("plain", func(r *engine.Run) {
		r.Out.Send.Template = "thanks"
		r.Event = &fact.Fact{Kind: fact.KindEvent, ID: "Order Completed#o1", Name: "Order Completed", At: r.Entry.At + 1, In: ident.NewStamp(noon, 2), Props: map[string]any{"order_id": "o-17"}}
	})
	delete(w.live.Journeys, "x")
	w.deliver(key)
	m := w.expect(id, message.Sent, "")
	if raw := body(t, w.mails(1)[0]); !strings.Contains(raw, "Subject: Order o-17") {
		t.Errorf("%s", raw)
	}
	if !strings.Contains(strings.Join(m.Because, " "), "Order Completed#o1") {
		t.Errorf("because %v", m.Because)
	}
}

// What a confirmation names goes before what else she was asked.
func TestAConfirmationThatNamesAPermissionIsForThatOne(t *testing.T) {
	w := newWorld(t)
	w.lower(func(g *consent.Gate) {
		g.States["a-first/email"] = consent.Permission{State: consent.Pending, At: noon.UnixMilli(), Notice: "newsletter"}
		g.States["marketing/email"] = consent.Permission{State: consent.Pending, At: noon.UnixMilli(), Notice: "newsletter"}
	})
	l := &letter{view: &view{now: noon, gate: w.gate(), rel: w.live, run: engine.Run{Entry: fact.Fact{Props: map[string]any{"purpose": "marketing", "channel": "email", "notice": "newsletter"}}}}}
	l.due = &message.Due{Confirm: true}
	if c := l.confirmation(); c.Purpose != "marketing" || c.Version != "v7" {
		t.Fatalf("%+v", c)
	}
}
