package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
)

// watch sees every commit and every accepted mail, and holds them against the
// promises. It reads what stands in the store, and never believes a rule because
// the code keeps it: what it knows of caps, quiet hours or permission is its own.
type watch struct {
	w          *World
	listed     map[item.Key]*listed
	letters    map[string]*letter
	reported   map[string]bool // messages about which a report was worked
	ledgers    map[string][]consent.Entry
	facts      map[string][]*stored // by customer: her events, as they were stored
	entries    map[string]string    // (customer, epoch, journey, entry fact) -> run
	visits     map[string]string    // message -> (run, step, visit)
	sends      map[string]*passage  // message -> the run when it fell due
	docs       map[item.Key]document
	epochs     map[string]int64 // of customers, as GATE has it
	claims     map[string][]claimed
	suppressed map[string]int           // by address: World.writes when it was suppressed for its reason
	started    map[string]int           // by journey
	states     map[string]message.State // of messages
	braked     time.Time                // when the brake was last set
	rated      time.Time                // when PACE first named the rate
	calmAt     time.Time
	failures   map[string]int
	told       map[string]int // by customer and event: what the bus was told
	setAside   map[item.Key]bool
	delayed    map[string]bool            // customers of whom something was ever set aside
	erased     map[string]int             // customers: World.writes when they were erased
	bounced    map[string]int             // by address: World.writes when a bounce or complaint had been worked
	delivered  map[string]map[string]bool // by customer: messages that SES said to have delivered
	aliased    map[string]bool            // customers who were visitors
	askedAt    map[string]time.Time       // by customer, epoch and address: when she was asked whether it is hers
	withdrawn  map[string]int             // by customer and permission: World.writes when she took it back
}

// stored is an event with its place in the order of all commits. Its key names it,
// and most are asked for no more.
type stored struct {
	item   *item.Item
	writes int
	doc    *fact.Event // nil: nobody has read it yet
}

func (s *stored) is(event string) bool { return strings.HasPrefix(s.item.SK, item.EventPrefix(event)) }

func (o *watch) event(s *stored) *fact.Event {
	if s.doc == nil {
		s.doc = new(fact.Event)
		o.decode(s.item, s.doc)
	}
	return s.doc
}

func (o *watch) init(w *World) {
	*o = watch{
		w: w, listed: map[item.Key]*listed{}, letters: map[string]*letter{},
		reported: map[string]bool{}, ledgers: map[string][]consent.Entry{}, facts: map[string][]*stored{},
		entries: map[string]string{}, visits: map[string]string{}, sends: map[string]*passage{}, docs: map[item.Key]document{}, epochs: map[string]int64{}, claims: map[string][]claimed{}, suppressed: map[string]int{}, started: map[string]int{}, states: map[string]message.State{}, failures: map[string]int{}, told: map[string]int{}, setAside: map[item.Key]bool{}, delayed: map[string]bool{},
		erased: map[string]int{}, bounced: map[string]int{}, delivered: map[string]map[string]bool{}, aliased: map[string]bool{}, withdrawn: map[string]int{}, askedAt: map[string]time.Time{},
	}
}

// ledger sees what becomes history of consent.
func (o *watch) ledger(op flow.Op) {
	if op.Item.Table != item.Ledger {
		return
	}
	if op.Kind != flow.OpPut {
		o.w.violate("", "the ledger is put-only: %s", op.Item.Key)
		return
	}
	var e consent.Entry
	o.decode(&op.Item, &e)
	customer, _ := item.CustomerOf(op.Item.PK)
	name := consent.Name(e.Purpose, e.Channel)
	before := o.last(customer, name, e.Epoch)
	switch {
	case e.State == consent.Granted && e.By == consent.Public:
		o.w.violate(customer, "the site in her browser granted %s on its own", name)
	case e.State.Refused() && e.Surface == "address" && before.State == consent.Pending && e.Time < before.Time:
		o.w.violate(customer, "%s falls to a no that is older than her request", name)
	case e.State == consent.Granted && e.Surface == "confirmation":
		o.w.result.Reached[SignedUp]++
		if e.Epoch > 0 {
			o.w.result.Reached[SignedUpAnew]++
		}
		if before.State != consent.Pending {
			o.w.violate(customer, "a link granted %s, which was %q", name, before.State)
		}
	}
	o.ledgers[op.Item.PK] = append(o.ledgers[op.Item.PK], e)
	switch {
	case e.State == consent.Granted:
		delete(o.withdrawn, customer+" "+name)
	case e.State == consent.Withdrawn:
		o.withdrawn[customer+" "+name] = o.w.writes
	}
}

