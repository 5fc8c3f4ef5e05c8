package condition_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/condition"
)

// words for the three values, as conditions: an absent boolean is unknown.
var words = map[condition.Truth]string{yes: "true", no: "false", maybe: "profile.vip"}

func TestThreeValuedLogic(t *testing.T) {
	and := map[[2]condition.Truth]condition.Truth{
		{yes, yes}: yes, {yes, no}: no, {yes, maybe}: maybe,
		{no, yes}: no, {no, no}: no, {no, maybe}: no,
		{maybe, yes}: maybe, {maybe, no}: no, {maybe, maybe}: maybe,
	}
	not := map[condition.Truth]condition.Truth{yes: no, no: yes, maybe: maybe}
	for pair, want := range and {
		a, b := words[pair[0]], words[pair[1]]
		// De Morgan: `or` is told by `and` and `not`.
		na, nb := words[not[pair[0]]], words[not[pair[1]]]
		for src, want := range map[string]condition.Truth{
			a + " and " + b: want, a + " && " + b: want,
			na + " or " + nb: not[want], na + " || " + nb: not[want],
			"not (" + a + " and " + b + ")": not[want], "!(" + a + " and " + b + ")": not[want],
		} {
			if got := holds(t, src, data{}); got != want {
				t.Errorf("%s is %s, want %s", src, got, want)
			}
		}
	}
}

func TestJ15NullInsideNotInAndArithmeticIsUnknown(t *testing.T) {
	for _, src := range []string{
		`profile.age > 18`, `profile.age < 18`, `profile.age == 18`, `profile.age != 18`, `not (profile.age == 18)`,
		`18 <= profile.age`, `profile.age == profile.score`, `profile.age != profile.age`,
		`"outdoor" in profile.interests`, `"outdoor" not in profile.interests`, `not ("outdoor" in profile.interests)`,
		`profile.tier in ["gold", "silver"]`, `profile.tier not in ["gold"]`, `profile.age in []`,
		`"gold" in [profile.tier]`, `"gold" in [profile.tier, "silver"]`, `not ("gold" in [profile.tier])`,
		`profile.age + 1 > 0`, `1 - profile.age > 0`, `profile.age * 0 == 0`, `-profile.age < 1`, `+profile.age < 1`, `profile.age / 2 > 1`, `profile.age % 2 == 0`,
		`profile.vip`, `not profile.vip`, `!profile.vip`, `profile.vip == true`, `profile.vip != true`,
		`profile.first_name contains "a"`, `profile.first_name not startsWith "a"`, `"a" endsWith profile.first_name`,
		`profile.renewal_date > now`, `profile.renewal_date + "7d" > now`, `now - profile.seen_at > "7d"`, `profile.birthday == "03-31"`,
		`profile.address.city.street == "x"`, `profile.interests[0] == "home"`, `len(profile.interests) > 0`,
		`last("Order Completed").revenue > 1`, `cart.items[0].price > 1`, `event.price > 1`, `entry.price > event.price`,
		`null`, `not null`, `null > 3`, `3 in null`, `null in [1]`, `1 + null > 0`, `-null == 1`, `null and true`, `false or null`, `null contains "a"`,
	} {
		if got := holds(t, src, data{}); got != maybe {
			t.Errorf("%s is %s, want unknown", src, got)
		}
	}
}

func TestTruthHasAWord(t *testing.T) {
	if got := fmt.Sprint(no, yes, maybe); got != "false true unknown" {
		t.Fatalf("got %q", got)
	}
}

func TestOnlyPresenceIsNeverUnknown(t *testing.T) {
	for src, want := range map[string]condition.Truth{
		`profile.age == null`: yes, `null == profile.age`: yes, `profile.age != null`: no, `null != profile.age`: no,
		`null == null`: yes, `null != null`: no, `now != null`: yes, `count("Order Completed") == null`: no,
		`event == null`: yes, `entry != null`: no, `profile.interests == null`: yes, `profile.address != null`: no,
		`profile.address.city == null`: yes, `last("Order Completed") != null`: no, `(profile.age > 3) == null`: yes,
		`profile.interests[7] == null`: yes,
	} {
		if got := holds(t, src, data{}); got != want {
			t.Errorf("%s is %s, want %s", src, got, want)
		}
	}
}

