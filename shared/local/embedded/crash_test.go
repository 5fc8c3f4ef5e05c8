package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/local/embedded"
)

// roleOf tells a child process which part of a test it is.
const roleOf = "KESHER_EMBEDDED_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(roleOf) {
	case "writer":
		writeUntilKilled(os.Args[1], embedded.Options{})
	case "unsynced writer":
		writeUntilKilled(os.Args[1], embedded.Options{NoFsync: true})
	case "opener":
		reportOpening(os.Args[1])
	default:
		os.Exit(m.Run())
	}
}

// child starts this test program again in another role.
func child(t testing.TB, role, dir string) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0], dir)
	cmd.Env = append(os.Environ(), roleOf+"="+role)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

const crashWriters = 16

func crashKey(writer int) item.Key { return item.C(fmt.Sprintf("%x", writer), "RUN#cart#-") }

// writeUntilKilled counts one item up per writer, goes on from what it finds,
// and prints every version that was acknowledged.
func writeUntilKilled(dir string, opts embedded.Options) {
	store, err := embedded.Open(dir, opts)
	if err != nil {
		panic(err)
	}
	var out sync.Mutex
	for w := range crashWriters {
		go func() {
			found, err := store.Get(context.Background(), flow.Strong, crashKey(w))
			read := found[0]
			for err == nil {
				next := read.Next(crashKey(w), fmt.Sprint(os.Getpid()), 0)
				next.IK, next.IS = "due#0", fmt.Sprintf("%09d", next.V)
				err = store.Write(context.Background(), flow.Put(next, flow.Is(read)))
				read = &next
				out.Lock()
				fmt.Println(w, next.V)
				out.Unlock()
			}
			panic(err)
		}()
	}
	select {}
}

func TestKilledStoreKeepsAllThatWasAcknowledged(t *testing.T) {
	for _, role := range []string{"writer", "unsynced writer"} {
		t.Run(role, func(t *testing.T) {
			dir := t.TempDir()
			acknowledged := map[int]int64{}
			for round := range 8 {
				killAfter(t, role, dir, 50+round*211, acknowledged)
				checkAfterCrash(t, dir, acknowledged)
			}
		})
	}
}

// killAfter runs a writer and kills it after so many acknowledgements.
func killAfter(t *testing.T, role, dir string, acks int, acknowledged map[int]int64) {
	t.Helper()
	cmd, out := child(t, role, dir)
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		var w int
		var v int64
		if _, err := fmt.Sscan(lines.Text(), &w, &v); err != nil {
			break // the line that the kill cut off
		}
		acknowledged[w] = max(acknowledged[w], v)
		if n == acks {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the writer ended before it was killed")
	}
}

func checkAfterCrash(t *testing.T, dir string, acknowledged map[int]int64) {
	t.Helper()
	store := open(t, dir, embedded.Options{})
	defer store.Close()
	logged := map[item.Key]*item.Item{}
	log := changes(t, store)
	for i, c := range log {
		if c.Seq != fmt.Sprintf("%021d", i+1) {
			t.Fatalf("change %d has sequence %s: the log has a gap", i+1, c.Seq)
		}
		logged[c.Key] = c.New
	}
	entries := index(t, store, "due#0")
	for w := range crashWriters {
		stored, err := store.Get(context.Background(), flow.Strong, crashKey(w))
		if err != nil {
			t.Fatal(err)
		}
		it := stored[0]
		if it == nil && acknowledged[w] == 0 {
			continue
		}
		if it == nil || it.V < acknowledged[w] {
			t.Fatalf("writer %d: version %d was acknowledged, found %v", w, acknowledged[w], it)
		}
		if last := logged[it.Key]; last == nil || last.V != it.V || last.W != it.W {
			t.Fatalf("writer %d: version %d is stored, the log ends with %v", w, it.V, last)
		}
		if entries[it.Key] != it.IS {
			t.Fatalf("writer %d: order %s is stored, the index says %q", w, it.IS, entries[it.Key])
		}
	}
}

// index is a list by key.
func index(t testing.TB, store flow.Store, list string) map[item.Key]string {
	t.Helper()
	entries := map[item.Key]string{}
	q := flow.Query{Table: item.Customers, List: list}
	for {
		page, err := store.Query(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Items {
			if other, twice := entries[e.Key]; twice {
				t.Fatalf("%s stands in the list at %s and %s", e.Key, other, e.IS)
			}
			entries[e.Key] = e.IS
		}
		if page.Cursor == "" {
			return entries
		}
		q.Cursor = page.Cursor
	}
}

// reportOpening opens the folder, lists what is due first, and prints how long
// it took and what the process holds in memory.
func reportOpening(dir string) {
	start := time.Now()
	store, err := embedded.Open(dir, embedded.Options{})
	if err != nil {
		panic(err)
	}
	_, err = store.Query(context.Background(), flow.Query{Table: item.Customers, List: "due#a", Limit: 100})
	if err != nil {
		panic(err)
	}
	ready := time.Since(start)
	n := 0
	if err := store.Each(context.Background(), item.Customers, func(*item.Item) error { n++; return nil }); err != nil {
		panic(err)
	}
	fmt.Println(n, ready.Milliseconds(), residentKB())
	if err := store.Close(); err != nil {
		panic(err)
	}
}

// residentKB is the resident memory of this process as Linux counts it
// (proc(5), VmRSS).
func residentKB() (kb int) {
	status, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer status.Close()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		if n, _ := fmt.Sscanf(lines.Text(), "VmRSS: %d kB", &kb); n == 1 {
			return kb
		}
	}
	return 0
}

// BenchmarkOpenMillion opens a folder with 1,000,000 waiting runs in a process
// of its own, walks them all, and reports the time until it was ready and the
// memory it holds.
func BenchmarkOpenMillion(b *testing.B) {
	dir := b.TempDir()
	const million = 1_000_000
	store := open(b, dir, embedded.Options{NoFsync: true})
	stop := follow(b, store)
	fill(b, store, million)
	stop()
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
	var items, ready, rss int
	for b.Loop() {
		cmd, out := child(b, "opener", dir)
		if _, err := fmt.Fscan(out, &items, &ready, &rss); err != nil {
			b.Fatal(err)
		}
		if err := cmd.Wait(); err != nil || items != million {
			b.Fatalf("%d items, %v", items, err)
		}
	}
	b.ReportMetric(float64(ready), "ready-ms")
	b.ReportMetric(float64(rss)/1024, "RSS-MB")
}
