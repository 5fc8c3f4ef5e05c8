package journey

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kesher-io/kesher/shared/core/condition"
	"github.com/kesher-io/kesher/shared/core/plan"
)

// list lays one list of steps flat and returns its first node; a list without
// steps is what comes after it. event is what event.* holds at its beginning;
// it returns what event.* may hold at its end.
func (c *compiler) list(steps []Step, after int, event map[string]plan.Type) (int, map[string]plan.Type) {
	base := len(c.j.Nodes)
	c.j.Nodes = append(c.j.Nodes, make([]Node, len(steps))...)
	ended := false
	for i := range steps {
		s := &steps[i]
		if ended {
			c.report(s.At, "this step is never reached", "the run has ended above it: move it up or delete it")
			ended = false
		}
		next := after
		if i+1 < len(steps) {
			next = base + i + 1
		}
		c.j.byID[s.ID] = base + i
		var node Node
		node, event = c.step(s, next, event)
		c.j.Nodes[base+i] = node
		ended = c.ends(s)
	}
	if len(steps) == 0 {
		return after, event
	}
	return base, event
}

// ends says whether no run ever gets past the step.
func (c *compiler) ends(s *Step) bool {
	if s.End != nil {
		return true
	}
	if s.WaitFor != nil {
		return c.allEnd(s.WaitFor.Then) && c.allEnd(s.WaitFor.Else)
	}
	otherwise := false
	for _, b := range s.Choose {
		if !c.allEnd(b.Do) {
			return false
		}
		otherwise = otherwise || b.When == ""
	}
	return otherwise
}

func (c *compiler) allEnd(steps []Step) bool {
	return len(steps) > 0 && c.ends(&steps[len(steps)-1])
}

// step compiles one step; it returns what event.* may hold after it.
func (c *compiler) step(s *Step, next int, event map[string]plan.Type) (Node, map[string]plan.Type) {
	n := Node{ID: s.ID, Next: next}
	env := c.env(event)
	switch {
	case s.Wait != nil:
		n.Kind, n.For = KindWait, time.Duration(s.Wait.For)
		c.positive(n.For, s, "wait")
	case s.WaitFor != nil:
		return c.waitFor(s, n, event)
	case s.Choose != nil:
		return c.choose(s, n, event)
	case s.Send != nil:
		n.Kind, n.Send = KindSend, s.Send
		if s.Send.Resend && c.j.Purpose != plan.PurposeService {
			c.report(at(s.Keys, "resend", s.At), "only a service mail may leave a second time, and this journey's purpose is "+c.j.Purpose, "delete resend")
		}
		if l := s.Send.Late; l != nil && l.Kind == "recheck" {
			n.Recheck = c.condition(l.Recheck, at(s.Keys, "late", s.At), env)
		}
	case s.Set != nil:
		n.Kind, n.Set = KindSet, c.set(s, env)
	case s.Offer != nil:
		n.Kind, n.Offer = KindOffer, s.Offer
		if s.Offer.Match != "" {
			n.Match = c.value(s.Offer.Match, at(s.Keys, "match", s.At), env)
		}
	case s.End != nil:
		n.Kind, n.Reason = KindEnd, s.End.Reason
	case s.Other != "":
		c.notBuilt(s.At, s.Other)
	default:
		c.report(s.At, "the step has no verb", "begin it with wait, wait-for, choose, send, set, offer or end")
	}
	return n, event
}

func (c *compiler) positive(d time.Duration, s *Step, what string) {
	if d <= 0 {
		c.report(s.At, what+" needs a time above zero", "for example 30m, 1h or 2d")
	}
}

func (c *compiler) waitFor(s *Step, n Node, event map[string]plan.Type) (Node, map[string]plan.Type) {
	w := s.WaitFor
	n.Kind, n.Event, n.For = KindWaitFor, w.Event, time.Duration(w.UpTo)
	awaited := c.properties(w.Event, at(s.Keys, "event", s.At))
	if w.UpTo == 0 {
		c.report(s.At, "wait-for can't end without `up to`", "say how long to wait at most, for example up to: 1d")
	} else {
		c.positive(n.For, s, "up to")
	}
	if w.Where != "" {
		n.Where = c.condition(w.Where, at(s.Keys, "where", s.At), c.env(awaited))
	}
	var came, missed map[string]plan.Type
	n.Then, came = c.list(w.Then, n.Next, awaited)
	n.Else, missed = c.list(w.Else, n.Next, event)
	return n, either(came, missed)
}

func (c *compiler) choose(s *Step, n Node, event map[string]plan.Type) (Node, map[string]plan.Type) {
	n.Kind = KindChoose
	var after map[string]plan.Type
	for i, b := range s.Choose {
		branch := NodeBranch{Text: "otherwise"}
		if b.When != "" {
			branch.When, branch.Text = c.condition(b.When, b.At, c.env(event)), b.When
		} else if i != len(s.Choose)-1 {
			c.report(b.At, "otherwise must be the last branch", "branches below it would never be tried")
		}
		var end map[string]plan.Type
		branch.To, end = c.list(b.Do, n.Next, event)
		after = either(after, end)
		n.Branches = append(n.Branches, branch)
	}
	return n, either(after, event)
}

// either is what event.* may hold when two ways meet: all properties of both,
// but for those that the two give different types.
func either(a, b map[string]plan.Type) map[string]plan.Type {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	both := make(map[string]plan.Type, len(a)+len(b))
	for name, t := range a {
		if other, ok := b[name]; !ok || other == t {
			both[name] = t
		}
	}
	for name, t := range b {
		if _, ok := a[name]; !ok {
			both[name] = t
		}
	}
	return both
}

func (c *compiler) set(s *Step, env condition.Env) []NodeSet {
	var sets []NodeSet
	for _, name := range slices.Sorted(maps.Keys(s.Set)) {
		where := at(s.Keys, name, s.At)
		trait, ok := c.names.Plan.Traits[name]
		if !ok {
			c.report(where, fmt.Sprintf("set: plan.yaml declares no trait %q", name), "declare it under traits, or correct the name")
			continue
		}
		set := NodeSet{Trait: name, Value: s.Set[name].Value}
		if from := s.Set[name].From; from != "" {
			set.From = c.value(from, where, env)
		} else if err := trait.Accepts(set.Value); err != nil {
			c.report(where, fmt.Sprintf("set: %s: %v", name, err), "")
		}
		sets = append(sets, set)
	}
	return sets
}
