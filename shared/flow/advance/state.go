package advance

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/kesher-io/kesher/shared/core/condition"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
)

// customerState is what was read of one customer for the decisions about one
// input. Items of an older epoch than the gate's count as absent.
type customerState struct {
	store    flow.Store
	customer string
	live     *release.Release
	epoch    int64
	erased   bool
	gate     consent.Gate
	profile  *profile.Profile
	stored   *item.Item            // PROFILE
	runs     map[string]*storedRun // by sort key
}

// storedRun is a RUN as read: the envelope for the next write's condition.
type storedRun struct {
	item *item.Item
	doc  engine.Run
}

func (r *storedRun) key() runKey { return runKey{r.doc.Journey, r.doc.Key} }

// open reads the customer; nil if she was erased, since nothing of an erased
// customer moves on.
func (s *Service) open(ctx context.Context, customer string, live *release.Release) (*customerState, error) {
	c := &customerState{store: s.Store, customer: customer, live: live}
	if err := c.reload(ctx); err != nil || c.erased {
		return nil, err
	}
	return c, nil
}

func (c *customerState) reload(ctx context.Context) error {
	items, err := c.store.Get(ctx, flow.Strong, item.C(c.customer, item.SKGate), item.C(c.customer, item.SKProfile))
	if err != nil {
		return err
	}
	c.gate, c.profile, c.stored = consent.Gate{}, nil, nil
	if g := items[0]; g != nil {
		if err := g.Decode(&c.gate); err != nil {
			return err
		}
		c.epoch = g.E
	}
	c.erased = c.gate.Erased != 0
	if p := items[1]; p != nil && p.E >= c.epoch {
		c.profile, c.stored = new(profile.Profile), p
		if err := p.Decode(c.profile); err != nil {
			return err
		}
	}
	return c.readRuns(ctx)
}

func (c *customerState) readRuns(ctx context.Context) error {
	c.runs = map[string]*storedRun{}
	q := flow.Query{Table: item.Customers, PK: item.CustomerPK(c.customer), Prefix: item.PrefixRun, Consistency: flow.Strong}
	return flow.Each(ctx, c.store, q, func(it item.Item) error {
		run := &storedRun{item: &it}
		if it.E < c.epoch {
			return nil
		}
		c.runs[it.SK] = run
		return it.Decode(&run.doc)
	})
}

