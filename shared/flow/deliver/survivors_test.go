package deliver

// Each of these catches a planted bug that every other test let pass.

import (
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/token"
)

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

// A chain's depth goes from the run into what is told of its message.
func TestAMessageRemembersHowDeepItsChainIs(t *testing.T) {
	w := newWorld(t)
	key, id := w.due("plain", func(r *engine.Run) { r.Hops = 5 })
	w.deliver(key)
	if m := w.msg(id); m.Hops != 5 {
		t.Fatalf("hops %d", m.Hops)
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

// A rechecked condition speaks of her own day.
func TestARecheckGoesByHerZone(t *testing.T) {
	w := newWorld(t)
	w.live.Journeys["dated"] = compileRecheck(`now >= date("2026-11-05")`)
	w.clock.Set(time.Date(2026, 11, 4, 22, 30, 0, 0, time.UTC)) // the fifth in Jerusalem
	key, id := w.due("dated")
	w.deliver(key)
	w.expect(id, message.Sent, "")
}

func compileRecheck(cond string) *journey.Journey {
	return compile("dated", "marketing", journey.Send{Template: "plain", Late: &journey.Late{Kind: "recheck", Recheck: cond}})
}
