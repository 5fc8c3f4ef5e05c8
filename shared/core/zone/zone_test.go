package zone_test

import (
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/kesher-io/kesher/shared/core/zone"
)

func TestLoadFindsAZoneEveryTime(t *testing.T) {
	for range 2 {
		z, err := zone.Load("Asia/Jerusalem")
		if err != nil || z.String() != "Asia/Jerusalem" {
			t.Fatalf("%v, %v", z, err)
		}
		if z, err := zone.Load("Asia/Jerusalim"); err == nil {
			t.Fatalf("a wrong name gave %v", z)
		}
	}
}

func TestAWrongNameGivesWhatStandsForIt(t *testing.T) {
	if z := zone.Or("nowhere", time.UTC); z != time.UTC {
		t.Fatal(z)
	}
	if z := zone.Or("Europe/Berlin", time.UTC); z.String() != "Europe/Berlin" {
		t.Fatal(z)
	}
}
