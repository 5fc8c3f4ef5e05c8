package mailbox

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kesher-io/kesher/shared/flow"
)

// Key spaces. Mails are numbered in the order of arrival; their bytes stand
// apart from what a list shows, so that a list reads no bodies.
const (
	spaceID       = 'i' // message id -> number
	spaceMail     = 'm' // number -> Message
	spaceRaw      = 'r' // number -> bytes
	spaceCustomer = 'c' // customer, 0, number -> message id
	spaceReport   = 'e' // number -> kind of the report that waits
)

func idKey(id string) []byte           { return append([]byte{spaceID}, id...) }
func mailKey(n uint64) []byte          { return numbered(spaceMail, n) }
func rawKey(n uint64) []byte           { return numbered(spaceRaw, n) }
func reportKey(n uint64) []byte        { return numbered(spaceReport, n) }
func customerPrefix(key string) []byte { return append(append([]byte{spaceCustomer}, key...), 0) }

func numbered(space byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{space}, n)
}

func decodeNumber(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

// openEngine opens the database. The memtables, two of them, come out of the cache.
func (m *Mailbox) openEngine() (err error) {
	m.db, err = m.folder.Open(&pebble.Options{CacheSize: 16 << 20, MemTableSize: 4 << 20})
	return err
}

func putMail(b *pebble.Batch, n uint64, mail flow.Mail) error {
	meta, err := json.Marshal(Message{
		ID: mail.ID, To: mail.To, From: mail.From, Journey: mail.Journey, Step: mail.Step, Run: mail.Run,
		Customer: mail.Customer, Purpose: mail.Purpose, At: mail.At.UTC(),
	})
	if err != nil {
		return err
	}
	number := binary.BigEndian.AppendUint64(nil, n)
	return errors.Join(
		b.Set(idKey(mail.ID), number, nil),
		b.Set(mailKey(n), meta, nil),
		b.Set(rawKey(n), mail.Raw, nil),
		b.Set(append(customerPrefix(mail.Customer), number...), []byte(mail.ID), nil),
	)
}

func getMail(db *pebble.DB, n uint64) (Message, error) {
	var msg Message
	err := get(db, mailKey(n), func(value []byte) error { return json.Unmarshal(value, &msg) })
	if err != nil {
		return Message{}, err
	}
	msg.Number = n
	return msg, get(db, rawKey(n), func(value []byte) error {
		msg.Raw = append([]byte(nil), value...)
		return nil
	})
}

// get lends the value of a key to f.
func get(db *pebble.DB, key []byte, f func(value []byte) error) error {
	value, closer, err := db.Get(key)
	if err != nil {
		return err
	}
	return errors.Join(f(value), closer.Close())
}

func bounds(prefix []byte) *pebble.IterOptions {
	upper := append([]byte(nil), prefix...)
	upper[len(upper)-1]++
	return &pebble.IterOptions{LowerBound: prefix, UpperBound: upper}
}

// each calls f for every pair below prefix, in order.
func each(db *pebble.DB, prefix []byte, f func(key, value []byte) error) error {
	it, err := db.NewIter(bounds(prefix))
	if err != nil {
		return err
	}
	for it.First(); it.Valid(); it.Next() {
		if err := f(it.Key(), it.Value()); err != nil {
			return errors.Join(err, it.Close())
		}
	}
	return it.Close()
}

func lastNumber(db *pebble.DB) (n uint64, err error) {
	it, err := db.NewIter(bounds([]byte{spaceMail}))
	if err != nil {
		return 0, err
	}
	if it.Last() {
		n = decodeNumber(it.Key()[1:])
	}
	return n, it.Close()
}

// scan collects the mails that f chooses, beyond number after.
func scan(db *pebble.DB, f Filter, after uint64) ([]Message, error) {
	it, err := db.NewIter(bounds([]byte{spaceMail}))
	if err != nil {
		return nil, err
	}
	first, next := func() bool { return it.SeekGE(mailKey(after + 1)) }, it.Next
	if f.Newest {
		first, next = it.Last, it.Prev
		if after > 0 {
			first = func() bool { return it.SeekLT(mailKey(after)) }
		}
	}
	var out []Message
	for ok := first(); ok && len(out) < f.Limit; ok = next() {
		var msg Message
		if err := json.Unmarshal(it.Value(), &msg); err != nil {
			return nil, errors.Join(err, it.Close())
		}
		if f.To != "" && msg.To != f.To || f.Journey != "" && msg.Journey != f.Journey {
			continue
		}
		msg.Number = decodeNumber(it.Key()[1:])
		if err := get(db, rawKey(msg.Number), func(value []byte) error {
			msg.Raw = append([]byte(nil), value...)
			return nil
		}); err != nil {
			return nil, errors.Join(err, it.Close())
		}
		out = append(out, msg)
	}
	return out, it.Close()
}

func forget(ctx context.Context, db *pebble.DB, customer string) error {
	b := db.NewBatch()
	defer b.Close()
	err := each(db, customerPrefix(customer), func(key, id []byte) error {
		n := decodeNumber(key[len(key)-8:])
		return errors.Join(
			b.Delete(idKey(string(id)), nil), b.Delete(mailKey(n), nil), b.Delete(rawKey(n), nil),
			b.Delete(reportKey(n), nil), b.Delete(append([]byte(nil), key...), nil),
		)
	})
	if err != nil {
		return err
	}
	if !b.Empty() {
		if err := b.Commit(pebble.Sync); err != nil {
			return err
		}
	}
	if err := db.Flush(); err != nil {
		return err
	}
	return db.Compact(ctx, []byte{0}, []byte{0xff}, false)
}
