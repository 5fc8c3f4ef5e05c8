package engine

import (
	"fmt"
	"time"

	"github.com/kesher-io/kesher/shared/core/condition"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/journey"
)

// Why a fact did not start a run, as explain prints it.
const (
	NoImported   = "it was imported"
	NoOwn        = "this journey wrote it itself"
	NoPermission = "its purposes are not permitted"
	NoWhere      = "where does not hold"
	NoFresh      = "it arrived too long after it happened"
	NoAgain      = "she was here before (again)"
	NoLive       = "a run is under way"
	NoLate       = "it was told again, or long after it arrived"
	NoChange     = "the condition was true before, or is not true"
)

// Ordinary: the fact is no entry, as most facts are none of most journeys. Nobody
// asks why, so it is neither told nor counted.
func (d *Decision) Ordinary() bool {
	return d.Kind == KindNotEntered && (d.Reason == NoWhere || d.Reason == NoLive || d.Reason == NoChange)
}

// maxLag is how old a fact may be, by the handler's clock since its arrival, to
// start a run: records older than a stream keeps are repeats.
const maxLag = 24 * time.Hour

// maxHops bounds chains in which one journey's `set` makes another begin (J05).
const maxHops = 8

// EntryKey is the key that a run begun by f has; without one, or with a null,
// there is one run at a time.
func EntryKey(j *journey.Journey, f *fact.Fact) string {
	if j.EntryKey == nil {
		return ""
	}
	v, err := j.EntryKey.Value(condition.Input{Now: f.In.Time(), Event: f.Props, Entry: f.Props})
	if err != nil || v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// enter starts a run when the fact is an entry of the live version. The run id
// derives from the fact, so the same fact never makes another run. A fact of
// another key concerns this passage only as long as it is under way: it begins
// its own.
func (d *decision) enter(f *fact.Fact) error {
	if !d.mayEnter(f) {
		return nil
	}
	why, values, err := d.refusal(f)
	if err != nil {
		return err
	}
	if why != "" {
		d.mark(KindNotEntered, "", why, values)
		return nil
	}
	return d.begin(f, values)
}

// mayEnter: the fact is an entry of the live version, under this very key.
func (d *decision) mayEnter(f *fact.Fact) bool {
	live := d.in.Live.Journey
	return live != nil && live.Enters(*f) && EntryKey(live, f) == d.in.Key
}

// refusal says why f starts no run, cheap reasons first.
func (d *decision) refusal(f *fact.Fact) (why string, values map[string]any, err error) {
	j := d.in.Live.Journey
	switch {
	case f.Imported:
		return NoImported, nil, nil
	case f.By == j.Name:
		return NoOwn, nil, nil
	case !d.in.Live.View.Visible:
		return NoPermission, nil, nil
	case d.run != nil && d.run.State.Live():
		return NoLive, nil, nil
	case d.repeated(f), d.in.Clock.Sub(f.In.Time()) > maxLag:
		return NoLate, nil, nil
	case f.In.Milli()-f.At > j.FreshFor(d.in.Live.Release.Settings).Milliseconds():
		return NoFresh, nil, nil
	}
	if why, err := d.wanted(f); why != "" || err != nil {
		return why, d.values(j.EntryWhere, f), err
	}
	if !d.again() {
		return NoAgain, nil, nil
	}
	return "", d.values(j.EntryWhere, f), nil
}

// repeated: f arrived no later than the last decision, and is not the very fact
// that ends the run in this one, or that ended it at the gate.
func (d *decision) repeated(f *fact.Fact) bool {
	r := d.in.Run
	if r == nil || r.Next != nil && r.Next.ID == f.ID || r.Left == f.ID {
		return false
	}
	return f.In <= r.At
}

// wanted evaluates the entry's conditions.
func (d *decision) wanted(f *fact.Fact) (why string, err error) {
	live := &d.in.Live
	if when := live.Journey.EntryWhen; when != nil {
		is, err := d.holds(when, live, f, f)
		if err != nil || !is {
			return NoChange, err
		}
		before := *live
		before.View.Profile = live.View.Old
		was, err := d.holds(when, &before, f, f)
		if err != nil || was {
			return NoChange, err
		}
	}
	ok, err := d.holds(live.Journey.EntryWhere, live, f, f)
	if err != nil || !ok {
		return NoWhere, err
	}
	return "", nil
}

// again says whether a customer who has been through may enter once more:
// exactly D is late enough.
func (d *decision) again() bool {
	r, a := d.run, d.in.Live.Journey.Entry.Again
	if r == nil {
		return true
	}
	if a.Never {
		return false
	}
	since := r.EndAt
	if a.From == "entry" {
		since = r.Entered
	}
	return d.now.Milli()-since.Milli() >= time.Duration(a.After).Milliseconds()
}

func (d *decision) begin(f *fact.Fact, values map[string]any) error {
	live := d.in.Live
	tally := Tally{Started: 1}
	if d.run != nil {
		d.past = d.run
		if d.changed { // it ended in this very decision
			d.own = len(d.made)
		}
		tally = d.run.Tally
		tally.Started++
	}
	d.run = &Run{
		ID:      ident.RunID(d.in.Customer, live.Journey.Name, f.ID, d.in.Epoch),
		Journey: live.Journey.Name, Key: d.in.Key, Release: live.Release.ID, Version: live.Journey.Version,
		Entry: *f, Entered: d.now, At: d.now, Hops: f.Hops, Tally: tally,
	}
	d.in.Walk = live
	d.changed = true
	d.mark(KindEntered, "", "", values)
	if f.Hops > maxHops {
		return d.park("journeys that set each other off went more than 8 rounds")
	}
	return d.walk(live.Journey.First)
}

// holds evaluates a condition in the light of event f and the entry; nil holds.
func (d *decision) holds(c *condition.Condition, v *Version, f, entry *fact.Fact) (bool, error) {
	if c == nil {
		return true, nil
	}
	if err := d.fetched(c, v); err != nil {
		return false, err
	}
	truth, err := c.Holds(d.input(v, f, entry))
	return truth == condition.True, err
}

// fetched demands the stored events and collections that a condition reads.
func (d *decision) fetched(c *condition.Condition, v *Version) error {
	need := Need{Journey: v.Journey}
	for _, w := range c.Windows() {
		if reach, ok := v.View.Reach[w.Event]; !ok || reach < w.Within {
			need.Windows = append(need.Windows, w)
		}
	}
	for _, name := range c.Collections() {
		if _, ok := v.View.Collections[name]; !ok {
			need.Collections = append(need.Collections, name)
		}
	}
	if need.Windows == nil && need.Collections == nil {
		return nil
	}
	return &need
}

func (d *decision) input(v *Version, f, entry *fact.Fact) condition.Input {
	in := condition.Input{
		Now: d.now.Time(), Zone: v.View.Zone, Profile: v.View.Profile, Collections: v.View.Collections,
		Events: func(name string) []condition.Event { return v.View.Events[name] },
	}
	if f != nil {
		in.Event = f.Props
	}
	if entry != nil {
		in.Entry = entry.Props
	}
	return in
}

// values are the traits that a condition read, for explain.
func (d *decision) values(c *condition.Condition, f *fact.Fact) map[string]any {
	if c == nil || len(c.Traits()) == 0 {
		return nil
	}
	values := make(map[string]any, len(c.Traits()))
	for _, name := range c.Traits() {
		values["profile."+name] = d.in.Live.View.Profile[name]
	}
	return values
}
