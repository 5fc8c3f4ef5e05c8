package token

import (
	"net/url"
	"strconv"
)

// Unsubscribe stands in /u/: it can only reduce permission, and never expires.
type Unsubscribe struct {
	Customer string // customer key
	Address  string // hash of the address the mail went to
	Message  string // message id
	Purpose  string
	Topic    string // may be empty
}

// MintUnsubscribe signs u.
func (k Keyring) MintUnsubscribe(u Unsubscribe) string {
	return k.mint(kindUnsubscribe, u.Customer, u.Address, u.Message, u.Purpose, u.Topic)
}

// OpenUnsubscribe is the inverse of MintUnsubscribe.
func (k Keyring) OpenUnsubscribe(s string) (Unsubscribe, bool) {
	f, ok := k.open(kindUnsubscribe, 5, s)
	if !ok {
		return Unsubscribe{}, false
	}
	return Unsubscribe{Customer: f[0], Address: f[1], Message: f[2], Purpose: f[3], Topic: f[4]}, true
}

// Confirm stands in /c/ (double opt-in): it grants exactly this purpose and
// channel, to exactly this address, for exactly this text (A15).
type Confirm struct {
	Customer string
	Address  string // hash of the address the confirmation went to
	Purpose  string // empty: confirms the address alone
	Channel  string
	Notice   string // id of the notice
	Version  string // and the version of its text
}

// MintConfirm signs c.
func (k Keyring) MintConfirm(c Confirm) string {
	return k.mint(kindConfirm, c.Customer, c.Address, c.Purpose, c.Channel, c.Notice, c.Version)
}

// OpenConfirm is the inverse of MintConfirm.
func (k Keyring) OpenConfirm(s string) (Confirm, bool) {
	f, ok := k.open(kindConfirm, 6, s)
	if !ok {
		return Confirm{}, false
	}
	return Confirm{Customer: f[0], Address: f[1], Purpose: f[2], Channel: f[3], Notice: f[4], Version: f[5]}, true
}

// Session stands in the /p/ link of a mail that she asked for. It is redeemed
// once, before it expires, for a Cookie.
type Session struct {
	Customer string
	Nonce    string // what makes it single use; the id of the message will do
	Expires  int64  // Unix ms, on the customer's clock
}

// MintSession signs s.
func (k Keyring) MintSession(s Session) string {
	return k.mint(kindSession, s.Customer, s.Nonce, formatMilli(s.Expires))
}

// OpenSession is the inverse of MintSession. It does not look at a clock.
func (k Keyring) OpenSession(s string) (Session, bool) {
	f, ok := k.open(kindSession, 3, s)
	if !ok {
		return Session{}, false
	}
	at, ok := parseMilli(f[2])
	return Session{Customer: f[0], Nonce: f[1], Expires: at}, ok
}

// Preferences stands in /p/ links of mails. It opens nothing: it names whom to
// mail a Session link.
type Preferences struct{ Customer string }

// MintPreferences signs p.
func (k Keyring) MintPreferences(p Preferences) string {
	return k.mint(kindPreferences, p.Customer)
}

// OpenPreferences is the inverse of MintPreferences.
func (k Keyring) OpenPreferences(s string) (Preferences, bool) {
	f, ok := k.open(kindPreferences, 1, s)
	if !ok {
		return Preferences{}, false
	}
	return Preferences{Customer: f[0]}, true
}

// Link stands in /l/: a signed redirect target. A counted link names its
// journey and step and no person (A23); a personal one names customer and
// message as well, and is minted only under the tracking purpose.
type Link struct {
	Target   string // absolute http or https URL
	Journey  string
	Step     string
	Customer string // empty: counted
	Message  string
}

// MintLink signs l. A target that is no absolute web address gives "" (E16).
func (k Keyring) MintLink(l Link) string {
	if !webAddress(l.Target) {
		return ""
	}
	return k.mint(kindLink, l.Target, l.Journey, l.Step, l.Customer, l.Message)
}

// OpenLink is the inverse of MintLink.
func (k Keyring) OpenLink(s string) (Link, bool) {
	f, ok := k.open(kindLink, 5, s)
	if !ok || !webAddress(f[0]) {
		return Link{}, false
	}
	return Link{Target: f[0], Journey: f[1], Step: f[2], Customer: f[3], Message: f[4]}, true
}

// Open stands in /o/: the pixel of a message, under the tracking purpose.
type Open struct{ Customer, Message, Journey string }

// MintOpen signs o.
func (k Keyring) MintOpen(o Open) string {
	return k.mint(kindOpen, o.Customer, o.Message, o.Journey)
}

// OpenOpen is the inverse of MintOpen.
func (k Keyring) OpenOpen(s string) (Open, bool) {
	f, ok := k.open(kindOpen, 3, s)
	if !ok {
		return Open{}, false
	}
	return Open{Customer: f[0], Message: f[1], Journey: f[2]}, true
}

// Survey lets a customer answer one survey from a mail: it writes those answers
// and reads nothing.
type Survey struct{ Customer, Survey string }

// MintSurvey signs s.
func (k Keyring) MintSurvey(s Survey) string {
	return k.mint(kindSurvey, s.Customer, s.Survey)
}

// OpenSurvey is the inverse of MintSurvey.
func (k Keyring) OpenSurvey(s string) (Survey, bool) {
	f, ok := k.open(kindSurvey, 2, s)
	if !ok {
		return Survey{}, false
	}
	return Survey{Customer: f[0], Survey: f[1]}, true
}

// Cookie is the session in her browser after a Session link was redeemed.
type Cookie struct {
	Customer string
	Nonce    string
	Epoch    int64 // of the customer: an erasure ends every session
	Expires  int64 // Unix ms, on the customer's clock
}

// MintCookie signs c.
func (k Keyring) MintCookie(c Cookie) string {
	return k.mint(kindCookie, c.Customer, c.Nonce, formatMilli(c.Epoch), formatMilli(c.Expires))
}

// OpenCookie is the inverse of MintCookie. It does not look at a clock.
func (k Keyring) OpenCookie(s string) (Cookie, bool) {
	f, ok := k.open(kindCookie, 4, s)
	if !ok {
		return Cookie{}, false
	}
	epoch, ok1 := parseMilli(f[2])
	at, ok2 := parseMilli(f[3])
	return Cookie{Customer: f[0], Nonce: f[1], Epoch: epoch, Expires: at}, ok1 && ok2
}

// MintForm signs the hidden field that every form under a session carries, so
// that the cookie alone never changes anything (E11).
func (k Keyring) MintForm(c Cookie) string {
	return k.mint(kindForm, c.Customer, c.Nonce)
}

// ChecksForm says whether the hidden field belongs to the session.
func (k Keyring) ChecksForm(c Cookie, s string) bool {
	f, ok := k.open(kindForm, 2, s)
	return ok && f[0] == c.Customer && f[1] == c.Nonce
}

func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}

func formatMilli(ms int64) string { return strconv.FormatInt(ms, 36) }

func parseMilli(s string) (int64, bool) {
	ms, err := strconv.ParseInt(s, 36, 64)
	return ms, err == nil
}
