package embedded

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// Get reads items by key. Every read is a strong one.
func (s *Store) Get(ctx context.Context, _ flow.Consistency, keys ...item.Key) ([]*item.Item, error) {
	items := make([]*item.Item, len(keys))
	err := s.useContext(ctx, func(db *pebble.DB) (err error) {
		for i, k := range keys {
			if items[i], err = s.getItem(db, k); err != nil {
				return fmt.Errorf("get %s: %w", k, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if err := s.waitDurable(ctx, k.Table, k.PK); err != nil {
			return nil, err
		}
	}
	return items, nil
}

func (s *Store) getItem(db *pebble.DB, k item.Key) (*item.Item, error) {
	key, err := itemKey(k)
	if err != nil {
		return nil, err
	}
	value, closer, err := db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	it, err := decodeItem(k, value)
	if err := errors.Join(err, closer.Close()); err != nil {
		return nil, err
	}
	if it.Expired(s.opts.Now(k.PK)) {
		return nil, nil
	}
	return it, nil
}

// get is a copy of the value under key, nil if there is none.
func get(db *pebble.DB, key []byte) ([]byte, error) {
	value, closer, err := db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	value = bytes.Clone(value)
	return value, closer.Close()
}

func (s *Store) waitDurable(ctx context.Context, table item.Table, pk string) error {
	partition, err := partitionKey(table, pk)
	if err != nil {
		return err
	}
	return s.flights.wait(ctx, string(partition))
}

// Query reads part of one partition or of one index list.
func (s *Store) Query(ctx context.Context, q flow.Query) (flow.Page, error) {
	space, read := listKey(q.List), readEntry
	if q.List == "" {
		partition, err := partitionKey(q.Table, q.PK)
		if err != nil {
			return flow.Page{}, err
		}
		space, read = partition, s.readItem(q)
	}
	bounds, err := boundsOf(q, space)
	if err != nil || bytes.Compare(bounds.LowerBound, bounds.UpperBound) >= 0 {
		return flow.Page{}, err
	}
	var page flow.Page
	err = s.useContext(ctx, func(db *pebble.DB) (err error) {
		page, err = readPage(db, q, bounds, len(space), read)
		return err
	})
	if err == nil && q.List == "" {
		err = s.waitDurable(ctx, q.Table, q.PK)
	}
	return page, err
}

// boundsOf is the range of keys that q asks for within space.
func boundsOf(q flow.Query, space []byte) (*pebble.IterOptions, error) {
	prefix := appendOpen(bytes.Clone(space), q.Prefix)
	lower, upper := prefix, after(prefix)
	if q.From != "" {
		lower = later(lower, appendPart(bytes.Clone(space), q.From))
	}
	if q.To != "" {
		upper = earlier(upper, after(appendPart(bytes.Clone(space), q.To)))
	}
	if q.Cursor != "" {
		place, err := base64.RawURLEncoding.DecodeString(q.Cursor)
		if err != nil {
			return nil, fmt.Errorf("cursor %q is none of ours", q.Cursor)
		}
		place = append(bytes.Clone(space), place...)
		if q.Backward {
			upper = earlier(upper, place)
		} else {
			lower = later(lower, append(place, 0))
		}
	}
	return &pebble.IterOptions{LowerBound: lower, UpperBound: upper}, nil
}

func later(a, b []byte) []byte {
	if bytes.Compare(a, b) > 0 {
		return a
	}
	return b
}

func earlier(a, b []byte) []byte {
	if bytes.Compare(a, b) < 0 {
		return a
	}
	return b
}

// readFunc makes an item of an entry of the engine; nil leaves it out.
type readFunc func(key, value []byte) (*item.Item, error)

func readEntry(key, _ []byte) (*item.Item, error) {
	it, err := parseEntryKey(key)
	return &it, err
}

func (s *Store) readItem(q flow.Query) readFunc {
	now := s.opts.Now(q.PK)
	return func(key, value []byte) (*item.Item, error) {
		k, err := parseItemKey(q.Table, key)
		if err != nil {
			return nil, err
		}
		it, err := decodeItem(k, value)
		if err != nil || !q.Expired && it.Expired(now) {
			return nil, err
		}
		return it, nil
	}
}

// readPage reads one page; a cursor is a key without the space it lies in.
func readPage(db *pebble.DB, q flow.Query, bounds *pebble.IterOptions, space int, read readFunc) (page flow.Page, err error) {
	iter, err := db.NewIter(bounds)
	if err != nil {
		return page, err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	first, next := iter.First, iter.Next
	if q.Backward {
		first, next = iter.Last, iter.Prev
	}
	size := 0
	var last []byte
	for ok := first(); ok; ok = next() {
		it, err := read(iter.Key(), iter.Value())
		if err != nil {
			return page, err
		}
		if it == nil {
			continue
		}
		size += it.Size()
		full := q.Limit > 0 && len(page.Items) == q.Limit || size > flow.MaxPage
		if full && len(page.Items) > 0 {
			page.Cursor = base64.RawURLEncoding.EncodeToString(last)
			return page, nil
		}
		page.Items = append(page.Items, *it)
		last = append(last[:0], iter.Key()[space:]...)
	}
	return page, iter.Error()
}

// pageOfEach is how many items Each reads at a time.
const pageOfEach = 500

// Each calls fn with every item of a table in the order of keys, expired ones
// included, until fn fails. What is written meanwhile may be seen or not. fn may
// use the store.
func (s *Store) Each(ctx context.Context, table item.Table, fn func(*item.Item) error) error {
	code, ok := tables[table]
	if !ok {
		return fmt.Errorf("there is no table %q", table)
	}
	from := []byte{spaceItem, code}
	to := after(from)
	for from != nil {
		var items []*item.Item
		err := s.useContext(ctx, func(db *pebble.DB) (err error) {
			items, from, err = readSome(db, table, from, to)
			return err
		})
		if err != nil {
			return err
		}
		for _, it := range items {
			if err := fn(it); err != nil {
				return err
			}
		}
	}
	return nil
}

// readSome reads the first items from from on, and where to go on (nil: the end).
func readSome(db *pebble.DB, table item.Table, from, to []byte) (items []*item.Item, next []byte, err error) {
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for ok := iter.First(); ok; ok = iter.Next() {
		if len(items) == pageOfEach {
			return items, bytes.Clone(iter.Key()), nil
		}
		k, err := parseItemKey(table, iter.Key())
		if err != nil {
			return nil, nil, err
		}
		it, err := decodeItem(k, iter.Value())
		if err != nil {
			return nil, nil, fmt.Errorf("item %s: %w", k, err)
		}
		items = append(items, it)
	}
	return items, nil, iter.Error()
}
