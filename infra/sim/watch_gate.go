package sim

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
)

// letter is what is known of one message that somebody may send.
type letter struct {
	purpose  string
	to       string // the address it may go to
	claims   int
	accepted int
	claimer  *task
	claimed  int  // World.writes at the last claim
	unclear  bool // SES gave no clear answer
	asks     bool // at an address that nobody has confirmed
}

// atWork says whether another than t has claimed the message and may still send it.
func (l *letter) atWork(t *task) bool {
	return l.claimer != nil && l.claimer != t && !l.claimer.ended && !l.claimer.dead
}

// claimed is a claim that counts under the caps.
type claimed struct {
	message string
	at      int64
}

// gate sees GATE change: every claim is judged at the very commit that makes it.
func (o *watch) gate(t *task, customer string, c *item.Change) {
	if c.New == nil {
		o.w.violate(customer, "GATE was removed")
		return
	}
	before, after := documents[consent.Gate](o, c)
	oldEpoch := int64(0) // also of who had no GATE yet
	if c.Old != nil {
		oldEpoch = c.Old.E
	}
	if c.New.Size() > message.MaxGate {
		o.w.violate(customer, "GATE has %d bytes", c.New.Size())
	}
	o.epochs[customer] = c.New.E
	if after.Erased != 0 {
		left := *after
		left.Erased, left.Ledger = 0, consent.Head{}
		if !reflect.DeepEqual(left, consent.Gate{}) {
			o.w.violate(customer, "the tombstone holds more than when it was")
		}
	}
	if c.New.E > oldEpoch {
		o.w.result.Reached[Erased]++
		o.erased[customer] = o.w.writes
		if p := o.w.byKey[customer]; p != nil && p.typed != "" {
			p.email = "" // until she confirms it anew
		}
		if len(o.claims[customer]) > 0 {
			o.w.result.Reached[ErasedAmidClaims]++
		}
		delete(o.claims, customer)
	}
	if chosen := before.Paused != after.Paused || !maps.Equal(before.Topics, after.Topics); chosen && after.Erased == 0 && !strings.HasPrefix(t.name, "chooses ") {
		o.w.violate(customer, "%s changed what she chose in her preference centre", t.name)
	}
	for _, old := range before.Claims {
		if !slices.ContainsFunc(after.Claims, func(c consent.Claim) bool { return c.Message == old.Message }) {
			o.released(customer, old)
		}
	}
	for _, claim := range after.Claims {
		stood := func(c consent.Claim) bool {
			// A second try that is let go leaves the first one, which has no token any more.
			return c.Message == claim.Message && (c.Token == claim.Token || claim.Token == "")
		}
		if !slices.ContainsFunc(before.Claims, stood) {
			o.claim(t, customer, c.New, after, claim)
		} else if claim.Token == "" {
			o.letter(claim.Message).claimer = nil
		}
	}
	t.gateRead = o.w.writes // it knows what it has written
}

// released: a claim was let go. It counts under the caps only if its mail may
// have been seen.
func (o *watch) released(customer string, c consent.Claim) {
	l := o.letters[c.Message]
	if l != nil && l.accepted > 0 {
		return
	}
	if l != nil {
		l.claimer = nil
	}
	o.claims[customer] = slices.DeleteFunc(o.claims[customer], func(k claimed) bool { return k.message == c.Message })
	o.w.result.Reached[ClaimReleased]++
}

// claim judges one claim by what was true at its commit.
func (o *watch) claim(t *task, customer string, gate *item.Item, g *consent.Gate, c consent.Claim) {
	w := o.w
	bad := func(format string, args ...any) {
		w.violate(customer, "claim of %s: "+format, append([]any{c.Message}, args...)...)
	}
	if g.Erased != 0 {
		bad("she was erased")
		return
	}
	if epoch, ok := ident.MessageEpoch(c.Message); !ok || epoch != gate.E {
		bad("it is of epoch %d, she is in %d", epoch, gate.E)
	}
	run := o.sends[c.Message]
	if run == nil {
		bad("it never was due")
		return
	}
	send := run.Out.Send
	l := o.letter(c.Message)
	if l.atWork(t) {
		bad("whoever claimed it before is at work on it")
	}
	l.purpose, l.claimer, l.claimed = send.Purpose, t, o.w.writes
	l.claims++
	marketing := send.Purpose != "service"
	o.late(run, c.At, bad)
	o.exits(t, run, customer, gate.E, bad)
	o.recipient(t, run, customer, gate.E, l, marketing, g, bad)
	if !marketing {
		return
	}
	if w.now.Sub(o.brakeSet()) > lifetime && w.ses.paused() && o.brakeHolds() {
		bad("the brake is on")
	}
	name := consent.Name(send.Purpose, "email")
	if s := o.said(customer, name, gate.E); s != consent.Granted {
		bad("permission is %q", s)
	}
	if p := g.States[name]; p.Expires != 0 && c.At >= p.Expires {
		bad("permission ran out at %s", stamp(p.Expires))
	}
	if _, off := g.Topics[send.Topic]; off && send.Topic != "" {
		bad("she turned %s off", send.Topic)
	}
	switch {
	case c.At < g.Paused:
		bad("she paused until %s", stamp(g.Paused))
	case g.Paused != 0:
		w.result.Reached[AfterPause]++
	}
	if drift := time.UnixMilli(c.At).Sub(w.now).Abs(); drift > lifetime+skewed {
		bad("it was decided by a clock %s away", drift)
	}
	o.hours(c, bad)
	o.caps(customer, c, bad)
}

