package memstore_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/testkit/memstore"
	"github.com/kesher-io/kesher/shared/testkit/storetest"
)

func TestStoreConforms(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Harness {
		var now atomic.Pointer[time.Time]
		store := memstore.New(func(string) time.Time { return *now.Load() })
		return storetest.Harness{
			Store:     store,
			SetNow:    func(at time.Time) { now.Store(&at) },
			HoldIndex: store.HoldIndex,
			Changes:   store.Changes,
		}
	})
}
