// Package schema is the physical shape of the tables: attribute names and the
// one index. The constructs create by it, the store reads by it. It knows no SDK
// and no item's meaning.
package schema

import "github.com/kesher-io/kesher/shared/core/item"

// Attributes of an item, short for its constants: the stream has the same.
const (
	PK    = item.AttrPK
	SK    = item.AttrSK
	V     = item.AttrV
	W     = item.AttrW
	Epoch = item.AttrEpoch
	F     = item.AttrF
	IK    = item.AttrIK
	IS    = item.AttrIS
	TTL   = item.AttrTTL
	Due   = item.AttrDue
	Doc   = item.AttrDoc
	Trace = item.AttrTrace
)

// Index is the sparse index of the customers table, KEYS_ONLY, by IK and IS.
const Index = "lists"
