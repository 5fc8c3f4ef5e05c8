package explain

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
)

// runLines tells one run from its trace, and what its messages say that the run
// has not seen yet. With only, the story ends with that message.
func (s *Service) runLines(ctx context.Context, p *person, r *passage, only *message.Msg) []Line {
	j := s.definition(ctx, &r.Run)
	var lines []Line
	for i := range r.trace {
		d := &r.trace[i]
		if d.Kind == engine.KindDue && settled(r.trace[i+1:], d.Step) {
			continue // its outcome says more
		}
		line := lineOf(&r.Run, d, j)
		if outcome(d.Kind) || d.Kind == engine.KindDue {
			describe(&line, p.message(r.ID, d.Step))
		}
		lines = append(lines, line)
		if only != nil && outcome(d.Kind) && d.Step == only.Step && !settled(r.trace[i+1:], d.Step) {
			return lines
		}
	}
	return append(lines, unseen(p, r)...)
}

// definition is the version that a run walks; nil if its release is gone, which
// leaves out what only the catalog knows.
func (s *Service) definition(ctx context.Context, r *engine.Run) *journey.Journey {
	rel, err := s.Releases.Get(ctx, r.Release)
	if err != nil {
		return nil
	}
	return rel.Journeys[r.Journey]
}

func lineOf(r *engine.Run, d *engine.Decision, j *journey.Journey) Line {
	line := Line{
		At: time.UnixMilli(d.At).UTC(), Fact: d.Fact, Journey: r.Journey, Step: d.Step,
		Decision: d.Kind.Word(), Reason: d.Reason, Values: maps.Clone(d.Values),
	}
	if line.Values == nil {
		line.Values = map[string]any{}
	}
	switch d.Kind {
	case engine.KindDue:
		line.Values[ValueTemplate], line.Reason = d.Reason, "a message is due"
	case engine.KindWait:
		waits(&line, d, j)
	case engine.KindParked:
		line.Reason = "set aside for a person: " + d.Reason
	}
	return line
}

// waits adds what a wait is for.
func waits(line *Line, d *engine.Decision, j *journey.Journey) {
	if j == nil {
		return
	}
	node, ok := j.Node(d.Step)
	if !ok {
		return
	}
	line.Values[ValueFor] = plan.Duration(node.For).String()
	line.Values[ValueUntil] = item.Time(line.At.Add(node.For))
	if node.Event != "" {
		line.Values[ValueEvent] = node.Event
	}
}

// outcome: the decision took a message's state.
func outcome(k engine.Kind) bool {
	switch k {
	case engine.KindSent, engine.KindSkipped, engine.KindHeld, engine.KindUnknown, engine.KindFailed:
		return true
	}
	return false
}

// settled: what was due or held at the step has an outcome.
func settled(rest []engine.Decision, step string) bool {
	return slices.ContainsFunc(rest, func(d engine.Decision) bool { return d.Step == step && outcome(d.Kind) })
}

// describe adds what only the message knows.
func describe(line *Line, m *message.Msg) {
	if m == nil {
		return
	}
	line.Values[ValueMessage], line.Values[ValueTemplate] = m.ID, m.Template
	if m.Ledger != "" {
		line.Values[ValueConsent] = m.Ledger
	}
	if len(m.Because) > 0 {
		line.Values[ValueBecause] = m.Because
	}
	if m.State == message.Held && line.Decision == engine.KindHeld.Word() {
		line.Values[ValueUntil] = item.Time(time.UnixMilli(m.Until))
	}
}

// words of a message's states.
var stateWords = map[message.State]engine.Kind{
	message.Held: engine.KindHeld, message.Sent: engine.KindSent, message.Skipped: engine.KindSkipped,
	message.Unknown: engine.KindUnknown, message.Failed: engine.KindFailed,
}

// unseen are the run's messages whose state is not in its trace: the run has not
// been told yet, or its trace has grown past it.
func unseen(p *person, r *passage) []Line {
	var lines []Line
	for i := range p.messages {
		m := &p.messages[i]
		kind, ok := stateWords[m.State]
		if m.Run != r.ID || !ok || inTrace(r.trace, m.Step, kind) {
			continue
		}
		line := Line{
			At: time.UnixMilli(m.At).UTC(), Fact: string(m.State), Journey: m.Journey, Step: m.Step,
			Decision: kind.Word(), Reason: m.Reason, Values: map[string]any{},
		}
		describe(&line, m)
		lines = append(lines, line)
	}
	return lines
}

func inTrace(trace []engine.Decision, step string, kind engine.Kind) bool {
	return slices.ContainsFunc(trace, func(d engine.Decision) bool { return d.Step == step && d.Kind == kind })
}
