package advance

import (
	"context"
	"fmt"
	"maps"
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
	"github.com/kesher-io/kesher/shared/core/zone"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/history"
)

// customerState is what was read of one customer for the decisions about one
// input. Items of an older epoch than the gate's count as absent.
type customerState struct {
	store    flow.Store
	releases flow.Releases
	customer string
	live     *release.Release
	epoch    int64
	erased   bool
	gate     consent.Gate
	known    bool                  // PROFILE has been read
	stored   *item.Item            // PROFILE; nil: none
	read     *profile.Profile      // its document
	runs     map[string]*storedRun // by sort key
}

// storedRun is a RUN as read: the envelope for the next write's condition. Its
// document is decoded when it is looked at: with the years a customer has many.
type storedRun struct {
	item *item.Item
	doc  *engine.Run // nil: not looked at yet
}

// live: a run under way stands in a list (see place), one that has ended in none.
func (r *storedRun) live() bool { return r.item.IK != "" }

func (r *storedRun) decode() error {
	if r.doc != nil {
		return nil
	}
	doc := new(engine.Run)
	if err := r.item.Decode(doc); err != nil {
		return err
	}
	r.doc = doc
	return nil
}

func (r *storedRun) key() runKey { return runKey{r.doc.Journey, r.doc.Key} }

// open reads the customer; nil if she was erased, since nothing of an erased
// customer moves on, or if f concerns no run and no journey of hers, which most
// facts do. f is nil when a run of hers is the cause.
func (s *Service) open(ctx context.Context, customer string, live *release.Release, f *fact.Fact) (*customerState, error) {
	c := &customerState{store: s.Store, releases: s.Releases, customer: customer, live: live}
	if err := c.readRuns(ctx); err != nil {
		return nil, err
	}
	if f != nil {
		if keys, err := c.interested(ctx, f); err != nil || len(keys) == 0 {
			return nil, err
		}
	}
	if err := c.readGate(ctx); err != nil || c.erased {
		return nil, err
	}
	return c, nil
}

// reload reads her anew after a conflict. Who was erased and came back counts as
// erased: what is being worked is her old self's.
func (c *customerState) reload(ctx context.Context) error {
	epoch := c.epoch
	if err := c.readRuns(ctx); err != nil {
		return err
	}
	err := c.readGate(ctx)
	c.erased = c.erased || c.epoch != epoch
	return err
}

func (c *customerState) readRuns(ctx context.Context) error {
	c.runs = map[string]*storedRun{}
	q := flow.Query{Table: item.Customers, PK: item.CustomerPK(c.customer), Prefix: item.PrefixRun, Consistency: flow.Strong}
	return flow.Each(ctx, c.store, q, func(it item.Item) error {
		c.runs[it.SK] = &storedRun{item: &it}
		return nil
	})
}

// run is the passage under a key; nil if there was none.
func (c *customerState) run(sk string) (*storedRun, error) {
	run := c.runs[sk]
	if run == nil {
		return nil, nil
	}
	return run, run.decode()
}

// item is what stands under a key; nil: nothing.
func (c *customerState) item(key runKey) *item.Item {
	if run := c.runs[key.sk()]; run != nil {
		return run.item
	}
	return nil
}

// readGate reads what the customer permits, after her runs: an erasure in
// between is seen.
func (c *customerState) readGate(ctx context.Context) error {
	items, err := c.store.Get(ctx, flow.Strong, item.C(c.customer, item.SKGate))
	if err != nil {
		return err
	}
	c.gate, c.known = consent.Gate{}, false
	if g := items[0]; g != nil {
		if err := g.Decode(&c.gate); err != nil {
			return err
		}
		c.epoch = g.E
	}
	c.erased = c.gate.Erased != 0
	maps.DeleteFunc(c.runs, func(_ string, r *storedRun) bool { return r.item.E < c.epoch })
	return nil
}

// profile is what is known of the customer; nil: nothing. Most journeys do not
// ask for it, so it is read for those that do.
func (c *customerState) profile(ctx context.Context) (*profile.Profile, error) {
	if c.known {
		return c.read, nil
	}
	items, err := c.store.Get(ctx, flow.Strong, item.C(c.customer, item.SKProfile))
	if err != nil {
		return nil, err
	}
	c.stored, c.read = nil, nil
	if p := items[0]; p != nil && p.E >= c.epoch {
		c.stored, c.read = p, new(profile.Profile)
		if err := p.Decode(c.read); err != nil {
			return nil, err
		}
	}
	c.known = true
	return c.read, nil
}

