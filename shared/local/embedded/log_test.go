package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/local/embedded"
	"github.com/kesher-io/kesher/shared/testkit/fake"
)

// trimmable is more changes than are trimmed at a time.
const trimmable = 5000

// firstKept is the place of the oldest change in the log.
func firstKept(t *testing.T, store *embedded.Store) uint64 {
	t.Helper()
	records, err := store.Changes(0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(records) == 0 {
		return store.Last() + 1
	}
	return records[0].N
}

func setPosition(t *testing.T, store *embedded.Store, consumer string, n uint64) {
	t.Helper()
	if err := store.SetPosition(consumer, n); err != nil {
		t.Fatal(err)
	}
}

func TestLogIsTrimmedBehindTheSlowestConsumer(t *testing.T) {
	store := open(t, t.TempDir(), embedded.Options{NoFsync: true})
	fill(t, store, 2*trimmable)
	if n := store.Position("deliver"); n != 0 {
		t.Fatalf("a new consumer stands at %d", n)
	}
	setPosition(t, store, "journey", 2*trimmable)
	if first := firstKept(t, store); first != 1 {
		t.Fatalf("the log begins at %d though deliver has seen nothing", first)
	}
	setPosition(t, store, "deliver", trimmable)
	if first := firstKept(t, store); first != trimmable+1 {
		t.Fatalf("the log begins at %d, want %d", first, trimmable+1)
	}
}

func TestLogIsKeptADayForAConsumerThatDoesNotRun(t *testing.T) {
	dir, clock := t.TempDir(), fake.NewClock(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))
	opts := embedded.Options{NoFsync: true, Real: clock.Real}
	store := open(t, dir, opts)
	setPosition(t, store, "deliver", 0)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}

	store = open(t, dir, opts)
	fill(t, store, trimmable)
	clock.Advance(24 * time.Hour)
	setPosition(t, store, "journey", trimmable)
	if first := firstKept(t, store); first != 1 {
		t.Fatalf("after 24 h the log begins at %d", first)
	}
	clock.Advance(time.Millisecond)
	fill(t, store, trimmable) // trimming is tried again when so much has come
	setPosition(t, store, "journey", 2*trimmable)
	if first := firstKept(t, store); first != trimmable+1 {
		t.Fatalf("after more than 24 h the log begins at %d", first)
	}
}

func TestLogAndPositionsGoOnAfterARestart(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir, embedded.Options{NoFsync: true})
	fill(t, store, trimmable)
	setPosition(t, store, "journey", trimmable) // trims all there is
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}

	store = open(t, dir, embedded.Options{NoFsync: true})
	if last, at := store.Last(), store.Position("journey"); last != trimmable || at != trimmable {
		t.Fatalf("the log ends at %d and the consumer stands at %d, want %d", last, at, trimmable)
	}
	it := item.Item{Key: item.C("a", "GATE")}
	if err := store.Write(context.Background(), flow.Put(it, flow.Absent)); err != nil {
		t.Fatal(err)
	}
	records, err := store.Changes(trimmable, 10)
	if err != nil || len(records) != 1 || records[0].N != trimmable+1 || records[0].Key != it.Key {
		t.Fatalf("got %v, %v", records, err)
	}
}

func TestChangesAreReadInOrderAndInPieces(t *testing.T) {
	store := open(t, t.TempDir(), embedded.Options{NoFsync: true})
	fill(t, store, 10)
	var places []uint64
	for after := uint64(0); ; {
		records, err := store.Changes(after, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(records) == 0 {
			break
		}
		for _, r := range records {
			places = append(places, r.N)
		}
		after = places[len(places)-1]
	}
	if want := []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}; !reflect.DeepEqual(places, want) {
		t.Fatalf("got %v", places)
	}
}

func TestTailTellsOfTheNextWrite(t *testing.T) {
	store := open(t, t.TempDir(), embedded.Options{NoFsync: true})
	for n := range uint64(3) {
		last, more := store.Tail()
		select {
		case <-more:
			t.Fatal("nothing has been written yet")
		default:
		}
		it := item.Item{Key: item.C("a", fmt.Sprint(n))}
		if err := store.Write(context.Background(), flow.Put(it, flow.Absent)); err != nil {
			t.Fatal(err)
		}
		<-more
		if last != n || store.Last() != n+1 {
			t.Fatalf("the log ended at %d and ends at %d, want %d and %d", last, store.Last(), n, n+1)
		}
	}
}

func TestEachWalksEveryItemExpiredOnesToo(t *testing.T) {
	store := open(t, t.TempDir(), embedded.Options{NoFsync: true})
	fill(t, store, 1200)
	expired := item.Item{Key: item.C("zz", "ID#1"), TTL: 1}
	ledger := item.Item{Key: item.Key{Table: item.Ledger, PK: "C#a", SK: "CONSENT#1"}}
	if err := store.Write(context.Background(), flow.Put(expired, flow.Any), flow.Put(ledger, flow.Any)); err != nil {
		t.Fatal(err)
	}
	var last item.Key
	n := 0
	err := store.Each(context.Background(), item.Customers, func(it *item.Item) error {
		if it.PK < last.PK {
			t.Fatalf("%s follows %s", it.Key, last)
		}
		last = it.Key
		n++
		_, err := store.Get(context.Background(), flow.Strong, it.Key) // fn may use the store
		return err
	})
	if err != nil || n != 1201 || last != expired.Key {
		t.Fatalf("%d items, last %s, %v", n, last, err)
	}
}

func TestEachStopsAtTheFirstError(t *testing.T) {
	store := open(t, t.TempDir(), embedded.Options{NoFsync: true})
	fill(t, store, 10)
	enough, n := errors.New("enough"), 0
	err := store.Each(context.Background(), item.Customers, func(*item.Item) error { n++; return enough })
	if !errors.Is(err, enough) || n != 1 {
		t.Fatalf("%v after %d items", err, n)
	}
}
