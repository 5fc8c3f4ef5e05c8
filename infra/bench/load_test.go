package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// load puts calls of customers on a server and watches for their mails.
type load struct {
	*server
	mu      sync.Mutex
	arrived map[string]time.Time // by address
	waiting map[string]chan struct{}
	done    chan struct{}
	watcher sync.WaitGroup
}

func newLoad(s *server) *load {
	l := &load{server: s, arrived: map[string]time.Time{}, waiting: map[string]chan struct{}{}, done: make(chan struct{})}
	l.watcher.Go(l.watch)
	return l
}

func (l *load) end() {
	close(l.done)
	l.watcher.Wait()
}

func address(i int) string { return fmt.Sprintf("c%d@shop.example", i) }

// watch notes when each mail stands in the mailbox. It asks again at once, so a
// mail is seen a millisecond or two after it was stored.
func (l *load) watch() {
	after := ""
	for {
		select {
		case <-l.done:
			return
		default:
		}
		mails := l.mailsAfter(after)
		now := time.Now()
		l.mu.Lock()
		for _, m := range mails {
			after = m.ID
			l.arrived[m.To] = now
			if c, ok := l.waiting[m.To]; ok {
				close(c)
				delete(l.waiting, m.To)
			}
		}
		l.mu.Unlock()
		if len(mails) == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

type mail struct{ ID, To string }

func (l *load) mailsAfter(id string) (mails []mail) {
	answer, err := client.Get(l.base + "/mailbox/messages?limit=1000&after=" + url.QueryEscape(id))
	if err != nil {
		l.b.Error(err)
		return nil
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, text)
	}
	if err == nil {
		err = json.Unmarshal(text, &mails)
	}
	if err != nil {
		l.b.Error(err)
	}
	return mails
}

// arrival waits for the mail to an address.
func (l *load) arrival(i int) time.Time {
	to := address(i)
	l.mu.Lock()
	at, ok := l.arrived[to]
	c := l.waiting[to]
	if !ok && c == nil {
		c = make(chan struct{})
		l.waiting[to] = c
	}
	l.mu.Unlock()
	if ok {
		return at
	}
	<-c
	return l.arrival(i)
}

// meet makes customers known who may be mailed.
func (l *load) meet(from, to int) {
	const batch = 50
	side(8, (to-from+batch-1)/batch, func(n int) {
		var calls []string
		first := from + n*batch
		last := min(first+batch, to)
		for i := first; i < last; i++ {
			calls = append(calls, fmt.Sprintf(`{"type":"identify","messageId":"i%d","userId":"c%d","traits":{"email":%q,"first_name":"Dana"}}`, i, i, address(i)))
		}
		l.post("/v1/batch", `{"batch":[%s]}`, strings.Join(calls, ","))
		for i := first; i < last; i++ {
			for _, purpose := range []string{`"marketing","channel":"email"`, `"personalization"`} {
				l.post("/v1/consents", `{"userId":"c%d","purpose":%s,"state":"granted","evidence":{"basis":"consent","source":"bench"}}`, i, purpose)
			}
		}
	})
}

// add is the event that begins a customer's journey, and when it was put on.
func (l *load) add(i int) time.Time {
	begun := time.Now()
	l.post("/v1/track", `{"userId":"c%d","messageId":"a%d","event":"Product Added","properties":{"product_id":"p1","name":"Tent for two","price":129.9,"quantity":1}}`, i, i)
	return begun
}

// side works 0 to n-1, so many side by side.
func side(parallel, n int, work func(i int)) {
	next := make(chan int)
	var workers sync.WaitGroup
	for range parallel {
		workers.Go(func() {
			for i := range next {
				work(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
}

// alone is the median from an event to its mail when nothing else happens.
func (l *load) alone(from, to int) time.Duration {
	var took []time.Duration
	for i := from; i < to; i++ {
		begun := l.add(i)
		took = append(took, l.arrival(i).Sub(begun))
	}
	return quantile(took, 0.5)
}

// steady puts on so many a second and is the 99th percentile from an event to its
// mail. An event that is late in being put on counts from when it should have been.
func (l *load) steady(from, to, perSecond int) time.Duration {
	took := make([]time.Duration, to-from)
	begun := time.Now()
	var group sync.WaitGroup
	for n := range took {
		due := begun.Add(time.Duration(n) * time.Second / time.Duration(perSecond))
		time.Sleep(time.Until(due))
		group.Go(func() {
			l.add(from + n)
			took[n] = l.arrival(from + n).Sub(due)
		})
	}
	group.Wait()
	return quantile(took, 0.99)
}

// flood puts on as much as goes and is how many customers a second got their mail.
func (l *load) flood(from, to int) float64 {
	begun := time.Now()
	side(64, to-from, func(n int) { l.add(from + n) })
	last := begun
	for i := from; i < to; i++ {
		if at := l.arrival(i); at.After(last) {
			last = at
		}
	}
	return float64(to-from) / last.Sub(begun).Seconds()
}

func quantile(took []time.Duration, q float64) time.Duration {
	slices.Sort(took)
	return took[int(q*float64(len(took)-1))]
}

// BenchmarkEndToEnd is one machine as a shop uses it: an event comes in by HTTP, a
// journey without a wait reacts, and the mail stands in the mailbox; every write is
// on the disk before it is acknowledged.
func BenchmarkEndToEnd(b *testing.B) {
	const single, steady, flood = 200, 3000, 8000
	data := b.TempDir()
	catalog(b, data, false)
	s := serve(b, data)
	defer s.stop()
	l := newLoad(s)
	defer l.end()
	l.meet(0, single+steady+flood)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(milliseconds(l.alone(0, single)), "ms-p50-alone")
	b.ReportMetric(milliseconds(l.steady(single, single+steady, 300)), "ms-p99")
	used := s.cpu()
	b.ReportMetric(l.flood(single+steady, single+steady+flood), "customers/s")
	b.ReportMetric(float64((s.cpu()-used).Microseconds())/flood, "cpu-us/customer")
}
