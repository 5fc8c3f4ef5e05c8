// Package schema is the physical shape of the tables: attribute names and the
// one index. The constructs create by it, the store and the stream's decoder
// read by it. It knows no SDK and no item's meaning.
package schema

// Attributes of an item (item.Item says what they mean). Doc holds the JSON
// document as a String; every further attribute is a Number, a counter.
const (
	PK    = "pk"
	SK    = "sk"
	V     = "v"
	W     = "w"
	Epoch = "e"
	F     = "f"
	IK    = "ik"
	IS    = "is"
	TTL   = "ttl"
	Due   = "due"
	Doc   = "d"
)

// Index is the sparse index of the customers table, KEYS_ONLY, by IK and IS.
const Index = "lists"
