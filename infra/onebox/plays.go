package onebox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/report"
)

// play plays what the configuration names, and returns at its end.
func (b *Box) play(ctx context.Context) error {
	switch {
	case b.config.Demo:
		return b.playDemo(ctx)
	case b.config.Play == "":
		return nil
	}
	file, err := os.Open(b.config.Play)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("--play %s: there is no such file", b.config.Play)
	}
	if err != nil {
		return fmt.Errorf("--play: %w", err)
	}
	defer file.Close()
	if !b.config.EventClock {
		return b.playWall(ctx, file)
	}
	if err := b.playEvents(ctx, file); err != nil || b.config.ExitWhenIdle {
		return err
	}
	return b.clock.EndPlay()
}

// playEvents plays a file with one clock per customer.
func (b *Box) playEvents(ctx context.Context, file io.Reader) error {
	p := &player{
		store: b.store, dues: b.dues, clock: b.clock, keys: b.keys, tokens: b.tokens, parallel: 64,
		fire: b.flows.clock.Fire, feed: b.feed, drain: b.drain, refused: b.tellRefused,
	}
	if err := p.drain(ctx); err != nil { // what an interrupted play left
		return err
	}
	if err := p.play(ctx, file); err != nil {
		return err
	}
	if err := p.finish(ctx, b.config.Until, b.config.UntilIdle); err != nil {
		return err
	}
	b.played = true
	return nil
}

// clocks are the customers' clocks as an interrupted play left them: the latest
// moment that stands in their items.
func (b *Box) clocks(ctx context.Context) (map[string]time.Time, error) {
	known := map[string]time.Time{}
	err := b.store.Each(ctx, item.Customers, func(it *item.Item) error {
		_, key, ok := strings.Cut(it.PK, "#")
		at, stamped := stampOf(it)
		if ok && stamped && at.After(known[key]) {
			known[key] = at
		}
		return nil
	})
	return known, err
}

// stampOf is when the item was written, by its customer's clock.
func stampOf(it *item.Item) (time.Time, bool) {
	var doc struct {
		In ident.Stamp `json:"in"`
	}
	var run struct {
		At ident.Stamp `json:"at"`
	}
	switch {
	case strings.HasPrefix(it.SK, item.PrefixRun):
		if it.Decode(&run) != nil {
			return time.Time{}, false
		}
		return run.At.Time(), run.At != ""
	case it.Decode(&doc) != nil || doc.In == "":
		return time.Time{}, false
	}
	return doc.In.Time(), true
}

// playDemo plays the shipped days once, shifted so that they end now; then
// everybody's clock is the wall again.
func (b *Box) playDemo(ctx context.Context) error {
	if b.demo.Done {
		fmt.Fprintln(b.out, "kesher: the demo was played before; all goes on where it stood")
		b.showAround()
		return nil
	}
	shifted, err := shift(events.Demo(), b.demo.End)
	if err != nil {
		return err
	}
	b.narrator.keep()
	err = b.playEvents(ctx, bytes.NewReader(shifted))
	b.narrator.tell()
	if err != nil {
		return err
	}
	if err := b.clock.EndPlay(); err != nil {
		return err
	}
	b.demo.Done = true
	if err := b.put(ctx, demoKey, b.demo); err != nil {
		return err
	}
	fmt.Fprintln(b.out, "kesher: demo done")
	b.showAround()
	return nil
}

// showAround names what there is to look at.
func (b *Box) showAround() { fmt.Fprintf(b.out, "kesher: see %s/ and %s/mailbox\n", b.base, b.base) }

// demoState says how the demo was shifted, so that an interrupted one goes on
// with the very same lines.
type demoState struct {
	End  time.Time `json:"end"`
	Done bool      `json:"done"`
}

var demoKey = item.Key{Table: item.Customers, PK: item.PKPace, SK: "DEMO"}

// demoBegun is how far the demo has come; without one it is as good as done.
func (b *Box) demoBegun(ctx context.Context) (d demoState, err error) {
	if !b.config.Demo {
		return demoState{Done: true}, nil
	}
	items, err := b.store.Get(ctx, flow.Strong, demoKey)
	if err != nil {
		return d, err
	}
	if items[0] != nil {
		return d, items[0].Decode(&d)
	}
	d.End = time.Now().UTC().Truncate(time.Second)
	return d, b.put(ctx, demoKey, d)
}

func (b *Box) put(ctx context.Context, key item.Key, doc any) error {
	it := item.Item{Key: key, V: 1, W: b.tokens.Token(), F: item.Format}
	if err := it.Encode(doc); err != nil {
		return err
	}
	return b.store.Write(ctx, flow.Put(it, flow.Any))
}