// change sees one committed change of the customers table.
func (o *watch) change(t *task, c *item.Change) {
	customer, hers := item.CustomerOf(c.Key.PK)
	// PAST is made, as often as need be, of a RUN that its writer could read.
	if c.Old != nil && c.Old.F == newFormat && c.New != nil && c.New.F != newFormat && !strings.HasPrefix(c.Key.SK, item.PrefixPast) {
		o.w.violate(customer, "%s of the newer binary was written over by the older", c.Key.SK)
	}
	o.unread(t, customer, c)
	switch sk := c.Key.SK; {
	case c.Key.PK == item.PKPace && sk == item.SKPace:
		o.braked = o.w.now
		if p := new(message.Pace); o.rated.IsZero() {
			if o.decode(c.New, p); p.Rate > 0 {
				o.rated = o.w.now
			}
		}
	case strings.HasPrefix(c.Key.PK, item.PrefixAddress) && c.New != nil:
		o.address(t, c)
	case !hers:
	case sk == item.SKGate && c.New != nil && c.New.E < o.epochs[customer]:
		o.w.violate(customer, "GATE went back to epoch %d", c.New.E)
	case c.New != nil && c.New.E < o.epochs[customer]:
		o.w.result.Reached[PastErasure]++ // by somebody who read before: absent, and swept
	case sk == item.SKGate:
		o.gate(t, customer, c)
	case sk == item.SKProfile && c.New != nil:
		o.profile(t, customer, c)
	case sk == item.SKAgenda && c.New != nil:
		o.agenda(customer, c.New)
	case strings.HasPrefix(sk, item.PrefixFault):
		o.aside(c)
	case strings.HasPrefix(sk, item.PrefixRun):
		o.run(t, customer, c)
	case strings.HasPrefix(sk, item.PrefixMsg):
		o.message(t, customer, c)
	case strings.HasPrefix(sk, item.PrefixEvent) && c.New != nil && c.Old != nil && c.Old.E == c.New.E && c.Old.Body != c.New.Body:
		o.w.violate(customer, "%s was written over", sk)
	case strings.HasPrefix(sk, item.PrefixEvent) && c.New != nil && c.Old == nil:
		s := &stored{item: c.New, writes: o.w.writes}
		o.facts[customer] = append(o.facts[customer], s)
		o.kept(t, customer, s)
		if _, gone := o.erased[customer]; gone {
			if g, gate := o.gateOf(customer); gate.E == c.New.E && o.event(s).At < max(g.Since, g.Erased)-2*skewed.Milliseconds() { // by a clock that is behind
				o.w.violate(customer, "%s happened before she was erased, and is hers again", sk)
			}
		}
	case strings.HasPrefix(sk, item.PrefixVisitorOf) && c.New != nil:
		o.aliased[customer] = true
	}
}

// kept: what is used to personalize is kept of nobody who has not permitted that.
func (o *watch) kept(t *task, customer string, s *stored) {
	if !s.is("Product Viewed") && !s.is("Product Added") {
		return
	}
	said := o.said(customer, "personalization", s.item.E)
	at, refused := o.withdrawn[customer+" personalization"]
	if said == consent.Unknown || said == consent.Pending || refused && t.about == customer && at <= t.gateRead {
		o.w.violate(customer, "%s is kept, and she has not permitted it (%q)", s.item.SK, said)
	}
}

// profile: an address that she gave in her preference centre or in a form becomes
// hers by the link that is mailed to it, and by nothing else.
func (o *watch) profile(t *task, customer string, c *item.Change) {
	p := o.w.byKey[customer]
	if p == nil || len(p.asked) == 0 {
		return
	}
	before, after := documents[profile.Profile](o, c)
	switch address := after.Address.Reveal(); {
	case after.AddressHash != before.AddressHash && slices.Contains(p.asked, address):
		if t.name != "follows link" && address != p.email { // which the shop tells us once it is
			o.w.violate(customer, "%s made an address hers that she has not confirmed", t.name)
		}
		p.email = address
		o.w.result.Reached[Confirmed]++
	case before.PendingHash != "" && after.PendingHash == "":
		o.w.result.Reached[Unconfirmed]++
	}
}

