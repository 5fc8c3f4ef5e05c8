package publish_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/kesher-io/kesher/shared/flow/publish"
)

func TestTheBoundOfMessages(t *testing.T) {
	noCaps := change{"settings.yaml", "caps: {per day: 1, per week: 3}\n", ""}
	for _, c := range []struct {
		name    string
		changes []change
		want    string
	}{
		{"capped", nil, "at most 1 message a day and 3 a week for one customer"},
		{"seven capped days are less than the week's cap", []change{{"settings.yaml", "caps: {per day: 1, per week: 3}", "caps: {per day: 1}"}, {"journeys/cart.yaml", "again: after 7d from end", "again: always"}},
			"at most 1 message a day and 7 a week for one customer"},
		{"two sends in a run, again after a week", []change{noCaps}, "at most 4 messages a day and 6 a week for one customer"},
		{"once in a life", []change{noCaps, {"journeys/cart.yaml", "after 7d from end", "never"}}, "at most 2 messages a day and 2 a week for one customer"},
		{"as often as the first wait allows", []change{noCaps, {"journeys/cart.yaml", "after 7d from end", "always"}}, "at most 54 messages a day and 342 a week for one customer"},
		{"a run for every key", []change{noCaps, {"journeys/cart.yaml", "after 7d from end", "never\n  key: event.product_id"}},
			"nothing limits how many messages one customer gets (set `again` in the journeys, or caps in settings.yaml, which service does not know)"},
		{"a day has no more than the week's cap", []change{{"settings.yaml", "caps: {per day: 1, per week: 3}", "caps: {per week: 3}"}, {"journeys/cart.yaml", "after 7d from end", "never\n  key: event.product_id"}},
			"at most 3 messages a day and 3 a week for one customer"},
		{"service knows no caps", []change{{"journeys/thanks.yaml", "", "purpose: service\nentry: {event: Order Completed, again: after 1d from entry}\nsteps: [{send: reminder}]\n"}},
			"at most 4 messages a day and 12 a week for one customer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := compiled(t, c.changes...).Bound.String(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestJ21TheBoundIsNeverExceeded plays runs of journeys with two sends as fast
// as their definition allows, at times that chance chooses, and counts.
func TestJ21TheBoundIsNeverExceeded(t *testing.T) {
	for _, j := range []rhythm{
		{wait: 1, between: 1, again: 1, from: "entry"}, {wait: 1, between: 1, again: 1, from: "end"},
		{wait: 2, between: 30, again: 5, from: "entry"}, {wait: 2, between: 30, again: 5, from: "end"},
		{wait: 25, between: 1, again: 24, from: "entry"}, {wait: 1, between: 24, again: 24, from: "end"},
		{wait: 3, between: 2, again: 60, from: "entry"}, {wait: 24, between: 24, again: 168, from: "end"},
	} {
		t.Run(fmt.Sprint(j), func(t *testing.T) {
			c := compiled(t, change{"settings.yaml", "caps: {per day: 1, per week: 3}\n", ""},
				change{"journeys/cart.yaml", "after 7d from end", fmt.Sprintf("after %dh from %s", j.again, j.from)},
				change{"journeys/cart.yaml", "wait: 1h", fmt.Sprintf("wait: %dh", j.wait)},
				change{"journeys/cart.yaml", "wait: 1d", fmt.Sprintf("wait: %dh", j.between)})
			rapid.Check(t, func(rt *rapid.T) {
				sent := playRuns(rt, j)
				checkWindow(rt, sent, 24, c.Bound.PerDay)
				checkWindow(rt, sent, 7*24, c.Bound.PerWeek)
			})
		})
	}
}

// rhythm of a journey, in hours.
type rhythm struct {
	wait, between, again int
	from                 string
}

// playRuns are the hours of the sends of forty runs, each entered as soon as the
// journey allows, or somewhat later; a run may leave by its exit after a send.
func playRuns(rt *rapid.T, j rhythm) []int {
	var sent []int
	entered := 0
	for range 40 {
		first := entered + j.wait
		sent = append(sent, first)
		end := first
		if rapid.Bool().Draw(rt, "stays for the second") {
			end = first + j.between
			sent = append(sent, end)
		}
		next := max(end, entered+j.again)
		if j.from == "end" {
			next = end + j.again
		}
		entered = next + rapid.IntRange(0, 3).Draw(rt, "idle")
	}
	return sent
}

func checkWindow(rt *rapid.T, sent []int, hours int, limit publish.Limit) {
	for i, begin := range sent {
		n := 0
		for _, at := range sent[i:] {
			if at < begin+hours {
				n++
			}
		}
		if !limit.Unbounded && n > limit.Messages {
			rt.Fatalf("%d messages in %d hours, at most %d were promised: %v", n, hours, limit.Messages, sent)
		}
	}
}
