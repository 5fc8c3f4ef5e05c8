// Package delivery is the one table of who gets to see which change of an item:
// the filters of the deployed stream mappings and the local pump's are both made
// from it. It knows item keys, the shape of stream records and Lambda's event
// filtering; it does not know what the consumers do.
package delivery

import (
	"encoding/json"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
)

// Consumer is a function that reads the stream. Two are the most that one shard
// should serve (DynamoDB developer guide, "DynamoDB Streams and AWS Lambda
// triggers").
type Consumer string

const (
	Journey Consumer = "journey"
	Deliver Consumer = "deliver"
)

// Consumers are all of them.
var Consumers = []Consumer{Journey, Deliver}

// row is one kind of item: where its keys begin, and who gets what is written of it.
type row struct {
	consumer Consumer
	pk       string   // prefix of the partition key
	sk       []string // prefixes of the sort key, any of them; none: every key
	due      bool     // only while the new image has a message due
}

// written are the events of a write. Also what is never changed, a stored event, is
// written again when a fault is retried, or over one that has expired.
var written = []item.Event{item.Insert, item.Modify}

// table is who gets what. A kind that is not in it (GATE, PAST, AGENDA, SEG,
// FAULT, ID, whatever stands under V# or A#) and a REMOVE of any kind, an expiry
// among them, reach nobody.
//
// A profile that a journey's `set` wrote is delivered like any other: who wrote
// it stands in the document, where no filter sees it.
var table = []row{
	{consumer: Journey, pk: item.PrefixCustomer, sk: []string{item.PrefixEvent, item.PrefixResponse, item.PrefixMsg, item.SKProfile}},
	{consumer: Journey, pk: item.PrefixInbox},
	{consumer: Deliver, pk: item.PrefixCustomer, sk: []string{item.PrefixRun}, due: true},
}

// Pattern is a filter pattern of an event source mapping, JSON text.
type Pattern string

// MaxAge is how old a record may become before it goes to the failure bucket: an
// hour less than the stream keeps it.
const MaxAge = 23 * time.Hour

// MaxPatterns is how many patterns a mapping may have without a raised quota
// (Lambda developer guide, "Control which events Lambda sends to your function").
const MaxPatterns = 5

// For is what a consumer's mapping lets through: a record that matches any of
// the patterns.
func For(c Consumer) []Pattern {
	var patterns []Pattern
	for _, r := range table {
		if r.consumer == c {
			patterns = append(patterns, r.pattern())
		}
	}
	return patterns
}

// pattern writes the row in Lambda's filter language. A list is an or, several
// fields are an and; exists asks for a leaf, so it names the type as well (Lambda
// developer guide, "Using event filtering with a DynamoDB event source").
func (r row) pattern() Pattern {
	keys := object{item.AttrPK: object{"S": []any{object{"prefix": r.pk}}}}
	if len(r.sk) > 0 {
		var prefixes []any
		for _, sk := range r.sk {
			prefixes = append(prefixes, object{"prefix": sk})
		}
		keys[item.AttrSK] = object{"S": prefixes}
	}
	change := object{"Keys": keys}
	if r.due {
		change["NewImage"] = object{item.AttrDue: object{"S": []any{object{"exists": true}}}}
	}
	text, err := json.Marshal(object{"eventName": written, "dynamodb": change})
	if err != nil {
		panic(err) // texts and maps always marshal
	}
	return Pattern(text)
}

type object map[string]any
