package collect

import (
	"context"
	"strings"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// Inbox works an item that an AWS user put into the table herself: partition
// IN#<userId>, sort key the messageId, and a tracking call as its body. It goes
// exactly the way of HTTP with the server key (I09). Then the item is gone,
// whether the call was kept or refused, which is counted by its reason. A record
// of an item that is gone already tells nothing: it was worked, or she was erased.
func (s *Service) Inbox(ctx context.Context, it item.Item) error {
	q := flow.Query{Table: it.Table, PK: it.PK, From: it.SK, To: it.SK, Consistency: flow.Strong, Expired: true}
	if page, err := s.Store.Query(ctx, q); err != nil || len(page.Items) == 0 {
		return err
	}
	c, r := events.DecodeInbox([]byte(it.Body), strings.TrimPrefix(it.PK, item.PrefixInbox), it.SK)
	if r != nil {
		s.Refuse(r)
	} else if _, err := s.Collect(ctx, c, Source{Kind: Server, Name: "table"}); err != nil {
		return err
	}
	return s.Store.Write(ctx, flow.Delete(it.Key, flow.Any))
}
