package source

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/plan"
)

// rawStep is a step as written: its verb, and the keys that stand beside it.
type rawStep struct {
	id      string
	wait    rawWait
	waitFor journey.WaitFor
	choose  []journey.Branch
	send    journey.Send
	set     map[string]journey.Set
	offer   journey.Offer
	end     string

	// Read, and not run yet.
	split  rawSplit
	emit   rawEmit
	call   any
	repeat int
	each   string

	late       *journey.Late
	capWait    string
	resend     bool
	then, els  []journey.Step
	repetition []journey.Step
}

// companions are, by verb, the keys that may stand beside it.
var companions = map[string][]string{
	"wait": {}, "wait-for": {"then", "else"}, "choose": {}, "send": {"late", "cap", "resend"}, "set": {}, "offer": {}, "end": {},
	"split": {}, "emit": {}, "call": {}, "repeat": {"do"}, "each": {"do"},
}

// stepsShape is a list of steps, or one alone. Steps hold steps.
func stepsShape() shape[[]journey.Step] {
	return some(named("step", stepShape))
}

func stepShape() shape[journey.Step] {
	steps := named("steps", stepsShape)
	return as(record(
		key("id", "its name in reports; default kind and name", id, func(s *rawStep) *string { return &s.id }),
		key("wait", "wait this long", waitShape, func(s *rawStep) *rawWait { return &s.wait }),
		key("wait-for", "wait for an event, up to a time", waitForShape, func(s *rawStep) *journey.WaitFor { return &s.waitFor }),
		key("then", "steps when the event came", steps, func(s *rawStep) *[]journey.Step { return &s.then }),
		key("else", "steps when it did not come", steps, func(s *rawStep) *[]journey.Step { return &s.els }),
		key("choose", "the first branch that holds", list(branchShape(steps)), func(s *rawStep) *[]journey.Branch { return &s.choose }),
		key("send", "a template, as a mail", id, func(s *rawStep) *string { return &s.send.Template }),
		key("late", "send, drop after <duration>, or recheck <condition>", sendLateShape, func(s *rawStep) **journey.Late { return &s.late }),
		key("cap", "wait: over the cap it waits instead of being skipped", enum("wait"), func(s *rawStep) *string { return &s.capWait }),
		key("resend", "once more when nobody can tell whether it left; service mails only, and she may get it twice", boolean,
			func(s *rawStep) *bool { return &s.resend }),
		key("set", "traits to set", dict(identifier, setShape), func(s *rawStep) *map[string]journey.Set { return &s.set }),
		key("offer", "take offers that fit what she declared", offerShape, func(s *rawStep) *journey.Offer { return &s.offer }),
		key("end", "end the run, with a word for the report", reasonShape, func(s *rawStep) *string { return &s.end }),
		key("split", "(not built yet) arms by chance", splitShape(steps), func(s *rawStep) *rawSplit { return &s.split }),
		key("emit", "(not built yet) write an event", emitShape, func(s *rawStep) *rawEmit { return &s.emit }),
		key("call", "(not built yet) ask a function", free, func(s *rawStep) *any { return &s.call }),
		key("repeat", "(not built yet) do steps that wait several times", count, func(s *rawStep) *int { return &s.repeat }),
		key("each", "(not built yet) do steps for each member of a list", condition, func(s *rawStep) *string { return &s.each }),
		key("do", "the steps to repeat", steps, func(s *rawStep) *[]journey.Step { return &s.repetition }),
	), buildStep)
}

func buildStep(r *reader, n *yaml.Node, raw rawStep) journey.Step {
	s := journey.Step{ID: raw.id, At: r.doc.place(n), Keys: r.deepKeys(n)}
	verb := oneVerb(r, n)
	switch verb {
	case "wait":
		s.Wait, s.Other = raw.wait.Wait, raw.wait.other
	case "wait-for":
		raw.waitFor.Then, raw.waitFor.Else = raw.then, raw.els
		s.WaitFor = &raw.waitFor
	case "choose":
		s.Choose = raw.choose
	case "send":
		raw.send.Late, raw.send.CapWait, raw.send.Resend = raw.late, raw.capWait == "wait", raw.resend
		s.Send = &raw.send
	case "set":
		s.Set = raw.set
	case "offer":
		s.Offer = &raw.offer
	case "end":
		s.End = &journey.End{Reason: raw.end}
	default:
		s.Other = verb
	}
	return s
}

