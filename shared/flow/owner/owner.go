// Package owner reads and writes A#: who owns an address, and what was refused
// there whoever owns it. It decides nothing, and knows addresses by their hash alone.
package owner

import (
	"context"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
)

// Address is A# as it was read, for changing and writing it.
type Address struct {
	profile.Owner
	Hash string
	Item *item.Item // nil: nothing is known of the address
}

// Read reads an address strongly. Without a hash there is nothing to read.
func Read(ctx context.Context, s flow.Store, hash string) (*Address, error) {
	a := &Address{Hash: hash}
	if hash == "" {
		return a, nil
	}
	items, err := s.Get(ctx, flow.Strong, profile.OwnerKey(hash))
	if err != nil || items[0] == nil {
		return a, err
	}
	a.Item = items[0]
	return a, a.Item.Decode(&a.Owner)
}

// Put writes it over what was read. An address that is nobody's and where nothing
// was refused is forgotten once nobody may answer what was asked there: anybody
// could name a million of them (A13, E09).
func (a *Address) Put(token string, now time.Time) (flow.Op, error) {
	it := a.Item.Next(profile.OwnerKey(a.Hash), token, 0)
	if a.Customer == "" && a.Suppressed == nil && len(a.Withdrawn) == 0 {
		it.TTL = now.Add(consent.ConfirmFor).Unix()
	}
	err := it.Encode(&a.Owner)
	return flow.Put(it, flow.Is(a.Item)), err
}

// Check holds a transaction to the address as it was read.
func (a *Address) Check() flow.Op { return flow.Check(profile.OwnerKey(a.Hash), flow.Is(a.Item)) }
