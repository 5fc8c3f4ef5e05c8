package publish

import (
	"fmt"
	"maps"
	"slices"

	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/source"
)

// links are the journeys that a journey can start: it sets a trait by which they
// enter. Its own runs it never starts (J05).
type links map[string][]string

// cycles warns of journeys that can start each other round and round. It is no
// error: conditions may end it, and a chain of 8 is parked when it runs.
func (ch *checker) cycles() {
	starts := links{}
	for _, c := range ch.compiled {
		for _, trait := range c.sets() {
			for _, other := range ch.compiled {
				if other.def.Name != c.def.Name && slices.Contains(other.entersBy(), trait) {
					starts[c.def.Name] = append(starts[c.def.Name], other.def.Name)
				}
			}
		}
	}
	for _, c := range ch.compiled {
		walk(c.def.Steps, func(s journey.Step) {
			for _, trait := range slices.Sorted(maps.Keys(s.Set)) {
				ch.cycle(c, s, trait, starts)
			}
		})
	}
}

// cycle warns if setting this trait can come back to the journey that sets it.
func (ch *checker) cycle(c compiledJourney, s journey.Step, trait string, starts links) {
	for _, other := range ch.compiled {
		if other.def.Name == c.def.Name || !slices.Contains(other.entersBy(), trait) || !starts.lead(other.def.Name, c.def.Name, map[string]bool{}) {
			continue
		}
		ch.report(c.file, keyAt(s.Keys, trait, s.At), fmt.Sprintf("%s and %s can start each other round and round", c.def.Name, other.def.Name),
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

// sets are the traits that the journey sets.
func (c compiledJourney) sets() []string {
	traits := map[string]bool{}
	walk(c.def.Steps, func(s journey.Step) {
		for trait := range s.Set {
			traits[trait] = true
		}
	})
	return slices.Sorted(maps.Keys(traits))
}

// entersBy are the traits whose change can start the journey.
func (c compiledJourney) entersBy() []string {
	if c.j == nil || c.j.EntryWhen == nil {
		return nil
	}
	return c.j.EntryWhen.Traits()
}