// waitsFor says whether what a link asks waits for its answer, and may be answered.
func (o *watch) waitsFor(asked *token.Confirm) bool {
	now := o.w.now.Add(skewed).UnixMilli()
	p, _ := o.profileOf(asked.Customer)
	pending := p.PendingHash == asked.Address && now < p.PendingTill
	if asked.Purpose == "" {
		return pending
	}
	g, _ := o.gateOf(asked.Customer)
	name := consent.Name(asked.Purpose, asked.Channel)
	state := g.States[name]
	owner, _ := truth[profile.Owner](o, profile.OwnerKey(asked.Address)) // where another may have refused since
	return (pending || p.AddressHash == asked.Address) && state.State == consent.Pending && owner.Withdrawn[name] < state.At && now < state.At+consent.ConfirmFor.Milliseconds()
}

// agenda: what is to be done for her stands in the list under the first time of all.
func (o *watch) agenda(customer string, it *item.Item) {
	var at map[string]int64
	if o.decode(it, &at); len(at) == 0 || it.IK == "" {
		return
	}
	if first := slices.Min(slices.Collect(maps.Values(at))); it.IS != stamp(first) {
		o.w.violate(customer, "AGENDA stands under %s, and the first of it is due at %s", it.IS, stamp(first))
	}
}

// unread: a version follows on the one that was read. What is written whatever stands
// there has none to follow on.
func (o *watch) unread(t *task, customer string, c *item.Change) {
	if c.Old == nil || c.New == nil || c.Old.E != c.New.E || c.Old.Expired(o.w.now) || c.New.Counters != nil ||
		strings.HasPrefix(c.Key.SK, item.PrefixPast) || strings.HasPrefix(c.Key.SK, item.PrefixVisitorOf) {
		return
	}
	if c.New.V <= c.Old.V {
		o.w.violate(customer, "%s was written over unread, %d after %d, by %s", c.Key.SK, c.New.V, c.Old.V, t.name)
	}
}

// reports takes what SES said of a mail, once it has been worked.
func (o *watch) reports(kind string, m *flow.Mail) {
	o.reported[m.ID] = true
	switch kind {
	case events.SESBounce, events.SESComplaint:
		if hash := o.w.keys.Address(m.To); o.bounced[hash] == 0 {
			o.bounced[hash] = o.w.writes
		}
	case events.SESDelivery:
		if o.delivered[m.Customer] == nil {
			o.delivered[m.Customer] = map[string]bool{}
		}
		o.delivered[m.Customer][m.ID] = true
	}
}

// address sees A# change.
func (o *watch) address(t *task, c *item.Change) {
	before, after := documents[profile.Owner](o, c)
	if before.Customer != "" && after.Customer == "" && after.Suppressed == nil && (strings.HasPrefix(t.name, "erase") || strings.HasPrefix(t.name, "clock")) {
		o.w.violate(before.Customer, "she was erased, and her address may be mailed again")
	}
	if x := after.Suppressed; x != nil && (before.Suppressed == nil || before.Suppressed.Reason != x.Reason) {
		if strings.HasPrefix(t.name, "feedback "+passing) {
			o.w.violate(t.about, "her mailbox was full, and her address is suppressed")
		}
		o.suppressed[c.Key.PK] = o.w.writes
	}
}

// decided holds a decision against itself: on its own record it comes out the same
// (J12): each in the reference lives, some of them in the others, which are many.
func (w *World) decided(in engine.Input, res engine.Result) {
	if w.rates != nil && w.result.Steps%64 != 0 {
		return
	}
	text, err := json.Marshal(in.Write())
	if err != nil {
		w.violate(in.Customer, "a decision's input can't be recorded: %v", err)
		return
	}
	var record engine.Record
	if err := json.Unmarshal(text, &record); err != nil {
		w.violate(in.Customer, "a decision's record can't be read: %v", err)
		return
	}
	again, err := record.Read(w.releaseOf)
	if err != nil {
		w.violate(in.Customer, "a decision's record: %v", err)
		return
	}
	second, err := engine.Decide(again)
	a, _ := json.Marshal(res)
	b, _ := json.Marshal(second)
	if err != nil || !bytes.Equal(a, b) {
		w.violate(in.Customer, "deciding again on the record gives\n%s\nafter\n%s (%v)", b, a, err)
	}
	w.result.Reached[DecidedAgain]++
}

