package token

import "strings"

// Paths of the customers' pages (CONTRACTS section 3), each before its token.
const (
	PathUnsubscribe = "/u/"
	PathConfirm     = "/c/"
	PathPreferences = "/p/"
	PathLink        = "/l/"
	PathOpen        = "/o/"
	PathSurvey      = "/s/"
)

// Links builds the absolute URLs that stand in mails.
type Links struct {
	base string
	keys Keyring
}

// NewLinks takes the address under which the pages are served, such as
// https://mail.example.com.
func NewLinks(base string, k Keyring) Links {
	return Links{base: strings.TrimRight(base, "/"), keys: k}
}

// Unsubscribe is the address of List-Unsubscribe and of the footer.
func (l Links) Unsubscribe(u Unsubscribe) string {
	return l.base + PathUnsubscribe + l.keys.MintUnsubscribe(u)
}

// Confirm is the address of a confirmation mail's button.
func (l Links) Confirm(c Confirm) string { return l.base + PathConfirm + l.keys.MintConfirm(c) }

// Session is the single-use address that a requested link mail carries.
func (l Links) Session(s Session) string { return l.base + PathPreferences + l.keys.MintSession(s) }

// Preferences is the long-lived address in every footer.
func (l Links) Preferences(p Preferences) string {
	return l.base + PathPreferences + l.keys.MintPreferences(p)
}

// Link is a counted or personal link; a target that is no web address (mailto,
// tel) stays as it is.
func (l Links) Link(t Link) string {
	signed := l.keys.MintLink(t)
	if signed == "" {
		return t.Target
	}
	return l.base + PathLink + signed
}

// Open is the pixel's address.
func (l Links) Open(o Open) string { return l.base + PathOpen + l.keys.MintOpen(o) }

// Survey is the hosted form, answered as this customer.
func (l Links) Survey(s Survey) string {
	return l.base + PathSurvey + s.Survey + "?t=" + l.keys.MintSurvey(s)
}
