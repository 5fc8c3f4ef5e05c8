package consents

import (
	"context"
	"fmt"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/owner"
)

// Suppress stops every mail to an address, for good: it bounced, or its reader
// called a mail spam. It holds for the address whoever owns it, and reaches it
// also when the customer whose mail it was is gone (ARCHITECTURE section 4,
// erasure). Doing it again changes nothing.
func (w Writer) Suppress(ctx context.Context, hash, reason string, at time.Time) error {
	for range maxAttempts {
		err := w.suppressOnce(ctx, hash, consent.Suppression{Reason: reason, At: at.UnixMilli()})
		if _, conflict := flow.AsConflict(err); !conflict {
			return err
		}
	}
	return fmt.Errorf("address is written by others all the time: %w", flow.ErrThrottled)
}

func (w Writer) suppressOnce(ctx context.Context, hash string, s consent.Suppression) error {
	a, err := owner.Read(ctx, w.Store, hash)
	if err != nil {
		return err
	}
	if x := a.Suppressed; x != nil && x.Reason != consent.SuppressErased {
		return nil // what an erasure left is weaker: signing up again lifts it
	}
	a.Suppressed = &s
	put, err := a.Put(w.Tokens.Token(), time.UnixMilli(s.At))
	if err != nil {
		return err
	}
	ops := []flow.Op{put}
	if a.Customer != "" {
		owner := subject{key: a.Customer, pk: item.CustomerPK(a.Customer)}
		if err := owner.read(ctx, w.Store); err != nil {
			return err
		}
		if owner.gate.Erased == 0 {
			owner.gate.Suppressed = &s
			gate, err := owner.putGate(w.Tokens.Token(), s.At)
			if err != nil {
				return err
			}
			ops = append(ops, gate)
		}
	}
	return w.Store.Write(ctx, ops...)
}
