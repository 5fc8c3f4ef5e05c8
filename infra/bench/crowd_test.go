package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/delivery"
	"github.com/kesher-io/kesher/shared/local/embedded"
)

// crowd makes many customers out of one whom a server has really met: her items,
// written again for each under their own keys, addresses and times. Meeting a
// million takes an hour, this a minute.
type crowd struct {
	b       *testing.B
	store   *embedded.Store
	keys    ident.Keys
	pattern []item.Item
	due     func(i int) time.Time // of customer i's run
}

// model is the customer who is copied; her number is one that no load uses.
const model = 99_999_999

// gather fills the folder with customers 0 to n-1; where due is given, each has a
// run that waits until then.
func gather(b *testing.B, data string, n int, due func(i int) time.Time) {
	s := serve(b, data)
	l := &load{server: s}
	l.meet(model, model+1)
	if due != nil {
		l.add(model)
	}
	s.stop()
	store, err := embedded.Open(filepath.Join(data, "store"), embedded.Options{NoFsync: true})
	if err != nil {
		b.Fatal(err)
	}
	c := &crowd{b: b, store: store, keys: keysOf(b, data), due: due}
	c.read()
	const step = 50_000
	for from := 0; from < n; from += step {
		side(64, min(step, n-from), func(i int) { c.write(from + i) })
		c.passOver()
	}
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
}

func keysOf(b *testing.B, data string) ident.Keys {
	text, err := os.ReadFile(filepath.Join(data, "secret"))
	if err != nil {
		b.Fatal(err)
	}
	secret, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		b.Fatal(err)
	}
	return ident.NewKeys(secret)
}

// passOver has no consumer work what was written: it is as good as long worked.
func (c *crowd) passOver() {
	for _, consumer := range delivery.Consumers {
		if err := c.store.SetPosition(string(consumer), c.store.Last()); err != nil {
			c.b.Fatal(err)
		}
	}
}

// read takes the model's items: of her partition what has no history, and who
// owns her address.
func (c *crowd) read() {
	hers := item.CustomerPK(c.keys.Customer(fmt.Sprint("c", model)))
	address := item.PrefixAddress + c.keys.Address(address(model))
	err := c.store.Each(context.Background(), item.Customers, func(it *item.Item) error {
		switch {
		case it.PK == address, it.PK == hers && (it.SK == item.SKProfile || it.SK == item.SKGate || c.due != nil && strings.HasPrefix(it.SK, item.PrefixRun)):
			c.pattern = append(c.pattern, *it)
		}
		return nil
	})
	if want := map[bool]int{false: 3, true: 4}[c.due != nil]; err != nil || len(c.pattern) != want {
		c.b.Fatalf("the model has %d items, want %d (%v)", len(c.pattern), want, err)
	}
}

// write writes customer i.
func (c *crowd) write(i int) {
	user, mail := fmt.Sprint("c", i), address(i)
	key := c.keys.Customer(user)
	replace := strings.NewReplacer(
		c.keys.Customer(fmt.Sprint("c", model)), key, c.keys.Address(address(model)), c.keys.Address(mail),
		address(model), mail, fmt.Sprintf("%q", fmt.Sprint("c", model)), fmt.Sprintf("%q", user),
	)
	var ops []flow.Op
	for _, it := range c.pattern {
		it.PK, it.IS, it.Body = replace.Replace(it.PK), replace.Replace(it.IS), replace.Replace(it.Body)
		if list, _, ok := strings.Cut(it.IK, "#"); ok {
			it.IK = list + "#" + item.Shard(key)
		}
		if strings.HasPrefix(it.SK, item.PrefixRun) {
			c.wait(&it, i)
		}
		ops = append(ops, flow.Put(it, flow.Any))
	}
	if err := c.store.Write(context.Background(), ops...); err != nil {
		c.b.Error(err)
	}
}

// wait moves the run's timer.
func (c *crowd) wait(it *item.Item, i int) {
	var run engine.Run
	if err := it.Decode(&run); err != nil {
		c.b.Error(err)
		return
	}
	run.ID, run.Due = ident.Derive("crowd", fmt.Sprint(i)), c.due(i).UnixMilli()
	it.IS = item.Time(c.due(i))
	if err := it.Encode(run); err != nil {
		c.b.Error(err)
	}
}

// BenchmarkWaiting starts a machine on which a million runs wait, 100,000 of them
// due in the minute before, and puts new events on it while it works those off. A
// due run counts as decided when its mail stands in the mailbox.
func BenchmarkWaiting(b *testing.B) { waiting(b, 1_000_000, 100_000) }

func waiting(b *testing.B, all, early int) {
	data := b.TempDir()
	catalog(b, data, true)
	now := time.Now()
	gather(b, data, all, func(i int) time.Time {
		if i < early {
			return now.Truncate(time.Minute)
		}
		return now.Add(30 * 24 * time.Hour)
	})
	s := serve(b, data)
	defer s.stop()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(s.ready.Seconds(), "s-ready")
	b.ReportMetric(residentMB(b, s.pid), "MB-RSS")
	begun := time.Now()
	l := newLoad(s)
	defer l.end()
	decided := make(chan struct{})
	var meanwhile []time.Duration
	var events sync.WaitGroup
	events.Go(func() { meanwhile = l.acceptances(early, all, decided) })
	for i := range early {
		l.arrival(i)
	}
	b.ReportMetric(time.Since(begun).Seconds(), "s-decided")
	close(decided)
	events.Wait()
	b.ReportMetric(milliseconds(quantile(meanwhile, 0.99)), "ms-p99")
}

// acceptances puts an event of one customer after another on the server, 100 a
// second, and is how long each took to be acknowledged.
func (l *load) acceptances(from, to int, until <-chan struct{}) (took []time.Duration) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := from; i < to; i++ {
		select {
		case <-until:
			return took
		case <-tick.C:
			took = append(took, time.Since(l.add(i)))
		}
	}
	return took
}

// BenchmarkCostPerEvent is the server's processor time for one event that becomes
// a mail, among few and among many customers: it may not grow with their number.
func BenchmarkCostPerEvent(b *testing.B) {
	const events = 1000
	cost := map[int]float64{}
	sizes := []int{1000, 100_000}
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			cost[n] = costPerEvent(b, n, events)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(cost[n], "us/event")
		})
	}
	b.Run("flat", func(b *testing.B) {
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(cost[sizes[1]]/cost[sizes[0]], "times")
	})
}

func costPerEvent(b *testing.B, customers, events int) float64 {
	data := b.TempDir()
	catalog(b, data, false)
	gather(b, data, customers, nil)
	s := serve(b, data)
	defer s.stop()
	l := newLoad(s)
	defer l.end()
	used := s.cpu()
	side(16, events, func(n int) { l.arrivalOf(n * (customers / events)) })
	return float64((s.cpu() - used).Microseconds()) / float64(events)
}

// arrivalOf puts a customer's event on and waits for her mail.
func (l *load) arrivalOf(i int) {
	l.add(i)
	l.arrival(i)
}
