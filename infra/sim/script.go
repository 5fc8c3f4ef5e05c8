package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/collect"
	"github.com/kesher-io/kesher/shared/flow/preferences"
)

// person is one customer: what she does over a few days, and what the world does
// to her mails.
type person struct {
	w     *World
	id    string // her userId
	key   string
	email string
	name  string

	bounces, complains, unsubscribes bool
	// steady: permits everything and never takes it back, so that what must
	// happen is known without a model of the rules.
	steady bool
	n      int // messageIds given
}

// span is how long customers are active.
const span = 36 * time.Hour

// script plans what happens, and when the world calms down.
func (w *World) script(o Options) {
	if o.Script != nil {
		o.Script(w)
		return
	}
	if w.rng.IntN(2) == 0 {
		w.published = w.begin.Add(w.some(span))
	}
	for i := range max(o.People, 1) {
		w.live1(w.newPerson(i))
	}
	w.later(w.begin.Add(span+w.some(12*time.Hour)), w.settle)
}

// settle ends all faults: from here on everything must come to rest.
func (w *World) settle() {
	w.calm = true
	w.watch.calmAt = w.now
	w.ses.pausedUntil = time.Time{}
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
	w.people = append(w.people, p)
	w.byKey[p.key] = p
	return p
}

// live1 plans one life.
func (w *World) live1(p *person) {
	chance := func(one int) bool { return w.rng.IntN(one) == 0 }
	p.steady = chance(3)
	at := w.begin.Add(w.some(6 * time.Hour))
	if !p.steady && len(w.people) > 1 && chance(6) {
		p.email = w.people[w.rng.IntN(len(w.people)-1)].email // a second id with one address
		for _, other := range w.people {
			if other.email == p.email {
				other.steady = false
			}
		}
	}
	p.bounces, p.complains, p.unsubscribes = !p.steady && chance(10), !p.steady && chance(10), !p.steady && chance(4)
	p.at(at, p.identify())
	if p.steady || !chance(5) {
		p.at(at.Add(w.some(2*time.Minute)), p.grant("marketing", "email"))
		p.at(at.Add(w.some(2*time.Minute)), p.grant("personalization", ""))
	}
	at = at.Add(2 * time.Minute)
	for range 1 + w.rng.IntN(2) {
		p.at(at.Add(w.some(span/2)), p.track("Product Added", map[string]any{"product_id": p.product(), "price": 10.0 + float64(w.rng.IntN(40))}))
	}
	for range w.rng.IntN(2) {
		p.at(at.Add(w.some(span/2)), p.track("Product Viewed", map[string]any{"product_id": p.product()}))
	}
	if chance(3) {
		p.at(at.Add(w.some(span/2)), p.track("Order Completed", map[string]any{"order_id": p.message()}))
	}
	if chance(3) {
		p.at(at.Add(w.some(span/2)), p.answer())
	}
	if chance(5) {
		p.at(at.Add(w.some(span/2)), p.request())
	}
	if p.steady {
		return
	}
	if chance(4) {
		p.at(at.Add(w.some(span/2)), p.withdraw("marketing", "email"))
		if chance(2) {
			p.at(at.Add(span/2+w.some(span/4)), p.grant("marketing", "email"))
			p.at(at.Add(span/2+w.some(span/4)), p.track("Product Added", map[string]any{"product_id": p.product(), "price": 30.0}))
		}
	}
	if chance(8) {
		p.at(at.Add(w.some(span/2)), p.erase())
		if chance(2) {
			back := at.Add(span/2 + w.some(span/4))
			p.at(back, p.identify())
			p.at(back.Add(time.Minute), p.grant("marketing", "email"))
			p.at(back.Add(time.Minute), p.grant("personalization", ""))
			p.at(back.Add(2*time.Minute+w.some(span/4)), p.track("Product Added", map[string]any{"product_id": p.product(), "price": 30.0}))
		}
	}
}

// ambush has her do, in the very moment in which a mail of hers may leave, what
// must stop it or comes too late.
func (p *person) ambush() {
	switch p.w.rng.IntN(5) {
	case 0, 1:
		p.at(p.w.now, p.withdraw("marketing", "email"))
	case 2, 3:
		p.at(p.w.now, p.track("Order Completed", map[string]any{"order_id": p.message()}))
	case 4:
		p.at(p.w.now, p.erase())
	}
}

func (p *person) product() string { return fmt.Sprintf("p%d", p.w.rng.IntN(3)) }

func (p *person) message() string {
	p.n++
	return fmt.Sprintf("%s-m%d", p.id, p.n)
}

// call is one call from outside, as an SDK makes it: the same again until it is
// answered.
type call struct {
	name string
	do   func(ctx context.Context, i *instance, at time.Time) error
}

func (p *person) at(at time.Time, c call) {
	p.w.later(at, func() { p.make(c, at) })
}

