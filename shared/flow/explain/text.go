package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/item"
)

// minute is how times are written for people, in UTC.
const minute = "2006-01-02 15:04"

// Sentence tells the decision in a marketer's words, without its time and its
// journey.
func (l Line) Sentence() string {
	switch l.Decision {
	case engine.KindEntered.Word():
		return "entered" + by(Fact(l.Fact))
	case engine.KindNotEntered.Word():
		return "did not enter" + by(Fact(l.Fact)) + ": " + l.Reason
	case engine.KindWait.Word():
		return l.wait()
	case engine.KindSent.Word():
		return "SENT " + l.template()
	case engine.KindSkipped.Word():
		return fmt.Sprintf("NOT SENT %s: %s", l.template(), l.Reason)
	case engine.KindHeld.Word():
		return fmt.Sprintf("holds %s back: %s%s", l.template(), l.Reason, l.until())
	case engine.KindUnknown.Word():
		return fmt.Sprintf("may or may not have sent %s: %s", l.template(), l.Reason)
	case engine.KindFailed.Word():
		return strings.TrimSpace("FAILED " + l.template() + colon(l.Reason))
	case engine.KindBranch.Word():
		return fmt.Sprintf("at %s: %s", l.Step, l.branch())
	case engine.KindSet.Word():
		return l.set()
	case engine.KindExit.Word():
		return "left: " + l.Reason
	case engine.KindEnd.Word():
		return "finished" + colon(l.Reason)
	}
	return l.Decision + colon(l.Reason)
}

// branch is the one taken, as written in the catalog.
func (l Line) branch() string {
	if l.Reason == engine.NoBranch {
		return "no branch holds"
	}
	return l.Reason
}

func (l Line) wait() string {
	switch {
	case l.Values[ValueTemplate] != nil:
		return l.template() + " is due"
	case l.Values[ValueEvent] != nil:
		return fmt.Sprintf("waits for %v at %s, %v at most%s", l.Values[ValueEvent], l.Step, l.Values[ValueFor], l.until())
	case l.Values[ValueFor] != nil:
		return fmt.Sprintf("waits %v at %s%s", l.Values[ValueFor], l.Step, l.until())
	}
	return "waits at " + l.Step
}

func (l Line) set() string {
	if l.Journey == "" {
		return l.Reason // a change of consent
	}
	if offers, ok := l.Values["offers"]; ok {
		return fmt.Sprintf("at %s takes the offers %s", l.Step, list(offers))
	}
	return "at " + l.Step + " notes what it says in her profile"
}

// list writes what a trace holds as a list, before or after JSON.
func list(v any) string {
	var names []string
	switch values := v.(type) {
	case []string:
		names = values
	case []any:
		for _, v := range values {
			names = append(names, fmt.Sprint(v))
		}
	}
	if len(names) == 0 {
		return "(none fits)"
	}
	return strings.Join(names, ", ")
}

// template is what the message was to be made of, or its step.
func (l Line) template() string {
	if t, ok := l.Values[ValueTemplate].(string); ok && t != "" {
		return t
	}
	return l.Step
}

// until is the end of a wait: the hour alone on the same day.
func (l Line) until() string {
	at, ok := timeOf(l.Values[ValueUntil])
	if !ok {
		return ""
	}
	if at.Format(time.DateOnly) == l.At.Format(time.DateOnly) {
		return " until " + at.Format("15:04")
	}
	return " until " + at.Format(minute)
}

func by(fact string) string {
	if fact == "" {
		return ""
	}
	return " (" + fact + ")"
}

func colon(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// Fact is the name of a fact, without its id.
func Fact(id string) string {
	switch {
	case strings.HasPrefix(id, item.SKProfile+"#"):
		return "a change of profile"
	case strings.HasPrefix(id, item.PrefixResponse):
		survey, _, _ := strings.Cut(strings.TrimPrefix(id, item.PrefixResponse), "#")
		return "an answer to " + item.Unpart(survey)
	}
	name, _, _ := strings.Cut(id, "#")
	return name
}

// Text writes lines for people, in columns under a head.
func Text(lines []Line) string {
	if len(lines) == 0 {
		return ""
	}
	width := len("JOURNEY")
	for _, l := range lines {
		width = max(width, len(l.Subject()))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-*s  %-*s  DECISION\n", len(minute), "TIME (UTC)", width, "JOURNEY")
	for _, l := range lines {
		fmt.Fprintf(&b, "%s  %-*s  %s", l.At.UTC().Format(minute), width, l.Subject(), l.Sentence())
		if l.Values[ValueRecomputed] != nil {
			b.WriteString("  [decided again now]")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Subject is the journey that the line is about; what is about the customer alone
// stands under consent.
func (l Line) Subject() string {
	if l.Journey == "" {
		return "consent"
	}
	return l.Journey
}
