package sim

import (
	"math/rand/v2"
	"time"
)

// Reference is one customer's short life under one journey, into which every
// single fault is put at every point where it can strike, and pairs of them.
type Reference struct {
	Name     string
	Journeys []string
	Mails    int // that leave when nothing goes wrong
	live     func(p *person)
}

// References are six ways in which a journey can go.
var References = []Reference{
	{"a cart left behind, two mails", []string{"cart"}, 2, func(p *person) {
		p.agrees()
		p.at(p.after(time.Hour), p.track("Product Added", dear))
	}},
	{"a cart bought while its mail is due", []string{"cart"}, 0, func(p *person) {
		p.agrees()
		p.at(p.after(time.Hour), p.track("Product Added", dear))
		p.at(p.after(2*time.Hour), p.track("Order Completed", map[string]any{"order_id": p.message()}))
	}},
	{"a welcome, the second mail under the caps", []string{"welcome", "keen"}, 2, func(p *person) { p.agrees() }},
	{"a trait set by one journey enters another", []string{"browse", "keen"}, 2, func(p *person) {
		p.agrees()
		p.at(p.after(time.Hour), p.track("Product Viewed", map[string]any{"product_id": "p1"}))
		p.at(p.after(2*time.Hour), p.track("Product Viewed", map[string]any{"product_id": "p2"}))
		p.at(p.after(150*time.Minute), p.withdraw("marketing", "email"))
	}},
	{"an answer, then what was awaited", []string{"taste"}, 1, func(p *person) {
		p.agrees()
		p.at(p.after(time.Hour), p.answer())
		p.at(p.after(3*time.Hour), p.track("Product Added", dear))
	}},
	{"service mails, and an erasure", []string{"thanks"}, 3, func(p *person) {
		p.agrees()
		p.at(p.after(time.Hour), p.track("Order Completed", map[string]any{"order_id": p.message()}))
		p.at(p.after(2*time.Hour), p.request())
		p.at(p.after(3*time.Hour), p.track("Order Completed", map[string]any{"order_id": p.message()}))
		p.at(p.after(3*time.Hour+400*time.Millisecond), p.erase())
	}},
}

var dear = map[string]any{"product_id": "p1", "price": 30.0}

func (p *person) after(d time.Duration) time.Time { return p.w.begin.Add(d) }

func (p *person) agrees() {
	p.at(p.after(0), p.identify())
	p.at(p.after(time.Minute), p.grant("personalization", ""))
	p.at(p.after(2*time.Minute), p.grant("marketing", "email"))
}

// options play the life with these faults; scout takes all that could have struck.
func (r Reference) options(plan []Strike, scout *[]Strike) Options {
	return Options{Journeys: r.Journeys, Plan: plan, Scout: scout, Script: func(w *World) {
		r.live(w.newPerson(0))
		w.later(w.begin.Add(2*w.span), w.settle)
	}}
}

// Strikes are all single faults that can befall the life.
func (r Reference) Strikes() []Strike {
	var all []Strike
	Run(referenceSeed, r.options(nil, &all))
	return all
}

// referenceSeed fixes the order in which a life without faults goes.
const referenceSeed = 13

// Undisturbed is the life without a fault.
func (r Reference) Undisturbed() *Result { return Run(referenceSeed, r.options([]Strike{}, nil)) }

// With is the life with these faults and no others.
func (r Reference) With(faults ...Strike) *Result { return Run(referenceSeed, r.options(faults, nil)) }

// Pair draws two of the single faults. The second strikes where it is possible in
// what the first has made of the life.
func Pair(rng *rand.Rand, strikes []Strike) (a, b Strike) {
	a, b = strikes[rng.IntN(len(strikes))], strikes[rng.IntN(len(strikes))]
	return a, b
}
