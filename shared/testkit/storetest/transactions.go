package storetest

import (
	"fmt"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

var transactionTests = []test{
	{"all ops are carried out together, across tables and partitions", transactionCommits},
	{"one condition that fails stops every op", transactionAborts},
	{"a conflict names the first op that failed, and what stands there", transactionNamesFirstFailure},
	{"25 ops fit", transactionHolds25},
}

func transactionCommits(s *suite) {
	old := s.put("OLD")
	gate, entry, far := s.fresh("GATE"), s.fresh("CONSENT#1"), s.fresh("OWNER")
	entry.Table = item.Ledger
	far.PK = "A#" + s.pk
	s.must(s.write(
		flow.Put(gate, flow.Absent), flow.Put(entry, flow.Absent), flow.Put(far, flow.Any),
		flow.Delete(s.key("OLD"), flow.Is(old)), flow.Check(s.key("NONE"), flow.Absent)))
	s.wantStored("GATE", &gate)
	s.wantStored("OLD", nil)
	s.wantKeys(s.all(flow.Query{Table: item.Ledger, PK: s.pk}), "CONSENT#1")
	s.wantKeys(s.all(flow.Query{Table: item.Customers, PK: far.PK}), "OWNER")
}

func transactionAborts(s *suite) {
	old := s.put("OLD")
	taken := s.put("TAKEN")
	failing := map[string]flow.Op{
		"put":    flow.Put(s.fresh("TAKEN"), flow.Absent),
		"delete": flow.Delete(s.key("NONE"), flow.Is(old)),
		"check":  flow.Check(s.key("TAKEN"), flow.Absent),
	}
	for name, op := range failing {
		err := s.write(flow.Put(s.fresh("NEW"), flow.Absent), flow.Delete(s.key("OLD"), flow.Is(old)), op)
		if _, ok := flow.AsConflict(err); !ok {
			s.Fatalf("failing %s: got %v, want a conflict", name, err)
		}
		s.wantStored("NEW", nil)
		s.wantStored("OLD", old)
		s.wantStored("TAKEN", taken)
	}
}

func transactionNamesFirstFailure(s *suite) {
	a, b := s.put("A"), s.put("B")
	stale := s.fresh("A")
	err := s.write(
		flow.Put(s.fresh("NEW"), flow.Absent),
		flow.Check(s.key("A"), flow.Is(a)),
		flow.Delete(s.key("B"), flow.Is(&stale)),
		flow.Put(s.fresh("NONE"), flow.Is(&stale)))
	s.wantConflict(err, 2, s.key("B"), b)

	err = s.write(flow.Check(s.key("NONE"), flow.Is(&stale)), flow.Check(s.key("B"), flow.Absent))
	s.wantConflict(err, 0, s.key("NONE"), nil)
}

func transactionHolds25(s *suite) {
	var ops []flow.Op
	for i := range flow.MaxOps {
		ops = append(ops, flow.Put(s.fresh(fmt.Sprintf("SEG#%02d", i)), flow.Absent))
	}
	s.must(s.write(ops...))
	if found := s.all(flow.Query{Table: item.Customers, PK: s.pk}); len(found) != flow.MaxOps {
		s.Fatalf("%d of %d were written", len(found), flow.MaxOps)
	}
}
