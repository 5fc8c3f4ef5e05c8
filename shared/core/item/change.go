package item

import (
	"maps"
)

// Change is one write to the customers table as its stream tells it, with both
// images (NEW_AND_OLD_IMAGES).
type Change struct {
	// Seq is the change's place in the log: decimal digits, opaque to all but
	// the one who reports failures.
	Seq string
	Key Key
	Old *Item // nil: there was none
	New *Item // nil: it was removed
}

// Event is what happened to an item, in the stream's words.
type Event string

const (
	Insert Event = "INSERT"
	Modify Event = "MODIFY"
	Remove Event = "REMOVE"
)

// Event follows from the images. An expired item that still lay in the table is
// an old image like any other: writing over it is a Modify.
func (c Change) Event() Event {
	switch {
	case c.Old == nil:
		return Insert
	case c.New == nil:
		return Remove
	default:
		return Modify
	}
}

// Clone is a copy that shares no memory with i.
func (i *Item) Clone() *Item {
	if i == nil {
		return nil
	}
	c := *i
	c.Counters = maps.Clone(i.Counters)
	return &c
}