// interested are the passages that a fact may concern: every run under way whose
// journey heeds it, and every journey it may enter. Always in the same order.
func (c *customerState) interested(ctx context.Context, f *fact.Fact) ([]runKey, error) {
	var keys []runKey
	for _, run := range c.runs {
		if !run.live() {
			continue
		}
		if err := run.decode(); err != nil {
			return nil, err
		}
		j, _, err := c.walked(ctx, run.doc)
		if err != nil {
			return nil, err
		}
		if j.Heeds(*f) {
			keys = append(keys, run.key())
		}
	}
	for _, j := range c.live.Journeys {
		if j.Enters(*f) {
			if key := (runKey{j.Name, engine.EntryKey(j, f)}); !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	sort.Slice(keys, func(a, b int) bool { return keys[a].sk() < keys[b].sk() })
	return keys, nil
}

// walked is the definition that a run walks: that of the release it entered by.
func (c *customerState) walked(ctx context.Context, r *engine.Run) (*journey.Journey, *release.Release, error) {
	rel := c.live
	if r.Release != c.live.ID {
		var err error
		if rel, err = c.releases.Get(ctx, r.Release); err != nil {
			return nil, nil, fmt.Errorf("release %s of run %s: %w", r.Release, r.ID, err)
		}
	}
	j := rel.Journeys[r.Journey]
	if j == nil {
		return nil, nil, fmt.Errorf("release %s of run %s has no such journey", rel.ID, r.ID)
	}
	return j, rel, nil
}

// version is what one version of a journey may see now.
func (c *customerState) version(ctx context.Context, j *journey.Journey, rel *release.Release, now time.Time, f *Fact) (engine.Version, error) {
	view := engine.View{Zone: zone.Or(rel.Settings.Brand.Zone, time.UTC)}
	if j.ReadsProfile {
		p, err := c.profile(ctx)
		if err != nil {
			return engine.Version{}, err
		}
		view.Profile = profile.Visible(p, rel.Plan, &c.gate, j.Allowed(), now.UnixMilli())
		if p != nil && p.Zone != "" {
			view.Zone = zone.Or(p.Zone, time.UTC)
		}
	}
	if f != nil {
		view.Visible = c.visible(j, rel, now, f.Purposes)
		if f.Kind == fact.KindProfile {
			view.Old = profile.Visible(f.Old, rel.Plan, &c.gate, j.Allowed(), now.UnixMilli())
		}
	}
	return engine.Version{Journey: j, Release: rel, View: view}, nil
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

// fetch reads what conditions of v look back on.
func (c *customerState) fetch(ctx context.Context, v *engine.Version, need *engine.Need, now time.Time) error {
	view := &v.View
	view.Events, view.Reach, view.Collections = maps.Clone(view.Events), maps.Clone(view.Reach), maps.Clone(view.Collections)
	if view.Events == nil {
		view.Events, view.Reach = map[string][]condition.Event{}, map[string]time.Duration{}
	}
	lens := history.Lens{Plan: v.Release.Plan, Gate: &c.gate, Allowed: v.Journey.Allowed(), Now: now}
	for _, w := range need.Windows {
		events, err := c.reader().Window(ctx, lens, w)
		if err != nil {
			return err
		}
		view.Events[w.Event], view.Reach[w.Event] = events, w.Within
	}
	if len(need.Collections) == 0 {
		return nil
	}
	folded, err := c.reader().Collections(ctx, lens, need.Collections)
	if view.Collections == nil {
		view.Collections = map[string]any{}
	}
	maps.Copy(view.Collections, folded)
	return err
}

func (c *customerState) reader() history.Reader {
	return history.Reader{Store: c.store, Customer: c.customer, Epoch: c.epoch}
}

// before are the stored exit and awaited events that arrived after the run's last
// decision and by its due time, in the order of arrival. An exit that arrived
// earlier is the gate's to see.
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
		events, err := c.reader().Events(ctx, name, r.Began.Time().Add(-maxSkew))
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			if e.In > r.At && e.In.Milli() <= r.Due {
				facts = append(facts, Fact{Fact: EventFact(e), Purposes: purposes(in.Walk.Release, name)})
			}
		}
	}
	sort.Slice(facts, func(a, b int) bool { return facts[a].In < facts[b].In })
	return facts, nil
}

// maxSkew is how far an event's own time may lie before its arrival to count
// for the step under way (ARCHITECTURE section 3).
const maxSkew = 24 * time.Hour