func (p *person) make(c call, at time.Time) {
	w := p.w
	w.spawn(c.name, p.key, func(ctx context.Context, i *instance) error { return c.do(ctx, i, at) }, func(err error) {
		switch {
		case err != nil:
			w.later(w.now.Add(time.Second+w.some(20*time.Second)), func() { p.make(c, at) })
		case w.strikes(CallRepeated) != "":
			w.later(w.now.Add(w.some(10*time.Minute)), func() { p.make(c, at) })
		}
	})
}

var server = collect.Source{Kind: collect.Server, Name: "backend"}

func (p *person) identify() call {
	c := &events.Call{Type: events.TypeIdentify, MessageID: p.message(), UserID: events.NewPersonal(p.id), Traits: events.Object{"email": p.email, "first_name": p.name}}
	return call{"identify", func(ctx context.Context, i *instance, at time.Time) error {
		c.Timestamp = events.Time{Time: at}
		if i.w.bytes {
			return i.postJSON(ctx, "/v1/"+c.Type, c)
		}
		return p.answered(i.collect.Collect(ctx, c, server))
	}}
}

func (p *person) track(event string, props map[string]any) call {
	c := &events.Call{Type: events.TypeTrack, MessageID: p.message(), UserID: events.NewPersonal(p.id), Event: event, Properties: props}
	return call{"track " + event, func(ctx context.Context, i *instance, at time.Time) error {
		c.Timestamp = events.Time{Time: at}
		if i.w.bytes {
			return i.postJSON(ctx, "/v1/"+c.Type, c)
		}
		return p.answered(i.collect.Collect(ctx, c, server))
	}}
}

func (p *person) grant(purpose, channel string) call { return p.state(purpose, channel, "granted") }

func (p *person) withdraw(purpose, channel string) call {
	c := p.state(purpose, channel, "withdrawn")
	do := c.do
	c.do = func(ctx context.Context, i *instance, at time.Time) error {
		err := do(ctx, i, at)
		if err == nil {
			p.w.watch.answeredWithdrawal(p, purpose+"/"+channel, at)
		}
		return err
	}
	return c
}

func (p *person) state(purpose, channel, state string) call {
	c := &events.ConsentCall{
		MessageID: p.message(), UserID: events.NewPersonal(p.id), Purpose: purpose, Channel: channel, State: state,
		Evidence: &events.Evidence{Basis: "consent", Source: "sim"},
	}
	return call{state + " " + purpose, func(ctx context.Context, i *instance, at time.Time) error {
		c.Time = events.Time{Time: at}
		if i.w.bytes {
			return i.postJSON(ctx, "/v1/consents", c)
		}
		return p.answered(i.collect.Consent(ctx, c, server))
	}}
}

func (p *person) answer() call {
	c := &events.SurveyResponse{Survey: "style", ResponseID: p.message(), UserID: events.NewPersonal(p.id), Answers: events.Object{"interests": []any{"outdoor"}}}
	return call{"answers style", func(ctx context.Context, i *instance, at time.Time) error {
		c.Time = events.Time{Time: at}
		if i.w.bytes {
			return i.postJSON(ctx, "/v1/surveys/"+c.Survey+"/responses", c)
		}
		return p.answered(i.collect.Respond(ctx, c, server))
	}}
}

// request asks for a transactional mail by the API.
func (p *person) request() call {
	c := &events.MessageCall{MessageID: p.message(), UserID: events.NewPersonal(p.id), Template: "receipt"}
	return call{"message receipt", func(ctx context.Context, i *instance, _ time.Time) error {
		if i.w.bytes {
			return i.postJSON(ctx, "/v1/messages", c)
		}
		return p.answered(i.collect.Message(ctx, c, server))
	}}
}

func (p *person) erase() call {
	return call{"erase", func(ctx context.Context, i *instance, _ time.Time) error {
		_, err := i.erase.Erase(ctx, p.key)
		return err
	}}
}

// press presses the button in a mail, some time after it came.
func (p *person) press(m *flow.Mail) {
	t := token.Unsubscribe{Customer: p.key, Address: p.w.keys.Address(m.To), Message: m.ID, Purpose: "marketing", Topic: "cart"}
	p.at(p.w.now.Add(p.w.some(3*time.Hour)), call{"presses unsubscribe", func(ctx context.Context, i *instance, at time.Time) error {
		var err error
		if i.w.bytes {
			err = i.press(ctx, token.NewLinks(base, i.w.ring).Unsubscribe(t))
		} else {
			err = i.prefs.Unsubscribe(ctx, i.w.ring.MintUnsubscribe(t), preferences.ScopePurpose)
		}
		if err == nil {
			p.w.watch.answeredWithdrawal(p, "marketing/email", at)
		}
		return err
	}})
}

// answered tells what became of a call. A refusal is an answer.
func (p *person) answered(out collect.Outcome, err error) error {
	if err == nil && out.Refused != nil {
		p.w.tell(p.key, "refused: %s", out.Refused.Code)
	}
	return err
}
