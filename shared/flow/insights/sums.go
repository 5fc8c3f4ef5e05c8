package insights

import (
	"context"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// Sums are the counts of one version of a journey over all its steps and days, by
// what happened.
func Sums(ctx context.Context, store flow.Store, journey, version string) (map[string]int64, error) {
	sums := map[string]int64{}
	q := flow.Query{Table: item.Insights, PK: Key(journey, version, time.Time{}).PK}
	err := flow.Each(ctx, store, q, func(it item.Item) error {
		for name, n := range it.Counters {
			what, _, _ := strings.Cut(name, at)
			sums[what] += n
		}
		return nil
	})
	return sums, err
}
