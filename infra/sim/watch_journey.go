package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
)

// What a run owes to its journey, in the words of catalog/ and not in the code's.

// enters: a run begins by what its entry asks for, which is not old, and not again
// too soon.
func (o *watch) enters(it *item.Item, before, after *passage, bad func(string, ...any)) {
	if late := after.Entry.In.Time().Sub(time.UnixMilli(after.Entry.At)); late > time.Hour && !journey.IsBuiltin(after.Journey) {
		bad("it began by what arrived %s late", late)
	}
	again := before.ID != ""
	switch after.Journey {
	case "cart":
		if price, _ := o.enteredBy(it)["price"].(float64); price < 20 {
			bad("it began by a product of %v", price)
		}
		if again && after.Entered.Time().Sub(before.EndAt.Time()) < 24*time.Hour {
			bad("it began again within a day of its end")
		}
	case "browse":
		if product := fmt.Sprint(o.enteredBy(it)["product_id"]); after.Key != product {
			bad("it is about %q, and began by %q", after.Key, product)
		}
		if again && after.Entered.Time().Sub(before.Entered.Time()) < 6*time.Hour {
			bad("it began again within six hours")
		}
	case "welcome", "keen": // what keen is about is set once, and never unset
		if again {
			bad("it began again")
		}
	}
}

// enteredBy are the properties of the event that began a run.
func (o *watch) enteredBy(run *item.Item) map[string]any {
	var doc struct {
		Entry struct {
			Props map[string]any `json:"p"`
		} `json:"e"`
	}
	o.decode(run, &doc)
	return doc.Entry.Props
}

// chosen: browse calls her keen by the second product that she looks at, and not by
// the first.
func (o *watch) chosen(t *task, customer string, run *item.Item, after *passage, bad func(string, ...any)) {
	if after.Journey != "browse" {
		return
	}
	looked, before := 0, 0 // before what began it, and told by then
	since := after.Entered.Time().Add(-30 * 24 * time.Hour).UnixMilli()
	for _, s := range o.facts[customer] {
		if !s.is("Product Viewed") || s.item.E != run.E || o.event(s).At < since {
			continue
		}
		if looked++; s.writes <= t.begun && o.event(s).In <= after.Entry.In {
			before++
		}
	}
	set := slices.ContainsFunc(o.decisions(engine.Trace(run.Trace)), func(d engine.Decision) bool { return d.Kind == engine.KindSet })
	switch {
	case set && looked < 2:
		bad("it calls her keen, who has looked at %d products", looked)
	case !set && before >= 2:
		bad("it does not call her keen, who has looked at %d products", before)
	}
}

// waits are how long a step waits, by journey and step, before another version is
// published.
var waits = map[string]time.Duration{
	"cart wait-1h": time.Hour, "cart wait-for-product-viewed": 4 * time.Hour, "browse wait-30m": 30 * time.Minute,
	"taste wait-for-product-added": 24 * time.Hour, "welcome wait-2h": 2 * time.Hour, "keen wait-10m": 10 * time.Minute,
}

// waiting: a step waits as long as it says, and no timer fires before its time.
func (o *watch) waiting(before, after *passage, made []engine.Decision, bad func(string, ...any)) {
	long, ok := waits[after.Journey+" "+after.Step]
	if first := after.Release == o.w.releases[0].ID; ok && first && after.State == engine.Waiting {
		if due := after.Began.Time().Add(long).UnixMilli(); after.Due != due {
			bad("it waits until %s, and should until %s", stamp(after.Due), stamp(due))
		}
	}
	if before.State != engine.Waiting || before.ID != after.ID {
		return
	}
	for _, d := range made {
		if d.Fact == "timer" && d.At > max(before.At.Milli(), o.w.now.Add(skewed).UnixMilli()) {
			bad("a timer fired before its time, which was %s", stamp(d.At))
		}
	}
}

// late: a mail that is overdue for longer than its journey allows does not leave.
func (o *watch) late(run *passage, at int64, bad func(string, ...any)) {
	allowed := 24 * time.Hour
	switch {
	case run.Journey == "browse":
		allowed = 2 * time.Hour
	case run.Journey == "welcome" && run.Step == "second":
		return // it waits for a place under the caps
	}
	if overdue := time.Duration(at-run.Out.Send.Due) * time.Millisecond; overdue > allowed+skewed {
		bad("it fell due %s ago", overdue)
	}
}

// firstDue: a hold does not make a message younger.
func (o *watch) firstDue(send *engine.SendCommand, bad func(string, ...any)) {
	if known := o.sends[send.Message]; known != nil && known.Out.Send.Due != send.Due {
		bad("message %s fell due at %s, and now at %s", send.Message, stamp(known.Out.Send.Due), stamp(send.Due))
	}
}

// asksHer says whether a reason is one of what she permits and how often she is mailed,
// which is not asked about a mail that is owed to her.
func asksHer(reason string) bool {
	for _, no := range []string{"no consent", "paused", "topic", "cap", "quiet"} {
		if strings.HasPrefix(reason, no) {
			return true
		}
	}
	return false
}
