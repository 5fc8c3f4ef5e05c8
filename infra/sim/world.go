package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

// World is one history under way: the truth, who works on it, and who watches.
type World struct {
	rng    *rand.Rand
	now    time.Time // true time
	begin  time.Time
	store  *memstore.Store
	tokens *fake.Tokens
	keys   ident.Keys
	ring   token.Keyring
	ses    *ses
	people []*person
	byKey  map[string]*person

	releases  [2]*release.Release
	published time.Time // when the second release goes live; zero: never

	running []*task
	waking  []*task // room for awake
	idle    []*instance
	queue   queue   // what happens later
	ready   []*work // what may begin now
	streams [2]*stream
	ticks   map[string]time.Time // by shard: the tick that is planned
	earlier map[item.Key]image   // what stood there before the last change, where reads may be stale
	heldTo  time.Time            // the index lags until then

	throttled time.Time // the store throttles every call until then
	told      int       // changes of the log that the streams have been given
	writes    int       // commits so far: the order of everything that happened

	bytes  bool // through the handlers' bytes
	busy   bool // several journeys and more of everything, for a quarter of the customers
	long   bool // twelve days, for a third of them
	span   time.Duration
	habits [nHabits]bool
	deploy deployment
	rates  *rates   // nil: no fault by chance
	calm   bool     // faults have stopped
	plan   []Strike // instead of rates
	scout  *[]Strike
	points int

	left   []*item.Item // of everything, at rest
	watch  watch
	result *Result
	trace  func(about, line string) // nil: nobody reads
}

// Options of one history.
type Options struct {
	People   int
	Journeys []string  // of the catalog; nil: some of them, by chance
	Bytes    bool      // through the handlers' bytes; else by chance
	Plan     []Strike  // these faults and no others
	Scout    *[]Strike // takes every fault that could have struck
	Script   func(*World)
	Trace    func(about, line string)
	Enough   int // broken histories after which Play ends; 0: 20
}

// Result is what a history showed.
type Result struct {
	Seed       uint64
	Steps      int
	Injected   map[Fault]int
	Reached    map[Reached]int
	Violations []Violation
	Mails      int
	MaxCalls   map[string]int // port calls of an untroubled invocation, by its kind
}

// Violation is a promise that was broken.
type Violation struct {
	About string // customer
	What  string
	At    time.Time
}

func (v Violation) String() string {
	return fmt.Sprintf("%s %s: %s", v.At.Format(item.TimeLayout), v.About, v.What)
}

// maxSteps ends a history that does not come to rest.
const maxSteps = 400_000

// Run plays the history of a seed and returns what it showed.
func Run(seed uint64, o Options) *Result {
	w := newWorld(seed, o)
	w.script(o)
	for w.turn() {
		if len(w.result.Violations) > 0 {
			break // what follows from a broken promise says nothing
		}
	}
	if len(w.result.Violations) == 0 {
		w.atRest()
	}
	w.abandon()
	return w.result
}

func newWorld(seed uint64, o Options) *World {
	rng := rand.New(rand.NewPCG(seed, 0x6b6573686572))
	w := &World{
		rng: rng, tokens: fake.NewTokens(seed), keys: ident.NewKeys([]byte("sim")), byKey: map[string]*person{},
		ticks: map[string]time.Time{}, earlier: map[item.Key]image{}, plan: o.Plan, scout: o.Scout, trace: o.Trace,
		result: &Result{Seed: seed, Injected: map[Fault]int{}, Reached: map[Reached]int{}, MaxCalls: map[string]int{}},
	}
	ring, err := token.NewKeyring("k", map[string][]byte{"k": []byte(strings.Repeat("k", 32))})
	if err != nil {
		panic(err)
	}
	w.ring = ring
	w.begin = beginnings[rng.IntN(len(beginnings))]
	w.now = w.begin
	w.store = memstore.New(func(string) time.Time { return w.now })
	w.ses = &ses{w: w, perSecond: 14}
	w.watch.init(w)
	w.busy = rng.IntN(8) == 0
	w.span = span
	if w.long = o.Script == nil && !w.busy && rng.IntN(8) == 0; w.long {
		w.span = longSpan
	}
	w.bytes = o.Bytes || o.Plan == nil && o.Scout == nil && rng.IntN(bytesOneIn) == 0
	w.habits = habitsOf(rng)
	w.streams = newStreams(w)
	w.releases = w.choose(o.Journeys)
	if o.Plan == nil && o.Scout == nil {
		w.rates = swarm(rng)
		w.ses.perSecond = []float64{14, 1}[rng.IntN(2)]
	}
	return w
}

// beginnings are days on which histories begin: an ordinary one, and the eves of
// the brand's two changes of the clock (Jerusalem, 2026).
var beginnings = []time.Time{
	time.Date(2026, 11, 3, 7, 0, 0, 0, time.UTC),
	time.Date(2026, 3, 26, 6, 0, 0, 0, time.UTC),
	time.Date(2026, 10, 24, 5, 0, 0, 0, time.UTC),
}

func (w *World) live() *release.Release {
	if !w.published.IsZero() && !w.now.Before(w.published) {
		return w.releases[1]
	}
	return w.releases[0]
}

// maxRunning is how many invocations are under way at once.
const maxRunning = 5

