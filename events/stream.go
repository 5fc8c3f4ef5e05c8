package events

import (
	"fmt"
	"strconv"
)

// StreamEvent is what Lambda sends to a function that is mapped to a table's
// stream: only what Lambda does send (Lambda developer guide, "Using AWS Lambda
// with Amazon DynamoDB"; DynamoDB Streams API, "Record").
type StreamEvent struct {
	Records []StreamRecord
}

// StreamRecord is one change of one item.
type StreamRecord struct {
	EventID        string // eventID
	EventName      string // eventName: INSERT, MODIFY or REMOVE
	EventVersion   string // eventVersion
	EventSource    string // eventSource: aws:dynamodb
	AWSRegion      string // awsRegion
	EventSourceARN string // eventSourceARN
	DynamoDB       StreamChange
}

// StreamChange is the change itself. Which images it has depends on the stream's
// view type; ours is NEW_AND_OLD_IMAGES.
type StreamChange struct {
	// ApproximateCreationDateTime is in Unix seconds.
	ApproximateCreationDateTime float64
	Keys                        Attributes
	NewImage                    Attributes // nil after a REMOVE
	OldImage                    Attributes // nil after an INSERT
	SequenceNumber              string
	SizeBytes                   int64
	StreamViewType              string
}

// Attributes is an item, or part of one, by attribute name.
type Attributes map[string]AttributeValue

// AttributeValue is one value (DynamoDB API, "AttributeValue").
type AttributeValue struct {
	Type AttributeType
	Text string // of S and N; a number is text, so that none loses digits
	Set  any    // []byte, bool, Attributes, []AttributeValue, []string or [][]byte by Type
}

// AttributeType names a type as DynamoDB does.
type AttributeType string

// The types, each with what Set holds.
const (
	TypeS    AttributeType = "S"
	TypeN    AttributeType = "N"
	TypeB    AttributeType = "B"    // []byte
	TypeBOOL AttributeType = "BOOL" // bool
	TypeNULL AttributeType = "NULL" // bool, true
	TypeM    AttributeType = "M"    // Attributes
	TypeL    AttributeType = "L"    // []AttributeValue
	TypeSS   AttributeType = "SS"   // []string
	TypeNS   AttributeType = "NS"   // []string
	TypeBS   AttributeType = "BS"   // [][]byte
)

// Text is a value of type S.
func Text(s string) AttributeValue { return AttributeValue{Type: TypeS, Text: s} }

// Number is a value of type N.
func Number(n int64) AttributeValue {
	return AttributeValue{Type: TypeN, Text: strconv.FormatInt(n, 10)}
}

// ReadStream decodes what Lambda sent. An event whose records lack what every
// record has is refused as a whole: it is none of DynamoDB's.
func ReadStream(payload []byte) (StreamEvent, error) {
	var e StreamEvent
	r := jsonReader{data: payload}
	r.object(func(name string) {
		if name == "Records" {
			r.array(func() { e.Records = append(e.Records, r.record()) })
		} else {
			r.skip()
		}
	})
	if r.next() != 0 {
		r.fail("no valid JSON: something follows")
	}
	if r.err != nil {
		return StreamEvent{}, fmt.Errorf("stream event: %w", r.err)
	}
	for i := range e.Records {
		if err := e.Records[i].check(); err != nil {
			return StreamEvent{}, fmt.Errorf("stream event: record %d: %w", i, err)
		}
	}
	return e, nil
}

func (r *StreamRecord) check() error {
	d := &r.DynamoDB
	hasNew, hasOld := d.NewImage != nil, d.OldImage != nil
	switch {
	case d.SequenceNumber == "":
		return fmt.Errorf("no SequenceNumber")
	case len(d.Keys) == 0:
		return fmt.Errorf("no Keys")
	case r.EventName == "INSERT" && hasNew && !hasOld,
		r.EventName == "MODIFY" && hasNew && hasOld,
		r.EventName == "REMOVE" && hasOld && !hasNew:
		return nil
	default:
		return fmt.Errorf("event %q with new image %t and old image %t", r.EventName, hasNew, hasOld)
	}
}

// StreamResponse is the answer that ReportBatchItemFailures expects (Lambda
// developer guide, "Configuring partial batch response with DynamoDB and
// Lambda"). None failed: the list is empty.
type StreamResponse struct {
	BatchItemFailures []StreamFailure `json:"batchItemFailures"`
}

// StreamFailure names a record by its sequence number. Lambda goes on from the
// lowest one that is named.
type StreamFailure struct {
	ItemIdentifier string `json:"itemIdentifier"`
}
