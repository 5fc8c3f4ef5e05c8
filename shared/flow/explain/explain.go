// Package explain tells why somebody got a message or did not (CONTRACTS section
// 4, `kesher explain`). It reads what was recorded when it was decided: the
// traces of runs, the states of messages, the changes of consent. Only where
// nothing was recorded, because no run ever began, it decides the entry once
// more, and says so. It writes nothing, and makes up no reason of its own.
package explain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
)

// Line is one decision.
type Line struct {
	At       time.Time      `json:"at"`
	Fact     string         `json:"fact"` // what it was about: an event and its id, timer, a message's state
	Journey  string         `json:"journey"`
	Step     string         `json:"step"`
	Decision string         `json:"decision"` // a word of CONTRACTS section 4
	Reason   string         `json:"reason"`
	Values   map[string]any `json:"values"`
}

// Values that lines carry besides those a condition read.
const (
	ValueRecomputed = "recomputed" // true: decided again by what is known today
	ValueMessage    = "message"    // id
	ValueTemplate   = "template"
	ValueUntil      = "until" // time, as in at
	ValueFor        = "for"   // how long a wait is, as the catalog writes it
	ValueEvent      = "event" // that a wait-for waits for
	ValueConsent    = "consent"
	ValueBecause    = "because" // facts and traits that a mail was made of
)

// ErrUnknown: nothing is stored of this customer.
var ErrUnknown = errors.New("nothing is stored of this customer (a userId is case-sensitive; was her call accepted?)")

// AboutError: what was asked about is no journey, and no message of hers.
type AboutError struct {
	About    string
	Journeys []string
}

func (e *AboutError) Error() string {
	return fmt.Sprintf("%q is neither a journey (%s) nor a message of hers", e.About, strings.Join(e.Journeys, ", "))
}

// Service explains.
type Service struct {
	Store    flow.Store
	Clock    flow.Clock
	Releases flow.Releases
}

// Explain tells a customer's story in the order of time: all of it, or what
// concerns one journey or one message. The error is ErrUnknown, an *AboutError,
// flow.ErrNoRelease or the store's.
func (s *Service) Explain(ctx context.Context, customer, about string) ([]Line, error) {
	live, err := s.Releases.Live(ctx)
	if err != nil {
		return nil, err
	}
	p, err := s.read(ctx, customer)
	if err != nil {
		return nil, err
	}
	if p.gate.Erased != 0 {
		return []Line{erased(p)}, nil
	}
	if !p.known {
		return nil, ErrUnknown
	}
	q := question{live: live, person: p}
	if err := q.ask(about); err != nil {
		return nil, err
	}
	lines, err := s.answer(ctx, &q)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(lines, func(a, b Line) int { return cmp.Compare(a.At.UnixMilli(), b.At.UnixMilli()) })
	return lines, nil
}

func erased(p *person) Line {
	return Line{
		At: time.UnixMilli(p.gate.Erased).UTC(), Fact: "Customer Erased", Decision: engine.KindEnd.Word(),
		Reason: "she was erased: nothing is known of her any more", Values: map[string]any{},
	}
}

// question is what is asked about whom.
type question struct {
	live    *release.Release
	person  *person
	journey string       // "" = all
	message *message.Msg // nil = all
}

// ask finds out what about means.
func (q *question) ask(about string) error {
	if about == "" {
		return nil
	}
	if i := slices.IndexFunc(q.person.messages, func(m message.Msg) bool { return m.ID == about }); i >= 0 {
		q.message = &q.person.messages[i]
		q.journey = q.message.Journey
		return nil
	}
	_, known := q.live.Journeys[about]
	if !known && !slices.ContainsFunc(q.person.runs, func(r passage) bool { return r.Journey == about }) {
		return &AboutError{About: about, Journeys: written(q.live)}
	}
	q.journey = about
	return nil
}

// written are the journeys that marketers wrote, by name.
func written(rel *release.Release) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(rel.Journeys)), journey.IsBuiltin)
}

// answer collects the lines, consent first: at equal times it goes before what
// came of it.
func (s *Service) answer(ctx context.Context, q *question) ([]Line, error) {
	lines, err := s.consentLines(ctx, q)
	if err != nil {
		return nil, err
	}
	for i := range q.person.runs {
		if r := &q.person.runs[i]; q.concerns(r) {
			lines = append(lines, s.runLines(ctx, q.person, r, q.message)...)
		}
	}
	if q.message != nil {
		return lines, nil
	}
	entries, err := s.entryLines(ctx, q)
	return append(lines, entries...), err
}

func (q *question) concerns(r *passage) bool {
	if q.message != nil {
		return r.ID == q.message.Run
	}
	return q.journey == "" || r.Journey == q.journey
}
