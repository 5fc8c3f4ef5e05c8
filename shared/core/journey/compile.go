package journey

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/kesher-io/kesher/shared/core/condition"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/survey"
)

// Names is what a journey may speak of.
type Names struct {
	Plan    *plan.Plan
	Surveys map[string]*survey.Survey
}

// Problem is a fault in a definition: where, what is wrong, what to do.
type Problem struct {
	At       Pos
	What, Do string
}

func (p Problem) Error() string {
	if p.Do == "" {
		return p.What
	}
	return fmt.Sprintf("%s (%s)", p.What, p.Do)
}

// Compile checks a definition against the plan and lays it flat. It collects
// every problem; the journey is nil if there is any.
func Compile(def Definition, names Names) (*Journey, []Problem) {
	c := &compiler{
		j:     &Journey{Definition: def, Version: version(def), byID: map[string]int{}},
		names: names,
		ids:   map[string]bool{},
	}
	c.entry()
	c.exits()
	c.goal()
	if len(def.Steps) == 0 {
		c.report(def.At, `the journey has no steps`, "add at least one under `steps:`")
	}
	c.nameSteps(c.j.Steps)
	c.j.First, _ = c.list(c.j.Steps, Nowhere, c.entryProps)
	if len(c.problems) > 0 {
		sort.SliceStable(c.problems, func(a, b int) bool { return before(c.problems[a].At, c.problems[b].At) })
		return nil, c.problems
	}
	return c.j, nil
}

func before(a, b Pos) bool { return a.Line < b.Line || a.Line == b.Line && a.Col < b.Col }

// version is the content hash of what the definition says, wherever it stands.
func version(def Definition) string {
	text, err := json.Marshal(def)
	if err != nil {
		panic(err) // a Definition holds nothing that JSON can't
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

type compiler struct {
	j          *Journey
	names      Names
	ids        map[string]bool
	entryProps map[string]plan.Type
	problems   []Problem
}

func (c *compiler) report(at Pos, what, do string) {
	c.problems = append(c.problems, Problem{At: at, What: what, Do: do})
}

func (c *compiler) notBuilt(at Pos, what string) {
	c.report(at, fmt.Sprintf("%q is not built yet", what), "this release runs wait, wait-for, choose, send, set, offer and end")
}

// entry compiles where a run begins and learns what entry.* holds.
func (c *compiler) entry() {
	e := &c.j.Entry
	switch {
	case e.Event != "":
		c.entryProps = c.properties(e.Event, at(e.Keys, "event", e.At))
	case e.Response != "":
		c.entryProps = c.answers(e.Response, at(e.Keys, "response", e.At))
	case e.Consent != nil:
		c.entryProps = consentProps
	case e.Profile != "":
		c.j.EntryWhen = c.condition(e.Profile, at(e.Keys, "profile", e.At), c.env(nil))
	case e.Other != "":
		c.report(e.At, fmt.Sprintf("entry by %s is not built yet", e.Other), "this release enters by event, profile, response or consent")
	default:
		c.report(e.At, "the entry names no fact", "say entry: {event: ...}, {response: ...}, {profile: ...} or {consent: ...}")
	}
	env := c.env(c.entryProps)
	if e.Where != "" {
		c.j.EntryWhere = c.condition(e.Where, at(e.Keys, "where", e.At), env)
	}
	if e.Key != "" {
		key := at(e.Keys, "key", e.At)
		c.j.EntryKey = c.value(e.Key, key, env)
		if k := c.j.EntryKey; k != nil && len(k.Traits())+len(k.Windows())+len(k.Collections()) > 0 {
			c.report(key, "key may read the entry fact alone", "use its properties, for example event.cart_id")
		}
	}
}

var consentProps = map[string]plan.Type{"purpose": "string", "channel": "string", "state": "string", "notice": "string"}

func (c *compiler) exits() {
	for _, x := range c.j.Exit {
		compiled := CompiledExit{Event: x.Event}
		props := c.declared(x.Event, at(x.Keys, "event", x.At))
		if x.Where != "" {
			compiled.Where = c.condition(x.Where, at(x.Keys, "where", x.At), c.env(props))
		}
		c.j.Exits = append(c.j.Exits, compiled)
	}
}

func (c *compiler) goal() {
	if g := c.j.Goal; g != nil {
		props := c.declared(g.Event, g.At)
		if g.Where != "" {
			c.condition(g.Where, g.At, c.env(props))
		}
	}
}

// nameSteps gives every step its id, in the order of the text.
func (c *compiler) nameSteps(steps []Step) {
	for i := range steps {
		s := &steps[i]
		if s.ID == "" {
			s.ID = c.freeID(DefaultID(s))
		} else if c.ids[s.ID] {
			c.report(at(s.Keys, "id", s.At), fmt.Sprintf("a second step has the id %q", s.ID), "ids are counted and reported by: give each step its own")
		}
		c.ids[s.ID] = true
		if s.WaitFor != nil {
			c.nameSteps(s.WaitFor.Then)
			c.nameSteps(s.WaitFor.Else)
		}
		for b := range s.Choose {
			c.nameSteps(s.Choose[b].Do)
		}
	}
}

func (c *compiler) freeID(id string) string {
	for n, try := 2, id; ; n++ {
		if !c.ids[try] {
			return try
		}
		try = fmt.Sprintf("%s-%d", id, n)
	}
}

// DefaultID is the id of a step that names none: its kind and name.
func DefaultID(s *Step) string {
	switch {
	case s.Wait != nil:
		return "wait-" + s.Wait.For.String()
	case s.WaitFor != nil:
		return "wait-for-" + slug(s.WaitFor.Event)
	case s.Choose != nil:
		return "choose"
	case s.Send != nil:
		return "send-" + slug(s.Send.Template)
	case s.Set != nil:
		return "set-" + slug(strings.Join(slices.Sorted(maps.Keys(s.Set)), "-"))
	case s.Offer != nil:
		return "offer-" + slug(s.Offer.From)
	case s.End != nil:
		return strings.TrimSuffix("end-"+slug(s.End.Reason), "-")
	}
	return slug(s.Other)
}

func slug(s string) string { return strings.Join(strings.Fields(strings.ToLower(s)), "-") }

func (c *compiler) condition(src string, where Pos, env condition.Env) *condition.Condition {
	cond, err := condition.Compile(src, env)
	c.compiled(cond, err, where)
	return cond
}

func (c *compiler) value(src string, where Pos, env condition.Env) *condition.Condition {
	cond, err := condition.CompileValue(src, env)
	c.compiled(cond, err, where)
	return cond
}

func (c *compiler) compiled(cond *condition.Condition, err error, where Pos) {
	if err == nil {
		c.j.ReadsProfile = c.j.ReadsProfile || len(cond.Traits()) > 0 || cond.ReadsTime()
		return
	}
	p := Problem{At: where, What: err.Error()}
	var ce *condition.Error
	if errors.As(err, &ce) {
		p.What, p.Do = ce.What, ce.Do
		if where.Line > 0 {
			p.At.Col += ce.Offset
		}
	}
	c.problems = append(c.problems, p)
}

// at is the position of a key, or else of the whole.
func at(keys map[string]Pos, key string, whole Pos) Pos {
	if p, ok := keys[key]; ok {
		return p
	}
	return whole
}
