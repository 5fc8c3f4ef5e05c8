package publish

import (
	"fmt"
	"maps"
	"slices"

	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/source"
)

func (ch *checker) checkJourneys() {
	seen := map[string]string{}
	senders := map[string]string{} // purpose -> a file that sends for it
	for _, from := range ch.catalog.Journeys {
		if other, ok := seen[from.Def.Name]; ok {
			ch.problem(from.File, path("name"), fmt.Sprintf("%s has the name %q too", other, from.Def.Name), "give each journey its own")
		}
		seen[from.Def.Name] = from.File
		if purpose := ch.meant(from.Def).Purpose; len(sends(from.Def.Steps)) > 0 && purpose != "" {
			senders[purpose] = from.File
		}
		if !ch.catalog.Broken(from.File) {
			ch.journey(from.File, from.Def)
		}
	}
	ch.senders(senders)
}

// senders checks that every purpose that sends has a sender; service always
// does: confirmations and links to the preference page leave under it.
func (ch *checker) senders(files map[string]string) {
	if !ch.settled() {
		return
	}
	for purpose, file := range files {
		if _, ok := ch.catalog.Settings.Sender[purpose]; !ok {
			ch.problem(fileSettings, path("sender"), fmt.Sprintf("there is no sender for %q, and %s sends for it", purpose, file),
				fmt.Sprintf("add %s: %s <address>", purpose, ch.brand().Name))
		}
	}
	if _, ok := ch.catalog.Settings.Sender[plan.PurposeService]; !ok && files[plan.PurposeService] == "" {
		ch.warn(fileSettings, path("sender"), "there is no sender for \"service\"", "confirmations and links to the preference page can't be mailed without")
	}
}

func (ch *checker) journey(file string, def journey.Definition) {
	if journey.IsBuiltin(def.Name) {
		ch.problem(file, path("name"), fmt.Sprintf("a journey can't be called %q", def.Name), "Kesher has one of that name")
	}
	ch.journeyNames(file, def)
	def = ch.meant(def)
	j, problems := journey.Compile(def, journey.Names{Plan: &ch.catalog.Plan, Surveys: ch.surveys})
	for _, p := range problems {
		ch.problemAt(file, p.At, p.What, p.Do)
	}
	ch.compiled = append(ch.compiled, compiledJourney{file: file, def: def, j: j})
	if def.Goal != nil {
		ch.report(file, def.Goal.At, "the goal is not counted yet", "it is kept with the release", source.Warning)
	}
	for _, s := range sends(def.Steps) {
		if _, ok := ch.findTemplate(s.Send.Template); !ok {
			ch.problemAt(file, keyAt(s.Keys, "send", s.At), fmt.Sprintf("there is no template %q", s.Send.Template), nearest(s.Send.Template, ch.templateNames(), "template"))
			continue
		}
		ch.variables(s.Send.Template, ch.scope(def))
	}
	if j != nil {
		ch.exits(file, j)
	}
}

// meant is the journey for the purpose that a misspelt one is nearest to: the slip
// is told once, not again wherever the purpose counts.
func (ch *checker) meant(def journey.Definition) journey.Definition {
	purposes := ch.catalog.Plan.Purposes
	if _, declared := purposes[def.Purpose]; declared {
		return def
	}
	if near, ok := plan.Nearest(def.Purpose, slices.Sorted(maps.Keys(purposes))); ok {
		def.Purpose = near
	}
	return def
}

func (ch *checker) findTemplate(name string) (source.Template, bool) {
	for _, t := range ch.catalog.Templates {
		if t.Name == name {
			return t, true
		}
	}
	return source.Template{}, false
}

// journeyNames checks the journey's purpose, uses, topic and offers.
func (ch *checker) journeyNames(file string, def journey.Definition) {
	declared := ch.purpose(def.Purpose, file, "purpose")
	contact := ch.catalog.Plan.Purposes[def.Purpose].Contact
	if declared && len(sends(def.Steps)) > 0 && !slices.Contains(contact, plan.ChannelEmail) {
		ch.problem(file, path("purpose"), fmt.Sprintf("the purpose %q contacts nobody, but the journey sends mails", def.Purpose),
			"choose a purpose with contact: [email]; name this one in `uses`")
	}
	for i, purpose := range def.Uses {
		ch.purpose(purpose, file, "uses", fmt.Sprint(i))
	}
	known(ch, ch.catalog.Plan.Topics, "topic", def.Topic, file, "topic")
	if c := def.Entry.Consent; c != nil {
		ch.purpose(c.Purpose, file, "entry", "consent", "purpose")
	}
	if at, ok := firstOffer(def.Steps); ok && len(ch.catalog.Offers) == 0 && !ch.catalog.Broken(fileOffers) {
		ch.problemAt(file, at, "there are no offers to take", "write offers.yaml")
	}
}