// letter is the message's, made when it is first heard of.
func (o *watch) letter(id string) *letter {
	if o.letters[id] == nil {
		o.letters[id] = &letter{}
	}
	return o.letters[id]
}

// exits: one that was stored before the worker read GATE stops the mail, if its
// own time, then its arrival, is after the entry's.
func (o *watch) exits(t *task, run *passage, customer string, epoch int64, bad func(string, ...any)) {
	for _, x := range versions()[0].Journeys[run.Journey].Exits {
		for _, s := range o.facts[customer] {
			if !s.is(x.Event) || s.item.E != epoch {
				continue
			}
			if e := o.event(s); e.In.Own(e.At) <= run.Entry.In.Own(run.Entry.At) {
				continue
			}
			if s.writes <= t.gateRead {
				bad("%s was stored before the gate's reads", x.Event)
			} else {
				o.w.result.Reached[ExitAfterReads]++
			}
		}
	}
}

// recipient: the address must be hers, reachable, and never withdrawn from since.
func (o *watch) recipient(t *task, run *passage, customer string, epoch int64, l *letter, marketing bool, g *consent.Gate, bad func(string, ...any)) {
	p, it := o.profileOf(customer)
	if it == nil || it.E != epoch {
		bad("she has no profile")
		return
	}
	hash := p.AddressHash
	if l.to = p.Address.Reveal(); run.Journey == journey.Confirm {
		l.to, hash = o.asksAt(customer, run) // and nothing else is mailed there
		l.asks = hash != p.AddressHash
	}
	if l.to == "" {
		bad("she has no address")
		return
	}
	stops := func(s *consent.Suppression) bool { // who was erased there is asked when she signs up again
		return s != nil && !(run.Journey == journey.Confirm && s.Reason == consent.SuppressErased)
	}
	if stops(g.Suppressed) && hash == p.AddressHash {
		bad("the address is suppressed: %s", g.Suppressed.Reason)
	}
	owner, at := truth[profile.Owner](o, profile.OwnerKey(hash))
	if at == nil {
		return
	}
	// GATE's version covers its owner's claims. A service mail of another id at the
	// address goes by what stood there when it was read.
	if at, refused := o.bounced[hash]; refused && at <= t.gateRead {
		bad("SES reported a bounce or complaint of the address")
	}
	if stops(owner.Suppressed) && (owner.Customer == customer || o.suppressed[at.PK] <= t.gateRead) {
		bad("the address is suppressed: %s", owner.Suppressed.Reason)
	}
	if marketing && owner.Customer != customer {
		bad("the address belongs to %q", owner.Customer)
	}
	name := consent.Name(l.purpose, "email")
	if when, withdrawn := owner.Withdrawn[name]; marketing && withdrawn && when >= g.States[name].At {
		bad("permission was withdrawn at the address at %s", stamp(when))
	}
}

// asksAt is the address about which a run asks whether it is hers.
func (o *watch) asksAt(customer string, run *passage) (address, hash string) {
	hash, _ = o.enteredBy(o.read(item.C(customer, item.RunSK(run.Journey, run.Key))))["address"].(string)
	for _, address := range o.w.byKey[customer].had {
		if o.w.keys.Address(address) == hash {
			return address, hash
		}
	}
	return "", hash
}

// said is what the history of consent says last about a permission: the ledger's
// entries as they were committed, not what GATE makes of them.
func (o *watch) said(customer, name string, epoch int64) consent.State {
	return o.last(customer, name, epoch).State
}

// last is that entry; an empty one if there is none.
func (o *watch) last(customer, name string, epoch int64) (last consent.Entry) {
	for _, e := range o.ledgers[item.CustomerPK(customer)] {
		if e.Epoch == epoch && consent.Name(e.Purpose, e.Channel) == name {
			last = e
		}
	}
	return last
}

// hours: 21:00 to 08:00 by the brand's wall clock nobody is mailed.
func (o *watch) hours(c consent.Claim, bad func(string, ...any)) {
	local := time.UnixMilli(c.At).In(jerusalem)
	if h := local.Hour(); h >= 21 || h < 8 {
		bad("it is %s there", local.Format("15:04"))
	}
}

var jerusalem = func() *time.Location {
	z, err := time.LoadLocation("Asia/Jerusalem")
	if err != nil {
		panic(err)
	}
	return z
}()

