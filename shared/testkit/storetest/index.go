package storetest

import (
	"fmt"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

var indexTests = []test{
	{"a list holds only what stands in it: keys, list and order, nothing else", indexIsSparse},
	{"a list is sorted by order, then by key", indexIsSorted},
	{"pages of a list follow one another where orders are equal", indexPages},
	{"an item that moves to another place or list leaves the old one", indexMoves},
	{"an item that loses its list or is removed leaves it", indexIsLeft},
	{"lists with similar names are apart", listsAreApart},
	{"a stale list is followed by a right one", indexLags},
}

func (s *suite) list() string { return "due#" + s.pk }

// putListed stores an item that stands in the suite's list.
func (s *suite) putListed(sk, order string) *item.Item {
	s.Helper()
	it := s.fresh(sk)
	it.IK, it.IS = s.list(), order
	s.must(s.write(flow.Put(it, flow.Absent)))
	return &it
}

func (s *suite) listed(list string) []item.Item {
	s.Helper()
	return s.all(flow.Query{Table: item.Customers, List: list})
}

func indexIsSparse(s *suite) {
	s.put("PROFILE")
	run := s.putListed("RUN#cart#-", "2026-11-24T10:00:00.000Z")
	found := s.listed(s.list())
	s.wantKeys(found, "RUN#cart#-")
	s.wantSame("entry", &found[0], &item.Item{Key: run.Key, IK: run.IK, IS: run.IS})
}

func indexIsSorted(s *suite) {
	for _, place := range []struct{ sk, order string }{{"B", "2"}, {"C", "1"}, {"A", "2"}, {"D", "3"}, {"E", "1"}} {
		s.putListed(place.sk, place.order)
	}
	s.wantSorted(flow.Query{Table: item.Customers, List: s.list()}, "1", "1", "2", "2", "3")
	s.wantSorted(flow.Query{Table: item.Customers, List: s.list(), Backward: true}, "3", "2", "2", "1", "1")
	s.wantSorted(flow.Query{Table: item.Customers, List: s.list(), From: "2", To: "2"}, "2", "2")
	s.wantSorted(flow.Query{Table: item.Customers, List: s.list(), To: "2"}, "1", "1", "2", "2")
	s.wantSorted(flow.Query{Table: item.Customers, List: s.list(), Prefix: "3"}, "3")
}

// wantSorted compares the orders alone: DynamoDB leaves open how it sorts
// entries of the same order, ours sort them by key.
func (s *suite) wantSorted(q flow.Query, want ...string) {
	s.Helper()
	var got []string
	for _, e := range s.all(q) {
		got = append(got, e.IS)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.Fatalf("orders %v, want %v", got, want)
	}
}

func indexPages(s *suite) {
	const n = 10
	for i := range n {
		s.putListed(fmt.Sprintf("RUN#%d", i), fmt.Sprint(i/4))
	}
	for _, backward := range []bool{false, true} {
		for limit := 1; limit < 5; limit++ {
			seen := map[string]bool{}
			for _, e := range s.all(flow.Query{Table: item.Customers, List: s.list(), Limit: limit, Backward: backward}) {
				if seen[e.SK] {
					s.Fatalf("limit %d: %s came twice", limit, e.SK)
				}
				seen[e.SK] = true
			}
			if len(seen) != n {
				s.Fatalf("limit %d: %d of %d entries came", limit, len(seen), n)
			}
		}
	}
}

func indexMoves(s *suite) {
	run := s.putListed("RUN#1", "1")
	later := s.next(run, "RUN#1")
	later.IK, later.IS = s.list(), "2"
	s.must(s.write(flow.Put(later, flow.Is(run))))
	s.wantSorted(flow.Query{Table: item.Customers, List: s.list()}, "2")

	parked := s.next(&later, "RUN#1")
	parked.IK, parked.IS = "parked#"+s.pk, "2"
	s.must(s.write(flow.Put(parked, flow.Is(&later))))
	s.wantKeys(s.listed(s.list()))
	s.wantKeys(s.listed("parked#"+s.pk), "RUN#1")
}

func indexIsLeft(s *suite) {
	ended, removed := s.putListed("RUN#1", "1"), s.putListed("RUN#2", "2")
	s.must(s.write(flow.Put(s.next(ended, "RUN#1"), flow.Is(ended)), flow.Delete(removed.Key, flow.Is(removed))))
	s.wantKeys(s.listed(s.list()))
}

func listsAreApart(s *suite) {
	s.putListed("RUN#1", "1")
	near := s.fresh("RUN#2")
	near.IK, near.IS = s.list()+"1", "1"
	s.must(s.write(flow.Put(near, flow.Absent)))
	s.wantKeys(s.listed(s.list()), "RUN#1")
	s.wantKeys(s.all(flow.Query{Table: item.Customers, List: s.list(), Backward: true}), "RUN#1")
}

func indexLags(s *suite) {
	s.skipUnless(s.HoldIndex != nil, "has an index that never lags")
	old := s.putListed("RUN#1", "1")
	s.HoldIndex(true)
	s.must(s.write(flow.Put(s.next(old, "RUN#1"), flow.Is(old))))
	s.putListed("RUN#2", "2")
	s.wantKeys(s.listed(s.list()), "RUN#1")
	s.HoldIndex(false)
	s.wantKeys(s.listed(s.list()), "RUN#2")
}
