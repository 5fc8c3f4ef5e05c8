package cost_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/infra/cost"
	"github.com/kesher-io/kesher/shared/aws/env"
)

// cart is what one cart journey asks of AWS. The way in stands by itself: storing
// an event costs the same whether or not a journey reacts to it.
type cart struct{ door, journey cost.Usage }

// cartJourneys plays journeys of customers who have been known and permitted for
// long: four events in, an hour's wait, a mail, three reports about it.
func cartJourneys(t testing.TB, n int) cart {
	a := newAccount(t, "../onebox/testdata/cart")
	for i := range n {
		user := fmt.Sprintf("user-%d", i)
		a.call(`{"type":"identify","messageId":"i%d","userId":%q,"timestamp":%q,"traits":{"email":"%s@shop.example","first_name":"Dana"}}`, i, user, a.stamp(), user)
		a.grant(user, "marketing", "email")
		a.grant(user, "personalization", "")
	}
	a.clock.Advance(30 * 24 * time.Hour)
	a.begin()
	for j := range 3 {
		a.clock.Advance(time.Minute)
		for i := range n {
			a.call(`{"type":"track","messageId":"a%d-%d","userId":"user-%d","timestamp":%q,"event":"Product Added","properties":{"cart_id":"c-%d","product_id":"p-%d","name":"Tent for two, green","price":129.9,"quantity":1,"image_url":"https://shop.example/images/p-%d.jpg","url":"https://shop.example/p-%d"}}`, i, j, i, a.stamp(), i, j, j, j)
		}
	}
	a.clock.Advance(58 * time.Minute) // an hour after the first
	a.minute()
	if len(a.sent) != n {
		t.Fatalf("%d mails left, want %d", len(a.sent), n)
	}
	for _, m := range a.sent {
		for _, kind := range []string{events.SESSend, events.SESDeliveryDelay, events.SESDelivery} {
			a.clock.Advance(time.Second)
			a.report(m, kind)
		}
	}
	for i := range n {
		a.clock.Advance(time.Minute)
		a.call(`{"type":"track","messageId":"o%d","userId":"user-%d","timestamp":%q,"event":"Order Completed","properties":{"order_id":"o-%d","revenue":129.9}}`, i, i, a.stamp(), i)
	}
	door, journey := a.counted().Times(1 / float64(n)).Split(string(env.Collect))
	return cart{door, journey}
}

// Budgets of QUALITY section 1.
const (
	million   = 1_000_000
	maxBill   = 14.00
	maxIdle   = 3.00
	idleGauge = 1 // the clock's lateness
)

func TestABillForAMillionCartJourneysStaysWithinItsBudget(t *testing.T) {
	c := cartJourneys(t, 200)
	bill := cost.USEast1.Bill(c.journey.Times(million))
	t.Logf("%s, %s, from the stored event on:\n%s", cost.USEast1.Region, cost.USEast1.Date, bill)
	t.Logf("requests per journey:\n%s", c.journey.Requests())
	if bill.Total() > maxBill {
		t.Errorf("$%.2f, budget $%.2f", bill.Total(), maxBill)
	}
}

// A number that grows says that somebody made a journey dearer: then it is
// changed here, and the commit says why.
func TestRequestsPerCartJourneyAreAsTheyWere(t *testing.T) {
	c := cartJourneys(t, 200)
	for name, got := range map[string]struct{ is, was float64 }{
		"requests": {c.journey.Sum().Requests, 31.8}, "read units": {c.journey.Sum().Read, 24.5}, "write units": {c.journey.Sum().Write, 12.2},
		"requests at the door": {c.door.Sum().Requests, 8.1}, "write units at the door": {c.door.Sum().Write, 4.1},
	} {
		if got.is > got.was {
			t.Errorf("%.2f %s per journey, so far up to %.1f", got.is, name, got.was)
		}
	}
}

func idle(t testing.TB) cost.Bill {
	a := newAccount(t, "../onebox/testdata/cart")
	a.minute()
	return cost.USEast1.Idle(template(t), a.counted(), idleGauge)
}

func TestAnIdleStageStaysWithinItsBudget(t *testing.T) {
	bill := idle(t)
	t.Logf("a month of an idle stage:\n%s", bill)
	if bill.Total() > maxIdle {
		t.Errorf("$%.2f, budget $%.2f", bill.Total(), maxIdle)
	}
}

// BenchmarkBill reports the bill, for the table of `make bench`.
func BenchmarkBill(b *testing.B) {
	var c cart
	for b.Loop() {
		c = cartJourneys(b, 200)
	}
	p := cost.USEast1
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(p.Bill(c.journey.Times(million)).Total(), "$/million")
	b.ReportMetric(p.Bill(cost.Usage{Tables: c.door.Tables}.Times(million)).Total(), "$-storing/million")
	b.ReportMetric(p.Door(c.door.Times(million)).Total(), "$-door/million")
	b.ReportMetric(c.journey.Mails*p.Mail*million, "$-SES/million")
	b.ReportMetric(c.journey.Mails*p.MailOnPlan*million, "$-SES-plan/million")
	b.ReportMetric(idle(b).Total(), "$-idle/month")
	for kind, n := range c.journey.ByKind() {
		b.ReportMetric(n, kind+"/journey")
	}
}
