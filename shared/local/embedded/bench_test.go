package embedded_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/local/embedded"
)

// BenchmarkWrite is the real use: many writers, each waiting until its
// conditional write, its index entry and its change lie on the disk; one write
// in four replaces the item of the one before. A consumer follows the log.
func BenchmarkWrite(b *testing.B) {
	for _, writers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			store := open(b, b.TempDir(), embedded.Options{})
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for w := range writers {
				wg.Go(func() { writeRuns(b, store, w, &next) })
			}
			stop := follow(b, store)
			wg.Wait()
			stop()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
		})
	}
}

// follow reports the end of the log as reached, so that it is trimmed as it is
// in use, until stop is called.
func follow(b *testing.B, store *embedded.Store) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			last, more := store.Tail()
			if err := store.SetPosition("follower", last); err != nil {
				b.Error(err)
			}
			select {
			case <-more:
			case <-done:
				return
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

func writeRuns(b *testing.B, store flow.Store, writer int, next *atomic.Int64) {
	body := strings.Repeat("x", 600)
	var last *item.Item
	for n := 0; next.Add(1) <= int64(b.N); n++ {
		key := item.C(fmt.Sprintf("%08x%08x", uint32(n)*2654435761, writer), "RUN#cart#-")
		read := last
		if n%4 == 3 {
			key = last.Key
		} else {
			read = nil
		}
		it := read.Next(key, "token", 0)
		it.IK, it.IS, it.Body = "due#a", fmt.Sprintf("%013d", n), body
		if err := store.Write(context.Background(), flow.Put(it, flow.Is(read))); err != nil {
			b.Error(err)
			return
		}
		last = &it
	}
}

// BenchmarkGet reads one item of 100,000.
func BenchmarkGet(b *testing.B) {
	store := open(b, b.TempDir(), embedded.Options{NoFsync: true})
	fill(b, store, 100_000)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		if _, err := store.Get(context.Background(), flow.Strong, runKey(n%100_000)); err != nil {
			b.Fatal(err)
		}
	}
}

func runKey(n int) item.Key { return item.C(fmt.Sprintf("%08x", uint32(n)*2654435761), "RUN#cart#-") }

// fill stores n waiting runs.
func fill(t testing.TB, store flow.Store, n int) {
	t.Helper()
	body := strings.Repeat("x", 600)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 256 {
		wg.Go(func() {
			for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
				it := item.Item{Key: runKey(i), V: 1, W: "token", F: 1, IK: "due#a", IS: fmt.Sprintf("%013d", i), Body: body}
				if err := store.Write(context.Background(), flow.Put(it, flow.Any)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkForget forgets one customer of 50,000.
func BenchmarkForget(b *testing.B) {
	store := open(b, b.TempDir(), embedded.Options{})
	fill(b, store, 50_000)
	if err := store.SetPosition("journey", store.Last()); err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		n++
		key := runKey(n)
		if err := store.Write(context.Background(), flow.Delete(key, flow.Any)); err != nil {
			b.Fatal(err)
		}
		if err := store.Forget(context.Background(), key.PK); err != nil {
			b.Fatal(err)
		}
	}
}
