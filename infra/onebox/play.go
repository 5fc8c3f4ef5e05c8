package onebox

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/clock"
	"github.com/kesher-io/kesher/shared/flow/report"
	localclock "github.com/kesher-io/kesher/shared/local/clock"
)

// player plays a file of calls with one clock per customer: a line at t first
// fires her timers due before t, then sets her clock to t and arrives; equal
// times keep the file's order. Customers are independent, so the lines of a
// round, one per customer, are worked side by side.
type player struct {
	store    flow.Store
	dues     *dues
	clock    *localclock.Clock
	keys     ident.Keys
	fire     func(context.Context, clock.Entry) error
	feed     func(context.Context, line) (*events.Refusal, error)
	drain    func(context.Context) error
	tokens   flow.Tokens
	parallel int
	refused  func(line, *events.Refusal)

	progress progress
	seen     map[string]bool
	latest   time.Time // the latest timestamp of the file so far
	refusals []int     // lines of this round that were refused
	earlier  map[int]bool
}

// progress is the document that says how far a play has come. It is written
// after each round: an interrupted play works the last round again, in which
// each customer has one line, and its repetition changes nothing.
type progress struct {
	Window int `json:"window"`
	Round  int `json:"round"`
	report.Intake
}

var progressKey = item.Key{Table: item.Customers, PK: item.PKPace, SK: "PLAY"}

// refusalsPrefix begins the keys under which a round leaves the numbers of its
// refused lines, where it has some: what an id of theirs brings later counts, also
// after an interruption.
const refusalsPrefix = "PLAY#"

// play plays the file to its end; lines of rounds that an earlier play worked
// are passed over.
func (p *player) play(ctx context.Context, file io.Reader) error {
	if err := p.load(ctx); err != nil {
		return err
	}
	p.seen = map[string]bool{}
	reader := newLineReader(file)
	for w := 0; ; w++ {
		lines, err := reader.next()
		if err != nil {
			return err
		}
		if len(lines) == 0 {
			return nil
		}
		for r, round := range rounds(lines) {
			worked := w < p.progress.Window || w == p.progress.Window && r < p.progress.Round
			if err := p.round(ctx, round, worked); err != nil {
				return err
			}
			if worked {
				continue
			}
			p.progress.Window, p.progress.Round = w, r+1
			if err := p.save(ctx); err != nil {
				return err
			}
		}
	}
}

func (p *player) round(ctx context.Context, lines []line, worked bool) error {
	for i := range lines {
		if lines[i].at.After(p.latest) {
			p.latest = lines[i].at
		}
	}
	if worked {
		for _, l := range lines {
			if !p.earlier[l.n] {
				p.first(l)
			}
		}
		return nil
	}
	if err := p.catchUp(ctx, lines); err != nil {
		return err
	}
	refusals := make([]*events.Refusal, len(lines))
	err := p.each(len(lines), func(i int) (err error) {
		refusals[i], err = p.feed(ctx, lines[i])
		if err != nil {
			err = fmt.Errorf("line %d: %w", lines[i].n, err)
		}
		return err
	})
	if err != nil {
		return err
	}
	for i, refusal := range refusals {
		p.tally(lines[i], refusal)
	}
	return p.drain(ctx)
}

// tally counts a line: a refused one by its code, of the accepted ones a repeated
// messageId once.
func (p *player) tally(l line, refusal *events.Refusal) {
	if refusal == nil {
		if p.first(l) {
			p.progress.Accepted++
		}
		return
	}
	if p.progress.Rejected == nil {
		p.progress.Rejected = map[string]int{}
	}
	p.progress.Rejected[string(refusal.Code)]++
	p.refusals = append(p.refusals, l.n)
	p.refused(l, refusal)
}

// first says whether no line with the id was taken before.
func (p *player) first(l line) bool {
	if l.id == "" {
		return true
	}
	if p.seen[l.id] {
		return false
	}
	p.seen[l.id] = true
	return true
}

