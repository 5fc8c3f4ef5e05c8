package explain

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/advance"
	"github.com/kesher-io/kesher/shared/flow/history"
)

// newest is how many facts are decided again for one journey.
const newest = 3

// reasonWould is why a fact that would start a run today started none.
const reasonWould = "it would start a run as things are today; when it came they were not so, or it is still being worked"

// entryLines tell why no run began: for each journey asked about, of which none
// is under way, its newest matching facts since the last one are decided again.
func (s *Service) entryLines(ctx context.Context, q *question) ([]Line, error) {
	var lines []Line
	for _, name := range written(q.live) {
		if q.journey != "" && q.journey != name {
			continue
		}
		last, live := q.last(name)
		if live {
			continue
		}
		more, err := s.journeyEntries(ctx, q, q.live.Journeys[name], last)
		if err != nil {
			return nil, err
		}
		lines = append(lines, more...)
	}
	return lines, nil
}

// last is when the journey's last run moved; live says that one is under way.
// With a `key:` there may be runs under way beside those that did not begin.
func (q *question) last(name string) (last ident.Stamp, live bool) {
	keyed := q.live.Journeys[name].EntryKey != nil
	for i := range q.person.runs {
		r := &q.person.runs[i]
		if r.Journey != name {
			continue
		}
		last = max(last, r.At)
		live = live || r.State.Live() && !keyed
	}
	return last, live
}

func (s *Service) journeyEntries(ctx context.Context, q *question, j *journey.Journey, last ident.Stamp) ([]Line, error) {
	facts, err := s.entryFacts(ctx, q.person, j)
	if err != nil {
		return nil, err
	}
	if len(facts) == 0 && last == "" {
		return s.noFact(q, j), nil
	}
	runs := advance.Service{Store: s.Store, Clock: s.Clock, Releases: s.Releases}
	var lines []Line
	for i := range facts {
		in, err := arrival(&facts[i])
		if err != nil {
			return nil, err
		}
		if in <= last {
			continue
		}
		made, err := runs.Reconsider(ctx, q.person.key, j.Name, &facts[i])
		if err != nil {
			return nil, err
		}
		if len(made) > 0 {
			lines = append(lines, again(j, in, made[0]))
		}
	}
	return lines, nil
}

// again is the line of a decision made once more.
func again(j *journey.Journey, in ident.Stamp, d engine.Decision) Line {
	line := lineOf(&engine.Run{Journey: j.Name}, &d, nil)
	line.At = in.Time()
	line.Values[ValueRecomputed] = true
	if d.Kind == engine.KindEntered {
		line.Decision, line.Reason = engine.KindNotEntered.Word(), reasonWould
	}
	return line
}

// noFact tells that nothing she did could have started a run.
func (s *Service) noFact(q *question, j *journey.Journey) []Line {
	what, purposes := entryName(q, j)
	if what == "" {
		return nil
	}
	now := s.Clock.Now(q.person.key)
	line := Line{
		At: now.UTC(), Journey: j.Name, Decision: engine.KindNotEntered.Word(),
		Reason: fmt.Sprintf("no %s of hers is stored", what), Values: map[string]any{ValueRecomputed: true},
	}
	if len(purposes) > 0 && !q.person.gate.MayUse(q.live.Plan, purposes, now.UnixMilli()) {
		line.Reason += fmt.Sprintf(": it is kept for %s, which she has not permitted", strings.Join(purposes, ", "))
	}
	return []Line{line}
}

// entryName is what starts the journey, in words, and the purposes it is kept for.
func entryName(q *question, j *journey.Journey) (what string, purposes []string) {
	switch e := j.Entry; {
	case e.Event != "":
		purposes, _ = history.Purposes(q.live.Plan, e.Event)
		return e.Event, purposes
	case e.Response != "":
		if survey := q.live.Surveys[e.Response]; survey != nil {
			purposes = []string{survey.Purpose}
		}
		return "answer to " + e.Response, purposes
	case e.Profile != "":
		return "profile", nil
	case e.Consent != nil:
		return "consent to " + e.Consent.Purpose, nil
	}
	return "", nil
}

// entryFacts are her newest facts of the kind that starts the journey.
func (s *Service) entryFacts(ctx context.Context, p *person, j *journey.Journey) ([]item.Item, error) {
	switch e := j.Entry; {
	case e.Event != "":
		return s.newestOf(ctx, p, item.EventPrefix(e.Event))
	case e.Response != "":
		return s.newestOf(ctx, p, item.PrefixResponse+item.Part(e.Response)+"#")
	case e.Profile != "" && p.profile != nil:
		return []item.Item{*p.profile}, nil
	case e.Consent != nil:
		granted, err := s.newestOf(ctx, p, item.EventPrefix(fact.ConsentGranted))
		if err != nil {
			return nil, err
		}
		withdrawn, err := s.newestOf(ctx, p, item.EventPrefix(fact.ConsentWithdrawn))
		return append(granted, withdrawn...), err
	}
	return nil, nil
}

func (s *Service) newestOf(ctx context.Context, p *person, prefix string) ([]item.Item, error) {
	page, err := s.Store.Query(ctx, flow.Query{
		Table: item.Customers, PK: item.CustomerPK(p.key), Prefix: prefix, Limit: newest, Backward: true,
		Consistency: flow.Strong,
	})
	if err != nil {
		return nil, err
	}
	slices.Reverse(page.Items)
	return slices.DeleteFunc(page.Items, func(it item.Item) bool { return it.E < p.epoch }), nil
}

// arrival is when a stored fact reached Kesher.
func arrival(it *item.Item) (ident.Stamp, error) {
	if it.SK == item.SKProfile {
		var p profile.Profile
		err := it.Decode(&p)
		return ident.Stamp(p.In), err
	}
	var f struct {
		In ident.Stamp `json:"in"` // of fact.Event and fact.Response alike
	}
	err := it.Decode(&f)
	return f.In, err
}

// timeOf is a value that holds a time; false if it holds none.
func timeOf(v any) (time.Time, bool) {
	text, _ := v.(string)
	at, err := time.Parse(item.TimeLayout, text)
	return at, err == nil
}
