package condition_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/core/condition"
	"github.com/kesher-io/kesher/shared/core/plan"
)

// faulty are conditions with a mark before the token that is at fault, what is
// said of it, and what to do.
var faulty = []struct{ src, what, do string }{
	// names
	{`profile.‸intrests == null`, `profile has no trait "intrests"`, `did you mean interests?`},
	{`profile.‸zzz == null`, `profile has no trait "zzz"`, `declare it in plan.yaml, or correct the name`},
	{`profile.vip and event.‸prise > 3`, `event has no property "prise"`, `did you mean price?`},
	{`entry[‸"cart"] == "x"`, `entry has no property "cart"`, `declare it in plan.yaml, or correct the name`},
	{`‸profil.age > 3`, `"profil" is no name that conditions know`, `did you mean profile?`},
	{`‸age > 3`, `"age" is no name that conditions know`, `did you mean profile.age?`},
	{`‸price > 3`, `"price" is no name that conditions know`, `did you mean event.price?`},
	{`profile.tier == ‸gold`, `"gold" is no name that conditions know`, `text stands in quotes; names begin with profile, entry or event`},
	{`‸count > 3`, `"count" is no name that conditions know`, `write for example count("Order Completed", "90d")`},
	{`‸True`, `"True" is no name that conditions know`, `did you mean true?`},
	{`profile.age == ‸nil`, `nil is no word of conditions`, `write null`},
	{`profile.‸religion == "x"`, `profile.religion can't be read here: it is sensitive and never used in conditions`, ``},
	{`profile.‸religon == "x"`, `profile has no trait "religon"`, `did you mean religion?`},
	{`cart.‸item == null`, `cart has no member "item"`, `did you mean items?`},
	{`cart.items[0].‸nam == "x"`, `an item of cart has no property "nam"`, `did you mean name?`},
	{`last("Order Completed").‸revenu > 3`, `the last Order Completed has no property "revenu"`, `did you mean revenue?`},
	{`profile.interests.‸x == 1`, `a list has no member "x"`, `take one member, for example [0]`},
	{`profile.age.‸x == 1`, `a number has no member "x"`, ``},
	{`profile.age[‸0] == 1`, `a number has no members to count`, ``},
	{`cart.items[profile.‸age].name == "x"`, `a member is named by a constant`, `write .name, ["name"] or [0]`},

	// listed values
	{`‸"outdor" in profile.interests`, `"outdor" is no value of profile.interests`, `did you mean outdoor?`},
	{`profile.tier == ‸"bronze"`, `"bronze" is no value of profile.tier`, `it is one of gold, silver`},
	{`‸"golden" != profile.tier`, `"golden" is no value of profile.tier`, `did you mean gold?`},
	{`profile.tier in ["gold", ‸"silber"]`, `"silber" is no value of profile.tier`, `did you mean silver?`},
	{`profile.interests[0] == ‸"homes"`, `"homes" is no value of profile.interests`, `did you mean home?`},

	// types
	{`profile.interests ‸== 3`, `a list can't be compared with a number`, `ask "x" in the list, or compare len(...) with a number`},
	{`3 ‸> profile.interests`, `a number can't be compared with a list`, `ask "x" in the list, or compare len(...) with a number`},
	{`profile.interests ‸== ["home"]`, `a list can't be compared with a list`, `ask "x" in the list, or compare len(...) with a number`},
	{`profile.address.x ‸== profile.interests`, `a value can't be compared with a list`, `ask "x" in the list, or compare len(...) with a number`},
	{`profile.age ‸== "30"`, `a number can't be compared with text`, `the two sides must have one type`},
	{`profile.vip ‸== 1`, `true or false can't be compared with a number`, `the two sides must have one type`},
	{`profile.vip ‸> true`, `true and false have no order`, `compare with == or !=`},
	{`event ‸== 3`, `an object can't be compared with a number`, `name one of its members`},
	{`last("Order Completed") ‸> 3`, `an object can't be compared with a number`, `name one of its members`},
	{`profile.birthday ‸== now`, `a month and day can't be compared with a time`, `the two sides must have one type`},
	{`profile.renewal_date ‸== now`, `a date is a whole day, and never equal to a moment`, `compare with < or >=`},
	{`profile.renewal_date ‸in [now]`, `a date is a whole day, and never equal to a moment`, `compare with < or >=`},
	{`profile.age ‸in profile.interests`, `a number can't be compared with text`, `the two sides must have one type`},
	{`profile.interests ‸in profile.interests`, `a list can't be compared with text`, `ask "x" in the list, or compare len(...) with a number`},
	{`"a" in profile.‸first_name`, `text is no list`, `write text contains part`},
	{`"a" in profile.‸address`, `an object is no list`, "`in` looks into a list"},
	{`profile.age in [1, ‸"2"]`, `a list holds single values of one type, and this is text beside a number`, ``},
	{`1 in [profile.‸interests]`, `a list holds single values of one type, and this is a list beside a value`, ``},
	{`profile.‸interests contains "home"`, `contains looks into text, and this is a list`, `write "x" in the list`},
	{`profile.first_name startsWith ‸1`, `startsWith looks into text, and this is a number`, ``},
	{`profile.‸first_name + 1 == 2`, `+ calculates with numbers, and this is text`, ``},
	{`1 + ‸"a" == 2`, `+ calculates with numbers, and this is text`, ``},
	{`-‸"a" == 2`, `- calculates with numbers, and this is text`, ``},
	{`1 / profile.‸interests == 2`, `/ calculates with numbers, and this is a list`, ``},
	{`not profile.‸age`, `not joins conditions, and this is a number`, `compare it with something, or ask != null`},
	{`profile.vip and profile.‸first_name`, `and joins conditions, and this is text`, `compare it with something, or ask != null`},
	{`profile.‸age`, `this is a number, not a condition`, `compare it with something, or ask != null`},
	{`profile.‸interests`, `this is a list, not a condition`, `compare it with something, or ask != null`},
	{`‸"text"`, `this is text, not a condition`, `compare it with something, or ask != null`},

	// dates and durations
	{`profile.renewal_date > ‸"2027-02-30"`, `"2027-02-30" is no date`, `write 2027-03-01 or 2027-03-01T09:00:00Z`},
	{`profile.renewal_date > date(‸"soon")`, `"soon" is no date`, `write 2027-03-01 or 2027-03-01T09:00:00Z`},
	{`profile.birthday == ‸"31-03"`, `"31-03" is no month and day`, `write 03-31`},
	{`profile.birthday in ["03-31", ‸"03-32"]`, `"03-32" is no month and day`, `write 03-31`},
	{`profile.seen_at < now - ‸"30"`, `"30" is no duration`, `write a number and s, m, h, d or w, for example 30d`},
	{`profile.seen_at < now ‸- 30`, `a time can't be calculated with a number`, `write for example now - "30d"`},
	{`now ‸* 2 > now`, `a time can't be calculated with a number`, `write for example now - "30d"`},
	{`now - now > ‸"7 days"`, `"7 days" is no duration`, `write a number and s, m, h, d or w, for example 30d`},
	{`‸"soon" < profile.renewal_date`, `"soon" is no date`, ``},
	{`profile.renewal_date > date(‸now)`, `this must be text in quotes`, `write for example date("2027-03-01")`},
	{`"7d" ‸- now > now`, `text can't be calculated with a time`, `write for example now - "30d"`},
	{`now ‸+ now > now`, `a time can't be calculated with a time`, `write for example now - "30d"`},

	// stored events
	{`count(‸"Order Complete") > 0`, `no event "Order Complete" can be seen here`, ``},
	{`count(‸"Order Compelted") > 0`, `no event "Order Compelted" can be seen here`, `did you mean Order Completed?`},
	{`count(‸"Refund Paid") > 0`, `no event "Refund Paid" can be seen here`, `declare it in plan.yaml, or add one of its purposes to uses`},
	{`count("Order Completed", ‸"1y") > 0`, `"1y" is no duration`, `write a number and s, m, h, d or w, for example 30d`},
	{`count("Order Completed", ‸"0d") > 0`, `"0d" is no duration`, `write a number and s, m, h, d or w, for example 30d`},
	{`count("Order Completed", ‸30) > 0`, `this must be text in quotes`, `write for example count("Order Completed", "90d")`},
	{`count(profile.‸first_name) > 0`, `this must be text in quotes`, `write for example count("Order Completed", "90d")`},
	{`‸count() > 0`, `count has the wrong number of arguments`, `write for example count("Order Completed", "90d")`},
	{`‸sum("Order Completed") > 0`, `sum has the wrong number of arguments`, `write for example sum("Order Completed", "revenue", "90d")`},
	{`sum("Order Completed", ‸"revenu") > 0`, `the event Order Completed has no property "revenu"`, ``},
	{`sum("Order Completed", ‸"order_id") > 0`, `order_id of "Order Completed" is text`, `sum adds numbers; count counts events`},
	{`sum("Order Completed", profile.‸age) > 0`, `this must be text in quotes`, ``},
	{`-profile.‸agee > 0`, `profile has no trait "agee"`, `did you mean age?`},
	{`len(profile.‸age) > 0`, `len counts the members of a list, and this is a number`, ``},
	{`‸now("x") > now`, `now has the wrong number of arguments`, `write for example now`},

	// what expr has and we have not
	{`‸lenn(cart.items) > 0`, `there is no function lenn`, `did you mean len?`},
	{`‸map(profile.interests, # + "x") == null`, `there is no function map`, `conditions know count, sum, last, len, date and now`},
	{`‸all(1..1000000000, # > 0)`, `there is no function all`, `conditions know count, sum, last, len, date and now`},
	{`‸duration("1h") == null`, `there is no function duration`, ``},
	{`‸repeat("x", 1000000) == "x"`, `there is no function repeat`, ``},
	{`profile.first_name.‸trim() == "x"`, `members can't be called`, ``},
	{`1 in 1‸..1000000000`, `.. is not part of conditions`, ``},
	{`2 ‸** 1000 > 3`, `** is not part of conditions`, ``},
	{`profile.first_name ‸matches "(a+)+"`, `matches is not part of conditions`, ``},
	{`(profile.age ‸?? 3) > 1`, `?? is not part of conditions`, ``},
	{`let ‸x = 3; x > 2`, `let is not part of conditions`, ``},
	{`‸true; false`, `a second expression after ; is not part of conditions`, ``},
	{`(profile.‸vip ? true : false)`, `a choice between two values is not part of conditions`, ``},
	{`if profile.‸vip { true } else { false }`, `a choice between two values is not part of conditions`, ``},
	{`profile.interests‸[0:1] == null`, `a part of a list is not part of conditions`, ``},
	{`‸{"a": 1} == null`, `an object in braces is not part of conditions`, ``},
	{`profile.first_name == ‸b"x"`, `this is not part of conditions`, ``},

	// what can't be read
	{`profile.age ‸= 3`, `"=" is not expected here`, `compare with ==`},
	{`profile.vip ‸AND profile.age > 3`, `"AND" is not expected here`, `write and in small letters`},
	{`profile.age ‸is null`, `"is" is not expected here`, `ask with == null or != null`},
	{`profile.age >‸`, `the condition ends too early`, `something is missing at its end`},
	{`(profile.vip‸`, `the condition ends too early`, `something is missing at its end`},
	{`profile.vip‸)`, `")" is not expected here`, ``},
	{`profile.first_name == "Dana‸`, `the text in quotes never ends`, `close it with the quote that it begins with`},
	{`profile.age > 3‸x`, `the condition can't be read: bad number syntax: "3x"`, ``},
	{`profile.age > 3 ‸§ 4`, `the condition can't be read: unrecognized character: U+00A7 '§'`, ``},
	{`‸`, `the condition is empty`, `write a condition, or leave it out`},
	{`‸   `, `the condition is empty`, `write a condition, or leave it out`},
	// offsets are bytes, also behind letters of several
	{`profile.first_name == "דנה" and profile.‸agee > 3`, `profile has no trait "agee"`, `did you mean age?`},
}