// interested are the passages that a fact may concern: every run under way, and
// every journey it may enter. Always in the same order.
func (c *customerState) interested(f *fact.Fact) []runKey {
	var keys []runKey
	for _, run := range c.runs {
		if run.doc.State.Live() {
			keys = append(keys, run.key())
		}
	}
	for _, j := range c.live.Journeys {
		if j.Enters(*f) {
			if key := (runKey{j.Name, entryKey(j, f)}); !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	sort.Slice(keys, func(a, b int) bool { return keys[a].sk() < keys[b].sk() })
	return keys
}

// entryKey is the key a new run would have; without one, or with a null, there
// is one passage at a time.
func entryKey(j *journey.Journey, f *fact.Fact) string {
	if j.EntryKey == nil {
		return ""
	}
	v, err := j.EntryKey.Value(condition.Input{Now: f.In.Time(), Event: f.Props, Entry: f.Props})
	if err != nil || v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// version is what one version of a journey may see now.
func (c *customerState) version(j *journey.Journey, rel *release.Release, now time.Time, f *Fact) engine.Version {
	allowed := j.Allowed()
	view := engine.View{
		Profile: profile.Visible(c.profile, rel.Plan, &c.gate, allowed, now.UnixMilli()),
		Zone:    c.zone(rel),
	}
	if f != nil {
		view.Visible = c.visible(j, rel, now, f.Purposes)
		if f.Kind == fact.KindProfile {
			view.Old = profile.Visible(f.Old, rel.Plan, &c.gate, allowed, now.UnixMilli())
		}
	}
	return engine.Version{Journey: j, Release: rel, View: view}
}

// visible says whether the journey may see a fact kept for these purposes: one
// of them is the journey's, and is permitted now.
func (c *customerState) visible(j *journey.Journey, rel *release.Release, now time.Time, purposes []string) bool {
	if purposes == nil {
		return true
	}
	var common []string
	for _, p := range j.Allowed() {
		if slices.Contains(purposes, p) {
			common = append(common, p)
		}
	}
	return len(common) > 0 && c.gate.MayUse(rel.Plan, common, now.UnixMilli())
}

// zone is the customer's, or the brand's: nobody is left out.
func (c *customerState) zone(rel *release.Release) *time.Location {
	name := rel.Settings.Brand.Zone
	if c.profile != nil && c.profile.Zone != "" {
		name = c.profile.Zone
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return zone
}

// fetch reads the stored events that conditions of v look back on.
func (c *customerState) fetch(ctx context.Context, v *engine.Version, windows []condition.Window, now time.Time) error {
	events, reach := map[string][]condition.Event{}, map[string]time.Duration{}
	for name, list := range v.View.Events {
		events[name], reach[name] = list, v.View.Reach[name]
	}
	for _, w := range windows {
		events[w.Event], reach[w.Event] = nil, w.Within
		if !c.visible(v.Journey, v.Release, now, Purposes(v.Release, w.Event)) {
			continue
		}
		err := c.events(ctx, w.Event, now.Add(-w.Within), now, func(e fact.Event) {
			if e.In.Milli() <= now.UnixMilli() {
				events[w.Event] = append(events[w.Event], condition.Event{At: time.UnixMilli(e.At).UTC(), Props: e.Props})
			}
		})
		if err != nil {
			return err
		}
		sort.SliceStable(events[w.Event], func(a, b int) bool { return events[w.Event][a].At.After(events[w.Event][b].At) })
	}
	v.View.Events, v.View.Reach = events, reach
	return nil
}

// skew is how far a key's time may lie from the corrected one (ARCHITECTURE
// section 3: reads take keys 24 h wider on both sides, then filter).
const skew = 24 * time.Hour

func (c *customerState) events(ctx context.Context, name string, from, to time.Time, each func(fact.Event)) error {
	prefix := item.EventPrefix(name)
	q := flow.Query{
		Table: item.Customers, PK: item.CustomerPK(c.customer), Prefix: prefix,
		From: prefix + item.Time(from.Add(-skew)), To: prefix + item.Time(to.Add(skew)) + "~",
		Consistency: flow.Strong,
	}
	return flow.Each(ctx, c.store, q, func(it item.Item) error {
		var e fact.Event
		if it.E < c.epoch {
			return nil
		}
		if err := it.Decode(&e); err != nil {
			return err
		}
		each(e)
		return nil
	})
}

// before are the stored exit and awaited events that arrived by the run's due
// time, since its step began, in the order of arrival.
func (c *customerState) before(ctx context.Context, in engine.Input) ([]Fact, error) {
	r, j := in.Run, in.Walk.Journey
	names := []string{}
	for _, x := range j.Exits {
		names = append(names, x.Event)
	}
	if node, ok := j.Node(r.Step); ok && node.Kind == journey.KindWaitFor {
		names = append(names, node.Event)
	}
	slices.Sort(names)
	var facts []Fact
	for _, name := range slices.Compact(names) {
		err := c.events(ctx, name, r.Began.Time(), time.UnixMilli(r.Due), func(e fact.Event) {
			if e.In.Milli() <= r.Due {
				facts = append(facts, Fact{Fact: EventFact(e), Purposes: Purposes(in.Walk.Release, name)})
			}
		})
		if err != nil {
			return nil, err
		}
	}
	sort.Slice(facts, func(a, b int) bool { return facts[a].In < facts[b].In })
	return facts, nil
}
