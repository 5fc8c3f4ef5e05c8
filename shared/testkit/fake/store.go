package fake

import (
	"context"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// Store is a flow.Store that counts its requests, and in which a test takes a
// hand. It is for one caller at a time.
type Store struct {
	flow.Store
	// Writing is asked before each write; an error keeps it from happening.
	Writing func(ops []flow.Op) error
	// Got is told of each Get that was answered.
	Got func()

	Gets, Keys, Queries, Writes, Ops int
}

// Racing lets something happen before the first write whose first op is of a sort
// key ("": of any).
func Racing(s flow.Store, sk string, race func()) *Store {
	return &Store{Store: s, Writing: func(ops []flow.Op) error {
		if now := race; now != nil && (sk == "" || ops[0].Item.SK == sk) {
			race = nil
			now()
		}
		return nil
	}}
}

// Dying ends after some writes, as a function does.
func Dying(s flow.Store, writes int) *Store {
	return &Store{Store: s, Writing: func([]flow.Op) error {
		if writes--; writes < 0 {
			return context.DeadlineExceeded
		}
		return nil
	}}
}

// Get counts, and tells the test.
func (s *Store) Get(ctx context.Context, how flow.Consistency, keys ...item.Key) ([]*item.Item, error) {
	s.Gets, s.Keys = s.Gets+1, s.Keys+len(keys)
	items, err := s.Store.Get(ctx, how, keys...)
	if s.Got != nil {
		s.Got()
	}
	return items, err
}

// Query counts.
func (s *Store) Query(ctx context.Context, q flow.Query) (flow.Page, error) {
	s.Queries++
	return s.Store.Query(ctx, q)
}

// Write counts, and asks the test.
func (s *Store) Write(ctx context.Context, ops ...flow.Op) error {
	s.Writes, s.Ops = s.Writes+1, s.Ops+len(ops)
	if s.Writing != nil {
		if err := s.Writing(ops); err != nil {
			return err
		}
	}
	return s.Store.Write(ctx, ops...)
}
