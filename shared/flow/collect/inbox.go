package collect

import (
	"context"
	"strings"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/item"
)

// Inbox works an item that an AWS user put into the table herself: partition
// IN#<userId>, sort key the messageId, and a tracking call as its body. It goes
// exactly the way of HTTP with the server key (I09), and may be worked again.
func (s *Service) Inbox(ctx context.Context, it *item.Item) (Outcome, error) {
	user := strings.TrimPrefix(it.PK, item.PrefixInbox)
	c, r := events.DecodeInbox(it.Body, user, it.SK)
	if r != nil {
		return s.counted("inbox", refused(r)), nil
	}
	return s.Collect(ctx, c, Source{Kind: Server, Name: "table"})
}
