// Package known reads what is known of one customer or visitor: GATE and PROFILE,
// strongly, in one go. It holds the one rule about erasures that every reader
// keeps: an item of an older epoch than the gate's counts as absent. It decides and
// writes nothing.
package known

import (
	"context"
	"maps"
	"strings"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
)

// Person is one of them as read.
type Person struct {
	Gate    consent.Gate
	Profile *profile.Profile // nil: none, as of every visitor
	Epoch   int64
	// Stored are the items as they lie there, for the conditions of a write: a
	// profile of before an erasure may, until it is swept.
	Stored struct{ Gate, Profile *item.Item }
}

// Clone is a copy whose permissions and profile the caller may change.
func (p Person) Clone() Person {
	p.Gate.States = maps.Clone(p.Gate.States)
	if p.Profile != nil {
		p.Profile = new(p.Profile.Clone())
	}
	return p
}

// Read reads whoever has the partition.
func Read(ctx context.Context, s flow.Store, pk string) (p Person, err error) {
	keys := []item.Key{{Table: item.Customers, PK: pk, SK: item.SKGate}, {Table: item.Customers, PK: pk, SK: item.SKProfile}}
	if strings.HasPrefix(pk, item.PrefixVisitor) {
		keys = keys[:1]
	}
	items, err := s.Get(ctx, flow.Strong, keys...)
	if err != nil {
		return p, err
	}
	if p.Stored.Gate = items[0]; items[0] != nil {
		p.Epoch = items[0].E
		if err := items[0].Decode(&p.Gate); err != nil {
			return p, err
		}
	}
	if len(items) == 1 {
		return p, nil
	}
	if p.Stored.Profile = items[1]; items[1] != nil && items[1].E >= p.Epoch {
		p.Profile = new(profile.Profile)
		return p, items[1].Decode(p.Profile)
	}
	return p, nil
}
