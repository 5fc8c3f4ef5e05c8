package events

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Stream records are read and written by hand: they are the bulk of what the
// functions take in, and encoding/json needs twice as long for them
// (BenchmarkReadStream).

// maxDepth is more than any record has: DynamoDB nests 32 levels.
const maxDepth = 100

// jsonReader walks JSON (RFC 8259). After its first error it reads nothing more.
type jsonReader struct {
	data  []byte
	at    int // of the next byte to read
	depth int
	err   error
}

func (r *jsonReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
	r.at = len(r.data)
}

// next is the first byte of what comes, white space passed over; 0 at the end.
func (r *jsonReader) next() byte {
	for ; r.at < len(r.data); r.at++ {
		if c := r.data[r.at]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
	}
	return 0
}

// take passes over c if it comes next.
func (r *jsonReader) take(c byte) bool {
	if r.next() != c {
		return false
	}
	r.at++
	return true
}

// null passes over a null: the field is as if it were absent.
func (r *jsonReader) null() bool {
	if r.next() != 'n' {
		return false
	}
	r.word("null")
	return true
}

func (r *jsonReader) word(word string) {
	if !bytes.HasPrefix(r.data[r.at:], []byte(word)) {
		r.fail("no valid JSON")
		return
	}
	r.at += len(word)
}

// object calls member with each name, and member reads the value.
func (r *jsonReader) object(member func(name string)) {
	r.group('{', '}', func() {
		name := r.text()
		if !r.take(':') {
			r.fail("no valid JSON: a name without a value")
			return
		}
		member(name)
	})
}

// array calls element for each element, and element reads it.
func (r *jsonReader) array(element func()) { r.group('[', ']', element) }

// group reads what stands between begin and end, separated by commas.
func (r *jsonReader) group(begin, end byte, one func()) {
	if r.null() {
		return
	}
	if r.depth++; r.depth > maxDepth || !r.take(begin) {
		r.fail("something else where %c belongs", begin)
		return
	}
	defer func() { r.depth-- }()
	if r.take(end) {
		return
	}
	for r.err == nil {
		one()
		if r.take(end) {
			return
		}
		if !r.take(',') {
			r.fail("no valid JSON: neither , nor %c", end)
		}
	}
}

// literal cuts off a string with its quotes, or a number or word.
func (r *jsonReader) literal() []byte {
	quoted := r.next() == '"'
	begin, end := r.at, r.at
	if quoted {
		end = r.quoted()
	} else {
		for end < len(r.data) && isPlain(r.data[end]) {
			end++
		}
	}
	if end == begin {
		r.fail("no valid JSON: no value")
		return nil
	}
	r.at = end
	return r.data[begin:end]
}

// quoted is where the string that comes next ends; where it begins, if it has no
// end.
func (r *jsonReader) quoted() int {
	for end := r.at + 1; end < len(r.data); end++ {
		switch c := r.data[end]; {
		case c == '"':
			return end + 1
		case c == '\\':
			end++
		case c < 0x20:
			return r.at
		}
	}
	return r.at
}

// isPlain says whether c can stand in a number or a word.
func isPlain(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == '+' || c == '-' || c == '.' || c == 'E'
}

// skip passes over one value.
func (r *jsonReader) skip() {
	switch r.next() {
	case '{':
		r.object(func(string) { r.skip() })
	case '[':
		r.array(r.skip)
	default:
		if literal := r.literal(); r.err == nil && !json.Valid(literal) {
			r.fail("no valid JSON: %s", literal)
		}
	}
}

func (r *jsonReader) text() string {
	if r.null() || r.err != nil {
		return ""
	}
	if r.next() != '"' {
		r.fail("something else where text belongs")
		return ""
	}
	literal := r.literal()
	if r.err != nil {
		return ""
	}
	inner := literal[1 : len(literal)-1]
	if !utf8.Valid(inner) {
		return r.unquote(literal)
	}
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	plain := make([]byte, 0, len(inner))
	for i := 0; i < len(inner); i++ {
		c := inner[i]
		if c == '\\' {
			i++
			if c = unescaped[inner[i]]; c == 0 {
				return r.unquote(literal)
			}
		}
		plain = append(plain, c)
	}
	return string(plain)
}

// unescaped are the escapes of one character (RFC 8259 section 7).
var unescaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unquote leaves escaped code points and the repair of broken UTF-8 to
// encoding/json.
func (r *jsonReader) unquote(literal []byte) (s string) {
	if err := json.Unmarshal(literal, &s); err != nil {
		r.fail("%w", err)
	}
	return s
}

