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
		{"capped", nil, "at most 1 messages a day and 3 a week for one customer"},
		{"seven capped days are less than the week's cap", []change{{"settings.yaml", "caps: {per day: 1, per week: 3}", "caps: {per day: 1}"}, {"journeys/cart.yaml", "again: after 7d from end", "again: always"}},
			"at most 1 messages a day and 7 a week for one customer"},
		{"two sends in a run, again after a week", []change{noCaps}, "at most 4 messages a day and 6 a week for one customer"},
		{"once in a life", []change{noCaps, {"journeys/cart.yaml", "after 7d from end", "never"}}, "at most 2 messages a day and 2 a week for one customer"},
		{"as often as the first wait allows", []change{noCaps, {"journeys/cart.yaml", "after 7d from end", "always"}}, "at most 54 messages a day and 342 a week for one customer"},
		{"a run for every key", []change{noCaps, {"journeys/cart.yaml", "after 7d from end", "never\n  key: event.product_id"}},
			"at most without limit messages a day and without limit a week for one customer (set caps in settings.yaml, or `again` in the journeys)"},
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

// TestJ21TheBoundIsNeverExceeded plays runs of a journey with two sends as fast
// as its definition allows, at times that chance chooses, and counts a day.
func TestJ21TheBoundIsNeverExceeded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		wait := rapid.IntRange(1, 30).Draw(rt, "wait hours")
		between := rapid.IntRange(1, 30).Draw(rt, "hours between the sends")
		again := rapid.IntRange(1, 60).Draw(rt, "again after hours")
		from := rapid.SampledFrom([]string{"entry", "end"}).Draw(rt, "again from")
		c := compiled(t, change{"settings.yaml", "caps: {per day: 1, per week: 3}\n", ""},
			change{"journeys/cart.yaml", "after 7d from end", fmt.Sprintf("after %dh from %s", again, from)},
			change{"journeys/cart.yaml", "wait: 1h", fmt.Sprintf("wait: %dh", wait)},
			change{"journeys/cart.yaml", "wait: 1d", fmt.Sprintf("wait: %dh", between)})
		sent := playRuns(rt, wait, between, again, from)
		checkWindow(rt, sent, 24, c.Bound.PerDay)
		checkWindow(rt, sent, 7*24, c.Bound.PerWeek)
	})
}

// playRuns are the hours of the sends of forty runs, each entered as soon as the
// journey allows, or somewhat later; a run may leave by its exit after a send.
func playRuns(rt *rapid.T, wait, between, again int, from string) []int {
	var sent []int
	entered := 0
	for range 40 {
		first := entered + wait
		sent = append(sent, first)
		end := first
		if rapid.Bool().Draw(rt, "stays for the second") {
			end = first + between
			sent = append(sent, end)
		}
		next := max(end, entered+again)
		if from == "end" {
			next = end + again
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