// caps: two on a local day, five on seven.
func (o *watch) caps(customer string, c consent.Claim, bad func(string, ...any)) {
	o.claims[customer] = append(slices.DeleteFunc(o.claims[customer], func(k claimed) bool { return k.message == c.Message }), claimed{c.Message, c.At})
	perDay, perWeek := 0, 0
	today := date(c.At)
	for _, k := range o.claims[customer] {
		switch age := today - date(k.at); {
		case age == 0:
			perDay++
			perWeek++
		case age > 0 && age < 7:
			perWeek++
		}
	}
	if perDay > 2 || perWeek > 5 {
		bad("it is the day's %d. and the week's %d.", perDay, perWeek)
	}
	if perDay == 2 {
		o.w.result.Reached[CapFull]++
	}
	if perWeek == 5 {
		o.w.result.Reached[WeekFull]++
	}
}

// date counts the days of the brand's calendar.
func date(ms int64) int64 {
	y, m, d := time.UnixMilli(ms).In(jerusalem).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

// brakeHolds says whether PACE stops everybody now, and brakeSet since when.
func (o *watch) brakeHolds() bool {
	it := o.read(item.Key{Table: item.Customers, PK: item.PKPace, SK: item.SKPace})
	if it == nil {
		return false
	}
	var p message.Pace
	o.decode(it, &p)
	return p.Left(o.w.now) > 0
}

func (o *watch) brakeSet() time.Time { return o.braked }

// braking: whoever heard that SES takes nothing from anybody has set the brake, or
// found it set.
func (o *watch) braking(t *task) {
	if t.refused.IsZero() || t.dead || t.err != nil {
		return
	}
	p, _ := truth[message.Pace](o, item.Key{Table: item.Customers, PK: item.PKPace, SK: item.SKPace})
	if p.Brake < t.refused.Add(-skewed).UnixMilli() {
		o.w.violate(t.about, "SES takes nothing from anybody, and no brake is set")
	}
}

// givenBack: a mail that never leaves takes nobody's place under the caps.
func (o *watch) givenBack(t *task) {
	if t.failed == "" || t.dead || t.err != nil {
		return
	}
	if g, _ := o.gateOf(t.about); message.ClaimOf(g, t.failed) != nil {
		o.w.violate(t.about, "message %s has failed for good, and its claim is kept", t.failed)
	}
}

// unclear: a send got no answer that says whether it was accepted.
func (o *watch) unclear(id string) { o.letter(id).unclear = true }

// accepted: SES has taken a mail. It must have been claimed, and be the first.
func (o *watch) accepted(m *flow.Mail) {
	l := o.letter(m.ID)
	l.accepted++
	switch {
	case l.claims == 0:
		o.w.violate(m.Customer, "%s left without a claim", m.ID)
	case l.accepted > 1 && (l.purpose != "service" || l.accepted > 2 || l.claims < 2):
		o.w.violate(m.Customer, "%s left %d times", m.ID, l.accepted)
	case m.To != l.to:
		o.w.violate(m.Customer, "%s went to another address than was claimed", m.ID)
	}
	g, gate := o.gateOf(m.Customer)
	epoch, _ := ident.MessageEpoch(m.ID)
	if l.asks {
		o.asked(m, epoch)
	}
	switch {
	case gate != nil && gate.E > epoch:
		o.w.result.Reached[LeftAfterErasure]++ // it was claimed before
	case message.ClaimOf(g, m.ID) == nil:
		o.w.violate(m.Customer, "%s left, and no claim of it stands in GATE", m.ID)
	case o.said(m.Customer, consent.Name(l.purpose, "email"), epoch) != consent.Granted && l.purpose != "service":
		o.w.result.Reached[LeftAfterWithdrawal]++
	}
}

// asked: an address that nobody has confirmed gets one mail, while that may be
// answered (A13). Who was erased and signs up again is another, and what another at the
// address answers, or leaves behind when she is erased, makes room for one more.
func (o *watch) asked(m *flow.Mail, epoch int64) {
	for _, other := range o.w.people {
		if other.key != m.Customer && slices.Contains(other.had, m.To) {
			return
		}
	}
	key := fmt.Sprintf("%s/%d/%s", m.Customer, epoch, m.To)
	if at, asked := o.askedAt[key]; asked && o.w.now.Sub(at) < consent.ConfirmFor-24*time.Hour {
		o.w.violate(m.Customer, "an address that nobody has confirmed was asked at %s, and is again", stamp(at.UnixMilli()))
	}
	o.askedAt[key] = o.w.now
}

// sent is one mail handed to SES, by an invocation that began at a time.
type sent struct{ began, at time.Time }

// paced: an instance keeps to its share of the rate, counted from when the first of
// any number of its invocations began to when the last handed over its mail. What
// the rate is, it must have had time to learn.
func (o *watch) paced(t *task) {
	if o.rated.IsZero() || o.w.now.Sub(o.rated) < 2*lifetime {
		return
	}
	i, share := t.inst, o.w.ses.perSecond/senders
	i.sent = append(i.sent, sent{began: t.deadline.Add(-lifetime), at: o.w.now})
	for n, first := range i.sent {
		if may := max(1, math.Floor(share)) + share*o.w.now.Sub(first.began).Seconds(); float64(len(i.sent)-n) > may+0.001 {
			o.w.violate(t.about, "%s sends faster than its share of %v a second: %d since %s", t.name, o.w.ses.perSecond, len(i.sent)-n, item.Time(first.began))
		}
	}
}
