package engine

import (
	"fmt"
	"time"

	"github.com/kesher-io/kesher/shared/core/condition"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/zone"
)

// Record is a decision's input as it can be stored: the release by its id, the
// rest as it was. Deciding on what Read returns gives the same bytes (J12).
type Record struct {
	Customer   string
	Epoch      int64
	Run        *Run `json:",omitempty"`
	Key        string
	Name       string // of the journey
	Walk, Live *VersionRecord
	Fact       *fact.Fact `json:",omitempty"`
	Msg        *MsgInput  `json:",omitempty"`
	Timer      bool
	Done       bool
	Look       bool
	Clock      time.Time
}

// VersionRecord is a Version as it can be stored.
type VersionRecord struct {
	Release     string
	Visible     bool
	Profile     map[string]any
	Old         map[string]any
	Zone        string
	Events      map[string][]condition.Event
	Reach       map[string]time.Duration
	Collections map[string]any
}

// Write is the input as a record.
func (in Input) Write() Record {
	r := Record{
		Customer: in.Customer, Epoch: in.Epoch, Run: in.Run, Key: in.Key, Fact: in.Fact, Msg: in.Msg,
		Timer: in.Timer, Done: in.Done, Look: in.Look, Clock: in.Clock,
		Walk: in.Walk.record(), Live: in.Live.record(),
	}
	for _, v := range []Version{in.Walk, in.Live} {
		if v.Journey != nil {
			r.Name = v.Journey.Name
		}
	}
	return r
}

func (v Version) record() *VersionRecord {
	if v.Journey == nil {
		return nil
	}
	w := v.View
	return &VersionRecord{
		Release: v.Release.ID, Visible: w.Visible, Profile: w.Profile, Old: w.Old, Zone: w.Zone.String(),
		Events: w.Events, Reach: w.Reach, Collections: w.Collections,
	}
}

// Read is the record as an input again; find gives the release of an id.
func (r Record) Read(find func(id string) *release.Release) (Input, error) {
	in := Input{
		Customer: r.Customer, Epoch: r.Epoch, Run: r.Run, Key: r.Key, Fact: r.Fact, Msg: r.Msg,
		Timer: r.Timer, Done: r.Done, Look: r.Look, Clock: r.Clock,
	}
	var err error
	if in.Walk, err = r.Walk.read(r.Name, find); err != nil {
		return in, err
	}
	in.Live, err = r.Live.read(r.Name, find)
	return in, err
}

func (v *VersionRecord) read(name string, find func(id string) *release.Release) (Version, error) {
	if v == nil {
		return Version{}, nil
	}
	rel := find(v.Release)
	if rel == nil || rel.Journeys[name] == nil {
		return Version{}, fmt.Errorf("record of journey %s: release %s is not at hand", name, v.Release)
	}
	z, err := zone.Load(v.Zone)
	if err != nil {
		return Version{}, fmt.Errorf("record of journey %s: %w", name, err)
	}
	view := View{
		Visible: v.Visible, Profile: v.Profile, Old: v.Old, Zone: z,
		Events: v.Events, Reach: v.Reach, Collections: v.Collections,
	}
	return Version{Journey: rel.Journeys[name], Release: rel, View: view}, nil
}