// failed counts how often a record could not be worked in calm.
func (o *watch) failed(customer, sk string, err error) {
	if !o.w.calm {
		return
	}
	if o.failures[customer+sk]++; o.failures[customer+sk] > 20 {
		o.w.violate(customer, "the record of %s is never worked: %v", sk, err)
	}
}

// emitted: the bus is told of somebody, never who she is.
func (o *watch) emitted(t *task, e *flow.Emitted) {
	if at, gone := o.erased[e.Customer]; gone && at <= t.begun && e.Name != fact.CustomerErased {
		if g, _ := o.gateOf(e.Customer); e.At.UnixMilli() < max(g.Since, g.Erased)-2*skewed.Milliseconds() {
			o.w.violate(e.Customer, "the bus is told %s of who was erased", e.Name)
		}
	}
	text, err := json.Marshal(e)
	if p := o.w.byKey[e.Customer]; err != nil || p == nil || p.namedIn(string(text)) {
		o.w.violate(e.Customer, "the bus is told %s (%v)", text, err)
	}
	o.told[e.Customer+e.Name]++
}

// answeredWithdrawal: once a withdrawal is answered, nothing said before it
// permits anything.
func (o *watch) answeredWithdrawal(p *person, name string, at time.Time) {
	g, _ := o.gateOf(p.key)
	if state := g.States[name]; state.State == consent.Granted && state.At <= at.UnixMilli() {
		o.w.violate(p.key, "a withdrawal of %s was answered, and what was granted before it stands", name)
	}
}

func (o *watch) gateOf(customer string) (*consent.Gate, *item.Item) {
	return truth[consent.Gate](o, item.C(customer, item.SKGate))
}

func (o *watch) profileOf(customer string) (*profile.Profile, *item.Item) {
	return truth[profile.Profile](o, item.C(customer, item.SKProfile))
}

// read is the truth.
func (o *watch) read(key item.Key) *item.Item {
	items, err := o.w.store.Get(context.Background(), flow.Strong, key)
	if err != nil {
		panic(err) // memory does not fail
	}
	return items[0]
}

// document is what an item held when it was last written.
type document struct {
	w   string
	doc any
}

// truth is an item that somebody watches, with what it holds: nothing where it is nil.
func truth[T any](o *watch, key item.Key) (*T, *item.Item) {
	it := o.read(key)
	if it == nil {
		return new(T), nil
	}
	return held[T](o, it), it
}

// held is what an item holds. Nobody may change it.
func held[T any](o *watch, it *item.Item) *T {
	if known, ok := o.docs[it.Key].doc.(*T); ok && o.docs[it.Key].w == it.W {
		return known
	}
	doc := new(T)
	o.decode(it, doc)
	o.docs[it.Key] = document{it.W, doc}
	return doc
}

// documents are what an item holds after a change and held before it, in the same
// epoch; before is empty where there was nothing.
func documents[T any](o *watch, c *item.Change) (before, after *T) {
	before, after = new(T), new(T)
	o.decode(c.New, after)
	if c.Old != nil && c.Old.E == c.New.E {
		before = held[T](o, c.Old)
	}
	o.docs[c.Key] = document{c.New.W, after}
	return before, after
}

func (o *watch) decode(it *item.Item, doc any) {
	x := *it
	understand(&x)
	if err := x.Decode(doc); err != nil {
		o.w.violate("", "%v", err)
	}
}

// counted holds an invocation's port calls against the bound of its kind.
func (o *watch) counted(t *task) {
	kind, _, _ := strings.Cut(t.name, " ")
	if kind == "clock" || t.troubled {
		return // a tick works many customers
	}
	max := &o.w.result.MaxCalls
	if t.calls > (*max)[kind] {
		(*max)[kind] = t.calls
	}
	if bound, ok := bounds[kind]; ok && t.calls > bound {
		o.w.violate(t.about, "%s made %d port calls, %d is the bound", t.name, t.calls, bound)
	}
}

// bounds of the port calls of one untroubled invocation, so that a change which
// costs one more says so.
var bounds = map[string]int{
	"track": 4, "identify": 32, "granted": 8, "withdrawn": 8, "answers": 6, "message": 4, "presses": 10, "chooses": 4, "gives": 12, "fills": 24, "follows": 24, "looks": 4, "erase": 24,
	"journey": 24, "deliver": 15, "feedback": 12,
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format(item.TimeLayout) }
