// Package mailbox is the flow.Mailer of one machine: it keeps every mail, durably
// and once, and shows them on a page and as JSON.
//
// It also plays the receiving side. A report about a mail (bounce, complaint,
// open, click, delivery) is handed to the function that Options names, which
// turns it into what SES would have sent. Two domains report by themselves, after
// the mail was taken as SES would take it: an address at bounce.example bounces
// for good, one at complaint.example complains. Such a report is kept until that
// function has taken it, so that a crash loses none.
//
// The message id is the idempotency key: a mail sent twice is kept once, and Has
// says whether a message left, by which deliver settles the claim of a process
// that died. Forget leaves no byte of a customer's mails.
//
// It knows mails as bytes with an envelope: nothing of consent, of journeys or of
// the store. The engine is that of shared/local/embedded (measured there), in a
// folder of its own: mails are large, never change, and must not swell the
// change log.
package mailbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/deliver"
	"github.com/kesher-io/kesher/shared/local/folder"
)

var (
	_ flow.Mailer     = (*Mailbox)(nil)
	_ deliver.Settler = (*Mailbox)(nil)
)

// Options of Open.
type Options struct {
	// Report takes a report about a mail. An error means: not taken, try again.
	// Nil: nobody listens, and reports are dropped.
	Report func(ctx context.Context, r Report) error
	// Reserve is how many bytes of the disk stay free; below, no mail is taken.
	// 0 is 64 MB.
	Reserve uint64
}

// Mailbox is one open folder. It is safe for concurrent use.
type Mailbox struct {
	folder *folder.Folder
	opts   Options

	engine sync.RWMutex // guards db, which Forget closes and opens again
	db     *pebble.DB

	mu     sync.Mutex
	last   uint64                   // number of the last mail
	flying map[string]chan struct{} // message ids being stored; closed when done
	wake   chan struct{}            // a report waits
}

// Open opens the folder dir, or makes it. One process at a time can have it open.
func Open(dir string, opts Options) (*Mailbox, error) {
	m := &Mailbox{opts: opts, flying: map[string]chan struct{}{}, wake: make(chan struct{}, 1)}
	var err error
	if m.folder, err = folder.Make(dir, "mailbox folder", vfs.Default, opts.Reserve); err != nil {
		return nil, err
	}
	if err := m.openEngine(); err != nil {
		return nil, err
	}
	if m.last, err = lastNumber(m.db); err != nil {
		return nil, errors.Join(err, m.db.Close())
	}
	return m, nil
}

// Close releases the folder.
func (m *Mailbox) Close() error {
	m.engine.Lock()
	defer m.engine.Unlock()
	if m.db == nil {
		return nil
	}
	db := m.db
	m.db = nil
	return db.Close()
}

var errClosed = errors.New("the mailbox is closed")

// use lends the open database to f.
func (m *Mailbox) use(f func(db *pebble.DB) error) error {
	m.engine.RLock()
	defer m.engine.RUnlock()
	if m.db == nil {
		return errClosed
	}
	return f(m.db)
}

// Send keeps the mail. When it returns without an error the mail is on the disk.
// A message that is already there is not kept again.
func (m *Mailbox) Send(ctx context.Context, mail flow.Mail) (string, error) {
	if err := flow.CheckEnvelope(mail); err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", notTaken("ContextEnded", err)
	}
	if err := m.folder.Full(); err != nil {
		return "", notTaken("DiskFull", err)
	}
	done, err := m.claim(ctx, mail.ID)
	if err != nil {
		return "", notTaken("ContextEnded", err)
	}
	defer done()
	there, err := m.Has(ctx, mail.ID)
	if err != nil {
		return "", notTaken("Closed", err)
	}
	if !there {
		if err := m.store(mail); err != nil {
			return "", &flow.SendError{Outcome: flow.OutcomeUnknown, Code: "Disk", Err: err}
		}
	}
	return "mailbox-" + mail.ID, nil
}

func notTaken(code string, err error) error {
	return &flow.SendError{Outcome: flow.OutcomeNotAccepted, Code: code, Err: err}
}

