package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// person is one customer: what she does over a few days, and what the world does
// to her mails.
type person struct {
	w     *World
	id    string // her userId
	key   string
	email string     // the last she gave; "": none that is known to be hers
	typed string     // what she types in the site's form; "": she never uses it
	had   []string   // all she gave
	mail  *flow.Mail // the last she got
	name  string
	until time.Time // what she permits runs out then; zero: never
	named time.Time // when she gave it

	bounces, complains, unsubscribes bool
	full                             bool // her mailbox: mails bounce, and her address is good
	// steady: permits everything and never takes it back, so that what must
	// happen is known without a model of the rules.
	steady bool
	n      int             // messageIds given
	anon   string          // her anonymousId, if she was a visitor first
	asked  []string        // addresses she gave, to be confirmed
	looked map[string]bool // messageIds of what she did as a visitor and was kept
	host   *person         // at whose browser she was, long after its owner was known there

	choices  int // made in her preference centre
	choosing int // of them under way
}

// Customers are active for a day and a half, or in a long history for twelve days.
const (
	span     = 36 * time.Hour
	longSpan = 12 * 24 * time.Hour
)

// script plans what happens, and when the world calms down.
func (w *World) script(o Options) {
	if o.Script != nil {
		o.Script(w)
		return
	}
	if w.rng.IntN(2) == 0 {
		w.published = w.begin.Add(w.some(w.span))
	}
	people := max(o.People, 1)
	switch { // none takes much longer than another
	case w.busy:
		people = min(people, max(2, people/4))
	case w.bytes, w.long:
		people = min(people, max(2, people/3))
	}
	w.deploys()
	for i := range people {
		w.newPerson(i).lives(i)
	}
	w.later(w.begin.Add(w.span+w.some(12*time.Hour)), w.settle)
}

// settle ends all faults: from here on everything must come to rest.
func (w *World) settle() {
	w.calm = true
	w.watch.calmAt = w.now
	w.ses.pausedUntil, w.throttled = time.Time{}, time.Time{}
	w.store.HoldIndex(false)
	for _, s := range w.streams {
		s.lag = 0
	}
	clear(w.ticks)
	for _, shard := range item.Shards {
		w.tickAgain(string(shard))
	}
}

func (w *World) newPerson(i int) *person {
	id := fmt.Sprintf("user-%d", i)
	p := &person{w: w, id: id, key: w.keys.Customer(id), email: id + "@people.example", name: "Name" + id}
	p.had = []string{p.email}
	w.people = append(w.people, p)
	w.byKey[p.key] = p
	return p
}

// habit is something that customers do besides what a history's journeys are about.
// As with faults, a history has about half of them.
type habit int

const (
	joins        habit = iota // while the history goes on, not long before it
	shares                    // another's address
	signsUp                   // by a form on the site
	bounces                   // her address takes no mail
	complains                 // of a mail, by her provider's button
	unsubscribes              // by the button in a mail
	visits                    // before she is known
	borrows                   // another's browser
	says                      // another name
	buys                      // in the very minute in which a mail falls due
	returns                   // to a product, shortly before a wait for that ends
	offline                   // her calls come hours late
	orders                    // now and then
	requests                  // a transactional mail
	withdraws
	lapses   // permits for some hours
	pauses   // all marketing, for some days
	silences // a topic
	moves    // to another address
	asks     // to be mailed at another address, in her preference centre
	goes     // and may come back

	nHabits
)

func habitsOf(rng *rand.Rand) (some [nHabits]bool) {
	for h := range some {
		some[h] = rng.IntN(2) == 0
	}
	return some
}

// may says whether a customer does so, being one of so many.
func (w *World) may(h habit, oneIn int) bool { return w.habits[h] && w.chance(oneIn) }

