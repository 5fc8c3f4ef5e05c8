// Package flow holds the ports that the use cases below it need, in Kesher's own
// words. It knows no SDK and no HTTP; time, randomness and write tokens come
// through ports, and it starts no goroutine.
package flow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/release"
)

// Store keeps items. Every implementation passes shared/testkit/storetest.
//
// All methods are safe for concurrent use. Errors are *Conflict, ErrThrottled,
// ErrTooLarge or ErrUnknown (or the context's); anything else is a broken store.
// After an ErrUnknown from its engine an adapter has already looked whether the
// write's own token stands there, and answered success if so.
//
// Items past their TTL count as absent for Get, Query and Absent, by the clock
// of their partition, whether or not the engine has deleted them yet.
type Store interface {
	// Get reads items by key, in the order of keys; an absent one is nil.
	// Strong reads see every write that was acknowledged before the call.
	Get(ctx context.Context, consistency Consistency, keys ...item.Key) ([]*item.Item, error)
	// Query reads part of one partition, or of one index list, in order.
	Query(ctx context.Context, q Query) (Page, error)
	// Write carries out all ops or none. One op is a plain conditional write,
	// several are one transaction (at most 25, one per key).
	Write(ctx context.Context, ops ...Op) error
}

// Consistency of a read.
type Consistency bool

const (
	Eventual Consistency = false
	Strong   Consistency = true
)

// Query asks for items of one partition (PK set) or one index list (List set,
// customers only; entries carry keys, IK and IS, nothing else, and lag: an index
// is never read strongly).
type Query struct {
	Table       item.Table
	PK          string
	List        string
	Prefix      string // sort keys (or index orders) that begin with this, and
	From, To    string // lie in From <= key <= To; empty = open
	Limit       int    // 0 = all that fit into one page of the engine
	Backward    bool
	Cursor      string // from the page before
	Consistency Consistency
	// Expired gives items past their TTL as well, while the engine has not deleted
	// them: an erasure must find everything that is still there.
	Expired bool
}

// Page is one answer to a Query. Cursor is empty when there is no more.
type Page struct {
	Items  []item.Item
	Cursor string
}

// Op is one part of a write. Use Put, Delete, Check and Add.
type Op struct {
	Kind   OpKind
	Item   item.Item // Put: all of it. Others: Key alone.
	If     Condition
	Deltas map[string]int64 // Add
}

// OpKind says what an Op does.
type OpKind int

const (
	OpPut OpKind = iota + 1
	OpDelete
	OpCheck
	OpAdd
)

// Condition is what an Op demands of the item as it stands.
type Condition struct {
	Kind ConditionKind
	V    int64
	W    string
}

// ConditionKind says which condition.
type ConditionKind int

const (
	AnyKind ConditionKind = iota
	AbsentKind
	IsKind
)

// Any demands nothing.
var Any = Condition{Kind: AnyKind}

// Absent demands that there is no item, or only an expired one.
var Absent = Condition{Kind: AbsentKind}

// Is demands that the item is the very one that was read (nil: Absent).
func Is(read *item.Item) Condition {
	if read == nil {
		return Absent
	}
	return Condition{Kind: IsKind, V: read.V, W: read.W}
}

// Put writes all of it.
func Put(it item.Item, c Condition) Op { return Op{Kind: OpPut, Item: it, If: c} }

// Delete removes the item; with Any, an absent one is fine.
func Delete(k item.Key, c Condition) Op { return Op{Kind: OpDelete, Item: item.Item{Key: k}, If: c} }

// Check changes nothing and holds the rest of the transaction to c.
func Check(k item.Key, c Condition) Op { return Op{Kind: OpCheck, Item: item.Item{Key: k}, If: c} }

// Add adds to counters, atomically, creating what is missing. An Add is never
// part of a transaction.
func Add(k item.Key, deltas map[string]int64) Op {
	return Op{Kind: OpAdd, Item: item.Item{Key: k}, Deltas: deltas}
}

