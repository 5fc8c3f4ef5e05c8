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

// newest is how many facts are decided again for one journey; among
// consentsRead changes of consent those to its purpose are looked for.
const (
	newest       = 3
	consentsRead = 100
)

// reasonWould is why a fact that would start a run today started none.
const reasonWould = "it would start a run as things are today; when it came they were not so, or it is still being worked"

// entryLines tell why what she did lately began no run: for each journey asked
// about, its newest matching facts that started none.
func (s *Service) entryLines(ctx context.Context, q *question) ([]Line, error) {
	var lines []Line
	for _, name := range written(q.live) {
		if q.journey != "" && q.journey != name {
			continue
		}
		more, err := s.journeyEntries(ctx, q, q.live.Journeys[name])
		if err != nil {
			return nil, err
		}
		lines = append(lines, more...)
	}
	return lines, nil
}

func (s *Service) journeyEntries(ctx context.Context, q *question, j *journey.Journey) ([]Line, error) {
	facts, err := s.entryFacts(ctx, q.person, j)
	if err != nil {
		return nil, err
	}
	runs := q.person.runsOf(j)
	if len(facts) == 0 && len(runs.list) == 0 {
		return s.noFact(q, j), nil
	}
	decider := advance.Service{Store: s.Store, Clock: s.Clock, Releases: s.Releases}
	var lines []Line
	for i := range facts {
		in, err := arrival(&facts[i])
		if err != nil {
			return nil, err
		}
		switch {
		case runs.ignored(in):
			lines = append(lines, again(j, in, engine.Decision{Fact: factID(&facts[i]), Kind: engine.KindNotEntered, Reason: engine.NoLive}))
		case runs.open(in):
			made, err := decider.Reconsider(ctx, q.person.key, j.Name, &facts[i])
			if err != nil {
				return nil, err
			}
			if len(made) > 0 && made[0].Reason != engine.NoLate { // of which only the moment itself can judge
				lines = append(lines, again(j, in, made[0]))
			}
		}
	}
	return lines, nil
}

// passages are a person's runs of one journey.
type passages struct {
	list  []*engine.Run
	last  ident.Stamp // when one of them moved last
	keyed bool        // there may be several at a time
}

func (p *person) runsOf(j *journey.Journey) passages {
	runs := passages{keyed: j.EntryKey != nil}
	for i := range p.runs {
		if r := &p.runs[i].Run; r.Journey == j.Name {
			runs.list = append(runs.list, r)
			runs.last = max(runs.last, r.At)
		}
	}
	return runs
}

// open: no run accounts for what arrived then.
func (ps passages) open(in ident.Stamp) bool {
	if ps.keyed {
		return !slices.ContainsFunc(ps.list, func(r *engine.Run) bool { return r.Entry.In == in })
	}
	return in > ps.last
}

// ignored: what arrived then came while a run was under way, and was neither its
// entry nor that of the next.
func (ps passages) ignored(in ident.Stamp) bool {
	inside := false
	for _, r := range ps.list {
		if r.Entry.In == in {
			return false
		}
		inside = inside || in > r.Entry.In && (r.State.Live() || in <= r.EndAt)
	}
	return inside && !ps.keyed
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
		return s.newestOf(ctx, p, item.EventPrefix(e.Event), newest)
	case e.Response != "":
		return s.newestOf(ctx, p, item.PrefixResponse+item.Part(e.Response)+"#", newest)
	case e.Profile != "" && p.profile != nil:
		return []item.Item{*p.profile}, nil
	case e.Consent != nil:
		return s.consentFacts(ctx, p, j)
	}
	return nil, nil
}

// consentFacts are her newest changes of the very consent that starts the journey.
func (s *Service) consentFacts(ctx context.Context, p *person, j *journey.Journey) ([]item.Item, error) {
	var facts []item.Item
	for _, name := range []string{fact.ConsentGranted, fact.ConsentWithdrawn} {
		changes, err := s.newestOf(ctx, p, item.EventPrefix(name), consentsRead)
		if err != nil {
			return nil, err
		}
		for _, it := range changes {
			var e fact.Event
			if err := it.Decode(&e); err != nil {
				return nil, err
			}
			if j.Enters(advance.EventFact(e)) {
				facts = append(facts, it)
			}
		}
	}
	return facts[max(0, len(facts)-newest):], nil
}

func (s *Service) newestOf(ctx context.Context, p *person, prefix string, limit int) ([]item.Item, error) {
	page, err := s.Store.Query(ctx, flow.Query{
		Table: item.Customers, PK: item.CustomerPK(p.key), Prefix: prefix, Limit: limit, Backward: true,
		Consistency: flow.Strong,
	})
	if err != nil {
		return nil, err
	}
	slices.Reverse(page.Items)
	return slices.DeleteFunc(page.Items, func(it item.Item) bool { return it.E < p.epoch }), nil
}

// factID is the id that the fact has in traces.
func factID(it *item.Item) string {
	if !strings.HasPrefix(it.SK, item.PrefixEvent) {
		return it.SK
	}
	var e fact.Event
	if it.Decode(&e) != nil {
		return it.SK
	}
	return advance.EventFact(e).ID
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
