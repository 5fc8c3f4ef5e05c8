package storetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

var queryTests = []test{
	{"prefix and range cut the partition, both ends included", queryRanges},
	{"pages follow one another to the end, forward and backward, at every limit", queryPages},
	{"a page holds at most 1 MB", queryPagesByBytes},
	{"a partition ends where the next one begins", partitionsAreApart},
	{"an empty partition is one empty page", queryNothing},
}

func queryRanges(s *suite) {
	for _, sk := range []string{"EVENT#a#1", "EVENT#a#2", "EVENT#a#3", "EVENT#a", "EVENT#ab#1", "EVENT#b#1", "GATE"} {
		s.put(sk)
	}
	cases := []struct {
		prefix, from, to string
		want             []string
	}{
		{"EVENT#a#", "", "", []string{"EVENT#a#1", "EVENT#a#2", "EVENT#a#3"}},
		{"EVENT#", "", "", []string{"EVENT#a", "EVENT#a#1", "EVENT#a#2", "EVENT#a#3", "EVENT#ab#1", "EVENT#b#1"}},
		{"", "EVENT#a#2", "", []string{"EVENT#a#2", "EVENT#a#3", "EVENT#ab#1", "EVENT#b#1", "GATE"}},
		{"", "", "EVENT#a#2", []string{"EVENT#a", "EVENT#a#1", "EVENT#a#2"}},
		{"", "EVENT#a#1", "EVENT#a#2", []string{"EVENT#a#1", "EVENT#a#2"}},
		{"EVENT#a#", "EVENT#a#2", "EVENT#z", []string{"EVENT#a#2", "EVENT#a#3"}},
		{"EVENT#a#", "A", "EVENT#a#2", []string{"EVENT#a#1", "EVENT#a#2"}},
		{"", "EVENT#a#2", "EVENT#a#1", nil},
		{"EVENT#a#", "EVENT#b", "", nil},
		{"EVENT#b", "", "EVENT#a", nil},
		{"NONE#", "", "", nil},
	}
	for _, c := range cases {
		q := flow.Query{Table: item.Customers, PK: s.pk, Prefix: c.prefix, From: c.from, To: c.to}
		s.wantKeys(s.all(q), c.want...)
		q.Backward = true
		slices.Reverse(c.want)
		s.wantKeys(s.all(q), c.want...)
	}
}

func queryPages(s *suite) {
	var want []string
	for i := range 7 {
		sk := fmt.Sprintf("EVENT#%d", i)
		s.put(sk)
		want = append(want, sk)
	}
	s.put("A")
	s.put("GATE")
	for _, backward := range []bool{false, true} {
		for limit := range 9 {
			q := flow.Query{Table: item.Customers, PK: s.pk, Prefix: "EVENT#", Limit: limit, Backward: backward}
			for _, page := range s.pages(q) {
				if limit > 0 && len(page.Items) > limit {
					s.Fatalf("a page of %d items under limit %d", len(page.Items), limit)
				}
			}
			s.wantKeys(s.all(q), want...)
		}
		slices.Reverse(want)
	}
}

func queryPagesByBytes(s *suite) {
	var want []string
	for i := range 5 {
		it := s.fresh(fmt.Sprintf("PART#%d", i))
		it.Body = strings.Repeat("x", 300*1024)
		s.must(s.write(flow.Put(it, flow.Absent)))
		want = append(want, it.SK)
	}
	q := flow.Query{Table: item.Customers, PK: s.pk}
	for _, page := range s.pages(q) {
		size := 0
		for _, it := range page.Items {
			size += it.Size()
		}
		if size > flow.MaxPage {
			s.Fatalf("a page of %d items has %d bytes", len(page.Items), size)
		}
	}
	s.wantKeys(s.all(q), want...)
}

func partitionsAreApart(s *suite) {
	s.put("A")
	for _, pk := range []string{s.pk + "0", s.pk[:len(s.pk)-1], s.pk + "#"} {
		near := s.fresh("NEAR")
		near.PK = pk
		s.must(s.write(flow.Put(near, flow.Absent)))
	}
	s.wantKeys(s.all(flow.Query{Table: item.Customers, PK: s.pk}), "A")
	s.wantKeys(s.all(flow.Query{Table: item.Customers, PK: s.pk, Backward: true}), "A")
}

func queryNothing(s *suite) {
	pages := s.pages(flow.Query{Table: item.Customers, PK: s.pk})
	if len(pages) != 1 || len(pages[0].Items) != 0 {
		s.Fatalf("got %v", pages)
	}
}
