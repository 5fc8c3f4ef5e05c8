package events

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Append writes the event as Lambda sends it.
func (e StreamEvent) Append(b []byte) []byte {
	b = append(b, `{"Records":[`...)
	for i := range e.Records {
		if i > 0 {
			b = append(b, ',')
		}
		b = e.Records[i].Append(b)
	}
	return append(b, "]}"...)
}

// Append writes the record as it stands in an event.
func (r *StreamRecord) Append(b []byte) []byte {
	b = appendText(append(b, `{"eventID":`...), r.EventID)
	b = appendText(append(b, `,"eventName":`...), r.EventName)
	b = appendText(append(b, `,"eventVersion":`...), r.EventVersion)
	b = appendText(append(b, `,"eventSource":`...), r.EventSource)
	b = appendText(append(b, `,"awsRegion":`...), r.AWSRegion)
	b = r.DynamoDB.append(append(b, `,"dynamodb":`...))
	b = appendText(append(b, `,"eventSourceARN":`...), r.EventSourceARN)
	return append(b, '}')
}

func (c *StreamChange) append(b []byte) []byte {
	b = append(b, `{"ApproximateCreationDateTime":`...)
	b = strconv.AppendFloat(b, c.ApproximateCreationDateTime, 'f', -1, 64)
	b = c.Keys.append(append(b, `,"Keys":`...))
	if c.NewImage != nil {
		b = c.NewImage.append(append(b, `,"NewImage":`...))
	}
	if c.OldImage != nil {
		b = c.OldImage.append(append(b, `,"OldImage":`...))
	}
	b = appendText(append(b, `,"SequenceNumber":`...), c.SequenceNumber)
	b = strconv.AppendInt(append(b, `,"SizeBytes":`...), c.SizeBytes, 10)
	b = appendText(append(b, `,"StreamViewType":`...), c.StreamViewType)
	return append(b, '}')
}

// append sorts by name, so that equal items are equal bytes.
func (a Attributes) append(b []byte) []byte {
	b = append(b, '{')
	names := slices.AppendSeq(make([]string, 0, len(a)), maps.Keys(a))
	slices.Sort(names)
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		v := a[name]
		b = v.append(append(appendText(b, name), ':'))
	}
	return append(b, '}')
}

func (v *AttributeValue) append(b []byte) []byte {
	b = append(append(append(b, `{"`...), v.Type...), `":`...)
	switch set := v.Set.(type) {
	case nil:
		b = appendText(b, v.Text)
	case []byte:
		b = appendBytes(b, set)
	case bool:
		b = strconv.AppendBool(b, set)
	case Attributes:
		b = set.append(b)
	case []AttributeValue:
		b = appendList(b, set, func(b []byte, v AttributeValue) []byte { return v.append(b) })
	case []string:
		b = appendList(b, set, appendText)
	case [][]byte:
		b = appendList(b, set, appendBytes)
	}
	return append(b, '}')
}

func appendList[T any](b []byte, list []T, element func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, e := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = element(b, e)
	}
	return append(b, ']')
}

func appendBytes(b, p []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(append(b, '"'), p), '"')
}

// appendText writes a JSON string. Two characters need an escape; control
// characters and broken UTF-8, both rare, are left to encoding/json (RFC 8259
// section 7).
func appendText(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		return appendQuoted(b, s)
	}
	start, from := len(b), 0
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(append(b, s[from:i]...), '\\')
			from = i
		case c < 0x20:
			return appendQuoted(b[:start], s)
		}
	}
	return append(append(b, s[from:]...), '"')
}

func appendQuoted(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always marshals
	}
	return append(b, quoted...)
}
