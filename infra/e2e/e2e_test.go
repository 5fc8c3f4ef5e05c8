package e2e

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// TestACustomersClickBecomesAMailOnAWS deploys both stacks and does what a shop
// and its customer would do. The functions' logs name nobody (E06).
func TestACustomersClickBecomesAMailOnAWS(t *testing.T) {
	s := deploy(t, nil)
	s.unsubscribe(s.click())
	s.call("/v1/track", call{"event": "Product Added", "properties": call{"product_id": "p2", "name": "Lamp"}})
	s.await("the second mail to be kept back", func() bool {
		return strings.Contains(s.kesher("explain", "--target", "aws:"+stage, "--json", user), `"decision":"skipped"`)
	})
	if n := len(s.mails()); n != 1 {
		t.Fatalf("%d mails left, one of them after she had unsubscribed", n)
	}
	s.namesNobody()

	if out := s.deploy(); strings.Count(out, "(no changes)") != 2 {
		t.Errorf("a second deploy of the same changes something:\n%s", out)
	}
	s.cdk("destroy", "--all", "--force")
	if tables := s.tables(); len(tables) != 4 {
		t.Errorf("after the stacks were destroyed these tables are left: %v", tables)
	}
}

// TestE21TheRolesSufficeAndNoneIsTooMuch does the same where IAM is enforced, and
// then without one right.
func TestE21TheRolesSufficeAndNoneIsTooMuch(t *testing.T) {
	s := deploy(t, []string{"--app", "go run ./infra/cdk/emulated"}, "AUTH=true")
	s.click()
	if status, answer := s.try("/v1/consents", consent("marketing", "email", "denied")); status != http.StatusOK {
		t.Fatalf("a consent answers %d: %s", status, answer)
	}
	s.env = append(s.env, "TAKE_AWAY=CollectRole=dynamodb:PutItem")
	s.deploy()
	s.await("the ledger to be closed to collect", func() bool {
		status, _ := s.try("/v1/consents", consent("marketing", "email", "granted"))
		return status == http.StatusServiceUnavailable
	})
}

func consent(purpose, channel, state string) call {
	body := call{"purpose": purpose, "state": state, "time": now(), "evidence": call{"basis": "consent", "source": "form"}}
	if channel != "" {
		body["channel"] = channel
	}
	return body
}

// click publishes the catalog, and lets the customer agree and put something into
// her cart. It returns the mail that she gets.
func (s *site) click() mail {
	s.t.Helper()
	s.kesher("publish", "--target", "aws:"+stage, "testdata/catalog")
	s.call("/v1/consents", consent("marketing", "email", "granted"))
	s.call("/v1/consents", consent("personalization", "", "granted"))
	s.call("/v1/identify", call{"traits": call{"email": customer, "first_name": "Dana"}})
	s.call("/v1/track", call{"event": "Product Added", "properties": call{"product_id": "p1", "name": "Tent"}})
	var sent []mail
	s.await("a mail to leave through SES", func() bool { sent = s.mails(); return len(sent) > 0 })
	if len(sent) != 1 || sent[0].Subject != "You like Tent" || len(sent[0].To) != 1 || sent[0].To[0] != customer || sent[0].Source != "news@"+domain {
		s.t.Fatalf("sent: %+v", sent)
	}
	return sent[0]
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
