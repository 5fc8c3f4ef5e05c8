package storetest

import (
	"errors"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

var lostReplyTests = []test{
	{"a write whose own token stands there succeeded", lostReplyOwnToken},
	{"a write under which another token stands is a conflict", lostReplyForeignToken},
	{"a write that cannot be looked for has an unknown outcome", lostReplyBlind},
	{"an add is never repeated and its outcome is unknown", lostReplyOfAdd},
}

// lossy is a write, what it leaves under its first key, and that key.
type lossy struct {
	name  string
	ops   []flow.Op
	after *item.Item
}

// lossyWrites are all kinds of write, each on a key of its own.
func (s *suite) lossyWrites(attempt string) []lossy {
	s.Helper()
	created, forced := s.fresh("create "+attempt), s.fresh("force "+attempt)
	updated := s.next(s.put("update "+attempt), "update "+attempt)
	old, removed := s.get(updated.SK), s.put("remove "+attempt)
	first, second := s.fresh("first "+attempt), s.fresh("second "+attempt)
	return []lossy{
		{"put absent", []flow.Op{flow.Put(created, flow.Absent)}, &created},
		{"put any", []flow.Op{flow.Put(forced, flow.Any)}, &forced},
		{"put is", []flow.Op{flow.Put(updated, flow.Is(old))}, &updated},
		{"delete is", []flow.Op{flow.Delete(removed.Key, flow.Is(removed))}, nil},
		{"transaction", []flow.Op{flow.Put(first, flow.Absent), flow.Put(second, flow.Absent)}, &first},
	}
}

func lostReplyOwnToken(s *suite) {
	s.skipUnless(s.LoseReply != nil, "loses no replies")
	for _, w := range s.lossyWrites("own") {
		s.LoseReply(func() {})
		if err := s.write(w.ops...); err != nil {
			s.Fatalf("%s: got %v, want success", w.name, err)
		}
		s.wantStored(w.ops[0].Item.SK, w.after)
	}
}

func lostReplyForeignToken(s *suite) {
	s.skipUnless(s.LoseReply != nil, "loses no replies")
	for _, w := range s.lossyWrites("foreign") {
		if w.name == "put any" {
			continue // it demands nothing, so nothing can contradict it
		}
		var foreign item.Item
		s.LoseReply(func() {
			for i := range w.ops {
				over := s.next(w.after, w.ops[len(w.ops)-1-i].Item.SK)
				s.must(s.write(flow.Put(over, flow.Any)))
				foreign = over
			}
		})
		s.wantConflict(s.write(w.ops...), 0, w.ops[0].Item.Key, &foreign)
	}
}

func lostReplyBlind(s *suite) {
	s.skipUnless(s.LoseReply != nil && s.Cut != nil, "loses no replies")
	for _, w := range s.lossyWrites("blind") {
		heal := func() {}
		s.LoseReply(func() { heal = s.Cut() })
		err := s.write(w.ops...)
		heal()
		if !errors.Is(err, flow.ErrUnknown) {
			s.Fatalf("%s: got %v, want ErrUnknown", w.name, err)
		}
		s.wantStored(w.ops[0].Item.SK, w.after)
	}
}

func lostReplyOfAdd(s *suite) {
	s.skipUnless(s.LoseReply != nil, "loses no replies")
	key := item.Key{Table: item.Insights, PK: s.pk, SK: "cart"}
	s.LoseReply(func() {})
	if err := s.write(flow.Add(key, map[string]int64{"sent": 1})); !errors.Is(err, flow.ErrUnknown) {
		s.Fatalf("got %v, want ErrUnknown", err)
	}
	found := s.all(flow.Query{Table: item.Insights, PK: s.pk})
	if len(found) != 1 || found[0].Counters["sent"] != 1 {
		s.Fatalf("got %+v, want one counted", found)
	}
}
