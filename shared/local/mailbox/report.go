package mailbox

import (
	"context"
	"errors"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// Kind of a report, as CONTRACTS section 5 names it.
type Kind string

const (
	Bounce    Kind = "bounce"
	Complaint Kind = "complaint"
	Opened    Kind = "open"
	Clicked   Kind = "click"
	Delivered Kind = "delivery"
)

// Known says whether there is such a kind.
func (k Kind) Known() bool {
	switch k {
	case Bounce, Complaint, Opened, Clicked, Delivered:
		return true
	}
	return false
}

// Report is what the receiving side says of one mail.
type Report struct {
	Kind    Kind
	Message Message
}

// Domains whose mail reports by itself. Both lie under a name that is reserved
// for documentation (RFC 2606 section 3), so nobody is ever mailed there.
const (
	bounceDomain    = "@bounce.example"
	complaintDomain = "@complaint.example"
)

func reportsItself(to string) (Kind, bool) {
	switch to = strings.ToLower(to); {
	case strings.HasSuffix(to, bounceDomain):
		return Bounce, true
	case strings.HasSuffix(to, complaintDomain):
		return Complaint, true
	}
	return "", false
}

// Report hands over one report now.
func (m *Mailbox) Report(ctx context.Context, r Report) error {
	if m.opts.Report == nil {
		return nil
	}
	return m.opts.Report(ctx, r)
}

func (m *Mailbox) nudge() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Waiting is a signal that a report may wait for Work.
func (m *Mailbox) Waiting() <-chan struct{} { return m.wake }

// Pending is how many reports have not been handed over yet.
func (m *Mailbox) Pending() (int, error) {
	numbers, err := m.pending()
	return len(numbers), err
}

func (m *Mailbox) pending() (numbers []uint64, err error) {
	err = m.use(func(db *pebble.DB) error {
		return each(db, []byte{spaceReport}, func(key, _ []byte) error {
			numbers = append(numbers, decodeNumber(key[1:]))
			return nil
		})
	})
	return numbers, err
}

// Work hands over every report that waits, in the order of the mails. It stops at
// the first that is not taken; that one waits for the next call.
func (m *Mailbox) Work(ctx context.Context) error {
	numbers, err := m.pending()
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if err := m.handOver(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (m *Mailbox) handOver(ctx context.Context, n uint64) error {
	r, ok, err := m.waiting(n)
	if err != nil || !ok {
		return err
	}
	if err := m.Report(ctx, r); err != nil {
		return err
	}
	return m.use(func(db *pebble.DB) error { return db.Delete(reportKey(n), pebble.Sync) })
}

// waiting reads one report; ok is false if its mail was forgotten meanwhile.
func (m *Mailbox) waiting(n uint64) (r Report, ok bool, err error) {
	err = m.use(func(db *pebble.DB) error {
		if err := get(db, reportKey(n), func(value []byte) error { r.Kind = Kind(value); return nil }); err != nil {
			return err
		}
		var err error
		r.Message, err = getMail(db, n)
		return err
	})
	if errors.Is(err, pebble.ErrNotFound) {
		return Report{}, false, nil
	}
	return r, err == nil, err
}
