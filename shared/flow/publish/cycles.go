package publish

import (
	"fmt"
	"maps"
	"slices"

	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/source"
)

// links are the journeys that a journey can start: it sets a trait by which they
// enter, or sends a mail of which they hear. Its own runs it never starts (J05).
type links map[string][]string

// cycles warns of journeys that can start each other round and round. It is no
// error: conditions may end it, and a chain of 8 is parked when it runs.
func (ch *checker) cycles() {
	starts := links{}
	for _, c := range ch.compiled {
		walk(c.def.Steps, func(s journey.Step) {
			for _, other := range ch.compiled {
				if other.def.Name != c.def.Name && other.startedBy(s) != "" {
					starts[c.def.Name] = append(starts[c.def.Name], other.def.Name)
				}
			}
		})
	}
	for _, c := range ch.compiled {
		walk(c.def.Steps, func(s journey.Step) { ch.cycle(c, s, starts) })
	}
}

// cycle warns if what this step does can come back to its journey.
func (ch *checker) cycle(c compiledJourney, s journey.Step, starts links) {
	for _, other := range ch.compiled {
		key := other.startedBy(s)
		if other.def.Name == c.def.Name || key == "" || !starts.lead(other.def.Name, c.def.Name, map[string]bool{}) {
			continue
		}
		ch.report(c.file, keyAt(s.Keys, key, s.At), fmt.Sprintf("%s and %s can start each other round and round", c.def.Name, other.def.Name),
			"let one of them enter by something else; a chain of 8 is parked", source.Warning)
	}
}

// lead says whether a chain of starts leads from one journey to another.
func (l links) lead(from, to string, seen map[string]bool) bool {
	if from == to {
		return true
	}
	if seen[from] {
		return false
	}
	seen[from] = true
	return slices.ContainsFunc(l[from], func(next string) bool { return l.lead(next, to, seen) })
}

// ofMails are the events that become of a mail without her doing.
var ofMails = []string{fact.EmailDelivered, fact.EmailBounced, fact.MessageSkipped}

// startedBy is the key of the step by which it can start the journey; "" = none.
func (c compiledJourney) startedBy(s journey.Step) string {
	if s.Send != nil && slices.Contains(ofMails, c.def.Entry.Event) {
		return "send"
	}
	if c.j == nil || c.j.EntryWhen == nil {
		return ""
	}
	for _, trait := range slices.Sorted(maps.Keys(s.Set)) {
		if slices.Contains(c.j.EntryWhen.Traits(), trait) {
			return trait
		}
	}
	return ""
}
