// Package item is the shape of everything Kesher stores: the envelope that every
// item shares, and the sort keys of ARCHITECTURE section 3. It knows no storage
// engine and no expression language; what stands inside Body is defined by the
// package that owns the item (consent.Gate, profile.Profile, engine.Run, ...).
package item

import (
	"encoding/json"
	"fmt"
	"time"

	jsonv2 "github.com/go-json-experiment/json" // Go 1.27's encoding/json/v2, as its authors publish it for 1.26
)

// Table names one of the four tables. Adapters map it to a physical name.
type Table string

const (
	Customers Table = "customers" // all of one customer under one partition key
	Ledger    Table = "ledger"    // consent history, hash-chained, put-only
	Catalog   Table = "catalog"   // releases
	Insights  Table = "insights"  // counters
)

// Format is the format number this release of Kesher writes. It reads Format
// and Format-1; anything newer is parked as a FAULT.
const Format = 1

// Key identifies one item.
type Key struct {
	Table  Table
	PK, SK string
}

func (k Key) String() string { return string(k.Table) + ":" + k.PK + "/" + k.SK }

// Item is one stored item.
//
// V and W belong together: versions begin anew after a delete, so a condition
// compares both (see flow.Is). The store neither sets nor changes any field:
// what is put is what is read.
type Item struct {
	Key
	V   int64  // version counter: 1 when first written, +1 per write
	W   string // token of the last write, fresh per attempt
	E   int64  // epoch of the customer: +1 per erasure
	F   int    // format number
	IK  string // sparse index: the list this item stands in, or ""
	IS  string // sparse index: its order in that list
	TTL int64  // unix seconds after which the item counts as absent; 0 = never
	Due string // RUN only: id of the message due, so that a filter sees it
	// Trace, of RUN and PAST only: what was decided (see engine.Trace).
	Trace string
	// Body is the item's document: JSON, except for counters (see Counters).
	Body string
	// Counters holds the numbers of an item written by Add; such an item has no Body.
	Counters map[string]int64
}

// Expired says whether the item counts as absent at now.
func (i *Item) Expired(now time.Time) bool {
	return i != nil && i.TTL != 0 && i.TTL <= now.Unix()
}

// Next returns a copy of the envelope for the next write of the same item:
// version counted up and a fresh token. A nil receiver begins at version 1.
func (i *Item) Next(key Key, token string, epoch int64) Item {
	next := Item{Key: key, V: 1, W: token, E: epoch, F: Format}
	if i != nil {
		next.V = i.V + 1
	}
	return next
}

// Decode reads the item's document into v. It refuses a format newer than this
// release understands. Reading documents is most of what a decision costs, and
// json/v2 does it in half the time.
func (i *Item) Decode(v any) error {
	if i.F > Format {
		return &FormatError{Key: i.Key, Format: i.F}
	}
	if err := jsonv2.Unmarshal([]byte(i.Body), v); err != nil {
		return &DecodeError{Key: i.Key, Err: err}
	}
	return nil
}

// Encode writes v as the item's document.
func (i *Item) Encode(v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("item %s: %w", i.SK, err)
	}
	i.Body = string(body)
	return nil
}

// Size is the number of bytes DynamoDB counts for the item, to within a few:
// names and values of all attributes (DynamoDB developer guide, "Item sizes").
func (i *Item) Size() int {
	n := len("pk") + len(i.PK) + len("sk") + len(i.SK) + len("v") + 8 + len("w") + len(i.W) + len("e") + 4 + len("f") + 2
	if i.IK != "" {
		n += len("ik") + len(i.IK) + len("is") + len(i.IS)
	}
	if i.Due != "" {
		n += len("due") + len(i.Due)
	}
	if i.Trace != "" {
		n += len("t") + len(i.Trace)
	}
	if i.TTL != 0 {
		n += len("ttl") + 6
	}
	for name := range i.Counters {
		n += len(name) + 8
	}
	return n + len("d") + len(i.Body)
}

// FormatError: an item was written by a newer release of Kesher.
type FormatError struct {
	Key    Key
	Format int
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("item %s has format %d, this release reads up to %d (deploy the newer release, or roll its data back)", e.Key.SK, e.Format, Format)
}

// DecodeError: an item's document is not what its key says. It never quotes the
// document, which may be personal.
type DecodeError struct {
	Key Key
	Err error
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("item %s can't be read: %T", e.Key.SK, e.Err)
}
func (e *DecodeError) Unwrap() error { return e.Err }
