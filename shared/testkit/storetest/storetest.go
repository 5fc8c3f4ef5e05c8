// Package storetest is the conformance suite of flow.Store: what it demands, in
// memory, on disk and in DynamoDB alike, is all that a use case may rely on. It
// knows the port alone; what an engine can do besides (lag, lose a reply, show
// its log) comes in through the Harness.
package storetest

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// Start is the time at which every test's clock stands when it begins.
var Start = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// Harness is a fresh, empty store and the handles on its surroundings. A nil
// handle means that the engine has no such thing; its tests are skipped.
type Harness struct {
	Store flow.Store
	// SetNow moves the clock by which every partition's items expire.
	SetNow func(time.Time)
	// HoldIndex makes index reads stale until it is called with false.
	HoldIndex func(hold bool)
	// Changes is the change log so far.
	Changes func() []item.Change
	// LoseReply has the next write carried out and its reply lost; then runs
	// after the write and before the adapter can look what became of it.
	LoseReply func(then func())
	// Cut makes every request to the engine fail until heal is called.
	Cut func() (heal func())
}

// Run runs the suite. open is called once for every test.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	groups := []struct {
		name  string
		tests []test
	}{
		{"Items", itemTests},
		{"Conditions", conditionTests},
		{"Transactions", transactionTests},
		{"Expiry", expiryTests},
		{"Query", queryTests},
		{"Index", indexTests},
		{"Concurrency", concurrencyTests},
		{"LostReplies", lostReplyTests},
		{"ChangeLog", changeTests},
		{"Model", modelTests},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, test := range g.tests {
				t.Run(test.name, func(t *testing.T) {
					h := open(t)
					h.SetNow(Start)
					test.run(&suite{T: t, Harness: h, pk: "C#" + fmt.Sprintf("%016x", time.Now().UnixNano())})
				})
			}
		})
	}
}

type test struct {
	name string
	run  func(*suite)
}

// suite is one test under way: a store, and a partition of its own.
type suite struct {
	*testing.T
	Harness
	pk     string
	tokens int
}

func (s *suite) key(sk string) item.Key {
	return item.Key{Table: item.Customers, PK: s.pk, SK: sk}
}

// fresh is the first version of an item that has a document.
func (s *suite) fresh(sk string) item.Item { return s.next(nil, sk) }

// next is the next version of an item, with a token of its own.
func (s *suite) next(read *item.Item, sk string) item.Item {
	s.tokens++
	next := read.Next(s.key(sk), fmt.Sprintf("token-%d", s.tokens), 0)
	next.Body = fmt.Sprintf(`{"n":%d}`, s.tokens)
	return next
}

// put writes the first version of an item and returns it.
func (s *suite) put(sk string) *item.Item {
	s.Helper()
	it := s.fresh(sk)
	s.must(s.write(flow.Put(it, flow.Absent)))
	return &it
}

func (s *suite) write(ops ...flow.Op) error { return s.Store.Write(context.Background(), ops...) }

func (s *suite) get(sk string) *item.Item {
	s.Helper()
	items, err := s.Store.Get(context.Background(), flow.Strong, s.key(sk))
	s.must(err)
	if len(items) != 1 {
		s.Fatalf("get of one key answered %d items", len(items))
	}
	return items[0]
}

func (s *suite) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("unexpected error: %v", err)
	}
}

// wantStored demands that want (nil: nothing) stands under sk.
func (s *suite) wantStored(sk string, want *item.Item) {
	s.Helper()
	s.wantSame("stored "+sk, s.get(sk), want)
}

func (s *suite) wantSame(what string, got, want *item.Item) {
	s.Helper()
	if !same(got, want) {
		s.Fatalf("%s:\n got %s\nwant %s", what, show(got), show(want))
	}
}

// wantConflict demands a conflict at op i that shows the item as it stands.
func (s *suite) wantConflict(err error, op int, key item.Key, current *item.Item) {
	s.Helper()
	conflict, ok := flow.AsConflict(err)
	if !ok {
		s.Fatalf("got error %v, want a conflict", err)
	}
	if conflict.Op != op || conflict.Key != key {
		s.Fatalf("conflict at op %d on %s, want op %d on %s", conflict.Op, conflict.Key, op, key)
	}
	s.wantSame("current item of the conflict", conflict.Current, current)
}

// all reads every page of a query.
func (s *suite) all(q flow.Query) []item.Item {
	s.Helper()
	var items []item.Item
	for _, page := range s.pages(q) {
		items = append(items, page.Items...)
	}
	return items
}

func (s *suite) pages(q flow.Query) []flow.Page {
	s.Helper()
	var pages []flow.Page
	for {
		page, err := s.Store.Query(context.Background(), q)
		s.must(err)
		pages = append(pages, page)
		if page.Cursor == "" {
			return pages
		}
		if len(pages) > 10_000 {
			s.Fatalf("the cursor never ends")
		}
		q.Cursor = page.Cursor
	}
}

func (s *suite) skipUnless(has bool, what string) {
	s.Helper()
	if !has {
		s.Skipf("this engine %s", what)
	}
}

// same compares items; no counters are none.
func same(a, b *item.Item) bool {
	return reflect.DeepEqual(normal(a), normal(b))
}

func normal(i *item.Item) *item.Item {
	c := i.Clone()
	if c != nil && len(c.Counters) == 0 {
		c.Counters = nil
	}
	return c
}

func show(i *item.Item) string {
	if i == nil {
		return "nothing"
	}
	c := *i
	body := c.Body
	c.Body = ""
	if len(body) > 80 {
		return fmt.Sprintf("%+v body of %d bytes", c, len(body))
	}
	return fmt.Sprintf("%+v body %s", c, body)
}

func sortKeys(items []item.Item) []string {
	keys := make([]string, len(items))
	for i := range items {
		keys[i] = items[i].SK
	}
	return keys
}

func (s *suite) wantKeys(got []item.Item, want ...string) {
	s.Helper()
	if keys := sortKeys(got); !reflect.DeepEqual(keys, append([]string{}, want...)) {
		s.Fatalf("got keys %q, want %q", keys, want)
	}
}
