package release

import (
	"testing"
	"time"
)

func TestAnOfferStandsUntilTheEndOfItsLastDay(t *testing.T) {
	jerusalem := time.FixedZone("", 2*60*60)
	o := Offer{Until: "2026-11-04"}
	if end := time.Date(2026, 11, 4, 22, 0, 0, 0, time.UTC); !o.Stands(end.Add(-time.Millisecond), jerusalem) || o.Stands(end, jerusalem) {
		t.Fatal("it ends at another moment than its day")
	}
}
