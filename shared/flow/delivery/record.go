package delivery

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/item"
)

// attrBody is where an AWS user's own item in an inbox (IN#) carries the tracking
// call, as text or as a map.
const attrBody = "body"

// RecordOf is the record that the table's stream would send for a change that
// was made at the given time.
func RecordOf(c item.Change, at time.Time) events.StreamRecord {
	size := len(item.AttrPK) + len(c.Key.PK) + len(item.AttrSK) + len(c.Key.SK)
	for _, image := range []*item.Item{c.Old, c.New} {
		if image != nil {
			size += image.Size()
		}
	}
	return events.StreamRecord{
		EventID:      c.Seq,
		EventName:    string(c.Event()),
		EventVersion: "1.1",
		EventSource:  "aws:dynamodb",
		DynamoDB: events.StreamChange{
			ApproximateCreationDateTime: float64(at.Unix()),
			Keys:                        events.Attributes{item.AttrPK: events.Text(c.Key.PK), item.AttrSK: events.Text(c.Key.SK)},
			NewImage:                    attributesOf(c.New),
			OldImage:                    attributesOf(c.Old),
			SequenceNumber:              c.Seq,
			SizeBytes:                   int64(size),
			StreamViewType:              "NEW_AND_OLD_IMAGES",
		},
	}
}

func attributesOf(it *item.Item) events.Attributes {
	if it == nil {
		return nil
	}
	a := make(events.Attributes, len(attributeNames)+len(it.Counters))
	for _, name := range attributeNames {
		if v, present := attributeOf(it, name); present {
			a[name] = v
		}
	}
	for name, n := range it.Counters {
		a[name] = events.Number(n)
	}
	return a
}

var attributeNames = []string{
	item.AttrPK, item.AttrSK, item.AttrV, item.AttrW, item.AttrEpoch, item.AttrF,
	item.AttrIK, item.AttrIS, item.AttrTTL, item.AttrDue, item.AttrTrace, item.AttrDoc,
}

// attributeOf is one attribute of an item as it stands in a table.
func attributeOf(it *item.Item, name string) (v events.AttributeValue, present bool) {
	switch name {
	case item.AttrPK:
		return events.Text(it.PK), true
	case item.AttrSK:
		return events.Text(it.SK), true
	case item.AttrV:
		return events.Number(it.V), true
	case item.AttrW:
		return events.Text(it.W), true
	case item.AttrEpoch:
		return events.Number(it.E), true
	case item.AttrF:
		return events.Number(int64(it.F)), true
	case item.AttrIK:
		return events.Text(it.IK), it.IK != ""
	case item.AttrIS:
		return events.Text(it.IS), it.IK != ""
	case item.AttrTTL:
		return events.Number(it.TTL), it.TTL != 0
	case item.AttrDue:
		return events.Text(it.Due), it.Due != ""
	case item.AttrTrace:
		return events.Text(it.Trace), it.Trace != ""
	case item.AttrDoc:
		return events.Text(it.Body), it.Body != ""
	}
	n, present := it.Counters[name]
	return events.Number(n), present
}

// ChangeOf is the inverse of RecordOf.
func ChangeOf(r *events.StreamRecord) (item.Change, error) {
	c := item.Change{Seq: r.DynamoDB.SequenceNumber}
	c.Key = item.Key{Table: item.Customers, PK: r.DynamoDB.Keys[item.AttrPK].Text, SK: r.DynamoDB.Keys[item.AttrSK].Text}
	if c.Key.PK == "" || c.Key.SK == "" {
		return c, fmt.Errorf("record %s: keys %v are none of ours", c.Seq, r.DynamoDB.Keys)
	}
	var err error
	if c.Old, err = itemOf(c.Key, r.DynamoDB.OldImage); err == nil {
		c.New, err = itemOf(c.Key, r.DynamoDB.NewImage)
	}
	if err != nil {
		return c, fmt.Errorf("record %s: %w", c.Seq, err)
	}
	return c, nil
}

func itemOf(key item.Key, attributes events.Attributes) (*item.Item, error) {
	if attributes == nil {
		return nil, nil
	}
	it := &item.Item{Key: key}
	for name, v := range attributes {
		var err error
		switch {
		case v.Type == events.TypeS && setText(it, name, v.Text):
		case v.Type == events.TypeN:
			err = setNumber(it, name, v.Text)
		case name == attrBody && v.Type == events.TypeM:
			var doc []byte
			doc, err = json.Marshal(plain(v))
			it.Body = string(doc)
		}
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", name, err)
		}
	}
	return it, nil
}

// setText says whether the name is one of ours.
func setText(it *item.Item, name, text string) bool {
	switch name {
	case item.AttrW:
		it.W = text
	case item.AttrIK:
		it.IK = text
	case item.AttrIS:
		it.IS = text
	case item.AttrDue:
		it.Due = text
	case item.AttrTrace:
		it.Trace = text
	case item.AttrDoc, attrBody:
		it.Body = text
	default:
		return false
	}
	return true
}

// setNumber leaves out a number that is neither ours nor a counter, such as an
// AWS user may have beside the body.
func setNumber(it *item.Item, name, text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	switch name {
	case item.AttrV:
		it.V = n
	case item.AttrEpoch:
		it.E = n
	case item.AttrF:
		it.F = int(n)
	case item.AttrTTL:
		it.TTL = n
	default:
		if err == nil {
			if it.Counters == nil {
				it.Counters = map[string]int64{}
			}
			it.Counters[name] = n
		}
		return nil
	}
	return err
}

// plain is the JSON that a value in DynamoDB's JSON stands for.
func plain(v events.AttributeValue) any {
	switch set := v.Set.(type) {
	case events.Attributes:
		object := make(map[string]any, len(set))
		for name, member := range set {
			object[name] = plain(member)
		}
		return object
	case []events.AttributeValue:
		list := make([]any, len(set))
		for i := range set {
			list[i] = plain(set[i])
		}
		return list
	case nil:
		if v.Type == events.TypeN {
			return json.Number(v.Text)
		}
		return v.Text
	case bool:
		if v.Type == events.TypeNULL {
			return nil
		}
		return set
	default: // sets
		return set
	}
}
