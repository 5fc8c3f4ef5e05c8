package collect

import (
	"context"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// PKItems is the partition of what the shop sells; a sort key is an item's id.
const PKItems = "ITEMS"

// Item stores one thing for sale, over what was known of it.
func (s *Service) Item(ctx context.Context, it *events.Item, src Source) (Outcome, error) {
	if src.Kind != Server {
		return s.counted("item", refused(events.Refuse(events.Forbidden, "", "needs the server key"))), nil
	}
	key := item.Key{Table: item.Customers, PK: PKItems, SK: item.Part(it.ID)}
	put := (*item.Item)(nil).Next(key, s.Tokens.Token(), 0)
	if err := put.Encode(it); err != nil {
		return Outcome{}, err
	}
	return s.ended("item", Outcome{}, s.Store.Write(ctx, flow.Put(put, flow.Any)))
}
