// Package token makes and opens the signed tokens that stand in customers'
// links, and builds the links. A token says what its holder may do, to whom and
// about what; it holds opaque keys only, never an address or a name (E06), and
// it is checked without any look-up, so that a link in a mail of two years ago
// still works (B07).
//
// The package knows the keyring and the layout of a token. It knows no clock
// (whoever opens a token compares its times), no store (single use is the
// caller's) and no HTTP.
//
// Layout, then base64url without padding (RFC 4648 section 5):
//
//	kind (1 byte) | key id | fields in fixed order | tag (16 bytes)
//
// Key id and fields are length-prefixed. The tag is HMAC-SHA256 over the stack's
// name and everything before the tag, cut to half its length, which RFC 2104
// section 5 allows. Kind, stack and subject are all under the tag: what was
// minted for one of them says nothing about another (E02).
package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// kind of a token. The numbers stand in mails that were sent years ago: never
// reuse or renumber one.
type kind byte

const (
	kindUnsubscribe kind = 1
	kindConfirm     kind = 2
	kindSession     kind = 3
	kindPreferences kind = 4
	kindLink        kind = 5
	kindOpen        kind = 6
	kindCookie      kind = 7
	kindForm        kind = 8
	kindSurvey      kind = 9
)

const (
	tagSize = sha256.Size / 2
	// MaxLength bounds the work on foreign text; a redirect target is at most 2 KB.
	MaxLength = 4096
	minKey    = 32
)

// Keyring holds the keys of one stack: the current one signs, all of them open.
// To rotate, add a key and name it current: the links of the old one go on
// working, until it is retired by taking it out (E05).
type Keyring struct {
	stack   string
	current string
	keys    map[string][]byte
}

// NewKeyring checks the keys: ids of 1 to 16 bytes, at least 32 bytes each
// (RFC 2104 section 3: no shorter than the hash), and the current one among them.
func NewKeyring(current string, keys map[string][]byte) (Keyring, error) {
	if _, ok := keys[current]; !ok {
		return Keyring{}, fmt.Errorf("token keyring: current key %q is not among the keys (add it, or name another)", current)
	}
	for id, key := range keys {
		if id == "" || len(id) > 16 {
			return Keyring{}, fmt.Errorf("token keyring: key id %q must have 1 to 16 bytes", id)
		}
		if len(key) < minKey {
			return Keyring{}, fmt.Errorf("token keyring: key %q has %d bytes, needs at least %d", id, len(key), minKey)
		}
	}
	return Keyring{current: current, keys: keys}, nil
}

// ForStack binds the keyring to a stack, so that two stacks which were given
// the same key by mistake still refuse each other's tokens. The name must never
// change; ident.Keys.Check is a good one.
func (k Keyring) ForStack(stack string) Keyring {
	k.stack = stack
	return k
}

// mint signs fields under the current key.
func (k Keyring) mint(kind kind, fields ...string) string {
	key, ok := k.keys[k.current]
	if !ok {
		return "" // the zero keyring signs nothing
	}
	b := appendField([]byte{byte(kind)}, k.current)
	for _, f := range fields {
		b = appendField(b, f)
	}
	b = append(b, k.tag(key, b)...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// open returns the fields of a token of this kind and this stack.
func (k Keyring) open(kind kind, fields int, s string) ([]string, bool) {
	b, err := decode(s)
	if err != nil || len(b) < 1+tagSize {
		b = make([]byte, 1+tagSize) // goes the same way as a forged one (B06)
	}
	body, tag := b[:len(b)-tagSize], b[len(b)-tagSize:]
	id, rest, _ := cutField(body[1:])
	key, known := k.keys[id]
	if !known {
		key = k.keys[k.current]
	}
	genuine := hmac.Equal(tag, k.tag(key, body))
	if !genuine || !known || body[0] != byte(kind) {
		return nil, false
	}
	out := make([]string, fields)
	for i := range out {
		var ok bool
		if out[i], rest, ok = cutField(rest); !ok {
			return nil, false
		}
	}
	return out, len(rest) == 0
}

func (k Keyring) tag(key, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(appendField(nil, k.stack))
	h.Write(body)
	return h.Sum(nil)[:tagSize]
}

var errText = errors.New("not a token")

// decode accepts exactly what mint writes: strict trailing bits, and none of the
// line breaks that encoding/base64 skips, so that a token has one spelling.
func decode(s string) ([]byte, error) {
	if len(s) > MaxLength || strings.ContainsAny(s, "\r\n") {
		return nil, errText
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}

// appendField writes a string with its length. Customer keys and address hashes
// are hex and long; they are packed, and the lowest bit of the length says so.
func appendField(b []byte, s string) []byte {
	if raw, err := hex.DecodeString(s); err == nil && len(raw) > 0 && hex.EncodeToString(raw) == s {
		b = binary.AppendUvarint(b, uint64(len(raw))<<1|1)
		return append(b, raw...)
	}
	b = binary.AppendUvarint(b, uint64(len(s))<<1)
	return append(b, s...)
}

// cutField is the inverse of appendField.
func cutField(b []byte) (field string, rest []byte, ok bool) {
	head, n := binary.Uvarint(b)
	if n <= 0 || head>>1 > uint64(len(b)-n) {
		return "", nil, false
	}
	raw, rest := b[n:n+int(head>>1)], b[n+int(head>>1):]
	if head&1 == 1 {
		return hex.EncodeToString(raw), rest, true
	}
	return string(raw), rest, true
}
