package storetest

import (
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

var conditionTests = []test{
	{"put, delete and check hold every condition against the item as it stands", everyCondition},
	{"is compares the token too, since versions begin anew after a delete", isComparesToken},
	{"a delete with any is fine where nothing is", deleteAbsent},
	{"add creates what is missing and adds to what is there", addCreates},
}

// everyCondition walks kind of op x condition x what stands there.
func everyCondition(s *suite) {
	conditions := []struct {
		name         string
		of           func(read *item.Item) flow.Condition
		absent, same bool // holds where nothing is; where the item read still is
		other        bool // holds where another version is
	}{
		{"any", func(*item.Item) flow.Condition { return flow.Any }, true, true, true},
		{"absent", func(*item.Item) flow.Condition { return flow.Absent }, true, false, false},
		{"is", flow.Is, false, true, false},
	}
	for _, c := range conditions {
		for _, kind := range []string{"put", "delete", "check"} {
			sk := kind + " " + c.name
			read := s.fresh(sk) // as if read earlier
			s.conditionCase(kind, sk, c.of(&read), nil, c.absent)

			s.must(s.write(flow.Put(read, flow.Any)))
			s.conditionCase(kind, sk, c.of(&read), &read, c.same)

			other := s.next(&read, sk)
			s.must(s.write(flow.Put(other, flow.Any)))
			s.conditionCase(kind, sk, c.of(&read), &other, c.other)
			s.must(s.write(flow.Delete(s.key(sk), flow.Any)))
		}
	}
}

// conditionCase carries out one op under cond where current stands, and demands
// its effect, or a conflict and none.
func (s *suite) conditionCase(kind, sk string, cond flow.Condition, current *item.Item, holds bool) {
	s.Helper()
	put := s.next(current, sk)
	op, after := flow.Put(put, cond), &put
	switch kind {
	case "delete":
		op, after = flow.Delete(s.key(sk), cond), nil
	case "check":
		op, after = flow.Check(s.key(sk), cond), current
	}
	err := s.write(op)
	if !holds {
		s.wantConflict(err, 0, s.key(sk), current)
		s.wantStored(sk, current)
		return
	}
	if err != nil {
		s.Fatalf("%s where %s stands: %v", sk, show(current), err)
	}
	s.wantStored(sk, after)
	if current == nil {
		s.must(s.write(flow.Delete(s.key(sk), flow.Any)))
	}
}

func isComparesToken(s *suite) {
	first := s.put("GATE")
	s.must(s.write(flow.Delete(s.key("GATE"), flow.Is(first))))
	again := s.put("GATE")
	if first.V != again.V {
		s.Fatalf("the versions differ, so this test shows nothing")
	}
	s.wantConflict(s.write(flow.Put(s.next(first, "GATE"), flow.Is(first))), 0, s.key("GATE"), again)
}

func deleteAbsent(s *suite) {
	s.must(s.write(flow.Delete(s.key("NONE"), flow.Any)))
	s.wantStored("NONE", nil)
}

func addCreates(s *suite) {
	key := item.Key{Table: item.Insights, PK: "J#cart", SK: "2026-11-24"}
	key.PK += s.pk
	s.must(s.write(flow.Add(key, map[string]int64{"sent": 2})))
	s.must(s.write(flow.Add(key, map[string]int64{"sent": 3, "skipped": 1, "held": -1})))
	found := s.all(flow.Query{Table: item.Insights, PK: key.PK})
	want := item.Item{Key: key, Counters: map[string]int64{"sent": 5, "skipped": 1, "held": -1}}
	s.wantKeys(found, key.SK)
	s.wantSame("counters", &found[0], &want)
}
