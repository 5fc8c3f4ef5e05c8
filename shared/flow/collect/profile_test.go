package collect

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/flow"
)

// What is over or was never hers is in no answer about her.
func TestAProfileTellsOnlyWhatIsKnownNow(t *testing.T) {
	f := setup(t)
	f.rel.Plan.Traits["interests"] = plan.Trait{Type: "list(string)", Origin: plan.OriginZero, Purposes: []string{"personalization"}, Keep: plan.Duration(time.Hour)}
	f.agrees("u1")
	f.taken(server, `{"type":"identify","userId":"u1","traits":{"interests":["home"],"first_name":"Dana"}}`)
	for sk, ik := range map[string]string{"vip": "seg#vip", "was": ""} {
		it := item.Item{Key: item.Key{Table: item.Customers, PK: f.pk("u1"), SK: item.SegmentSK(sk)}, V: 1, W: "w", F: 1, IK: ik, Body: "{}"}
		if ik != "" {
			it.IS = "x"
		}
		if err := f.store.Write(context.Background(), flow.Put(it, flow.Any)); err != nil {
			t.Fatal(err)
		}
	}
	f.clock.Advance(2 * time.Hour)
	p, err := f.Profile(context.Background(), "u1")
	if err != nil || len(p.Traits) != 1 || len(p.Segments) != 1 || p.Segments[0] != "vip" {
		t.Fatalf("%+v (%v)", p, err)
	}
}

// An address that another has as well is not hers to read.
func TestA33AnExportHoldsNothingOfASharedAddress(t *testing.T) {
	f := setup(t)
	f.lives("u1", "dana@shop.example")
	f.lives("u2", "dana@shop.example")
	for user, want := range map[string]bool{"u1": true, "u2": false} {
		x, err := f.Export(context.Background(), user)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(x.Items, func(it ExportedItem) bool { return it.Partition == "address" }); got != want {
			t.Errorf("%s: the address is exported: %v, want %v", user, got, want)
		}
	}
}
