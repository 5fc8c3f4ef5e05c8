package onebox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/infra/onebox"
	"github.com/kesher-io/kesher/shared/flow/report"
)

// A history of one cart journey, and beside it what the definition says must
// come out: a model of a few lines that shares nothing with the product.
//
//	entry: Product Added, price >= 20, again: after 2d from end, fresh 1h
//	exit:  Order Completed; wait 1h; send reminder
type history struct {
	rng      *rand.Rand
	lines    bytes.Buffer
	people   []*person
	want     report.Report
	n        int
	repeated [][]byte
	latest   time.Time
}

// person is the model of one customer.
type person struct {
	id      string
	contact bool // granted marketing by e-mail
	data    bool // granted personalization
	clock   time.Time
	run     *passage
	ended   time.Time
	been    bool
	orders  []moment
}

type passage struct {
	due   time.Time
	entry moment
}

// moment is an event's own time and its place in the order of arrival.
type moment struct {
	at  time.Time
	seq int
}

func (m moment) after(o moment) bool { return m.at.After(o.at) || m.at.Equal(o.at) && m.seq > o.seq }

var begin = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func newHistory(seed uint64, people int) *history {
	h := &history{rng: rand.New(rand.NewPCG(seed, 7))}
	h.want.Rejected = map[string]int{}
	h.want.Runs = map[string]*report.Runs{"cart": {}}
	h.want.Messages.Skipped = map[string]int{}
	h.want.Sends = map[string]map[string]int{}
	for i := range people {
		h.people = append(h.people, &person{id: fmt.Sprintf("user-%d", i), contact: i%5 != 1, data: i%7 != 2})
	}
	return h
}

func (h *history) write(line map[string]any) []byte {
	raw, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	h.lines.Write(append(raw, '\n'))
	return raw
}

// arrive lets a line reach a customer at t: her timers before t fire first.
func (h *history) arrive(p *person, t time.Time) {
	if p.run != nil && p.run.due.Before(t) {
		h.fire(p)
	}
	if t.After(p.clock) {
		p.clock = t
	}
	if t.After(h.latest) {
		h.latest = t
	}
}

// fire is the timer after the wait: the mail leaves, unless the gate knows better.
func (h *history) fire(p *person) {
	due := p.run.due
	if due.After(p.clock) {
		p.clock = due
	}
	cart, bought := h.want.Runs["cart"], false
	for _, o := range p.orders {
		bought = bought || o.after(p.run.entry)
	}
	switch {
	case bought:
		h.want.Messages.Skipped["exit seen at the gate"]++
		cart.Exited++
	case !p.contact:
		h.want.Messages.Skipped["no consent"]++
		cart.Ended++
	default:
		h.want.Messages.Sent++
		if h.want.Sends["cart"] == nil {
			h.want.Sends["cart"] = map[string]int{}
		}
		h.want.Sends["cart"]["send-reminder"]++
		cart.Ended++
	}
	p.run, p.ended = nil, p.clock
}

func (h *history) meet(p *person, t time.Time) {
	stamp := t.Format(time.RFC3339Nano)
	h.arrive(p, t)
	h.write(map[string]any{"type": "identify", "userId": p.id, "messageId": p.id + "-identify", "timestamp": stamp,
		"traits": map[string]any{"email": p.id + "@shop.example", "first_name": "Dana"}})
	h.want.Events++
	for purpose, granted := range map[string]bool{"marketing": p.contact, "personalization": p.data} {
		if !granted {
			continue
		}
		c := map[string]any{"type": "consent", "userId": p.id, "messageId": p.id + purpose, "purpose": purpose, "state": "granted",
			"time": stamp, "evidence": map[string]any{"basis": "consent", "source": "test"}}
		if purpose == "marketing" {
			c["channel"] = "email"
		}
		h.write(c)
		h.want.Events++
	}
}