// besides are the keys that stand beside a verb.
var besides = []string{"then", "else", "late", "cap", "resend", "do"}

// onlyBeside says whether a map without a verb has no unknown key either, which
// would be a misspelt verb and is reported as such.
func onlyBeside(keys map[string]journey.Pos) bool {
	for key := range keys {
		if key != "id" && !slices.Contains(besides, key) {
			return false
		}
	}
	return true
}

// oneVerb finds the step's verb and refuses a second one, or a key that does not
// belong beside it.
func oneVerb(r *reader, n *yaml.Node) string {
	verb := ""
	keys := r.keys(n)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if _, ok := companions[k.Value]; !ok {
			continue
		}
		if verb != "" {
			r.failAt(wordPlace(k), fmt.Sprintf("a step has one verb, not %s and %s", verb, k.Value), "write two steps, each with its own -")
			return verb
		}
		verb = k.Value
	}
	if verb == "" {
		if onlyBeside(keys) {
			r.fail(n, "the step has no verb", "begin it with wait, wait-for, choose, send, set, offer or end")
		}
		return ""
	}
	for _, key := range besides {
		if at, ok := keys[key]; ok && !slices.Contains(companions[verb], key) {
			r.failAt(at, fmt.Sprintf("%q does not belong beside %q", key, verb), "look at its indentation")
		}
	}
	return verb
}

// deepKeys are the places of a step's keys, and of those inside its verb.
func (r *reader) deepKeys(n *yaml.Node) map[string]journey.Pos {
	keys := r.keys(n)
	for i := 1; i < len(n.Content); i += 2 {
		for key, at := range r.keys(n.Content[i]) {
			if _, ok := keys[key]; !ok {
				keys[key] = at
			}
		}
	}
	return keys
}

// rawWait is a wait: for a duration, or in a form that is not run yet.
type rawWait struct {
	*journey.Wait
	other string
}

var waitShape = either(
	word(schema{"type": "string"}, func(s string) (rawWait, error) {
		if first, _, more := strings.Cut(s, " "); more && (first == "until" || first == "quiet" || first == "for") {
			return rawWait{other: "wait " + first}, nil
		}
		d, err := parseDuration(s)
		return rawWait{Wait: &journey.Wait{For: d}}, err
	}),
	as(record(
		key("quiet", "(not built yet) so long without one", duration, func(w *rawWaitForms) *plan.Duration { return &w.quiet }),
		key("of", "(not built yet) events that begin it anew", some(text), func(w *rawWaitForms) *[]string { return &w.of }),
		key("until", "(not built yet) a time of day, or a date in the profile", text, func(w *rawWaitForms) *string { return &w.until }),
		key("on", "(not built yet) days of the week", free, func(w *rawWaitForms) *any { return &w.on }),
		key("for", "(not built yet) as long as an expression says", condition, func(w *rawWaitForms) *string { return &w.dynamic }),
	), func(r *reader, n *yaml.Node, forms rawWaitForms) rawWait {
		keys := r.keys(n)
		if d, err := parseDuration(forms.dynamic); err == nil && len(keys) == 1 {
			return rawWait{Wait: &journey.Wait{For: d}}
		}
		for _, form := range []string{"quiet", "until", "for"} {
			if _, ok := keys[form]; ok {
				return rawWait{other: "wait " + form}
			}
		}
		return rawWait{other: "wait"}
	}),
)

type rawWaitForms struct {
	quiet   plan.Duration
	of      []string
	until   string
	on      any
	dynamic string
}

var waitForShape = record(
	must("event", "the event", text, func(w *journey.WaitFor) *string { return &w.Event }),
	key("where", "a condition on it: event.* is this one, entry.* the fact that started the run", condition,
		func(w *journey.WaitFor) *string { return &w.Where }),
	must("up to", "how long at most", duration, func(w *journey.WaitFor) *plan.Duration { return &w.UpTo }),
)

