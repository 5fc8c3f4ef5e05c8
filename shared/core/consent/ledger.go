package consent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
)

// Entry is one line of a customer's consent history: append-only, and chained by
// hashes, so that nobody can alter, remove or insert a line unnoticed (A10).
type Entry struct {
	N       int64  `json:"n"` // 1, 2, 3, ...
	Purpose string `json:"purpose"`
	Channel string `json:"channel,omitempty"`
	Said    State  `json:"said"`   // what was stated
	Before  State  `json:"before"` // what held until then
	State   State  `json:"state"`  // what holds now
	// Time is when she said it, In when it reached us: UTC, with seconds (A08).
	Time      string    `json:"time"`
	In        string    `json:"in"`
	Expires   string    `json:"expires,omitempty"`
	Notice    *Notice   `json:"notice,omitempty"`
	Evidence  *Evidence `json:"evidence,omitempty"`
	Surface   string    `json:"surface"`
	Mechanism string    `json:"mechanism"`
	By        Authority `json:"by"`
	Cause     string    `json:"cause"` // messageId
	Release   string    `json:"release,omitempty"`
	Epoch     int64     `json:"epoch,omitempty"`
	// InFlight are the messages that a no could not stop any more (A03).
	InFlight []string `json:"in_flight,omitempty"`
	Prev     string   `json:"prev"`
	Hash     string   `json:"hash"`
}

// Head is the newest entry of a history.
type Head struct {
	N    int64  `json:"n,omitempty"`
	Hash string `json:"h,omitempty"`
}

// LedgerSK is the sort key of entry n, and what Permission.Ledger names.
func LedgerSK(n int64) string { return fmt.Sprintf("%s%010d", item.PrefixLedger, n) }

// NewEntry is s as a line of history, yet without a place in it.
func NewEntry(s *Statement, before, after State, in int64) Entry {
	return Entry{
		Purpose: s.Purpose, Channel: s.Channel, Said: s.State, Before: before, State: after,
		Time: utc(s.said()), In: utc(in), Expires: utc(s.Expires),
		Notice: s.Notice, Evidence: s.Evidence, Surface: s.Surface, Mechanism: s.Mechanism,
		By: s.By, Cause: s.ID,
	}
}

func utc(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format(item.TimeLayout)
}

// Follow gives the entry its place after head, and returns the new head.
func (e *Entry) Follow(head Head) Head {
	e.N, e.Prev = head.N+1, head.Hash
	e.Hash = e.digest()
	return Head{N: e.N, Hash: e.Hash}
}

// digest covers every field but Hash itself: JSON of a struct has one spelling.
func (e Entry) digest() string {
	e.Hash = ""
	text, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Verify checks a whole history against the head that the gate names. The error
// says at which line it was tampered with.
func Verify(history []Entry, head Head) error {
	at := Head{}
	for _, e := range history {
		if e.N != at.N+1 || e.Prev != at.Hash {
			return fmt.Errorf("entry %d does not follow entry %d", e.N, at.N)
		}
		if e.Hash != e.digest() {
			return fmt.Errorf("entry %d was altered", e.N)
		}
		at = Head{N: e.N, Hash: e.Hash}
	}
	if at != head {
		return fmt.Errorf("history ends with entry %d, the gate knows of %d", at.N, head.N)
	}
	return nil
}

// TextHash of a notice's text in one language: it reproduces from the very
// letters she saw (A09).
func TextHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
