package e2e

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// TestACustomersClickBecomesAMailOnAWS deploys both stacks and does what a shop
// and its customer would do.
func TestACustomersClickBecomesAMailOnAWS(t *testing.T) {
	s := deploy(t)
	s.kesher("publish", "--target", "aws:"+stage, "testdata/catalog")

	s.call("/v1/consents", call{"purpose": "marketing", "channel": "email", "state": "granted", "time": now(), "evidence": call{"basis": "consent", "source": "form"}})
	s.call("/v1/consents", call{"purpose": "personalization", "state": "granted", "time": now(), "evidence": call{"basis": "consent", "source": "form"}})
	s.call("/v1/identify", call{"traits": call{"email": customer, "first_name": "Dana"}})
	s.call("/v1/track", call{"event": "Product Added", "properties": call{"product_id": "p1", "name": "Tent"}})

	var sent []mail
	s.await("a mail to leave through SES", func() bool { sent = s.mails(); return len(sent) > 0 })
	if len(sent) != 1 || sent[0].Subject != "You like Tent" || len(sent[0].To) != 1 || sent[0].To[0] != customer || sent[0].Source != "news@"+domain {
		t.Fatalf("sent: %+v", sent)
	}

	s.unsubscribe(sent[0])
	s.call("/v1/track", call{"event": "Product Added", "properties": call{"product_id": "p2", "name": "Lamp"}})
	s.await("the second mail to be kept back", func() bool {
		return strings.Contains(s.kesher("explain", "--target", "aws:"+stage, "--json", user), `"decision":"skipped"`)
	})
	if n := len(s.mails()); n != 1 {
		t.Fatalf("%d mails left, one of them after she had unsubscribed", n)
	}

	if out := s.cdk(deployArgs...); strings.Count(out, "(no changes)") != 2 {
		t.Errorf("a second deploy of the same changes something:\n%s", out)
	}
	s.cdk(append([]string{"destroy", "--all", "--force"}, settings...)...)
	if tables := s.tables(); len(tables) != 4 {
		t.Errorf("after the stacks were destroyed these tables are left: %v", tables)
	}
}

var unsubscribeLink = regexp.MustCompile(`http\S+/u/\S+`)

// unsubscribe is what a mail program does with List-Unsubscribe-Post. MiniStack
// keeps no headers of a mail, so the link is taken from its text: the same one.
func (s *site) unsubscribe(m mail) {
	s.t.Helper()
	link := unsubscribeLink.FindString(m.BodyText)
	body := strings.NewReader(url.Values{"List-Unsubscribe": {"One-Click"}}.Encode())
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, link, body)
	if err != nil {
		s.t.Fatalf("%q in: %s: %v", link, m.BodyText, err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if status, answer := s.do(r); status != http.StatusOK {
		s.t.Fatalf("unsubscribing answers %d: %s", status, answer)
	}
}
