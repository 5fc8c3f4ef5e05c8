// Package ident makes Kesher's opaque identifiers: customer keys, address
// hashes, run and message ids, arrival stamps. It knows the stack's secret and
// nothing else; it never sees a clock or a source of randomness.
package ident

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Keys derives opaque keys under the stack's secret, which is never rotated.
type Keys struct{ secret []byte }

// NewKeys returns the keys of the stack that owns secret.
func NewKeys(secret []byte) Keys { return Keys{secret: secret} }

// Check is the value stored in the catalog, by which every function notices a
// wrong secret before it writes under wrong keys (J17).
func (k Keys) Check() string { return k.mac("check", "kesher")[:16] }

// Customer is the key of a user id: 32 hex digits, opaque, so it may stand in
// tags and logs.
func (k Keys) Customer(userID string) string { return k.mac("customer", userID) }

// Visitor is the key of an anonymous id.
func (k Keys) Visitor(anonymousID string) string { return k.mac("visitor", anonymousID) }

// Address is the keyed hash of a mail address. Case and surrounding space do
// not make another address: every large provider ignores them, and an
// unsubscribe must not be dodged by them.
func (k Keys) Address(address string) string {
	return k.mac("address", strings.ToLower(strings.TrimSpace(address)))
}

func (k Keys) mac(kind, s string) string {
	h := hmac.New(sha256.New, k.secret)
	h.Write([]byte(kind))
	h.Write([]byte{0})
	h.Write([]byte(s))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Derive makes an id out of its causes: the same causes give the same id, so a
// redelivery repeats it. 16 lower-case base-32 characters (80 bits).
func Derive(causes ...string) string {
	h := sha256.New()
	for _, c := range causes {
		h.Write([]byte(strconv.Itoa(len(c))))
		h.Write([]byte{':'})
		h.Write([]byte(c))
	}
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(h.Sum(nil)[:10]))
}

// RunID derives from the entry fact.
func RunID(customer, journey, entryFact string, epoch int64) string {
	return Derive("run", customer, journey, entryFact, strconv.FormatInt(epoch, 10))
}

// MessageID names one message: run, step and visit, and in clear the epoch of
// the customer, so that a report about it can be held against an erasure. It
// travels as the value of an SES tag, which takes letters, digits, _ and - only
// (SES API v2, "MessageTag").
func MessageID(runID, step string, visit int, epoch int64) string {
	return Derive("message", runID, step, strconv.Itoa(visit)) + "-" + strconv.FormatInt(epoch, 10)
}

// MessageEpoch reads the epoch out of a message id.
func MessageEpoch(id string) (int64, bool) {
	_, after, ok := strings.Cut(id, "-")
	if !ok {
		return 0, false
	}
	e, err := strconv.ParseInt(after, 10, 64)
	return e, err == nil
}

// Stamp is a moment in the order in which things reached Kesher: business time
// in milliseconds, then a sequence. Stamps compare as text, and two arrivals
// never have the same one.
type Stamp string

// NewStamp is the stamp of something that arrived at now; seq comes from
// flow.Tokens and grows.
func NewStamp(now time.Time, seq int64) Stamp {
	return Stamp(fmt.Sprintf("%013d.%016d", now.UnixMilli(), seq))
}

// Until is the stamp after everything that arrived at now: a timer due at now
// comes after every fact of that millisecond.
func Until(now time.Time) Stamp { return Stamp(fmt.Sprintf("%013d.~", now.UnixMilli())) }

// Time is the stamp's business time.
func (s Stamp) Time() time.Time { return time.UnixMilli(s.Milli()).UTC() }

// Milli is the stamp's business time in Unix milliseconds; 0 for none.
func (s Stamp) Milli() int64 {
	if len(s) < 13 {
		return 0
	}
	ms, _ := strconv.ParseInt(string(s[:13]), 10, 64)
	return ms
}

// Own is the stamp of a fact in the order of its own time: at, and between
// facts of one millisecond their arrival.
func (s Stamp) Own(at int64) Stamp {
	_, seq, _ := strings.Cut(string(s), ".")
	return Stamp(fmt.Sprintf("%013d.%s", at, seq))
}
