package publish

import (
	"fmt"
	"maps"
	"net/mail"
	"slices"
	"strings"

	"github.com/kesher-io/kesher/shared/core/source"
)

// Outside reports the senders whose addresses do not lie in domain or below it,
// from which the stage may not send (CONTRACTS section 7). "" is every domain.
func (c *Candidate) Outside(domain string) []Problem {
	var problems []Problem
	senders := c.Release.Settings.Sender
	for _, purpose := range slices.Sorted(maps.Keys(senders)) {
		address, err := mail.ParseAddress(senders[purpose])
		if domain == "" || err != nil || purpose == "reply to" {
			continue
		}
		if _, host, _ := strings.Cut(address.Address, "@"); host == domain || strings.HasSuffix(host, "."+domain) {
			continue
		}
		at := c.catalog.At(fileSettings, "sender", purpose)
		problems = append(problems, Problem{
			File: fileSettings, Line: at.Line, Col: at.Col, Severity: source.Error,
			What: fmt.Sprintf("this stage may not send %s mails from %s", purpose, address.Address),
			Do:   fmt.Sprintf("use an address in %s, or deploy with -c domain=...", domain),
		})
	}
	return problems
}
