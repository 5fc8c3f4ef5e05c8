package flow

import (
	"context"

	"github.com/kesher-io/kesher/shared/core/item"
)

// Each hands every item of a query to fn, page after page, until fn refuses.
func Each(ctx context.Context, s Store, q Query, fn func(item.Item) error) error {
	for {
		page, err := s.Query(ctx, q)
		if err != nil {
			return err
		}
		for _, it := range page.Items {
			if err := fn(it); err != nil {
				return err
			}
		}
		if page.Cursor == "" {
			return nil
		}
		q.Cursor = page.Cursor
	}
}