// lives plans the life of customer i.
func (p *person) lives(i int) {
	w := p.w
	p.steady = w.chance(3)
	at := w.begin.Add(time.Hour + w.some(6*time.Hour))
	agrees, known := p.steady || !w.chance(5), !w.has("welcome") && !w.may(joins, 4)
	if !p.steady && len(w.people) > 1 && w.may(shares, 3) {
		p.shares(w.people[w.rng.IntN(len(w.people)-1)])
		known = false
	}
	if w.may(signsUp, 5) {
		p.typed, p.email = p.email, ""
		p.asked = append(p.asked, p.typed)
		known = false
	}
	p.bounces, p.complains, p.unsubscribes = !p.steady && w.may(bounces, 5), !p.steady && w.may(complains, 5), !p.steady && w.may(unsubscribes, 3)
	p.full = w.may(bounces, 8)
	if !p.steady && w.may(lapses, 5) {
		p.until = at.Add(time.Hour + w.some(w.span/2))
		known = false
	}
	if w.may(visits, 5) {
		p.visits(at.Add(-30 * time.Minute))
		known = false
	}
	if w.may(asks, 10) {
		p.asks(w.begin.Add(9*time.Hour + w.some(w.span/2)))
	}
	if w.may(borrows, 5) {
		p.borrows()
	}
	if known && agrees {
		p.isKnown(i)
	} else {
		p.comes(at, agrees)
	}
	p.shops(at.Add(2*time.Minute), w.span/2)
	if w.busy || w.long {
		p.shops(at.Add(2*time.Minute), w.span/2)
	}
	if w.long {
		p.shops(w.begin.Add(w.span/2), w.span/2)
	}
	if !p.steady {
		p.changesHerMind(at.Add(2 * time.Minute))
	}
}

func (w *World) chance(oneIn int) bool { return w.rng.IntN(oneIn) == 0 }

// shares makes her a second id with another's address.
func (p *person) shares(with *person) {
	p.email = with.had[0]
	p.had = []string{p.email}
	for _, other := range p.w.people {
		if other.had[0] == p.email {
			other.steady = false
		}
	}
}

// visits has her look around before anybody knows her; something of it arrives only
// while she is being identified.
func (p *person) visits(from time.Time) {
	w := p.w
	p.anon, p.looked = "browser-"+p.id, map[string]bool{}
	p.at(from, p.state("personalization", "", "granted", true))
	for range 1 + w.rng.IntN(2) {
		p.at(from.Add(time.Minute+w.some(25*time.Minute)), p.looks())
	}
	if !p.steady && w.chance(3) { // what she did stays the visitor's
		p.at(from.Add(29*time.Minute), p.state("personalization", "", "withdrawn", true))
	}
	p.at(from.Add(30*time.Minute+w.some(3*time.Second)), p.looks())
}

// borrows has her sign in where another looked around before her.
func (p *person) borrows() {
	for _, other := range p.w.people {
		if other != p && other.anon != "" {
			p.host = other
			at := p.w.begin.Add(p.w.span*3/4 + p.w.some(p.w.span/4))
			p.w.later(at, func() { p.make(p.identifyAt(other.anon), at) }) // by the name she has by then
			return
		}
	}
}

// asks has her give another address in her preference centre, and perhaps one more
// before she has followed the link that is mailed to the first.
func (p *person) asks(at time.Time) {
	p.at(at, p.gives(p.id+"@asked.example"))
	if p.w.chance(3) {
		p.at(at.Add(p.w.some(3*time.Hour)), p.gives(p.id+"@asked-again.example"))
	}
}

// comes makes her known.
func (p *person) comes(at time.Time, agrees bool) {
	w := p.w
	known, permits := p.identify, func() call { return p.grant("marketing", "email") }
	if p.typed != "" {
		known, permits = p.fillsInAddress, p.fillsInPermission
	}
	p.at(at, known())
	if agrees {
		p.at(at.Add(w.some(2*time.Minute)), permits())
		p.at(at.Add(w.some(2*time.Minute)), p.grant("personalization", ""))
	}
}

// sharer is another who has the same address.
func (p *person) sharer() *person {
	for _, other := range p.w.people {
		if other != p && other.email == p.email && p.email != "" {
			return other
		}
	}
	return nil
}

// shops does what this history's journeys are about, some time within a while.
func (p *person) shops(from time.Time, within time.Duration) {
	w := p.w
	at := func() time.Time { return from.Add(w.some(within)) }
	order := func(at time.Time) { p.at(at, p.track("Order Completed", map[string]any{"order_id": p.message()})) }
	if w.has("cart") {
		added := at()
		adds, arrived := p.track("Product Added", map[string]any{"product_id": p.product(), "price": 12.0 + float64(w.rng.IntN(40))}), added
		if w.may(offline, 4) {
			arrived = added.Add(w.some(5 * time.Hour))
		}
		p.arrives(arrived, added, adds)
		if w.may(returns, 3) {
			p.at(arrived.Add(5*time.Hour+time.Minute-w.some(20*time.Minute)), p.track("Product Viewed", map[string]any{"product_id": p.product()}))
		}
		if w.may(buys, 3) { // bought in the very minute in which the mail falls due
			order(added.Add(time.Hour + w.some(2*time.Minute)))
		}
	}
	if w.has("browse") || w.has("keen") {
		for range 1 + w.rng.IntN(2) {
			viewed := at()
			p.at(viewed, p.track("Product Viewed", map[string]any{"product_id": p.product()}))
			if w.may(says, 2) { // while a journey sets a trait
				p.at(viewed.Add(w.some(time.Second)), p.rename(viewed))
			}
		}
	}
	if w.has("taste") {
		p.at(at(), p.answer())
	}
	if w.has("thanks") || w.may(orders, 5) {
		order(at())
	}
	if w.may(requests, 10) {
		p.at(at(), p.request())
	}
}