func (h *history) track(p *person, event string, t, own time.Time, props map[string]any) {
	h.n++
	id := fmt.Sprintf("m%d", h.n)
	h.arrive(p, t)
	line := map[string]any{"type": "track", "userId": p.id, "messageId": id, "event": event, "properties": props, "timestamp": own.Format(time.RFC3339Nano)}
	raw := h.write(line)
	if p.data && h.rng.IntN(10) == 0 {
		h.repeated = append(h.repeated, raw)
	}
	at := moment{own, h.n}
	if event == "Order Completed" {
		h.want.Events++
		p.orders = append(p.orders, at)
		if p.run != nil && at.after(p.run.entry) {
			p.run, p.ended = nil, p.clock
			h.want.Runs["cart"].Exited++
		}
		return
	}
	if !p.data {
		h.want.Rejected["not_permitted"]++
		return
	}
	h.want.Events++
	price := props["price"].(float64)
	fresh := p.clock.Sub(own) <= time.Hour
	if price < 20 || p.run != nil || !fresh || p.been && p.clock.Sub(p.ended) < 48*time.Hour {
		return
	}
	p.been, p.run = true, &passage{due: p.clock.Add(time.Hour), entry: at}
	h.want.Runs["cart"].Started++
}

// build writes days of shopping: equal times, late lines, repeated ids.
func (h *history) build(calls int) {
	for i, p := range h.people {
		h.meet(p, begin.Add(time.Duration(i)*time.Millisecond))
	}
	now := begin.Add(time.Hour)
	for range calls {
		// Steps of whole minutes make many equal times, and many exactly due.
		now = now.Add(time.Duration(h.rng.IntN(3)) * time.Minute / 2)
		p := h.people[h.rng.IntN(len(h.people))]
		own := now
		if h.rng.IntN(8) == 0 {
			own = now.Add(-time.Duration(h.rng.IntN(180)) * time.Minute)
		}
		t := own // the line's own time is its clock
		if h.rng.IntN(3) == 0 {
			h.track(p, "Order Completed", t, own, map[string]any{"order_id": "o"})
			continue
		}
		h.track(p, "Product Added", t, own, map[string]any{"product_id": "p1", "name": "Tent", "price": float64(10 + h.rng.IntN(30))})
		if h.rng.IntN(20) == 0 && len(h.repeated) > 0 {
			h.lines.Write(append(h.repeated[h.rng.IntN(len(h.repeated))], '\n'))
		}
	}
	for _, p := range h.people {
		if p.run != nil && !p.run.due.After(h.latest) {
			h.fire(p)
		}
		if p.run != nil {
			h.want.Runs["cart"].Active++
		}
	}
}

