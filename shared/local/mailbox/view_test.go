package mailbox

import (
	"testing"

	"github.com/kesher-io/kesher/shared/flow"
)

// FuzzView: the page survives whatever bytes a mail has.
func FuzzView(f *testing.F) {
	f.Add([]byte("Subject: =?utf-8?b?4pyT?=\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\n\r\nhi\r\n--x--\r\n"))
	f.Add([]byte("Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a"))
	f.Add([]byte("Content-Transfer-Encoding: base64\r\n\r\n!!!"))
	f.Add([]byte("nothing"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		v := view(Message{Raw: raw})
		if v.Links == nil || v.Headers == nil {
			t.Fatal("a list is null in JSON")
		}
	})
}

// FuzzEnvelope: whatever is taken is found again under its id.
func FuzzEnvelope(f *testing.F) {
	m := open(f, f.TempDir(), Options{})
	f.Add("m1.0", "c1")
	f.Add("", "")
	f.Add("\x00\xff", "c\x00d")
	f.Fuzz(func(t *testing.T, id, customer string) {
		mail := flow.Mail{ID: id, Customer: customer, From: "a@b.example", To: "c@d.example", Raw: []byte("x")}
		if _, err := m.Send(t.Context(), mail); err != nil {
			t.Fatal(err)
		}
		if there, err := m.Has(t.Context(), id); err != nil || !there {
			t.Fatalf("%q: there %v, error %v", id, there, err)
		}
	})
}
