package journey

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kesher-io/kesher/shared/core/condition"
	"github.com/kesher-io/kesher/shared/core/plan"
)

// env is what conditions at this place may speak of.
func (c *compiler) env(event map[string]plan.Type) condition.Env {
	allowed := c.j.Allowed()
	env := condition.Env{
		Profile: map[string]plan.Trait{}, Hidden: map[string]string{},
		Entry: c.entryProps, Event: event,
		Events: map[string]plan.Event{}, Collections: map[string]map[string]plan.Type{},
	}
	for name, t := range c.names.Plan.Traits {
		if t.Sensitive {
			env.Hidden[name] = "it is sensitive and never used in conditions"
		} else if meet(t.Purposes, allowed) {
			env.Profile[name] = t
		} else {
			env.Hidden[name] = fmt.Sprintf("its purposes (%s) are neither this journey's purpose nor in its uses", strings.Join(t.Purposes, ", "))
		}
	}
	for name, e := range c.names.Plan.Events {
		if meet(e.Purposes, allowed) && !isOpen(name) {
			env.Events[name] = e
		}
	}
	for name, col := range c.names.Plan.Collections {
		if props, ok := c.collection(col, allowed); ok {
			env.Collections[name] = props
		}
	}
	return env
}

// collection are the properties of a collection's entries; ok is false when the
// journey may read none of the events it is made of, or one is an open.
func (c *compiler) collection(col plan.Collection, allowed []string) (map[string]plan.Type, bool) {
	if slices.ContainsFunc(slices.Concat(col.Add, col.Remove, col.Clear), isOpen) {
		return nil, false
	}
	props := map[string]plan.Type{}
	visible := false
	for _, name := range col.Add {
		if e := c.names.Plan.Events[name]; meet(e.Purposes, allowed) {
			visible = true
			for p, t := range e.Properties {
				props[p] = t
			}
		}
	}
	return props, visible
}

func meet(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// properties are those of an event that this journey may see.
func (c *compiler) properties(event string, where Pos) map[string]plan.Type {
	if isOpen(event) {
		c.report(where, fmt.Sprintf("journeys never branch on %s", event), "mail programs open and click by themselves: wait for what she does with you instead")
		return map[string]plan.Type{}
	}
	props := c.declared(event, where)
	if e, ok := c.names.Plan.Events[event]; ok && !meet(e.Purposes, c.j.Allowed()) {
		c.report(where, fmt.Sprintf("this journey may not see %q: its purposes are %s", event, strings.Join(e.Purposes, ", ")),
			"add one of them to `uses:`")
	}
	return props
}

// declared are the properties of an event; exits see every stored fact.
func (c *compiler) declared(event string, where Pos) map[string]plan.Type {
	e, ok := c.names.Plan.Events[event]
	switch {
	case isOpen(event): // also where a plan declares it
		c.report(where, fmt.Sprintf("journeys never branch on %s", event), "mail programs open and click by themselves")
	case ok:
	case slices.Contains(ownEvents, event):
	default:
		names := slices.Sorted(maps.Keys(c.names.Plan.Events))
		c.report(where, fmt.Sprintf("plan.yaml declares no event %q", event), didYouMean(event, names))
		if near, ok := plan.Nearest(event, names); ok { // so that the slip is not told again for each property
			e = c.names.Plan.Events[near]
		}
	}
	if e.Properties == nil {
		return map[string]plan.Type{}
	}
	return e.Properties
}

func (c *compiler) answers(name string, where Pos) map[string]plan.Type {
	s, ok := c.names.Surveys[name]
	if !ok {
		c.report(where, fmt.Sprintf("there is no survey %q", name), didYouMean(name, slices.Sorted(maps.Keys(c.names.Surveys))))
		return map[string]plan.Type{}
	}
	if !slices.Contains(c.j.Allowed(), s.Purpose) {
		c.report(where, fmt.Sprintf("this journey may not see the survey %q: its purpose is %s", name, s.Purpose), "add it to `uses:`")
	}
	return s.AnswerTypes()
}
