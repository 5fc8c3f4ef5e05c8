// Package preferences is what a customer can do about herself by a link: stop
// mail, confirm it, ask for a link to her preferences, see what is known of her,
// and change any of it. It knows tokens and consent; it knows no HTTP and no
// HTML, and it sends nothing: a mail is a fact that a built-in journey works.
//
// Whoever holds a link learns nothing from it. What a link names is looked up
// the same way whether the link is genuine or not, and every method answers nil
// for both (B06, E08).
package preferences

import (
	"context"
	"time"

	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/collect"
	"github.com/kesher-io/kesher/shared/flow/consents"
	"github.com/kesher-io/kesher/shared/flow/known"
)

// Service serves the customers' pages.
type Service struct {
	Store    flow.Store
	Clock    flow.Clock
	Tokens   flow.Tokens
	Releases flow.Releases
	Keys     flow.Keys
	Ring     token.Keyring
	Consents consents.Writer
	// Collect takes the answers to surveys: a form is one of their doors.
	Collect *collect.Service
	// Counts takes clicks on links that name nobody; nil drops them.
	Counts Counter
}

// Counter adds to insights, per journey, version, step and day. It never fails.
type Counter interface {
	Count(journey, version, step, what string, at time.Time)
}

// person is one customer as read for one request.
type person struct {
	known.Person
	key string
	now time.Time
}

// erased: nothing of her is known, and no link of before acts on anything.
func (p *person) erased() bool { return p.Gate.Erased != 0 }

// known: there is somebody to act for.
func (p *person) known() bool {
	return !p.erased() && (p.Stored.Gate != nil || p.Profile != nil)
}

// open reads a customer, strongly: what she did a moment ago must show.
func (s *Service) open(ctx context.Context, customer string) (*person, error) {
	now := s.Clock.Now(customer)
	read, err := known.Read(ctx, s.Store, item.CustomerPK(customer))
	return &person{read, customer, now}, err
}

// nobody is the customer key that stands for a link that names none, so that it
// costs the same reads.
func (s *Service) nobody(text string) string { return s.Keys.Visitor("link " + text) }

// stamp is the next arrival on the customer's clock.
func (s *Service) stamp(p *person) ident.Stamp { return ident.NewStamp(p.now, s.Tokens.Seq()) }

// put writes doc over the item that was read, or as a new one. It keeps the place
// in the index.
func (s *Service) put(read *item.Item, key item.Key, epoch int64, doc any) (flow.Op, error) {
	it := read.Next(key, s.Tokens.Token(), epoch)
	if read != nil {
		it.IK, it.IS = read.IK, read.IS
	}
	err := it.Encode(doc)
	return flow.Put(it, flow.Is(read)), err
}
