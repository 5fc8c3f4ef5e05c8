package item

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// Sort keys, each in one place. A part that comes from outside goes through
// Part, so that no name can reach into another item's key.
const (
	SKProfile = "PROFILE"
	SKGate    = "GATE"
	SKAgenda  = "AGENDA"
	SKOwner   = "OWNER" // the one item of an A# partition
	SKLive    = "LIVE"  // catalog: the pointer to the live release
	SKPace    = "PACE"  // brake, rate and quota, under PKPace
	PKPace    = "PACE"
	PKCatalog = "CATALOG"

	PrefixEvent    = "EVENT#"
	PrefixID       = "ID#"
	PrefixResponse = "RESPONSE#"
	PrefixRun      = "RUN#"
	PrefixPast     = "PAST#"
	PrefixMsg      = "MSG#"
	PrefixSegment  = "SEG#"
	PrefixFault    = "FAULT#"
	PrefixLedger   = "CONSENT#"
	PrefixRelease  = "RELEASE#"
	PrefixPart     = "PART#"
	// PrefixVisitorOf names, in a customer's partition, the visitors she was.
	PrefixVisitorOf = "VISITOR#"

	PrefixCustomer = "C#"
	PrefixVisitor  = "V#"
	PrefixAddress  = "A#"
	PrefixInbox    = "IN#"
)

// TimeLayout is the fixed-width UTC millisecond time in sort keys; it sorts as text.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// Time formats t for a sort key.
func Time(t time.Time) string { return t.UTC().Format(TimeLayout) }

// CustomerPK is the partition of a customer (a key made by ident.Keys.Customer).
func CustomerPK(customer string) string { return PrefixCustomer + customer }

// CustomerOf is the inverse of CustomerPK; "" and false for any other partition,
// whose key may hold a userId.
func CustomerOf(pk string) (customer string, ok bool) {
	if customer, ok = strings.CutPrefix(pk, PrefixCustomer); !ok {
		return "", false
	}
	return customer, true
}

// C is the key of an item in a customer's partition.
func C(customer, sk string) Key { return Key{Table: Customers, PK: CustomerPK(customer), SK: sk} }

// EventSK is the key of one event. at is the caller's own timestamp.
func EventSK(event string, at time.Time, messageID string) string {
	return EventPrefix(event) + Time(at) + "#" + Part(messageID)
}

// EventPrefix makes a window read exactly one event name.
func EventPrefix(event string) string { return PrefixEvent + Part(event) + "#" }

// IDSK guards a messageId whose event has no trustworthy time in its key.
func IDSK(messageID string) string { return PrefixID + Part(messageID) }

// ResponseSK is the key of one survey response.
func ResponseSK(survey string, at time.Time, id string) string {
	return PrefixResponse + Part(survey) + "#" + Time(at) + "#" + Part(id)
}

// RunSK is the key of the one live passage of a journey (and key).
func RunSK(journey, key string) string {
	if key == "" {
		return PrefixRun + Part(journey) + "#-"
	}
	return PrefixRun + Part(journey) + "#=" + Part(key)
}

// PastSK is the key of an ended run that a new entry replaced.
func PastSK(journey, runID string) string { return PrefixPast + Part(journey) + "#" + Part(runID) }

// MsgSK is the key of a message.
func MsgSK(id string) string { return PrefixMsg + Part(id) }

// SegmentSK is the key of a membership.
func SegmentSK(segment string) string { return PrefixSegment + Part(segment) }

// FaultSK is the key of a record that could not be worked.
func FaultSK(key string) string { return PrefixFault + Part(key) }

// maxPart is the longest part of a key that is kept readable. A sort key holds
// at most 1,024 bytes and up to three parts.
const maxPart = 200

// Part makes one part of a key out of foreign text: #, % and control
// characters are percent-encoded, and more than 200 bytes become a hash.
func Part(s string) string {
	if strings.IndexFunc(s, mustEscape) >= 0 {
		s = escape(s)
	}
	if len(s) > maxPart {
		sum := sha256.Sum256([]byte(s))
		return "%%" + hex.EncodeToString(sum[:])
	}
	return s
}

func mustEscape(r rune) bool { return r == '#' || r == '%' || r < 0x20 || r == 0x7f }

func escape(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if mustEscape(rune(c)) {
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// Unpart is the inverse of Part where it has one: a hashed part stays as it is.
func Unpart(s string) string {
	if !strings.Contains(s, "%") || strings.HasPrefix(s, "%%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				b.WriteByte(c[0])
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Index lists. Shard is the first hex digit of the customer key.
func Shard(customer string) string {
	if customer == "" {
		return "0"
	}
	return customer[:1]
}

// Shards are all the values Shard can have.
const Shards = "0123456789abcdef"

// DueList holds waiting runs and AGENDA, in the order of time.
func DueList(shard string) string { return "due#" + shard }

// LookList holds runs with a command outstanding, by the time of the next look.
func LookList(shard string) string { return "look#" + shard }

// ParkedList holds parked runs by journey and time, and FAULT items.
func ParkedList(shard string) string { return "parked#" + shard }

// AllList holds every PROFILE.
func AllList(shard string) string { return "all#" + shard }