// number reads a number, also one in quotes: AWS' samples show both.
func (r *jsonReader) number() float64 {
	if r.null() || r.err != nil {
		return 0
	}
	literal := r.literal()
	n, err := strconv.ParseFloat(string(bytes.Trim(literal, `"`)), 64)
	if err != nil || !json.Valid(literal) {
		r.fail("%s where a number belongs", literal)
	}
	return n
}

func (r *jsonReader) record() (rec StreamRecord) {
	r.object(func(name string) {
		switch name {
		case "eventID":
			rec.EventID = r.text()
		case "eventName":
			rec.EventName = r.text()
		case "eventVersion":
			rec.EventVersion = r.text()
		case "eventSource":
			rec.EventSource = r.text()
		case "awsRegion":
			rec.AWSRegion = r.text()
		case "eventSourceARN":
			rec.EventSourceARN = r.text()
		case "dynamodb":
			rec.DynamoDB = r.change()
		default:
			r.skip()
		}
	})
	return rec
}

func (r *jsonReader) change() (c StreamChange) {
	r.object(func(name string) {
		switch name {
		case "ApproximateCreationDateTime":
			c.ApproximateCreationDateTime = r.number()
		case "Keys":
			c.Keys = r.attributes()
		case "NewImage":
			c.NewImage = r.attributes()
		case "OldImage":
			c.OldImage = r.attributes()
		case "SequenceNumber":
			c.SequenceNumber = r.text()
		case "SizeBytes":
			c.SizeBytes = int64(r.number())
		case "StreamViewType":
			c.StreamViewType = r.text()
		default:
			r.skip()
		}
	})
	return c
}

// attributes is nil for null.
func (r *jsonReader) attributes() Attributes {
	if r.null() {
		return nil
	}
	attributes := make(Attributes, 12)
	r.object(func(name string) {
		value := r.value()
		if r.err != nil {
			r.err = fmt.Errorf("attribute %s: %w", name, r.err)
			return
		}
		attributes[name] = value
	})
	return attributes
}

// value reads an object of exactly one member: type and value.
func (r *jsonReader) value() (v AttributeValue) {
	r.object(func(name string) {
		if v.Type != "" {
			r.fail("types %s and %s", v.Type, name)
			return
		}
		v = r.typed(AttributeType(name))
	})
	if v.Type == "" {
		r.fail("a value without a type")
	}
	return v
}

func (r *jsonReader) typed(of AttributeType) AttributeValue {
	if r.next() == 'n' {
		r.fail("type %s without a value", of)
	}
	switch of {
	case TypeS:
		return AttributeValue{Type: TypeS, Text: r.text()}
	case TypeN:
		return AttributeValue{Type: TypeN, Text: r.digits()}
	case TypeB:
		return AttributeValue{Type: TypeB, Set: r.bytes()}
	case TypeBOOL:
		return AttributeValue{Type: TypeBOOL, Set: r.bool()}
	case TypeNULL:
		return AttributeValue{Type: TypeNULL, Set: r.bool()}
	case TypeM:
		return AttributeValue{Type: TypeM, Set: r.attributes()}
	case TypeL:
		return AttributeValue{Type: TypeL, Set: list(r, r.value)}
	case TypeSS:
		return AttributeValue{Type: TypeSS, Set: list(r, r.text)}
	case TypeNS:
		return AttributeValue{Type: TypeNS, Set: list(r, r.digits)}
	case TypeBS:
		return AttributeValue{Type: TypeBS, Set: list(r, r.bytes)}
	default:
		r.fail("there is no type %q", of)
		return AttributeValue{}
	}
}

func list[T any](r *jsonReader, element func() T) []T {
	all := []T{}
	r.array(func() { all = append(all, element()) })
	return all
}

// digits reads the text of a number.
func (r *jsonReader) digits() string {
	n := r.text()
	if _, err := strconv.ParseFloat(n, 64); err != nil && r.err == nil {
		r.fail("%q is no number", n)
	}
	return n
}

func (r *jsonReader) bytes() []byte {
	b, err := base64.StdEncoding.DecodeString(r.text())
	if err != nil {
		r.fail("broken base64")
	}
	return b
}

func (r *jsonReader) bool() bool {
	if r.next() == 't' {
		r.word("true")
		return true
	}
	r.word("false")
	return false
}
