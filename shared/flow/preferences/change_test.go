package preferences

import (
	"testing"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
)

// What she says herself is hers: its origin, and no journey's doing any more.
func TestWhatSheSaysInTheCentreIsHerOwn(t *testing.T) {
	w := newWorld(t)
	doc := w.profile()
	doc.By, doc.Hops, doc.Imported = "loop", 3, true
	w.put(item.C(w.dana, item.SKProfile), doc)
	spec := w.rel.Plan.Traits["interests"]
	spec.Origin = plan.OriginFirst
	w.rel.Plan.Traits["interests"] = spec
	w.change(w.session(), Change{Trait: &TraitChange{Name: "interests", Add: "home"}})
	got := w.profile()
	if got.Traits["interests"].Origin != plan.OriginZero || got.By != "" || got.Hops != 0 || got.Imported {
		t.Fatalf("origin %q, by %q, hops %d, imported %v", got.Traits["interests"].Origin, got.By, got.Hops, got.Imported)
	}
}

func TestHerAddressIsNotForgottenAloneAndABreakIsAYearAtMost(t *testing.T) {
	w := newWorld(t)
	doc := w.profile()
	doc.Traits["email"] = profile.Trait{Value: "dana@shop.example", At: 1}
	w.put(item.C(w.dana, item.SKProfile), doc)
	days, session := 366, w.session()
	for _, c := range []Change{{Forget: "email"}, {Pause: &days}} {
		if err := w.svc.Change(w.ctx, session, "en", c); err != ErrRefused {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if len(w.events("x")) != 0 || w.profile().Traits["email"].Value == nil {
		t.Error("her address is forgotten")
	}
}

// A profile changed in the centre stays in the list of all.
func TestAChangeInTheCentreKeepsHerListed(t *testing.T) {
	w := newWorld(t)
	items, err := w.store.Get(w.ctx, flow.Strong, item.C(w.dana, item.SKProfile))
	w.must(err)
	it := *items[0]
	it.IK, it.IS = item.AllList(item.Shard(w.dana)), w.dana
	w.must(w.store.Write(w.ctx, flow.Put(it, flow.Any)))
	w.change(w.session(), Change{Language: "en"})
	if items, _ = w.store.Get(w.ctx, flow.Strong, item.C(w.dana, item.SKProfile)); items[0].IK != item.AllList(item.Shard(w.dana)) || items[0].IS != w.dana {
		t.Fatalf("listed in %q by %q", items[0].IK, items[0].IS)
	}
}