// playHistory plays lines to their end and returns the report on the last line.
func playHistory(t testing.TB, lines []byte, data string) report.Report {
	t.Helper()
	file := filepath.Join(t.TempDir(), "history.ndjson")
	if err := os.WriteFile(file, lines, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := onebox.Run(context.Background(), onebox.Config{
		Data: data, Catalog: "testdata/cart", EventClock: true, Play: file, ExitWhenIdle: true,
	}, &out, os.Stderr)
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	all := strings.Split(strings.TrimSpace(out.String()), "\n")
	var r report.Report
	if err := json.Unmarshal([]byte(all[len(all)-1]), &r); err != nil {
		t.Fatalf("the last line is no report: %v\n%s", err, out.String())
	}
	return r
}

// I11: with equal times, late lines and repeated ones.
func TestReportOfAPlayedHistoryIsWhatTheDefinitionSays(t *testing.T) {
	for seed := range uint64(3) {
		h := newHistory(seed, 60)
		h.build(3000)
		got := playHistory(t, h.lines.Bytes(), t.TempDir())
		want, _ := json.Marshal(h.want)
		if text, _ := json.Marshal(got); string(text) != string(want) {
			t.Errorf("seed %d\ngot  %s\nwant %s", seed, text, want)
		}
	}
}

func TestALineThatWasRefusedCountsWhenItsRepetitionIsTaken(t *testing.T) {
	added := `{"type":"track","messageId":"2","userId":"dana","timestamp":"2026-03-01T08:00:00Z","event":"Product Added","properties":{"price":5}}`
	granted := `{"type":"consent","messageId":"1","userId":"dana","time":"2026-03-01T08:00:00Z","purpose":"personalization","state":"granted","evidence":{"basis":"consent","source":"shop"}}`
	got := playHistory(t, []byte(strings.Join([]string{added, added, granted, added, added}, "\n")), t.TempDir())
	if got.Events != 2 || got.Rejected["not_permitted"] != 2 {
		t.Fatalf("%d events, rejected %v", got.Events, got.Rejected)
	}
}

func TestAResumedPlayCountsWhatWasRefusedBeforeItWasInterrupted(t *testing.T) {
	added := `{"type":"track","messageId":"2","userId":"dana","timestamp":"2026-03-01T08:00:00Z","event":"Product Added","properties":{"price":5}}`
	granted := `{"type":"consent","messageId":"1","userId":"dana","time":"2026-03-01T08:00:00Z","purpose":"personalization","state":"granted","evidence":{"basis":"consent","source":"shop"}}`
	lines := []string{added, granted, added, added}
	data := t.TempDir()
	for played := 1; played < len(lines); played++ {
		playHistory(t, []byte(strings.Join(lines[:played], "\n")), data)
	}
	if got := playHistory(t, []byte(strings.Join(lines, "\n")), data); got.Events != 2 || got.Rejected["not_permitted"] != 1 {
		t.Fatalf("%d events, rejected %v", got.Events, got.Rejected)
	}
}

func TestALineOfAnyLengthIsCountedAsTooLarge(t *testing.T) {
	ordered := `{"type":"track","messageId":"1","userId":"dana","timestamp":"2026-03-01T08:00:00Z","event":"Order Completed"}`
	long := `{"type":"track","messageId":"2","userId":"dana","event":"` + strings.Repeat("x", 3<<20) + `"}`
	got := playHistory(t, []byte(strings.Join([]string{long, ordered, long}, "\n")), t.TempDir())
	if got.Events != 1 || got.Rejected["too_large"] != 2 {
		t.Fatalf("%d events, rejected %v", got.Events, got.Rejected)
	}
}

// The first of two customers who share an address owns it, however it is
// written and however many lines of hers come before.
func TestTheOrderOfTheFileDecidesWhoseAnAddressIs(t *testing.T) {
	lines := []string{
		`{"type":"track","messageId":"1","userId":"dana","timestamp":"2026-03-01T08:00:00Z","event":"Order Completed"}`,
		`{"type":"identify","messageId":"2","userId":"dana","timestamp":"2026-03-01T08:00:00Z","traits":{"email":"dana@example.com"}}`,
		`{"type":"identify","messageId":"3","userId":"noa","timestamp":"2026-03-02T08:00:00Z","traits":{"email":"Dana@Example.com"}}`,
	}
	for _, id := range []string{"dana", "noa"} {
		for _, purpose := range []string{`"marketing","channel":"email"`, `"personalization"`} {
			lines = append(lines, fmt.Sprintf(`{"type":"consent","userId":%q,"time":"2026-03-02T09:00:00Z","purpose":%s,"state":"granted","evidence":{"basis":"consent","source":"shop"}}`, id, purpose))
		}
	}
	lines = append(lines, `{"type":"track","messageId":"4","userId":"dana","timestamp":"2026-03-02T10:00:00Z","event":"Product Added","properties":{"price":30}}`,
		`{"type":"track","messageId":"6","userId":"noa","timestamp":"2026-03-03T12:00:00Z","event":"Order Completed"}`)
	got := playHistory(t, []byte(strings.Join(lines, "\n")), t.TempDir())
	if got.Messages.Sent != 1 {
		t.Fatalf("messages %+v", got.Messages)
	}
}
