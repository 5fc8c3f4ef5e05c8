package console

import (
	"context"

	"github.com/kesher-io/kesher/shared/aws/s3"
	"github.com/kesher-io/kesher/shared/console"
)

// Bucket is the failure bucket as the console lists it.
type Bucket struct{ *s3.Failures }

var _ console.Failures = Bucket{}

// maxListed bounds what one list shows: whoever has more failures than that
// retries the first ones first.
const maxListed = 1000

// List lists the first failures, in the order of their names.
func (b Bucket) List(ctx context.Context) ([]console.Failure, error) {
	objects, err := b.Failures.List(ctx, "", maxListed)
	failures := make([]console.Failure, len(objects))
	for i, o := range objects {
		failures[i] = console.Failure{Name: o.Key, At: o.At}
	}
	return failures, err
}