// claim waits until nobody else stores the same message.
func (m *Mailbox) claim(ctx context.Context, id string) (done func(), err error) {
	for {
		m.mu.Lock()
		other, busy := m.flying[id]
		if !busy {
			mine := make(chan struct{})
			m.flying[id] = mine
			m.mu.Unlock()
			return func() {
				m.mu.Lock()
				delete(m.flying, id)
				m.mu.Unlock()
				close(mine)
			}, nil
		}
		m.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// store numbers the mail and makes it visible under one lock, so that whoever
// reads on after a mail misses none; then it waits for the disk without the lock.
func (m *Mailbox) store(mail flow.Mail) error {
	kind, reports := reportsItself(mail.To)
	err := m.use(func(db *pebble.DB) error {
		b := db.NewBatch()
		defer b.Close()
		if err := m.apply(db, b, mail, kind); err != nil {
			return err
		}
		return b.SyncWait()
	})
	if err == nil && reports {
		m.nudge()
	}
	return err
}

func (m *Mailbox) apply(db *pebble.DB, b *pebble.Batch, mail flow.Mail, report Kind) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.last + 1
	if err := putMail(b, n, mail); err != nil {
		return err
	}
	if report != "" {
		if err := b.Set(reportKey(n), []byte(report), nil); err != nil {
			return err
		}
	}
	m.last = n
	return db.ApplyNoSyncWait(b, pebble.Sync)
}

// Has says whether the message was taken.
func (m *Mailbox) Has(_ context.Context, message string) (bool, error) {
	_, ok, err := m.number(message)
	return ok, err
}

// number finds a mail by its message id.
func (m *Mailbox) number(message string) (n uint64, ok bool, err error) {
	err = m.use(func(db *pebble.DB) error {
		value, closer, err := db.Get(idKey(message))
		if errors.Is(err, pebble.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		defer closer.Close()
		n, ok = decodeNumber(value), true
		return nil
	})
	return n, ok, err
}

// Message is one mail as it was taken.
type Message struct {
	Number   uint64    `json:"-"` // 1, 2, 3 ... in the order of arrival
	ID       string    `json:"id"`
	To       string    `json:"to"`
	From     string    `json:"from"`
	Journey  string    `json:"journey"`
	Step     string    `json:"step"`
	Run      string    `json:"run"`
	Customer string    `json:"customer"`
	Purpose  string    `json:"purpose"`
	At       time.Time `json:"at"`
	Raw      []byte    `json:"-"`
}

// Get is one mail; ok is false if there is none of that id.
func (m *Mailbox) Get(_ context.Context, id string) (msg Message, ok bool, err error) {
	n, ok, err := m.number(id)
	if err != nil || !ok {
		return Message{}, false, err
	}
	err = m.use(func(db *pebble.DB) error {
		var err error
		msg, err = getMail(db, n)
		return err
	})
	if errors.Is(err, pebble.ErrNotFound) { // forgotten meanwhile
		return Message{}, false, nil
	}
	return msg, err == nil, err
}

// Filter chooses mails. Empty fields choose all.
type Filter struct {
	To, Journey string
	After       string // id of the mail before the first
	Limit       int    // 0 = 100
	Newest      bool   // the newest first, instead of the oldest
}

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// List is the mails that f chooses.
func (m *Mailbox) List(_ context.Context, f Filter) ([]Message, error) {
	if f.Limit <= 0 {
		f.Limit = defaultLimit
	}
	var after uint64
	if f.After != "" {
		n, ok, err := m.number(f.After)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("there is no mail %q", f.After)
		}
		after = n
	}
	var out []Message
	err := m.use(func(db *pebble.DB) error {
		var err error
		out, err = scan(db, f, after)
		return err
	})
	return out, err
}

// Count is how many mails there are.
func (m *Mailbox) Count(_ context.Context) (int, error) {
	n := 0
	err := m.use(func(db *pebble.DB) error {
		return each(db, []byte{spaceMail}, func(_, _ []byte) error { n++; return nil })
	})
	return n, err
}

// Forget deletes a customer's mails and reports, and every byte of them: the
// ranges are rewritten, and the engine is opened anew, since only so it lets go
// of the write-ahead logs it keeps for reuse.
func (m *Mailbox) Forget(ctx context.Context, customer string) error {
	err := m.use(func(db *pebble.DB) error { return forget(ctx, db, customer) })
	if err != nil {
		return fmt.Errorf("mailbox: forget: %w", err)
	}
	m.engine.Lock()
	defer m.engine.Unlock()
	// Opening deletes the old logs in the background, and closing waits for it:
	// so twice, that nothing is left when Forget returns.
	for range 2 {
		if err := m.reopen(); err != nil {
			return fmt.Errorf("mailbox: forget: %w", err)
		}
	}
	return nil
}

func (m *Mailbox) reopen() error {
	if m.db == nil {
		return errClosed
	}
	err := m.db.Close()
	m.db = nil
	if err != nil {
		return err
	}
	return m.openEngine()
}