func TestFaultsPointAtTheTokenAndSayWhatToDo(t *testing.T) {
	for _, tt := range faulty {
		src := strings.Replace(tt.src, "‸", "", 1)
		t.Run(src, func(t *testing.T) {
			_, err := condition.Compile(src, shop())
			var e *condition.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want a *condition.Error", err)
			}
			if e.What != tt.what || tt.do != "" && e.Do != tt.do {
				t.Errorf("got %q, do %q\nwant %q, do %q", e.What, e.Do, tt.what, tt.do)
			}
			if want := strings.Index(tt.src, "‸"); e.Offset != want {
				t.Errorf("points at %q, want at %q", src[e.Offset:], src[want:])
			}
		})
	}
}

func TestErrorPutsWhatToDoInBrackets(t *testing.T) {
	e := condition.Error{What: "wrong"}
	if got := e.Error(); got != "wrong" {
		t.Errorf("got %q", got)
	}
	e.Do = "right it"
	if got := e.Error(); got != "wrong (right it)" {
		t.Errorf("got %q", got)
	}
}

func TestJ14WindowLongerThanTheEventIsKeptIsRefused(t *testing.T) {
	for src, what := range map[string]string{
		`count("Cart Viewed", ‸"31d") > 0`:                      `"Cart Viewed" is kept for 30d, and this looks back 31d`,
		`count("Cart Viewed", ‸"30d1s") > 0`:                    `"Cart Viewed" is kept for 30d, and this looks back 30d1s`,
		`last("Cart Viewed", ‸"5w") != null`:                    `"Cart Viewed" is kept for 30d, and this looks back 5w`,
		`sum("Order Completed", "revenue", ‸"731d") > 0`:        `"Order Completed" is kept for 730d, and this looks back 731d`,
		`profile.vip and count("Order Completed", ‸"105w") > 0`: `"Order Completed" is kept for 730d, and this looks back 105w`,
	} {
		_, err := condition.Compile(strings.Replace(src, "‸", "", 1), shop())
		var e *condition.Error
		if !errors.As(err, &e) || e.What != what || e.Offset != strings.Index(src, "‸") {
			t.Errorf("%s: got %+v, want %s", src, e, what)
		}
	}
	for _, src := range []string{`count("Cart Viewed", "30d") > 0`, `count("Cart Viewed") > 0`, `count("Product Viewed", "5000d") > 0`} {
		compiled(t, src)
	}
}

func TestFactThatIsNotThereIsRefused(t *testing.T) {
	env := shop()
	env.Entry, env.Event = nil, nil
	for src, what := range map[string]string{
		`event.price > 3`: `there is no event here`, `entry.price > 3`: `there is no entry here`,
	} {
		_, err := condition.Compile(src, env)
		var e *condition.Error
		if !errors.As(err, &e) || e.What != what || e.Offset != 0 {
			t.Errorf("%s: got %v, want %s", src, err, what)
		}
	}
	env.Event = map[string]plan.Type{}
	if _, err := condition.Compile(`event.price > 3`, env); err == nil || !strings.Contains(err.Error(), `event has no property "price"`) {
		t.Errorf("got %v, want the missing property", err)
	}
}

func TestValueMayHaveAnyTypeButADuration(t *testing.T) {
	if _, err := condition.CompileValue(`now - profile.seen_at`, shop()); err == nil {
		t.Error("a duration is no value, but compiles")
	}
	if _, err := condition.CompileValue(`profile.zzz`, shop()); err == nil {
		t.Error("an unknown trait compiles as a value")
	}
}