// sendLateShape is `send`, `drop after D` or `recheck <condition>`.
var sendLateShape = pointer(word(schema{"type": "string"}, func(s string) (journey.Late, error) {
	if cond, ok := strings.CutPrefix(s, "recheck "); ok {
		return journey.Late{Kind: "recheck", Recheck: strings.TrimSpace(cond)}, nil
	}
	late, err := parseLate(s)
	if err != nil && !strings.HasPrefix(s, "drop after ") {
		err = wrong(fmt.Sprintf("%q is no rule for late messages", s), "write send, drop after 24h, or recheck <condition>")
	}
	return journey.Late{Kind: late.Kind, After: late.After}, err
}))

// setShape is a value, or {from: <expression>}.
var setShape = either(
	as(free, func(_ *reader, _ *yaml.Node, v any) journey.Set { return journey.Set{Value: v} }),
	record(must("from", "an expression", condition, func(s *journey.Set) *string { return &s.From })),
)

var offerShape = record(
	must("from", "offers", enum("offers"), func(o *journey.Offer) *string { return &o.From }),
	key("match", "what an offer's `for` must share a value with", condition, func(o *journey.Offer) *string { return &o.Match }),
	key("take", "how many; default 1", count, func(o *journey.Offer) *int { return &o.Take }),
)

// reasonShape may be left empty.
var reasonShape = shape[string]{
	read: func(r *reader, n *yaml.Node) string {
		if n.Kind == yaml.ScalarNode && strings.TrimSpace(n.Value) == "" {
			return ""
		}
		return text.read(r, n)
	},
	schema: func(schemas) schema { return schema{"type": []string{"string", "null"}} },
}

type rawBranch struct {
	when          string
	do, otherwise []journey.Step
}

func branchShape(steps shape[[]journey.Step]) shape[journey.Branch] {
	return as(record(
		key("when", "a condition", condition, func(b *rawBranch) *string { return &b.when }),
		key("do", "steps when it holds", steps, func(b *rawBranch) *[]journey.Step { return &b.do }),
		key("otherwise", "steps when no branch holds", steps, func(b *rawBranch) *[]journey.Step { return &b.otherwise }),
	), buildBranch)
}

func buildBranch(r *reader, n *yaml.Node, raw rawBranch) journey.Branch {
	keys := r.keys(n)
	whenAt, when := keys["when"]
	_, do := keys["do"]
	_, otherwise := keys["otherwise"]
	switch {
	case when && otherwise, do && otherwise, n.Kind == yaml.MappingNode && !when && !otherwise:
		r.fail(n, "a branch is when and do, or otherwise alone", "write two branches, each with its own -")
	case when && !do:
		r.fail(n, "the branch has no `do`", "add its steps, or do: [] to go on below")
	case when:
		return journey.Branch{When: raw.when, Do: raw.do, At: whenAt}
	}
	return journey.Branch{Do: raw.otherwise, At: r.doc.place(n)}
}

type rawSplit struct {
	arms map[string]rawArm
	salt string
}

type rawArm struct {
	weight float64
	do     []journey.Step
}

func splitShape(steps shape[[]journey.Step]) shape[rawSplit] {
	return record(
		must("arms", "arms by name", dict(id, record(
			must("weight", "its share against the others", number, func(a *rawArm) *float64 { return &a.weight }),
			key("do", "its steps", steps, func(a *rawArm) *[]journey.Step { return &a.do }),
		)), func(s *rawSplit) *map[string]rawArm { return &s.arms }),
		key("salt", "another one draws anew", text, func(s *rawSplit) *string { return &s.salt }),
	)
}

type rawEmit struct {
	event      string
	properties map[string]any
}

var emitShape = either(
	as(text, func(_ *reader, _ *yaml.Node, event string) rawEmit { return rawEmit{event: event} }),
	record(
		must("event", "its name", text, func(e *rawEmit) *string { return &e.event }),
		key("properties", "its properties", properties, func(e *rawEmit) *map[string]any { return &e.properties }),
	),
)
