package storetest

import (
	"context"
	"errors"
	"strings"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

var itemTests = []test{
	{"what is put is what is read, every field of it", putKeepsEveryField},
	{"an item with nothing in it is read as such", putKeepsEmptyFields},
	{"reads come in the order of the keys, absent ones nil", getKeepsOrder},
	{"odd characters in keys stay apart and sorted by bytes", oddKeys},
	{"tables do not share keys", tablesAreApart},
	{"a document of 350 KB is kept", keepsLargeItems},
	{"an item above 400 KB is refused and nothing is written", refusesTooLarge},
	{"mistakes of the caller are refused and nothing is written", refusesMistakes},
	{"neither side can reach into the other's memory", copiesInAndOut},
	{"a context that has ended stops every call", honoursContext},
}

func putKeepsEveryField(s *suite) {
	full := item.Item{
		Key: s.key("RUN#cart#-"), V: 7, W: "token", E: 3, F: 1, IK: "due#a", IS: "2026-11-24T09:00:00.000Z",
		TTL: Start.Unix() + 60, Due: "message.3", Trace: "{\"s\":\"a\"}\n{\"s\":\"β\"}", Body: `{"name":"דנה","n":1.50}`,
	}
	s.must(s.write(flow.Put(full, flow.Any)))
	s.wantStored(full.SK, &full)
}

func putKeepsEmptyFields(s *suite) {
	empty := item.Item{Key: s.key("EMPTY")}
	s.must(s.write(flow.Put(empty, flow.Any)))
	s.wantStored("EMPTY", &empty)
}

func getKeepsOrder(s *suite) {
	a, b := s.put("A"), s.put("B")
	items, err := s.Store.Get(context.Background(), flow.Eventual, s.key("B"), s.key("none"), s.key("A"))
	s.must(err)
	if len(items) != 3 || items[1] != nil {
		s.Fatalf("got %v, want B, nothing, A", items)
	}
	s.wantSame("first", items[0], b)
	s.wantSame("third", items[2], a)
}

func oddKeys(s *suite) {
	sorted := []string{" ", "!", `"'\`, "#", "A", "A!", "A#", "AB", "a", "pk", "sk", "{}:$.,", "é", "שלום", "日本", "😀"}
	for _, sk := range sorted {
		s.put(sk)
	}
	s.wantKeys(s.all(flow.Query{Table: item.Customers, PK: s.pk}), sorted...)
	for _, sk := range sorted {
		if got := s.get(sk); got == nil || got.SK != sk {
			s.Fatalf("get of %q answered %s", sk, show(got))
		}
	}
}

func tablesAreApart(s *suite) {
	s.put("CONSENT#1")
	entry := s.fresh("CONSENT#1")
	entry.Table = item.Ledger
	s.must(s.write(flow.Put(entry, flow.Absent)))
	found := s.all(flow.Query{Table: item.Ledger, PK: s.pk})
	s.wantKeys(found, "CONSENT#1")
	s.wantSame("ledger entry", &found[0], &entry)
}

func keepsLargeItems(s *suite) {
	large := s.fresh("PART#1")
	large.Body = strings.Repeat("x", 350*1024)
	s.must(s.write(flow.Put(large, flow.Absent)))
	s.wantStored("PART#1", &large)
}

func refusesTooLarge(s *suite) {
	large := s.fresh("PART#1")
	large.Body = strings.Repeat("x", flow.MaxItemSize)
	if err := s.write(flow.Put(large, flow.Absent)); !errors.Is(err, flow.ErrTooLarge) {
		s.Fatalf("got %v, want ErrTooLarge", err)
	}
	err := s.write(flow.Put(s.fresh("SMALL"), flow.Absent), flow.Put(large, flow.Absent))
	if !errors.Is(err, flow.ErrTooLarge) {
		s.Fatalf("in a transaction: got %v, want ErrTooLarge", err)
	}
	s.wantStored("SMALL", nil)
}

func refusesMistakes(s *suite) {
	listed := s.fresh("A")
	listed.IK = "due#a"
	foreignList := s.fresh("A")
	foreignList.Table, foreignList.IK, foreignList.IS = item.Ledger, "due#a", "1"
	var many []flow.Op
	for range flow.MaxOps + 1 {
		many = append(many, flow.Put(s.fresh("A"+strings.Repeat("x", len(many))), flow.Any))
	}
	mistakes := map[string][]flow.Op{
		"no op":                       {},
		"too many ops":                many,
		"two ops on one key":          {flow.Put(s.fresh("A"), flow.Any), flow.Check(s.key("A"), flow.Absent)},
		"an add in a transaction":     {flow.Put(s.fresh("A"), flow.Any), flow.Add(s.key("B"), map[string]int64{"n": 1})},
		"a list without an order":     {flow.Put(listed, flow.Any)},
		"a list in another table":     {flow.Put(foreignList, flow.Any)},
		"no sort key":                 {flow.Put(s.fresh(""), flow.Any)},
		"a sort key that is too long": {flow.Put(s.fresh(strings.Repeat("x", 1025)), flow.Any)},
	}
	for name, ops := range mistakes {
		if err := s.write(ops...); err == nil {
			s.Errorf("%s was accepted", name)
		}
	}
	s.wantKeys(s.all(flow.Query{Table: item.Customers, PK: s.pk}))
}

func copiesInAndOut(s *suite) {
	it := s.fresh("A")
	s.must(s.write(flow.Put(it, flow.Absent)))
	s.get("A").Body = "AFTER!"
	s.wantStored("A", &it)
	key := s.key("COUNTS")
	sent := map[string]int64{"sent": 1}
	s.must(s.write(flow.Add(key, sent)))
	sent["sent"] = 7
	s.get("COUNTS").Counters["sent"] = 7
	if got := s.get("COUNTS").Counters["sent"]; got != 1 {
		s.Fatalf("the stored counter became %d", got)
	}
}

func honoursContext(s *suite) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, getErr := s.Store.Get(ctx, flow.Strong, s.key("A"))
	_, queryErr := s.Store.Query(ctx, flow.Query{Table: item.Customers, PK: s.pk})
	writeErr := s.Store.Write(ctx, flow.Put(s.fresh("A"), flow.Any))
	for _, err := range []error{getErr, queryErr, writeErr} {
		if err == nil {
			s.Fatalf("a call went through on an ended context")
		}
	}
}