// shift moves every line's own time so that the last one is at end.
func shift(ndjson []byte, end time.Time) ([]byte, error) {
	var lines []map[string]any
	var latest time.Time
	for raw := range bytes.Lines(ndjson) {
		var l map[string]any
		if err := json.Unmarshal(raw, &l); err != nil {
			return nil, fmt.Errorf("demo: %w", err)
		}
		if at, ok := ownTime(l); ok && at.After(latest) {
			latest = at
		}
		lines = append(lines, l)
	}
	var out bytes.Buffer
	for _, l := range lines {
		for _, key := range []string{"timestamp", "time"} {
			if text, ok := l[key].(string); ok {
				at, err := time.Parse(time.RFC3339Nano, text)
				if err != nil {
					return nil, fmt.Errorf("demo: %w", err)
				}
				l[key] = item.Time(at.Add(end.Sub(latest)))
			}
		}
		if err := json.NewEncoder(&out).Encode(l); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

func ownTime(l map[string]any) (time.Time, bool) {
	for _, key := range []string{"timestamp", "time"} {
		if text, ok := l[key].(string); ok {
			at, err := time.Parse(time.RFC3339Nano, text)
			return at, err == nil
		}
	}
	return time.Time{}, false
}

// playWall feeds each line when its time has come on everybody's clock; a line
// of the past at once.
func (b *Box) playWall(ctx context.Context, file io.Reader) error {
	reader := newLineReader(file)
	latest := b.clock.Now("")
	for {
		lines, err := reader.next()
		if err != nil {
			return err
		}
		if len(lines) == 0 {
			break
		}
		for _, l := range lines {
			if err := b.sleepUntil(ctx, l.at); err != nil {
				return err
			}
			refusal, err := b.feed(ctx, l)
			if err != nil {
				return fmt.Errorf("line %d: %w", l.n, err)
			}
			if refusal != nil {
				b.tellRefused(l, refusal)
			}
			if l.at.After(latest) {
				latest = l.at
			}
		}
	}
	b.played = true
	if !b.config.ExitWhenIdle {
		return nil
	}
	return b.settle(ctx, latest)
}

// settle waits until nothing is undelivered and nothing is due up to the end.
func (b *Box) settle(ctx context.Context, latest time.Time) error {
	until := latest
	switch {
	case !b.config.Until.IsZero():
		until = b.config.Until
	case b.config.UntilIdle:
		until = farFuture
	}
	for {
		if err := b.drain(ctx); err != nil {
			return err
		}
		next, ok := b.dues.next(until)
		if !ok {
			return nil
		}
		// The clock function works it; by then it has a new place or none.
		if err := b.sleepUntil(ctx, next.Add(time.Second)); err != nil {
			return err
		}
	}
}

func (b *Box) sleepUntil(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(max(b.clock.Until(at), 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// tellRefused tells of a refused line, in the narrator's words.
func (b *Box) tellRefused(l line, refusal *events.Refusal) {
	if !b.config.Demo {
		return
	}
	who := b.keys.Customer(l.user)
	if l.user == "" {
		who = b.keys.Visitor(l.anon)
	}
	b.narrator.refused(l.at, who, orElse(l.event, l.typ), refusal)
}

// Intake are the calls taken and refused so far: those of the play, or those of
// this process.
func (b *Box) Intake(ctx context.Context) (report.Intake, error) {
	items, err := b.store.Get(ctx, flow.Strong, progressKey)
	if err != nil {
		return report.Intake{}, err
	}
	if items[0] == nil {
		return b.metrics.intake(), nil
	}
	var p progress
	return p.Intake, items[0].Decode(&p)
}

// metrics counts calls as flow/collect reports them; nothing else is kept on
// one machine, which has the report and its log lines.
type metrics struct {
	mu sync.Mutex
	in report.Intake
}

func (m *metrics) Count(name string, n int64, dims ...flow.Dim) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch name {
	case "CallsAccepted":
		m.in.Accepted += int(n)
	case "CallsRefused":
		if m.in.Rejected == nil {
			m.in.Rejected = map[string]int{}
		}
		for _, d := range dims {
			m.in.Rejected[d.Value] += int(n)
		}
	}
}

func (m *metrics) Observe(string, time.Duration, ...flow.Dim) {}

func (m *metrics) intake() report.Intake {
	m.mu.Lock()
	defer m.mu.Unlock()
	return report.Intake{Accepted: m.in.Accepted, Rejected: maps.Clone(m.in.Rejected)}
}
