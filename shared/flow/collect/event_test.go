package collect

import (
	"context"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
)

// Nulls are no value, and what a page call names itself stands.
func TestAPagesPropertiesAreAsGiven(t *testing.T) {
	f := setup(t)
	f.taken(server, `{"type":"page","userId":"u1","name":"Cart","properties":{"name":"Basket","referrer":null}}`)
	e := f.events(f.pk("u1"), "Page Viewed")[0]
	if _, null := e.Props["referrer"]; null || e.Props["name"] != "Basket" {
		t.Fatalf("%v", e.Props)
	}
}

// History keeps its times, whatever the clock of whoever sends it says.
func TestImportedTimesAreNotCorrected(t *testing.T) {
	f := setup(t)
	out := f.send(Source{Kind: Server, Import: true}, `{"type":"track","userId":"u1","messageId":"m1","event":"Order Completed","timestamp":"2027-02-01T00:00:00Z","sentAt":"2027-02-20T00:00:00Z"}`)
	if out.Refused != nil {
		t.Fatal(out.Refused)
	}
	e := f.events(f.pk("u1"), "Order Completed")[0]
	if e.At != time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC).UnixMilli() || !e.Imported {
		t.Fatalf("%+v", e)
	}
}

// A call that comes again is counted once.
func TestARepeatedCallIsCountedOnce(t *testing.T) {
	f := setup(t)
	for range 2 {
		f.taken(server, `{"type":"track","userId":"u1","messageId":"m1","event":"Order Completed","timestamp":"2027-03-01T08:59:00Z"}`)
	}
	if n := f.counts.n[metricAccepted+" track"]; n != 1 {
		t.Fatalf("counted %d", n)
	}
}

// A banner's own clock may be ahead: it does not outweigh what she says after it.
func TestABannerFromTheFutureIsOfNow(t *testing.T) {
	f := setup(t)
	f.taken(public, `{"type":"group","anonymousId":"a1","context":{"consent":{"categoryPreferences":{"Advertising":true},"updatedAt":"2028-01-01T00:00:00Z"}}}`)
	if at := f.gate(f.vpk("a1")).States["personalization"].At; at > start.UnixMilli() {
		t.Fatalf("said at %v", time.UnixMilli(at).UTC())
	}
}

// What a call says is no journey's doing, though one wrote the profile before.
func TestACallIsNoJourneysDoing(t *testing.T) {
	f := setup(t)
	f.taken(server, `{"type":"identify","userId":"u1","traits":{"first_name":"Dana"}}`)
	p := f.profile("u1")
	p.By, p.Hops = "loop", 3
	it := f.doc(f.pk("u1"), item.SKProfile, &profile.Profile{}).Next(item.Key{Table: item.Customers, PK: f.pk("u1"), SK: item.SKProfile}, "w", 0)
	_ = it.Encode(p)
	if err := f.store.Write(context.Background(), flow.Put(it, flow.Any)); err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(time.Second)
	f.taken(server, `{"type":"identify","userId":"u1","traits":{"first_name":"Dani"}}`)
	if p := f.profile("u1"); p.By != "" || p.Hops != 0 {
		t.Fatalf("by %q, hops %d", p.By, p.Hops)
	}
}
