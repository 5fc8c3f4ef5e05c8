package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/kesher-io/kesher/shared/core/item"
)

// The engine holds one sorted space of bytes. The first byte of a key says what
// it is:
//
//	i <table> <pk> <sk>          an item
//	x <list> <order> <pk> <sk>   an entry of the index; its value is empty
//	l <sequence>                 a change (sequence: 8 bytes, big-endian)
//	p <consumer>                 how far a consumer has come in the log
//	s                            the last sequence given out
const (
	spaceItem       = 'i'
	spaceIndex      = 'x'
	spaceLog        = 'l'
	spaceCheckpoint = 'p'
	spaceSequence   = 's'
)

var tables = map[item.Table]byte{
	item.Customers: 'c',
	item.Ledger:    'l',
	item.Catalog:   'r',
	item.Insights:  'n',
}

var errBrokenKey = errors.New("broken key")

func partitionKey(table item.Table, pk string) ([]byte, error) {
	code, ok := tables[table]
	if !ok {
		return nil, fmt.Errorf("there is no table %q", table)
	}
	return appendPart([]byte{spaceItem, code}, pk), nil
}

func itemKey(k item.Key) ([]byte, error) {
	key, err := partitionKey(k.Table, k.PK)
	if err != nil {
		return nil, err
	}
	return appendPart(key, k.SK), nil
}

func listKey(list string) []byte { return appendPart([]byte{spaceIndex}, list) }

func entryKey(h header, k item.Key) []byte {
	key := appendPart(listKey(h.IK), h.IS)
	return appendPart(appendPart(key, k.PK), k.SK)
}

func changeKey(seq uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{spaceLog}, seq)
}

func checkpointKey(consumer string) []byte { return append([]byte{spaceCheckpoint}, consumer...) }

// appendPart writes one part of a key so that parts sort as their text does and
// none can reach into the next: a zero byte becomes 00 FF, the end is 00 01.
func appendPart(key []byte, part string) []byte {
	return append(appendOpen(key, part), 0, 1)
}

// appendOpen is appendPart without the end: the beginning of all that begin with
// part.
func appendOpen(key []byte, part string) []byte {
	for i := range len(part) {
		key = append(key, part[i])
		if part[i] == 0 {
			key = append(key, 0xff)
		}
	}
	return key
}

// cutPart reads one part off the front of key.
func cutPart(key []byte) (part string, rest []byte, err error) {
	end := bytes.Index(key, []byte{0, 1})
	if end < 0 {
		return "", nil, errBrokenKey
	}
	return string(bytes.ReplaceAll(key[:end], []byte{0, 0xff}, []byte{0})), key[end+2:], nil
}

// after is the first key behind all that begin with prefix.
func after(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// parseItemKey is the inverse of itemKey, the table being known.
func parseItemKey(table item.Table, key []byte) (k item.Key, err error) {
	if len(key) < 2 {
		return k, errBrokenKey
	}
	k.Table = table
	rest := key[2:]
	if k.PK, rest, err = cutPart(rest); err != nil {
		return k, err
	}
	k.SK, _, err = cutPart(rest)
	return k, err
}

// parseEntryKey is the inverse of entryKey.
func parseEntryKey(key []byte) (it item.Item, err error) {
	it.Table = item.Customers
	rest := key[1:]
	for _, part := range []*string{&it.IK, &it.IS, &it.PK, &it.SK} {
		if *part, rest, err = cutPart(rest); err != nil {
			return it, err
		}
	}
	return it, nil
}