// turn is one step of the history; false when nothing is left to happen.
func (w *World) turn() bool {
	w.result.Steps++
	if w.result.Steps > maxSteps {
		w.violate("", "not at rest after %d steps", maxSteps)
		return false
	}
	w.due()
	awake := w.awake()
	switch {
	case len(w.ready) > 0 && len(w.running) < maxRunning && (len(awake) == 0 || w.rng.IntN(4) == 0):
		i := w.rng.IntN(len(w.ready))
		next := w.ready[i]
		w.ready[i] = w.ready[len(w.ready)-1]
		w.ready = w.ready[:len(w.ready)-1]
		next.begin()
	case len(awake) > 0:
		w.now = w.now.Add(time.Duration(1+w.rng.Int64N(4000)) * time.Microsecond)
		w.step(awake[w.rng.IntN(len(awake))])
	default:
		return w.skip()
	}
	return true
}

func (w *World) awake() []*task {
	awake := w.waking[:0]
	for _, t := range w.running {
		if !w.now.Before(t.wake) {
			awake = append(awake, t)
		}
	}
	w.waking = awake
	return awake
}

// skip moves time to the next thing that happens.
func (w *World) skip() bool {
	next, some := w.queue.next()
	for _, t := range w.running {
		if !some || t.wake.Before(next) {
			next, some = t.wake, true
		}
	}
	if some && next.After(w.now) {
		w.now = next
	}
	return some
}

// due moves what is due from the queue to what may begin.
func (w *World) due() {
	if !w.heldTo.IsZero() && !w.now.Before(w.heldTo) {
		w.heldTo = time.Time{}
		w.store.HoldIndex(false)
	}
	for {
		at, some := w.queue.next()
		if !some || at.After(w.now) {
			return
		}
		w.ready = append(w.ready, w.queue.pop())
	}
}

// later plans work.
func (w *World) later(at time.Time, begin func()) { w.queue.push(&work{at: at, begin: begin}) }

// some is a random part of d.
func (w *World) some(d time.Duration) time.Duration { return time.Duration(w.rng.Int64N(int64(d) + 1)) }

// commit carries out a write and lets everybody who watches see it.
func (w *World) commit(ctx context.Context, t *task, ops []flow.Op) error {
	err := w.store.Write(ctx, ops...)
	if err != nil {
		w.tell(t.about, "%s: refused: %v", t.name, err)
		return err
	}
	if w.trace != nil {
		for _, op := range ops {
			w.tell(t.about, "%s: writes %s", t.name, op.Item.SK)
		}
	}
	w.committed(t, ops, func(c *item.Change) {
		w.overtake(c)
		for _, s := range w.streams {
			s.take(*c)
		}
	})
	return nil
}

// committed lets who watches see what was written, and then whom it is told to.
func (w *World) committed(t *task, ops []flow.Op, tell func(*item.Change)) {
	w.writes++
	changes := w.store.ChangesAfter(w.told)
	w.told += len(changes)
	for _, op := range ops {
		w.watch.ledger(op)
	}
	for i := range changes {
		if w.rates != nil && w.rates[StaleRead] > 0 {
			w.earlier[changes[i].Key] = image{changes[i].Old, w.now}
		}
		w.watch.change(t, &changes[i])
		w.list(&changes[i])
		tell(&changes[i])
	}
}

// image is what an item was until a time.
type image struct {
	item  *item.Item
	until time.Time
}

// lag is how far an eventual read may be behind.
const lag = time.Second

// stale makes items what an eventual read may answer instead: every other time, since
// there is seldom anything to be behind of.
func (w *World) stale(keys []item.Key, items []*item.Item) {
	for i, key := range keys {
		before, ok := w.earlier[key]
		if ok && w.now.Sub(before.until) < lag && !w.calm && w.rng.IntN(2) == 0 {
			w.struck(StaleRead)
			items[i] = before.item.Clone()
		}
	}
}

// overtake wakes who hesitates about a message until the next one is due.
func (w *World) overtake(c *item.Change) {
	if c.New == nil || c.New.Due == "" {
		return
	}
	for _, t := range w.running {
		if customer, _ := item.CustomerOf(c.Key.PK); t.overtaken && t.about == customer && t.name == "deliver "+c.Key.SK {
			t.wake, t.overtaken = w.now, false
		}
	}
}

// intrude rewrites an item as it stands, as `kesher faults retry` may: whoever
// has read it before must notice.
func (w *World) intrude(key item.Key) {
	items, err := w.store.Get(context.Background(), flow.Strong, key)
	if err != nil || items[0] == nil || items[0].Counters != nil || key.Table != item.Customers {
		return
	}
	next := *items[0]
	next.V, next.W = next.V+1, w.tokens.Token()
	customer, _ := item.CustomerOf(key.PK)
	_ = w.commit(context.Background(), &task{w: w, name: "intruder", about: customer}, []flow.Op{flow.Put(next, flow.Any)})
}

func (w *World) holdIndex() {
	if !w.heldTo.IsZero() {
		return
	}
	w.store.HoldIndex(true)
	w.heldTo = w.now.Add(w.some(3 * time.Minute))
}

// abandon lets what is under way in a history that was broken off end.
func (w *World) abandon() {
	for _, t := range w.running {
		t.dead = true
		t.done = func(error) {}
	}
	for len(w.running) > 0 {
		w.step(w.running[0])
	}
	for _, i := range w.idle {
		dismiss(i.worker)
	}
}

func (w *World) violate(about, format string, args ...any) {
	v := Violation{About: about, What: fmt.Sprintf(format, args...), At: w.now}
	w.tell(about, "VIOLATION: %s", v.What)
	w.result.Violations = append(w.result.Violations, v)
}

func (w *World) tell(about, format string, args ...any) {
	if w.trace != nil {
		w.trace(about, w.now.Format(item.TimeLayout)+" "+fmt.Sprintf(format, args...))
	}
}
