// Package ident makes Kesher's opaque identifiers: customer keys, address
// hashes, run and message ids, arrival stamps. It knows the stack's secret and
// nothing else; it never sees a clock or a source of randomness.
package ident

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
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

// lower32 is RFC 4648 base 32 in lower case.
var lower32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Derive makes an id out of its causes: the same causes give the same id, so a
// redelivery repeats it. 16 lower-case base-32 characters (80 bits).
func Derive(causes ...string) string {
	text := make([]byte, 0, 256)
	for _, c := range causes {
		text = strconv.AppendInt(text, int64(len(c)), 10)
		text = append(text, ':')
		text = append(text, c...)
	}
	sum := sha256.Sum256(text)
	return lower32.EncodeToString(sum[:10])
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
	return stamp(now.UnixMilli(), seq16(seq))
}

// Until is the stamp after everything that arrived at now: a timer due at now
// comes after every fact of that millisecond.
func Until(now time.Time) Stamp { return stamp(now.UnixMilli(), "~") }

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
	return stamp(at, seq)
}

func stamp(ms int64, seq string) Stamp {
	text := appendPadded(make([]byte, 0, 32), ms, 13)
	text = append(text, '.')
	return Stamp(append(text, seq...))
}

func seq16(seq int64) string { return string(appendPadded(nil, seq, 16)) }

// appendPadded writes n with leading zeros, as %0*d does.
func appendPadded(text []byte, n int64, width int) []byte {
	var digits [20]byte
	if n < 0 {
		text, n, width = append(text, '-'), -n, width-1
	}
	d := strconv.AppendInt(digits[:0], n, 10)
	for range width - len(d) {
		text = append(text, '0')
	}
	return append(text, d...)
}
