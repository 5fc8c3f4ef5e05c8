package storetest

import (
	"fmt"
	"sync"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

var changeTests = []test{
	{"every write is logged in order with both images", logsImages},
	{"what changed nothing is not logged, nor is another table", logsChangesOnly},
	{"writing over an expired item shows it as the old image", logsExpired},
	{"one item's changes stand in the order of its versions", logKeepsOrder},
}

// logged is the log of the suite's own partition.
func (s *suite) logged() []item.Change {
	s.Helper()
	s.skipUnless(s.Changes != nil, "shows no change log")
	var own []item.Change
	for _, c := range s.Changes() {
		if c.Key.PK == s.pk {
			own = append(own, c)
		}
	}
	return own
}

func (s *suite) wantLogged(want ...item.Change) {
	s.Helper()
	got := s.logged()
	if len(got) != len(want) {
		s.Fatalf("%d changes are logged, want %d: %+v", len(got), len(want), got)
	}
	for i, c := range got {
		if c.Key != want[i].Key {
			s.Fatalf("change %d is of %s, want %s", i, c.Key, want[i].Key)
		}
		s.wantSame(fmt.Sprintf("old image of change %d", i), c.Old, want[i].Old)
		s.wantSame(fmt.Sprintf("new image of change %d", i), c.New, want[i].New)
		if i > 0 && c.Seq <= got[i-1].Seq {
			s.Fatalf("sequence %s follows %s", c.Seq, got[i-1].Seq)
		}
	}
}

func logsImages(s *suite) {
	first := s.putListed("RUN#1", "1")
	second := s.next(first, "RUN#1")
	second.Due = "message"
	event := s.fresh("EVENT#1")
	s.must(s.write(flow.Put(second, flow.Is(first)), flow.Put(event, flow.Absent)))
	s.must(s.write(flow.Delete(second.Key, flow.Is(&second))))
	s.wantLogged(
		item.Change{Key: first.Key, New: first},
		item.Change{Key: first.Key, Old: first, New: &second},
		item.Change{Key: event.Key, New: &event},
		item.Change{Key: first.Key, Old: &second})
}

func logsChangesOnly(s *suite) {
	gate := s.put("GATE")
	s.must(s.write(flow.Check(gate.Key, flow.Is(gate))))
	s.must(s.write(flow.Delete(s.key("NONE"), flow.Any)))
	entry := s.fresh("CONSENT#1")
	entry.Table = item.Ledger
	s.must(s.write(flow.Put(entry, flow.Absent)))
	if err := s.write(flow.Put(s.fresh("NEW"), flow.Absent), flow.Check(gate.Key, flow.Absent)); err == nil {
		s.Fatalf("the transaction went through")
	}
	s.wantLogged(item.Change{Key: gate.Key, New: gate})
}

func logsExpired(s *suite) {
	old := s.putUntil("ID#1", time.Minute)
	s.SetNow(Start.Add(time.Hour))
	next := s.put("ID#1")
	s.wantLogged(
		item.Change{Key: old.Key, New: old},
		item.Change{Key: old.Key, Old: old, New: next})
}

func logKeepsOrder(s *suite) {
	s.skipUnless(s.Changes != nil, "shows no change log")
	var mu sync.Mutex
	s.together(8, func(i int) error {
		for n := range 10 {
			mu.Lock() // the writers meet in the store, not in the suite's tokens
			it := s.fresh(fmt.Sprintf("RUN#%d", i))
			mu.Unlock()
			it.V = int64(n + 1)
			if err := s.write(flow.Put(it, flow.Any)); err != nil {
				return err
			}
		}
		return nil
	})
	last := map[string]int64{}
	for _, c := range s.logged() {
		if c.New.V != last[c.Key.SK]+1 || (c.Old == nil) != (c.New.V == 1) || c.Old != nil && c.Old.V != c.New.V-1 {
			s.Fatalf("%s: version %d was logged after %d", c.Key.SK, c.New.V, last[c.Key.SK])
		}
		last[c.Key.SK] = c.New.V
	}
	if len(last) != 8 {
		s.Fatalf("%d of 8 items are logged", len(last))
	}
}
