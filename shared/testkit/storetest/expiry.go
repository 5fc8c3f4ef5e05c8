package storetest

import (
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

var expiryTests = []test{
	{"an item is there until its last second and absent from then on", expiresOnTheSecond},
	{"a query leaves expired items out", queryOmitsExpired},
	{"an expired item meets absent, and no other condition of presence", expiredIsAbsent},
}

// putUntil stores an item that expires d after Start.
func (s *suite) putUntil(sk string, d time.Duration) *item.Item {
	s.Helper()
	it := s.fresh(sk)
	it.TTL = Start.Add(d).Unix()
	s.must(s.write(flow.Put(it, flow.Absent)))
	return &it
}

func expiresOnTheSecond(s *suite) {
	it := s.putUntil("ID#1", time.Minute)
	s.SetNow(Start.Add(59*time.Second + 999*time.Millisecond))
	s.wantStored("ID#1", it)
	s.SetNow(Start.Add(time.Minute))
	s.wantStored("ID#1", nil)
}

func queryOmitsExpired(s *suite) {
	s.put("A")
	s.putUntil("B", time.Minute)
	s.putUntil("C", time.Hour)
	s.SetNow(Start.Add(time.Minute))
	s.wantKeys(s.all(flow.Query{Table: item.Customers, PK: s.pk}), "A", "C")
	s.wantKeys(s.all(flow.Query{Table: item.Customers, PK: s.pk, Limit: 1, Backward: true}), "C", "A")
	s.wantKeys(s.all(flow.Query{Table: item.Customers, PK: s.pk, Expired: true}), "A", "B", "C")
}

func expiredIsAbsent(s *suite) {
	old := s.putUntil("ID#1", time.Minute)
	s.SetNow(Start.Add(time.Hour))
	s.must(s.write(flow.Check(s.key("ID#1"), flow.Absent)))
	s.wantConflict(s.write(flow.Check(s.key("ID#1"), flow.Is(old))), 0, s.key("ID#1"), nil)
	s.wantConflict(s.write(flow.Put(s.next(old, "ID#1"), flow.Is(old))), 0, s.key("ID#1"), nil)

	again := s.fresh("ID#1")
	s.must(s.write(flow.Put(again, flow.Absent), flow.Put(s.fresh("EVENT#1"), flow.Absent)))
	s.wantStored("ID#1", &again)
}
