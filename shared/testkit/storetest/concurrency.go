package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

var concurrencyTests = []test{
	{"of 50 writers on one item exactly one wins each version", fiftyWriters},
	{"of 50 writers of one absent item exactly one wins", fiftyCreators},
	{"concurrent adds are all counted", concurrentAdds},
	{"transactions that cross each other lose nothing", crossingTransactions},
}

// patiently repeats write while the engine asks to come back later: DynamoDB
// refuses transactions that meet each other.
func patiently(write func() error) error {
	for {
		if err := write(); !errors.Is(err, flow.ErrThrottled) {
			return err
		}
	}
}

// together runs n writers at the same time and demands that none fails.
func (s *suite) together(n int, writer func(i int) error) {
	s.Helper()
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = writer(i) })
	}
	wg.Wait()
	s.must(errors.Join(errs...))
}

func (s *suite) read(sk string) (*item.Item, error) {
	items, err := s.Store.Get(context.Background(), flow.Strong, s.key(sk))
	if err != nil {
		return nil, err
	}
	return items[0], nil
}

func fiftyWriters(s *suite) {
	const writers = 50
	var mu sync.Mutex
	winners := map[int64]string{}
	s.together(writers, func(i int) error {
		for attempt := 0; ; attempt++ {
			read, err := s.read("GATE")
			if err != nil {
				return err
			}
			next := read.Next(s.key("GATE"), fmt.Sprintf("writer-%d-%d", i, attempt), 0)
			err = patiently(func() error { return s.write(flow.Put(next, flow.Is(read))) })
			if _, lost := flow.AsConflict(err); lost {
				continue
			}
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if other, taken := winners[next.V]; taken {
				return fmt.Errorf("version %d was won by %s and %s", next.V, other, next.W)
			}
			winners[next.V] = next.W
			return nil
		}
	})
	last := s.get("GATE")
	if last == nil || last.V != writers || last.W != winners[writers] {
		s.Fatalf("after %d writers stands %s, last winner %s", writers, show(last), winners[writers])
	}
}

func fiftyCreators(s *suite) {
	var mu sync.Mutex
	wins := 0
	s.together(50, func(i int) error {
		it := item.Item{Key: s.key("ID#1"), V: 1, W: fmt.Sprint("writer-", i)}
		err := patiently(func() error { return s.write(flow.Put(it, flow.Absent)) })
		if _, lost := flow.AsConflict(err); lost {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		wins++
		return err
	})
	if wins != 1 {
		s.Fatalf("%d writers won", wins)
	}
}

func concurrentAdds(s *suite) {
	key := item.Key{Table: item.Insights, PK: s.pk, SK: "cart"}
	s.together(20, func(int) error {
		for range 5 {
			if err := patiently(func() error { return s.write(flow.Add(key, map[string]int64{"sent": 1})) }); err != nil {
				return err
			}
		}
		return nil
	})
	found := s.all(flow.Query{Table: item.Insights, PK: s.pk})
	if len(found) != 1 || found[0].Counters["sent"] != 100 {
		s.Fatalf("got %+v, want 100 sent", found)
	}
}

// crossingTransactions moves units between two items from both sides; their sum
// is kept whatever the order.
func crossingTransactions(s *suite) {
	s.put("A")
	s.put("B")
	s.together(10, func(i int) error {
		for {
			a, err := s.read("A")
			if err != nil {
				return err
			}
			b, err := s.read("B")
			if err != nil {
				return err
			}
			token := fmt.Sprint("move-", i)
			ops := []flow.Op{
				flow.Put(a.Next(a.Key, token, 0), flow.Is(a)),
				flow.Put(b.Next(b.Key, token, 0), flow.Is(b)),
			}
			if i%2 == 1 {
				ops[0], ops[1] = ops[1], ops[0]
			}
			err = patiently(func() error { return s.write(ops...) })
			if _, lost := flow.AsConflict(err); !lost {
				return err
			}
		}
	})
	a, b := s.get("A"), s.get("B")
	if a.V != 11 || b.V != 11 || a.W != b.W {
		s.Fatalf("after 10 transactions stand %s and %s", show(a), show(b))
	}
}
