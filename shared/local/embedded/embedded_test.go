package embedded_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/local/embedded"
	"github.com/kesher-io/kesher/shared/testkit/storetest"
)

func TestStoreConforms(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Harness {
		var now atomic.Pointer[time.Time]
		store := open(t, t.TempDir(), embedded.Options{Now: func(string) time.Time { return *now.Load() }, NoFsync: true})
		return storetest.Harness{
			Store:   store,
			SetNow:  func(at time.Time) { now.Store(&at) },
			Changes: func() []item.Change { return changes(t, store) },
		}
	})
}

func open(t testing.TB, dir string, opts embedded.Options) *embedded.Store {
	t.Helper()
	store, err := embedded.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// changes is the whole log.
func changes(t testing.TB, store *embedded.Store) []item.Change {
	t.Helper()
	records, err := store.Changes(0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	var all []item.Change
	for _, r := range records {
		all = append(all, r.Change)
	}
	return all
}