// Conflict: a condition did not hold. Current is the item as it stands (nil:
// absent) at the first op, in order, whose condition failed.
type Conflict struct {
	Op      int
	Key     item.Key
	Current *item.Item
}

func (e *Conflict) Error() string { return fmt.Sprintf("conflict on %s", e.Key) }

var (
	// ErrThrottled: the store asks to come back later; nothing was written.
	ErrThrottled = errors.New("store throttled")
	// ErrTooLarge: the item is above the engine's limit (400 KB); nothing was written.
	ErrTooLarge = errors.New("item too large")
	// ErrUnknown: the outcome can't be found out now.
	ErrUnknown = errors.New("outcome unknown")
)

// AsConflict returns the conflict in err, if there is one.
func AsConflict(err error) (*Conflict, bool) {
	var c *Conflict
	ok := errors.As(err, &c)
	return c, ok
}

// Clock tells time. Business time is the wall on Lambda; on one machine it may
// run fast, and in play each customer has her own.
type Clock interface {
	// Now is the business time for a customer; "" asks for the clock of all.
	Now(customer string) time.Time
	// Real is real time, for leases, retries and token buckets.
	Real() time.Time
}

// Tokens is the source of everything that must be new.
type Tokens interface {
	// Token is a fresh write token.
	Token() string
	// Seq grows from call to call, also across restarts.
	Seq() int64
	// Secret is n bytes nobody can guess.
	Secret(n int) []byte
}

// Releases finds compiled releases.
type Releases interface {
	// Live is the release that is live now (up to 60 s old). ErrNoRelease when
	// the stack is fresh.
	Live(ctx context.Context) (*release.Release, error)
	// Get is the release by its id, for runs that began on an older one.
	Get(ctx context.Context, id string) (*release.Release, error)
}

// ErrNoRelease: nothing has been published yet.
var ErrNoRelease = errors.New("no release: kesher publish")

// Mailer hands one mail to the outside. Every implementation passes
// shared/testkit/mailertest. It tries once and never retries by itself.
type Mailer interface {
	Send(ctx context.Context, m Mail) (providerID string, err error)
}

// Mail is one message ready to leave.
type Mail struct {
	ID       string // message id: tag kesher_message
	Customer string // opaque: tag kesher_customer
	Journey  string // tag kesher_journey
	Step     string
	Run      string
	Purpose  string // chooses identity and configuration set (B11)
	From, To string // bare addresses for the envelope
	Raw      []byte // RFC 5322 with CRLF
	At       time.Time
}

// SendError says what a Mailer's failure means. Anything else is OutcomeUnknown.
type SendError struct {
	Outcome Outcome
	Code    string // the provider's name for it
	Err     error
}

func (e *SendError) Error() string { return fmt.Sprintf("send: %s: %v", e.Code, e.Err) }
func (e *SendError) Unwrap() error { return e.Err }

// Outcome classifies a failed send (ARCHITECTURE section 4 point 5).
type Outcome int

const (
	OutcomeUnknown      Outcome = iota // may have been accepted: never resent blindly
	OutcomeMessageFatal                // this message will never be accepted
	OutcomeSenderWide                  // nothing will be accepted for now: brake
	OutcomeNotAccepted                 // surely not accepted: try again soon
)

// String is the outcome as logs show it.
func (o Outcome) String() string {
	return [...]string{"unknown", "message-fatal", "sender-wide", "not accepted"}[o]
}

// Emitter puts events on the outside bus, at least once each. An error says that
// one of them may not be there.
type Emitter interface {
	Emit(ctx context.Context, events ...Emitted) error
}

// Emitted is one event for the bus: no personal data, only the opaque key.
type Emitted struct {
	ID       string
	Name     string
	Customer string
	At       time.Time
	Detail   map[string]any
}

// Metrics counts and measures for operators. It never fails.
type Metrics interface {
	Count(name string, n int64, dims ...Dim)
	Observe(name string, d time.Duration, dims ...Dim)
}

// Dim is a dimension of a metric: never personal.
type Dim struct{ Name, Value string }

// Keys is what every flow needs to name a customer.
type Keys = ident.Keys
