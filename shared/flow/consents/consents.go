// Package consents is the one way by which a permission changes: GATE, a ledger
// entry and an event `Consent Granted` or `Consent Withdrawn` in one transaction
// (A02, A03, A08, A10), and with them the address that a withdrawal is about,
// since withdrawals outlive owners. It knows no surface: pages, calls and imports
// all come here with statements.
package consents

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/known"
)

// Writer writes consent.
type Writer struct {
	Store  flow.Store
	Clock  flow.Clock
	Tokens flow.Tokens
	Keys   flow.Keys
	// Known is what the caller has read of the subject already: the first attempt
	// goes by it, those after a conflict read anew. Nil: nothing.
	Known *known.Person
}

// Result is what became of the statements.
type Result struct {
	Gate    consent.Gate // as it stands now
	Epoch   int64
	Changes []Change // in the order of writing; a statement without effect has none
}

// Change is one permission that a statement changed.
type Change struct {
	Statement     consent.Statement
	Before, After consent.Permission
}

// ErrNotice: the notice does not exist, says another text by now, or speaks of
// another permission.
var ErrNotice = errors.New("no such notice for this purpose and channel")

// maxAttempts bounds the rounds under contention.
const maxAttempts = 16

// Apply writes a customer's statements. It either carries out all of them, with
// the ops in also, or fails; a statement that was applied before (same ID and
// time) is passed over. A conflict on one of also is the caller's.
//
// One transaction holds up to maxStatements; more are written one after the
// other, withdrawals first.
func (w Writer) Apply(ctx context.Context, customer string, rel *release.Release, statements []consent.Statement, also ...flow.Op) (Result, error) {
	return w.apply(ctx, subject{key: customer, pk: item.CustomerPK(customer)}, rel, statements, also)
}

// ApplyVisitor writes the statements of somebody who is not known yet.
func (w Writer) ApplyVisitor(ctx context.Context, visitor string, rel *release.Release, statements []consent.Statement, also ...flow.Op) (Result, error) {
	return w.apply(ctx, subject{key: visitor, pk: item.PrefixVisitor + visitor, visitor: true}, rel, statements, also)
}

// maxStatements fit into one transaction (flow.MaxOps): each needs a ledger entry
// and an event, for her and for up to two owners of her addresses; beside them
// stand three gates, two addresses and the caller's two ops.
const maxStatements = 3

func (w Writer) apply(ctx context.Context, s subject, rel *release.Release, statements []consent.Statement, also []flow.Op) (Result, error) {
	statements, err := w.prepare(ctx, s.key, rel, statements)
	if err != nil {
		return Result{}, err
	}
	all := Result{}
	for first := true; first || len(statements) > 0; first = false {
		n := min(len(statements), maxStatements)
		res, err := w.applyOnce(ctx, s, rel, statements[:n], also)
		if err != nil {
			return all, err
		}
		res.Changes = append(all.Changes, res.Changes...)
		all, statements, also, w.Known = res, statements[n:], nil, nil
	}
	return all, nil
}

// prepare checks the statements, completes them, and puts withdrawals first.
func (w Writer) prepare(ctx context.Context, key string, rel *release.Release, statements []consent.Statement) ([]consent.Statement, error) {
	now := w.Clock.Now(key).UnixMilli()
	ready := slices.Clone(statements)
	for i := range ready {
		s := &ready[i]
		if err := s.Check(rel.Plan); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name(), err)
		}
		if s.At == 0 || s.At > now {
			s.At = now
		}
		s.Updated = min(s.Updated, now)
		if s.ID == "" {
			s.ID = w.Tokens.Token()
		}
		if s.State == consent.Granted && s.Notice != nil {
			if err := w.serve(ctx, rel, s); err != nil {
				return nil, fmt.Errorf("%s: %w", s.Name(), err)
			}
		}
	}
	slices.SortStableFunc(ready, func(a, b consent.Statement) int {
		return rank(a.State) - rank(b.State)
	})
	return ready, nil
}

func rank(s consent.State) int {
	if s.Refused() {
		return 0
	}
	return 1
}

// applyOnce reads, decides and writes until nobody interferes.
func (w Writer) applyOnce(ctx context.Context, s subject, rel *release.Release, statements []consent.Statement, also []flow.Op) (Result, error) {
	t := turn{w: w, rel: rel, also: also, told: map[string]bool{}}
	for range maxAttempts {
		res, err := t.round(ctx, s, statements)
		t.w.Known = nil
		conflict, ok := flow.AsConflict(err)
		if !ok {
			return res, err
		}
		if !t.learn(conflict) {
			return Result{}, err
		}
	}
	return Result{}, fmt.Errorf("consent of %s is written by others all the time: %w", s.key, flow.ErrThrottled)
}