func TestComparisons(t *testing.T) {
	d := data{
		profile: props{
			"age": 30, "score": 30.0, "first_name": "Dana", "vip": true, "birthday": "03-31", "tier": "gold",
			"interests": []any{"home", "kids"}, "address": map[string]any{"city": "Haifa", "floor": 3.0, "lift": false},
			"email": "dana@shop.example",
		},
		event: props{"price": int64(20), "quantity": 2.0, "gift": false},
		cart:  []any{map[string]any{"name": "Tent", "price": 90.0, "quantity": 2.0}, map[string]any{"name": "Mug", "price": 5.0}},
	}
	for src, want := range map[string]condition.Truth{
		// whole numbers, floats and what JSON made of them
		`profile.age == 30`: yes, `profile.age == 30.0`: yes, `profile.age == profile.score`: yes, `event.price == 20`: yes,
		`profile.age < 30`: no, `profile.age <= 30`: yes, `profile.age > 29.5`: yes, `profile.age >= 31`: no, `profile.age != 30`: no,
		`18 <= profile.age < 65`: yes, `18 <= profile.age < 30`: no, `1e2 == 100`: yes, `0x10 == 16`: yes, `1_000 == 1000`: yes,
		`event.price * event.quantity > 39`: yes, `event.price / 3 * 3 == 20`: yes, `7 % 4 == 3`: yes, `-event.price < -19`: yes,
		`2 + 3 * 4 == 14`: yes, `(2 + 3) * 4 == 20`: yes, `10 - 4 - 3 == 3`: yes, `+3 == 3`: yes,
		`1 / 0 > 0`: maybe, `1 % 0 == 0`: maybe, `1e308 * 10 > 0`: maybe,
		// text, booleans, months and days
		`profile.first_name == "Dana"`: yes, `profile.first_name == 'dana'`: no, `profile.first_name < "E"`: yes,
		`profile.first_name contains "an"`: yes, `profile.first_name startsWith "D"`: yes, `profile.first_name endsWith "D"`: no,
		`profile.first_name not contains "x"`: yes, `profile.email endsWith "@shop.example"`: yes,
		`profile.vip`: yes, `profile.vip == true`: yes, `profile.vip != event.gift`: yes, `event.gift`: no, `not event.gift`: yes,
		`profile.birthday == "03-31"`: yes, `"02-29" < profile.birthday`: yes, `profile.birthday in ["03-30", "03-31"]`: yes,
		// lists
		`"home" in profile.interests`: yes, `"outdoor" in profile.interests`: no, `"outdoor" not in profile.interests`: yes,
		`profile.tier in ["gold", "silver"]`: yes, `profile.age in [1, 30.0, 2]`: yes, `profile.age not in [1, 2]`: yes, `profile.age in []`: no,
		`profile.age in [profile.score, 1]`: yes, `1 in [null, 1]`: yes,
		`len(profile.interests) == 2`: yes, `len(cart.items) > 1`: yes, `cart.items[0].quantity > 1`: yes, `len([]) == 0`: yes,
		`profile.interests[1] == "kids"`: yes, `cart.items[0].name == "Tent"`: yes, `cart.items[0]["price"] + cart.items[1].price == 95`: yes,
		`cart?.items?.[0]?.name == "Tent"`: yes,
		// what nobody declared is compared as it is
		`profile.address.city == "Haifa"`: yes, `profile.address.floor > 2`: yes, `not profile.address.lift`: yes, `profile.address.lift`: no,
		`profile.address.lift == false`: yes, `profile.address.lift != profile.address.lift`: no, `"Haifa" in [profile.address.city]`: yes,
		`profile.address.city in ["Haifa"]`: yes, `profile.address.floor == profile.address.floor`: yes, `profile.address.city >= profile.address.city`: yes,
		`profile.address.floor == "3"`: maybe, `profile.address.city > 3`: maybe, `profile.address.city`: maybe,
		`profile.address.floor + 1 == 4`: yes, `profile.address.city + 1 == 4`: maybe, `"Haifa" in profile.address.city`: maybe,
		`len(profile.address.city) == 5`: maybe, `profile.address.city[0] == "H"`: maybe, `profile.address.floor.x == 1`: maybe,
		`profile.address.city contains "if"`: yes, `profile.address.floor contains "if"`: maybe,
		`// a remark
		profile.vip /* another */ and profile.age > 3`: yes,
	} {
		if got := holds(t, src, d); got != want {
			t.Errorf("%s is %s, want %s", src, got, want)
		}
	}
}

func TestValuesOfAnotherTypeThanDeclaredAreUnknown(t *testing.T) {
	d := data{profile: props{"age": "30", "first_name": 7.0, "vip": "yes", "interests": "home", "renewal_date": "soon", "seen_at": 5.0}}
	for _, src := range []string{
		`profile.age > 3`, `profile.age == profile.score`, `profile.age + 1 > 3`, `profile.first_name == "x"`, `profile.vip`, `not profile.vip`,
		`"home" in profile.interests`, `len(profile.interests) > 0`, `profile.renewal_date > now`, `profile.seen_at < now`,
		`now - profile.seen_at > "1d"`, `profile.seen_at + "1d" > now`, `profile.first_name contains "7"`, `7 in [profile.age]`,
	} {
		if got := holds(t, src, d); got != maybe {
			t.Errorf("%s is %s, want unknown", src, got)
		}
	}
}

