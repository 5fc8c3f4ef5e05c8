package flow

import (
	"errors"
	"strings"
)

// CheckEnvelope refuses a mail whose addresses could mean anything but one bare
// mailbox each; every Mailer calls it before the outside sees the mail. Quoted
// local parts are refused as well: they are legal (RFC 5321 section 4.1.2),
// nobody has one, and they are the usual way to smuggle a second address.
func CheckEnvelope(m Mail) error {
	for _, address := range []string{m.From, m.To} {
		if !bareAddress(address) {
			return &SendError{Outcome: OutcomeMessageFatal, Code: "InvalidAddress", Err: errNotBare}
		}
	}
	return nil
}

// errNotBare does not show the address: it is personal, and errors are logged.
var errNotBare = errors.New("an envelope address is not one bare mail address")

func bareAddress(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || domain == "" || len(s) > 320 {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune(`,;:<>()[]\"`, r)
	}) < 0 && !strings.Contains(domain, "@")
}