func (w *World) has(journey string) bool { return w.releases[0].Journeys[journey] != nil }

// changesHerMind takes back, gives anew, moves, goes, and comes back.
func (p *person) changesHerMind(from time.Time) {
	w := p.w
	at := func() time.Time { return from.Add(w.some(w.span / 2)) }
	later := func() time.Time { return from.Add(w.span/2 + w.some(w.span/4)) }
	if w.may(withdraws, 3) {
		p.at(at(), p.withdraw("marketing", "email"))
		if w.chance(2) {
			p.at(later(), p.grant("marketing", "email"))
			p.shops(from.Add(w.span/2), w.span/4)
		}
	}
	if w.may(withdraws, 5) {
		p.at(at(), p.withdraw("personalization", ""))
	}
	if w.may(pauses, 4) {
		p.at(at(), p.pause(1+w.rng.IntN(3)))
		if w.chance(2) {
			p.at(later(), p.pause(0))
		}
	}
	if w.may(silences, 4) {
		p.at(at(), p.silence("cart", true))
		if w.chance(2) {
			p.at(later(), p.silence("cart", false))
		}
	}
	if w.may(moves, 6) {
		p.at(at(), p.move())
	}
	oneIn := 5
	if p.typed != "" { // so that some sign up again
		oneIn = 2
	}
	if w.may(goes, oneIn) {
		gone := at()
		p.at(gone, p.erase())
		if w.chance(2) { // whose record comes when she is gone
			p.at(gone.Add(-w.some(time.Second)), p.track("Order Completed", map[string]any{"order_id": p.message()}))
		}
		if w.chance(2) {
			back := later()
			if w.chance(2) { // before the sweep of what was under way
				back = gone.Add(w.some(10 * time.Minute))
			}
			p.comes(back, true)
			if w.chance(2) { // something of before comes late
				p.arrives(back.Add(w.some(time.Hour)), gone.Add(-w.some(time.Hour)), p.track("Product Viewed", map[string]any{"product_id": p.product()}))
			}
			p.shops(back.Add(2*time.Minute), w.span/4)
		}
	}
}

// ambush has her do, in the very moment in which a mail of hers may leave, what
// must stop it or comes too late; and now and then another worker begins the same.
// It returns how long the worker hesitates: sometimes until the other one has sent
// the mail and what she did has made the run's next one due.
func (p *person) ambush(t *task) time.Duration {
	if p.w.rng.IntN(4) == 0 {
		t.overtaken = true
		p.w.later(p.w.now, t.again)
		p.at(p.w.now.Add(p.w.some(2*time.Second)), p.track("Order Completed", map[string]any{"order_id": p.message()}))
		return 10 * time.Second
	}
	const within = 400 * time.Millisecond
	if p.w.rng.IntN(2) == 0 {
		p.w.later(p.w.now.Add(p.w.some(50*time.Millisecond)), t.again)
	}
	if with := p.sharer(); with != nil && p.w.rng.IntN(2) == 0 {
		with.at(p.w.now, with.withdraw("marketing", "email"))
		return within
	}
	switch p.w.rng.IntN(15) {
	case 0, 1, 2:
		p.at(p.w.now, p.withdraw("marketing", "email"))
	case 3, 4, 5, 6, 7:
		p.at(p.w.now, p.track("Order Completed", map[string]any{"order_id": p.message()}))
	case 8, 9, 10:
		p.at(p.w.now, p.erase())
	case 11:
		p.at(p.w.now, p.move())
	case 12:
		if p.mail != nil {
			p.w.ses.report("complained", *p.mail, events.SESComplaint, 0)
		}
	case 13:
		p.at(p.w.now, p.pause(1))
	case 14:
		p.at(p.w.now, p.silence("cart", true))
	}
	return within
}

func (p *person) product() string { return fmt.Sprintf("p%d", p.w.rng.IntN(3)) }

func (p *person) message() string {
	p.n++
	return fmt.Sprintf("%s-m%d", p.id, p.n)
}
