package condition_test

import (
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/condition"
	"github.com/kesher-io/kesher/shared/core/plan"
)

const day = 24 * time.Hour

// noon is the time at which these tests evaluate.
var noon = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

// shop is the plan of CONTRACTS section 8, and what else conditions may meet.
func shop() condition.Env {
	cart := map[string]plan.Type{
		"cart_id": "string", "product_id": "string", "name": "string", "price": "number",
		"quantity": "integer", "image_url": "url", "gift": "boolean", "pick_up": "date", "deliver_at": "time",
	}
	return condition.Env{
		Profile: map[string]plan.Trait{
			"email":        {Type: "email"},
			"first_name":   {Type: "string"},
			"interests":    {Type: "list(string)", Values: []string{"outdoor", "home", "kids"}},
			"tier":         {Type: "string", Values: []string{"gold", "silver"}},
			"birthday":     {Type: "month-day"},
			"age":          {Type: "integer"},
			"score":        {Type: "number"},
			"vip":          {Type: "boolean"},
			"renewal_date": {Type: "date"},
			"seen_at":      {Type: "time"},
			"visits":       {Type: "list(date)"},
			"address":      {Type: "object"},
		},
		Hidden: map[string]string{"religion": "it is sensitive and never used in conditions"},
		Entry:  cart,
		Event:  cart,
		Events: map[string]plan.Event{
			"Product Added":   {Keep: plan.Duration(400 * day), Properties: cart},
			"Product Viewed":  {},
			"Order Completed": {Keep: plan.Duration(730 * day), Properties: map[string]plan.Type{"order_id": "string", "revenue": "number", "products": "list(object)"}},
			"Cart Viewed":     {Keep: plan.Duration(30 * day)},
		},
		Collections: map[string]map[string]plan.Type{"cart": cart},
	}
}

// data is one evaluation's data, changed by a test where it must be.
type data struct {
	profile, entry, event map[string]any
	orders                []condition.Event
	cart                  []any
	zone                  *time.Location
}

func (d data) input() condition.Input {
	return condition.Input{
		Now: noon, Zone: d.zone, Profile: d.profile, Entry: d.entry, Event: d.event,
		Collections: map[string]any{"cart": map[string]any{"items": d.cart}},
		Events: func(name string) []condition.Event {
			if name == "Order Completed" {
				return d.orders
			}
			return nil
		},
	}
}

func order(ago time.Duration, revenue any) condition.Event {
	return condition.Event{At: noon.Add(-ago), Props: map[string]any{"revenue": revenue}}
}

func compiled(t testing.TB, src string) *condition.Condition {
	t.Helper()
	c, err := condition.Compile(src, shop())
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return c
}

func holds(t testing.TB, src string, d data) condition.Truth {
	t.Helper()
	got, err := compiled(t, src).Holds(d.input())
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return got
}

func value(t testing.TB, src string, d data) any {
	t.Helper()
	c, err := condition.CompileValue(src, shop())
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	got, err := c.Value(d.input())
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return got
}
