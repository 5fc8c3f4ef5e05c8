package preferences

import (
	"context"
	"time"

	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/owner"
)

// SessionFor is how long a mailed link may be redeemed, and how long the
// session lasts that it opens.
const SessionFor = 30 * time.Minute

const (
	// skLink is the A# item that limits links mailed to an address: one while
	// the last may still be redeemed, and maxLinks a day (E09).
	skLink   = "LIMIT#link"
	maxLinks = 5
	// skNobody takes the write that a known address puts into its customer's log,
	// so that an unknown one costs the same (E08).
	skNobody = "LIMIT#nobody"
)

// allows says whether one more link may be mailed now, and the limit with it.
func allows(l profile.Limit, now time.Time) (profile.Limit, bool) {
	recent := l.Today(now)
	if n := len(recent); n >= maxLinks || n > 0 && now.UnixMilli()-recent[n-1] < SessionFor.Milliseconds() {
		return l, false
	}
	return profile.Limit{At: append(recent, now.UnixMilli())}, true
}

// MailLink mails a fresh link to the address, if it is somebody's. The answer is
// the same either way, and so is the work.
func (s *Service) MailLink(ctx context.Context, address string) error {
	hash := s.Keys.Address(address)
	at, err := owner.Read(ctx, s.Store, hash)
	if err != nil {
		return err
	}
	customer := at.Customer
	if customer == "" {
		customer = s.nobody(hash)
	}
	p, err := s.open(ctx, customer)
	if err != nil {
		return err
	}
	return s.mailLink(ctx, p, hash)
}

// MailLinkTo does it for whoever a mailed link names: a /p/ link, an /u/ link,
// or one that was redeemed already.
func (s *Service) MailLinkTo(ctx context.Context, text string) error {
	customer, genuine := s.named(text)
	if !genuine {
		customer = s.nobody(text)
	}
	p, err := s.open(ctx, customer)
	if err != nil {
		return err
	}
	hash := s.Keys.Address(customer) // nobody's: no address is a customer's key
	if p.Profile != nil && p.Profile.AddressHash != "" {
		hash = p.Profile.AddressHash
	}
	return s.mailLink(ctx, p, hash)
}

// named is the customer whom any of the tokens that may ask for a link names.
func (s *Service) named(text string) (customer string, ok bool) {
	if t, ok := s.Ring.OpenPreferences(text); ok {
		return t.Customer, true
	}
	if t, ok := s.Ring.OpenUnsubscribe(text); ok {
		return t.Customer, true
	}
	t, ok := s.Ring.OpenSession(text)
	return t.Customer, ok
}

// mailLink asks for the mail, unless the address had its share. Two who ask at
// the same moment collide at the limit, and the mail of one is the mail of both.
func (s *Service) mailLink(ctx context.Context, p *person, hash string) error {
	key := addressKey(hash, skLink)
	items, err := s.Store.Get(ctx, flow.Strong, key)
	if err != nil {
		return err
	}
	limit := profile.Limit{}
	if items[0] != nil {
		if err := items[0].Decode(&limit); err != nil {
			return err
		}
	}
	limit, ok := allows(limit, p.now)
	if !ok {
		return nil
	}
	count, err := s.put(items[0], key, 0, limit)
	if err != nil {
		return err
	}
	count.Item.TTL = p.now.Add(profile.Day).Unix()
	ask, err := s.askLink(p, hash)
	if err != nil {
		return err
	}
	err = s.Store.Write(ctx, count, ask)
	if _, conflict := flow.AsConflict(err); conflict {
		return nil
	}
	return err
}

func addressKey(hash, sk string) item.Key {
	return item.Key{Table: item.Customers, PK: item.PrefixAddress + hash, SK: sk}
}

// askLink is the fact that the built-in journey `link` starts on; for nobody it
// is an item that nobody reads.
func (s *Service) askLink(p *person, hash string) (flow.Op, error) {
	id := ident.Derive("link", p.key, s.Tokens.Token())
	op, err := s.event(p, fact.MessageRequested, id, p.now, map[string]any{
		"kind": journey.Link, "message_id": id, "template": "kesher-link", "purpose": plan.PurposeService,
	})
	if p.Profile == nil || p.erased() {
		op.Item.Key, op.If = addressKey(hash, skNobody), flow.Any
		op.Item.TTL = p.now.Add(profile.Day).Unix()
	}
	return op, err
}
