package advance

import (
	"context"
	"strconv"
	"strings"

	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow/history"
)

// Change feeds one changed item to whom it concerns. Items that are no fact are
// passed over.
func (s *Service) Change(ctx context.Context, before, after *item.Item) error {
	customer, ok := item.CustomerOf(after.PK)
	if !ok {
		return nil
	}
	live, err := s.Releases.Live(ctx)
	if err != nil {
		return err
	}
	if strings.HasPrefix(after.SK, item.PrefixMsg) {
		m, err := MsgOf(after)
		if err != nil {
			return err
		}
		return s.Outcome(ctx, customer, *m)
	}
	f, err := factOf(live, before, after)
	if err != nil || f == nil {
		return err
	}
	return s.Fact(ctx, customer, *f)
}

// factOf reads a stored fact; nil for an item that is none, and for a change of
// PROFILE that no journey enters by.
func factOf(live *release.Release, before, after *item.Item) (*Fact, error) {
	switch {
	case strings.HasPrefix(after.SK, item.PrefixEvent):
		var e fact.Event
		if err := after.Decode(&e); err != nil {
			return nil, err
		}
		return &Fact{Fact: EventFact(e), Epoch: after.E, Purposes: purposes(live, e.Name)}, nil
	case strings.HasPrefix(after.SK, item.PrefixResponse):
		var r fact.Response
		if err := after.Decode(&r); err != nil {
			return nil, err
		}
		f := fact.Fact{Kind: fact.KindResponse, ID: after.SK, Name: r.Survey, At: r.At, In: r.In, Props: r.Answers, Imported: r.Imported}
		return &Fact{Fact: f, Epoch: after.E, Purposes: surveyPurposes(live, r.Survey)}, nil
	case after.SK == item.SKProfile && enters(live, fact.Fact{Kind: fact.KindProfile}):
		return profileFact(before, after)
	}
	return nil, nil
}

// enters says whether some journey may begin by a fact of this kind and name.
func enters(live *release.Release, f fact.Fact) bool {
	for _, j := range live.Journeys {
		if j.Enters(f) {
			return true
		}
	}
	return false
}

func profileFact(before, after *item.Item) (*Fact, error) {
	var p, old profile.Profile
	if err := after.Decode(&p); err != nil {
		return nil, err
	}
	if before != nil {
		if err := before.Decode(&old); err != nil {
			return nil, err
		}
	}
	f := fact.Fact{
		Kind: fact.KindProfile, ID: after.SK + "#" + strconv.FormatInt(after.V, 10) + "#" + after.W,
		At: p.At, In: ident.Stamp(p.In), By: p.By, Hops: p.Hops, Imported: p.Imported,
	}
	return &Fact{Fact: f, Epoch: after.E, Old: &old}, nil
}

// EventFact is a stored event as the engine sees it.
func EventFact(e fact.Event) fact.Fact {
	f := fact.Fact{
		Kind: fact.KindEvent, ID: e.FactID(), Name: e.Name, At: e.At, In: e.In,
		Props: e.Props, Imported: e.Imported, By: e.By, Hops: e.Hops,
	}
	if e.Name == fact.ConsentGranted || e.Name == fact.ConsentWithdrawn {
		f.Kind = fact.KindConsent
	}
	return f
}

// purposes an event is kept for; nil when every journey may see it, empty when
// none may.
func purposes(rel *release.Release, event string) []string {
	list, own := history.Purposes(rel.Plan, event)
	if list == nil && !own {
		return []string{}
	}
	return list
}

func surveyPurposes(rel *release.Release, name string) []string {
	if s, ok := rel.Surveys[name]; ok {
		return []string{s.Purpose}
	}
	return []string{}
}