func TestDatesAndTimes(t *testing.T) {
	jerusalem, err := time.LoadLocation("Asia/Jerusalem")
	if err != nil {
		t.Fatal(err)
	}
	d := data{
		profile: props{"renewal_date": "2027-03-02", "seen_at": "2027-02-27T12:00:00+02:00", "visits": []any{"2027-03-02"}},
		event:   props{"pick_up": "2027-03-02", "deliver_at": "2027-03-02T00:00:00Z"},
		zone:    jerusalem,
	}
	for src, want := range map[string]condition.Truth{
		`profile.renewal_date > now`: yes, `profile.renewal_date > now()`: yes, `now < profile.renewal_date`: yes,
		// noon in UTC is 14:00 in Jerusalem, so that her day begins in 10 hours
		`profile.renewal_date - "10h" <= now`: yes, `profile.renewal_date - "9h59m" <= now`: no,
		`profile.renewal_date == event.pick_up`: yes, `profile.renewal_date >= date("2027-03-03")`: no,
		`profile.renewal_date == "2027-03-02"`: yes, `"2027-03-01" < profile.renewal_date`: yes, `profile.renewal_date in ["2027-03-01", "2027-03-02"]`: yes,
		`"2027-03-02" in profile.visits`: yes, `profile.renewal_date in profile.visits`: yes, `profile.renewal_date not in profile.visits`: no,
		`profile.seen_at < now - "2d"`: yes, `profile.seen_at < now - "3d"`: no, `now - profile.seen_at > "2d"`: yes, `"2d2h" == now - profile.seen_at`: yes,
		`now - profile.seen_at < now - profile.renewal_date`: no, `profile.seen_at == "2027-02-27T10:00:00Z"`: yes,
		`profile.seen_at == date("2027-02-27T10:00:00Z")`: yes, `"1h" + profile.seen_at > date("2027-02-27T10:59:59Z")`: yes,
		`event.deliver_at > profile.renewal_date`: yes, `event.deliver_at in ["2027-03-02T00:00:00Z"]`: yes,
		`now == date("2027-03-01T12:00:00Z")`: yes, `now + "1d" > now`: yes, `date("2027-03-02") - date("2027-03-01") == "24h"`: yes,
	} {
		if got := holds(t, src, d); got != want {
			t.Errorf("%s is %s, want %s", src, got, want)
		}
	}
}

func TestStoredEvents(t *testing.T) {
	d := data{orders: []condition.Event{order(1*day, 50.0), order(10*day, 7), order(40*day, nil), {At: noon.Add(-50 * day)}, order(60*day, 100.0)}}
	for src, want := range map[string]condition.Truth{
		`count("Order Completed") == 5`: yes, `count("Order Completed", "10d") == 2`: yes, `count("Order Completed", "9d23h") == 1`: yes,
		`count("Order Completed", "1h") == 0`: yes, `count("Order Completed", "2w") == 2`: yes,
		`sum("Order Completed", "revenue") == 157`: yes, `sum("Order Completed", "revenue", "45d") == 57`: yes,
		`sum("Order Completed", "revenue", "1h") == 0`: yes,
		`last("Order Completed").revenue == 50`:        yes, `last("Order Completed", "1h") == null`: yes, `last("Order Completed", "7d") != null`: yes,
		`last("Order Completed").products == null`:                          yes,
		`sum("Order Completed", "revenue") / count("Order Completed") > 31`: yes,
	} {
		if got := holds(t, src, d); got != want {
			t.Errorf("%s is %s, want %s", src, got, want)
		}
	}
	bare := data{orders: []condition.Event{{At: noon}}}
	if got := holds(t, `last("Order Completed") != null`, bare); got != yes {
		t.Errorf("an event without properties is %s as the last, want true", got)
	}
}

func TestConditionsAreSafeForConcurrentUse(t *testing.T) {
	c := compiled(t, `profile.age > 3 and "gold" in [profile.tier] and count("Order Completed", "30d") > 0`)
	results := make(chan string)
	for n := range 8 {
		go func() {
			d := data{profile: props{"age": float64(n), "tier": "gold"}, orders: []condition.Event{order(day, 1.0)}}
			got, err := c.Holds(d.input())
			results <- fmt.Sprint(n, got == yes == (n > 3), err)
		}()
	}
	seen := map[string]bool{}
	for range 8 {
		seen[<-results] = true
	}
	for n := range 8 {
		if want := fmt.Sprint(n, true, error(nil)); !seen[want] {
			t.Errorf("missing %q in %v", want, seen)
		}
	}
}
