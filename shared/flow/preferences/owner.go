package preferences

import (
	"context"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
)

// storedOwner is an address as read; without a hash, none.
type storedOwner struct {
	hash string
	item *item.Item
	doc  profile.Owner
}

func (s *Service) readOwner(ctx context.Context, hash string) (*storedOwner, error) {
	o := &storedOwner{hash: hash}
	if hash == "" {
		return o, nil
	}
	items, err := s.Store.Get(ctx, flow.Strong, profile.OwnerKey(hash))
	if err != nil || items[0] == nil {
		return o, err
	}
	o.item = items[0]
	return o, o.item.Decode(&o.doc)
}
