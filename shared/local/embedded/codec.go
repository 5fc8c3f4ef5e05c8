package embedded

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
)

// valueFormat is the first byte of every stored item and change.
const valueFormat = 2

var errBrokenValue = errors.New("broken value (the data folder is damaged: restore it from a copy; or another version of Kesher wrote it: begin with an empty one)")

// header is the front of a stored item: all that a condition, the index and the
// size of a page need, read without touching the document.
type header struct {
	V      int64
	W      string
	TTL    int64
	IK, IS string
}

func (h header) expired(now time.Time) bool { return h.TTL != 0 && h.TTL <= now.Unix() }

func headerOf(it *item.Item) header {
	return header{V: it.V, W: it.W, TTL: it.TTL, IK: it.IK, IS: it.IS}
}

// encodeItem writes an item without its key.
func encodeItem(it *item.Item) []byte {
	b := make([]byte, 0, 64+len(it.W)+len(it.IK)+len(it.IS)+len(it.Due)+len(it.Trace)+len(it.Body)+24*len(it.Counters))
	b = append(b, valueFormat)
	b = binary.AppendVarint(b, it.V)
	b = appendString(b, it.W)
	b = binary.AppendVarint(b, it.TTL)
	b = appendString(b, it.IK)
	b = appendString(b, it.IS)
	b = binary.AppendVarint(b, it.E)
	b = binary.AppendVarint(b, int64(it.F))
	b = appendString(b, it.Due)
	b = appendString(b, it.Trace)
	b = binary.AppendUvarint(b, uint64(len(it.Counters)))
	for _, name := range slices.Sorted(maps.Keys(it.Counters)) {
		b = appendString(b, name)
		b = binary.AppendVarint(b, it.Counters[name])
	}
	return append(b, it.Body...)
}

func decodeHeader(b []byte) (header, error) {
	r := reader{rest: b}
	h := r.header()
	return h, r.err
}

// decodeItem is the inverse of encodeItem; the item shares no memory with b.
func decodeItem(k item.Key, b []byte) (*item.Item, error) {
	r := reader{rest: b}
	h := r.header()
	it := &item.Item{Key: k, V: h.V, W: h.W, TTL: h.TTL, IK: h.IK, IS: h.IS}
	it.E = r.varint()
	it.F = int(r.varint())
	it.Due = r.string()
	it.Trace = r.string()
	if n := r.uvarint(); n > 0 {
		it.Counters = map[string]int64{}
		for range n {
			if r.err != nil {
				break
			}
			name := r.string()
			it.Counters[name] = r.varint()
		}
	}
	if len(r.rest) > 0 {
		it.Body = string(r.rest)
	}
	return it, r.err
}

// encodeChange writes one record of the log. An image is an encoded item, or nil.
func encodeChange(at time.Time, k item.Key, before, next []byte) []byte {
	b := make([]byte, 0, 32+len(k.PK)+len(k.SK)+len(before)+len(next))
	b = append(b, valueFormat)
	b = binary.AppendVarint(b, at.UnixMilli())
	b = appendString(b, k.PK)
	b = appendString(b, k.SK)
	b = appendBytes(b, before)
	return appendBytes(b, next)
}

func decodeChange(seq uint64, b []byte) (Record, error) {
	r := reader{rest: b}
	r.format()
	rec := Record{N: seq, At: time.UnixMilli(r.varint()).UTC()}
	rec.Seq = Sequence(seq)
	rec.Key = item.Key{Table: item.Customers, PK: r.string(), SK: r.string()}
	before, next := r.bytes(), r.bytes()
	if r.err != nil {
		return rec, r.err
	}
	var err error
	if rec.Old, err = decodeImage(rec.Key, before); err != nil {
		return rec, err
	}
	rec.New, err = decodeImage(rec.Key, next)
	return rec, err
}

func decodeImage(k item.Key, b []byte) (*item.Item, error) {
	if len(b) == 0 {
		return nil, nil
	}
	return decodeItem(k, b)
}

// changePK reads no more of a record than whose it is.
func changePK(b []byte) (string, error) {
	r := reader{rest: b}
	r.format()
	r.varint()
	pk := r.string()
	return pk, r.err
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendBytes(b, p []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(p))), p...)
}

// reader reads what the append functions wrote; after its first error every
// further read is zero.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) header() header {
	r.format()
	return header{V: r.varint(), W: r.string(), TTL: r.varint(), IK: r.string(), IS: r.string()}
}

func (r *reader) format() {
	if len(r.rest) == 0 || r.rest[0] != valueFormat {
		r.fail()
		return
	}
	r.rest = r.rest[1:]
}

func (r *reader) varint() int64 {
	n, size := binary.Varint(r.rest)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.fail()
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) string() string { return string(r.bytes()) }

func (r *reader) fail() { r.rest, r.err = nil, errBrokenValue }
