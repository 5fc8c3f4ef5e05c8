package preferences

import (
	"context"
	"time"

	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
)

// prefixNonce marks a link as redeemed. It outlives the link.
const prefixNonce = "NONCE#"

// Redeem turns a mailed link into a session, once (E04). ok is false for a link
// that was redeemed, has expired, or is none.
func (s *Service) Redeem(ctx context.Context, text string) (c token.Cookie, ok bool, err error) {
	link, genuine := s.Ring.OpenSession(text)
	if !genuine {
		return c, false, nil
	}
	p, err := s.open(ctx, link.Customer)
	if err != nil || !p.known() || p.now.UnixMilli() >= link.Expires {
		return c, false, err
	}
	if mailed, ok := ident.MessageEpoch(link.Nonce); ok && mailed != p.Epoch {
		return c, false, nil // a mail from before an erasure
	}
	key := item.C(p.key, prefixNonce+item.Part(link.Nonce))
	used := (*item.Item)(nil).Next(key, s.Tokens.Token(), p.Epoch)
	used.TTL = time.UnixMilli(link.Expires).Add(time.Hour).Unix()
	if err := used.Encode(struct{}{}); err != nil {
		return c, false, err
	}
	err = s.Store.Write(ctx, flow.Put(used, flow.Absent))
	if _, conflict := flow.AsConflict(err); conflict {
		return c, false, nil
	}
	c = token.Cookie{Customer: p.key, Nonce: link.Nonce, Epoch: p.Epoch, Expires: p.now.Add(SessionFor).UnixMilli()}
	return c, err == nil, err
}

// session opens the customer of a session; nil when it is over, or she was
// erased since.
func (s *Service) session(ctx context.Context, c token.Cookie) (*person, error) {
	p, err := s.open(ctx, c.Customer)
	if err != nil || !p.known() || p.Epoch != c.Epoch || p.now.UnixMilli() >= c.Expires {
		return nil, err
	}
	return p, nil
}
