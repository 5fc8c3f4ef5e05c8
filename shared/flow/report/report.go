// Package report counts what happened from the items themselves (`recount`), so
// that its figures hold after any crash. It reads and never writes.
package report

import (
	"context"
	"errors"
	"strings"

	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/flow"
)

// Report is the report of CONTRACTS section 1.
type Report struct {
	Events   int                       `json:"events"`
	Rejected map[string]int            `json:"rejected"`
	Runs     map[string]*Runs          `json:"runs"`
	Messages Messages                  `json:"messages"`
	Sends    map[string]map[string]int `json:"sends"`
}

// Runs of one journey: Started = Exited + Ended + Active + Parked.
type Runs struct {
	Started int `json:"started"`
	Exited  int `json:"exited"`
	Ended   int `json:"ended"`
	Active  int `json:"active"`
	Parked  int `json:"parked"`
}

// Messages by their state.
type Messages struct {
	Sent    int            `json:"sent"`
	Skipped map[string]int `json:"skipped"`
	Held    int            `json:"held"`
	Unknown int            `json:"unknown"`
	Failed  int            `json:"failed"`
}

// Intake are the accepted and refused calls, by code; collect counts them.
type Intake struct {
	Accepted int            `json:"accepted"`
	Rejected map[string]int `json:"rejected"`
}

// Service recounts.
type Service struct {
	Store    flow.Store
	Releases flow.Releases
}

// Recount reads every customer's runs and messages. Built-in journeys count as
// messages, not as runs: no marketer wrote them.
func (s *Service) Recount(ctx context.Context, intake Intake) (*Report, error) {
	r := &Report{
		Events: intake.Accepted, Rejected: intake.Rejected, Runs: map[string]*Runs{},
		Messages: Messages{Skipped: map[string]int{}}, Sends: map[string]map[string]int{},
	}
	if r.Rejected == nil {
		r.Rejected = map[string]int{}
	}
	live, err := s.Releases.Live(ctx)
	if err != nil && !errors.Is(err, flow.ErrNoRelease) {
		return nil, err
	}
	if live != nil {
		for name := range live.Journeys {
			r.journey(name)
		}
	}
	for _, shard := range item.Shards {
		q := flow.Query{Table: item.Customers, List: item.AllList(string(shard))}
		if err := flow.Each(ctx, s.Store, q, func(it item.Item) error { return s.customer(ctx, r, it.PK) }); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (s *Service) customer(ctx context.Context, r *Report, pk string) error {
	for prefix, add := range map[string]func(item.Item) error{item.PrefixRun: r.run, item.PrefixMsg: r.message} {
		q := flow.Query{Table: item.Customers, PK: pk, Prefix: prefix, Consistency: flow.Strong}
		if err := flow.Each(ctx, s.Store, q, add); err != nil {
			return err
		}
	}
	return nil
}

// journey is the journey's count; nil for a built-in one.
func (r *Report) journey(name string) *Runs {
	if journey.IsBuiltin(name) {
		return nil
	}
	if r.Runs[name] == nil {
		r.Runs[name] = &Runs{}
	}
	return r.Runs[name]
}

func (r *Report) run(it item.Item) error {
	var run engine.Run
	if err := it.Decode(&run); err != nil {
		return err
	}
	j := r.journey(run.Journey)
	if j == nil {
		return nil
	}
	j.Started += run.Tally.Started
	j.Exited += run.Tally.Exited
	j.Ended += run.Tally.Ended
	switch {
	case run.State == engine.Parked:
		j.Parked++
	case run.State.Live():
		j.Active++
	}
	return nil
}

func (r *Report) message(it item.Item) error {
	var m message.Msg
	if err := it.Decode(&m); err != nil {
		return err
	}
	switch m.State {
	case message.Sent:
		r.Messages.Sent++
		r.sent(m.Journey, m.Step)
	case message.Skipped:
		reason, _, _ := strings.Cut(m.Reason, ":")
		r.Messages.Skipped[reason]++
	case message.Held:
		r.Messages.Held++
	case message.Unknown:
		r.Messages.Unknown++
	case message.Failed:
		r.Messages.Failed++
	}
	return nil
}

func (r *Report) sent(name, step string) {
	if journey.IsBuiltin(name) {
		return
	}
	if r.Sends[name] == nil {
		r.Sends[name] = map[string]int{}
	}
	r.Sends[name][step]++
}
