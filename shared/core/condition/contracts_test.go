package condition_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/condition"
)

const (
	no    = condition.False
	yes   = condition.True
	maybe = condition.Unknown
)

type props = map[string]any

// Every condition that CONTRACTS and ARCHITECTURE print, by its text.
func TestConditionsPrintedInContractsMeanWhatItSays(t *testing.T) {
	outdoorBuyer := `"outdoor" in profile.interests and count("Order Completed", "365d") > 0`
	outdoor := props{"interests": []any{"home", "outdoor"}}
	tests := []struct {
		name, src string
		data      data
		want      condition.Truth
	}{
		{"dear enough", `event.price >= 20`, data{event: props{"price": 20.0}}, yes},
		{"too cheap", `event.price >= 20`, data{event: props{"price": 19.99}}, no},
		{"no price", `event.price >= 20`, data{event: props{}}, maybe},
		{"no event", `event.price >= 20`, data{}, maybe},

		{"likes it and bought", outdoorBuyer, data{profile: outdoor, orders: []condition.Event{order(364*day, 5.0)}}, yes},
		{"bought a year ago to the second", outdoorBuyer, data{profile: outdoor, orders: []condition.Event{order(365*day, 5.0)}}, yes},
		{"bought longer ago", outdoorBuyer, data{profile: outdoor, orders: []condition.Event{order(365*day+time.Millisecond, 5.0)}}, no},
		{"likes it, never bought", outdoorBuyer, data{profile: outdoor}, no},
		{"likes something else", outdoorBuyer, data{profile: props{"interests": []any{"kids"}}, orders: []condition.Event{order(day, 5.0)}}, no},
		{"never asked, bought", outdoorBuyer, data{orders: []condition.Event{order(day, 5.0)}}, maybe},
		{"never asked, never bought", outdoorBuyer, data{}, no},

		{"of age", `not (profile.age >= 18)`, data{profile: props{"age": 18.0}}, no},
		{"a minor", `not (profile.age >= 18)`, data{profile: props{"age": 17.0}}, yes},
		{"of unknown age is no minor", `not (profile.age >= 18)`, data{}, maybe},

		{"where compares event with entry", `event.cart_id == entry.cart_id`, data{event: props{"cart_id": "c"}, entry: props{"cart_id": "c"}}, yes},
		{"another cart", `event.cart_id == entry.cart_id`, data{event: props{"cart_id": "c"}, entry: props{"cart_id": "d"}}, no},

		{"true or unknown", `true or profile.vip`, data{}, yes},
		{"unknown or true", `profile.vip or true`, data{}, yes},
		{"false and unknown", `false and profile.vip`, data{}, no},
		{"unknown and false", `profile.vip and false`, data{}, no},
		{"asked for presence", `profile.age == null`, data{}, yes},
		{"asked for absence", `profile.age != null`, data{}, no},
		{"present", `profile.age != null`, data{profile: props{"age": 5.0}}, yes},
		{"count of nothing", `count("Order Completed") == 0`, data{}, yes},
		{"sum of nothing", `sum("Order Completed", "revenue", "90d") == 0`, data{}, yes},
		{"last of nothing", `last("Order Completed") == null`, data{}, yes},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := holds(t, tt.src, tt.data); got != tt.want {
				t.Fatalf("%s is %s, want %s", tt.src, got, tt.want)
			}
		})
	}
}

func TestValuesPrintedInContracts(t *testing.T) {
	d := data{
		event:   props{"cart_id": "c1"},
		profile: props{"interests": []any{"outdoor"}, "renewal_date": "2027-05-01"},
	}
	tests := []struct {
		src, typ string
		want     any
	}{
		{`event.cart_id`, "string", "c1"},
		{`profile.interests`, "list(string)", []any{"outdoor"}},
		{`profile.renewal_date`, "date", "2027-05-01"},
		{`profile.tier`, "string", nil},
		{`"gold"`, "string", "gold"},
		{`21`, "integer", 21},
		{`2.5`, "number", 2.5},
		{`true`, "boolean", true},
		{`null`, "", nil},
		{`count("Order Completed")`, "integer", 0},
		{`now`, "time", "2027-03-01T12:00:00Z"},
		{`now + "1d12h"`, "time", "2027-03-03T00:00:00Z"},
		{`date("2027-04-02")`, "date", "2027-04-02"},
		{`cart.items`, "list(object)", []any(nil)},
		{`profile.address.city`, "", nil},
		{`[profile.tier, "x"]`, "list(string)", []any{nil, "x"}},
		{`last("Order Completed")`, "object", nil},
	}
	for _, tt := range tests {
		t.Run(tt.src, func(t *testing.T) {
			if got := value(t, tt.src, d); !reflect.DeepEqual(got, tt.want) {
				t.Fatalf("value is %#v, want %#v", got, tt.want)
			}
			c, err := condition.CompileValue(tt.src, shop())
			if err != nil || string(c.Type()) != tt.typ {
				t.Fatalf("type is %q, %v, want %q", c.Type(), err, tt.typ)
			}
		})
	}
}

func TestConditionNamesWhatItReads(t *testing.T) {
	c := compiled(t, `count("Order Completed", "30d") > 1 or sum("Order Completed", "revenue", "90d") > 5
		or last("Product Added", "1d").price > profile.score or count("Product Viewed") > 0
		or profile.age > 3 or len(cart.items) > event.quantity or count("Product Added") > 3`)
	windows := []condition.Window{
		{Event: "Order Completed", Within: 90 * day},
		{Event: "Product Added", Within: 400 * day},
		{Event: "Product Viewed", Within: condition.Forever},
	}
	if got := c.Windows(); !reflect.DeepEqual(got, windows) {
		t.Errorf("windows are %v, want %v", got, windows)
	}
	if got, want := c.Traits(), []string{"age", "score"}; !reflect.DeepEqual(got, want) {
		t.Errorf("traits are %v, want %v", got, want)
	}
	if got, want := c.Collections(), []string{"cart"}; !reflect.DeepEqual(got, want) {
		t.Errorf("collections are %v, want %v", got, want)
	}
}

func TestStoredEventsMustBeGivenToAConditionThatReadsThem(t *testing.T) {
	if _, err := compiled(t, `count("Order Completed") > 0`).Holds(condition.Input{Now: noon}); err == nil {
		t.Fatal("an evaluation without stored events must not answer")
	}
	if got, err := compiled(t, `profile.age > 3`).Holds(condition.Input{}); got != condition.Unknown || err != nil {
		t.Fatalf("got %v, %v", got, err)
	}
}

// Of two looks back on one event the longer one is read.
func TestTheLongestWindowIsRead(t *testing.T) {
	for _, text := range []string{
		`count("Product Viewed", "90d") > 2 and count("Product Viewed", "7d") == 0`,
		`count("Product Viewed", "7d") == 0 and count("Product Viewed", "90d") > 2`,
	} {
		if w := compiled(t, text).Windows(); len(w) != 1 || w[0].Within != 90*day {
			t.Fatalf("%s reads %v", text, w)
		}
	}
}