// exits checks that whoever can enter can also leave: an exit's event must be
// stored for everybody who can enter, else a purchase nobody was allowed to
// store would not stop the mail.
func (ch *checker) exits(file string, j *journey.Journey) {
	entered := ch.enteredBy(j)
	for _, x := range j.Definition.Exit {
		e, declared := ch.catalog.Plan.Events[x.Event]
		if !declared || ch.permittedAlways(e.Purposes) {
			continue // Kesher's own events are always stored
		}
		for _, purpose := range entered {
			if !slices.Contains(e.Purposes, purpose) {
				ch.problemAt(file, keyAt(x.Keys, "event", x.At),
					fmt.Sprintf("%q can't be stored for everyone who can enter: somebody who permits only %s", x.Event, purpose),
					fmt.Sprintf("add %s, or a purpose with basis: contract, to the event's purposes in plan.yaml", purpose))
				break
			}
		}
	}
}

// enteredBy are the purposes each of which alone lets a customer enter.
func (ch *checker) enteredBy(j *journey.Journey) []string {
	switch e := j.Entry; {
	case e.Event != "":
		return shared(ch.catalog.Plan.Events[e.Event].Purposes, j.Allowed())
	case e.Response != "":
		return []string{ch.surveys[e.Response].Purpose}
	case e.Consent != nil:
		return []string{e.Consent.Purpose}
	}
	var purposes []string
	for _, trait := range j.EntryWhen.Traits() {
		purposes = append(purposes, shared(ch.catalog.Plan.Traits[trait].Purposes, j.Allowed())...)
	}
	return purposes
}

func shared(a, b []string) []string {
	var out []string
	for _, s := range a {
		if slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}

// scope is what templates of this journey may read.
func (ch *checker) scope(def journey.Definition) templateScope {
	p := &ch.catalog.Plan
	s := templateScope{journey: def.Name, allowed: append([]string{def.Purpose}, def.Uses...), plan: p, collections: map[string]map[string]plan.Type{}}
	s.entry = ch.entryProperties(def.Entry)
	s.event = maps.Clone(s.entry)
	if s.event == nil {
		s.event = map[string]plan.Type{}
	}
	walk(def.Steps, func(step journey.Step) {
		if step.WaitFor != nil {
			maps.Copy(s.event, p.Events[step.WaitFor.Event].Properties)
		}
		s.offers = s.offers || step.Offer != nil
	})
	for name, c := range p.Collections {
		for _, event := range c.Add {
			if e := p.Events[event]; meets(e.Purposes, s.allowed) {
				if s.collections[name] == nil {
					s.collections[name] = map[string]plan.Type{}
				}
				maps.Copy(s.collections[name], e.Properties)
			}
		}
	}
	return s
}

func (ch *checker) entryProperties(e journey.Entry) map[string]plan.Type {
	switch {
	case e.Event != "":
		return ch.catalog.Plan.Events[e.Event].Properties
	case e.Response != "" && ch.surveys[e.Response] != nil:
		return ch.surveys[e.Response].AnswerTypes()
	case e.Consent != nil:
		return map[string]plan.Type{"purpose": "string", "channel": "string", "state": "string", "notice": "string"}
	}
	return nil
}

// walk visits every step of a list, and of the lists inside.
func walk(steps []journey.Step, visit func(journey.Step)) {
	for _, s := range steps {
		visit(s)
		if s.WaitFor != nil {
			walk(s.WaitFor.Then, visit)
			walk(s.WaitFor.Else, visit)
		}
		for _, b := range s.Choose {
			walk(b.Do, visit)
		}
	}
}

func sends(steps []journey.Step) []journey.Step {
	var out []journey.Step
	walk(steps, func(s journey.Step) {
		if s.Send != nil {
			out = append(out, s)
		}
	})
	return out
}

func firstOffer(steps []journey.Step) (at journey.Pos, ok bool) {
	walk(steps, func(s journey.Step) {
		if s.Offer != nil && !ok {
			at, ok = s.At, true
		}
	})
	return at, ok
}

// keyAt is the place of a key, or else of the whole.
func keyAt(keys map[string]journey.Pos, key string, whole journey.Pos) journey.Pos {
	if at, ok := keys[key]; ok {
		return at
	}
	return whole
}