// catchUp fires the timers that come before the lines of a round, and sets
// their customers' clocks.
func (p *player) catchUp(ctx context.Context, lines []line) error {
	for {
		var entries []clock.Entry
		for _, l := range lines {
			for _, customer := range p.customers(l) {
				if e, ok := p.dues.first(customer, l.at); ok {
					entries = append(entries, e)
				}
			}
		}
		if len(entries) == 0 {
			break
		}
		if err := p.fireAll(ctx, entries); err != nil {
			return err
		}
	}
	for _, l := range lines {
		for _, customer := range append(p.customers(l), p.visitors(l)...) {
			p.clock.Set(customer, l.at)
		}
	}
	return nil
}

func (p *player) customers(l line) []string {
	if l.user == "" {
		return nil
	}
	return []string{p.keys.Customer(l.user)}
}

func (p *player) visitors(l line) []string {
	if l.anon == "" {
		return nil
	}
	return []string{p.keys.Visitor(l.anon)}
}

// fireAll fires at most one entry per customer, each at its own time.
func (p *player) fireAll(ctx context.Context, entries []clock.Entry) error {
	err := p.each(len(entries), func(i int) error {
		e := entries[i]
		p.clock.Set(e.Customer(), e.At)
		if err := p.fire(ctx, e); err != nil {
			return fmt.Errorf("%s due %s: %w", e.Key.SK, item.Time(e.At), err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := p.drain(ctx); err != nil {
		return err
	}
	return p.each(len(entries), func(i int) error { return p.dues.refresh(ctx, entries[i]) })
}

// farFuture is later than anything that can be due.
var farFuture = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// finish runs every clock to until, or until nothing is due any more.
func (p *player) finish(ctx context.Context, until time.Time, idle bool) error {
	if until.IsZero() {
		until = p.latest
	}
	if idle {
		until = farFuture
	}
	for {
		entries := p.dues.firsts(until.Add(time.Millisecond)) // due at until still fires
		if len(entries) == 0 {
			break
		}
		if err := p.fireAll(ctx, entries); err != nil {
			return err
		}
	}
	if !idle {
		p.clock.SetAll(until)
	}
	return nil
}

// each works 0 to n-1, as many at a time as may be. The workers live for the
// whole round: a goroutine for each would grow its stack anew every time, which
// costs a twentieth of a play.
func (p *player) each(n int, work func(i int) error) error {
	var group errgroup.Group
	var next atomic.Int64
	for range min(p.parallel, n) {
		group.Go(func() error {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := work(i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func (p *player) load(ctx context.Context) error {
	items, err := p.store.Get(ctx, flow.Strong, progressKey)
	if err != nil || items[0] == nil {
		return err
	}
	p.earlier = map[int]bool{}
	q := flow.Query{Table: item.Customers, PK: item.PKPace, Prefix: refusalsPrefix, Consistency: flow.Strong}
	err = flow.Each(ctx, p.store, q, func(it item.Item) error {
		var lines []int
		err := it.Decode(&lines)
		for _, n := range lines {
			p.earlier[n] = true
		}
		return err
	})
	if err != nil {
		return err
	}
	return items[0].Decode(&p.progress)
}

// save writes how far the play has come, after what has to be known by then.
func (p *player) save(ctx context.Context) error {
	if len(p.refusals) > 0 {
		key := progressKey
		key.SK = fmt.Sprintf("%s%d#%d", refusalsPrefix, p.progress.Window, p.progress.Round)
		if err := p.put(ctx, key, p.refusals); err != nil {
			return err
		}
		p.refusals = nil
	}
	return p.put(ctx, progressKey, p.progress)
}

func (p *player) put(ctx context.Context, key item.Key, doc any) error {
	it := item.Item{Key: key, V: 1, W: p.tokens.Token(), F: item.Format}
	if err := it.Encode(doc); err != nil {
		return err
	}
	return p.store.Write(ctx, flow.Put(it, flow.Any))
}
