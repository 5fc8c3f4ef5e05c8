package fake_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/testkit/fake"
)

func TestClockMovesOneCustomerApartAndAllTogether(t *testing.T) {
	start := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	clock := fake.NewClock(start)
	clock.SetCustomer("a", start.Add(time.Hour))
	clock.Advance(time.Minute)
	for pk, want := range map[string]time.Time{
		item.CustomerPK("a"): start.Add(time.Hour + time.Minute),
		item.CustomerPK("b"): start.Add(time.Minute),
		item.PKPace:          start.Add(time.Minute),
	} {
		if got := clock.NowOf(pk); !got.Equal(want) {
			t.Errorf("it is %v for %s, want %v", got, pk, want)
		}
	}
	clock.SetReal(start)
	if !clock.Real().Equal(start) || clock.Now("").Equal(start) {
		t.Fatal("real time moves business time")
	}
	clock.Set(start)
	if !clock.Now("a").Equal(start) {
		t.Fatal("set leaves a customer behind")
	}
}

func TestTokensFollowFromTheirSeedAndNeverRepeat(t *testing.T) {
	a, b, other := fake.NewTokens(1), fake.NewTokens(1), fake.NewTokens(2)
	first := a.Token()
	if first != b.Token() || first == a.Token() || first == other.Token() {
		t.Fatal("tokens do not follow from the seed, or repeat")
	}
	if !bytes.Equal(fake.NewTokens(1).Secret(8), fake.NewTokens(1).Secret(8)) || bytes.Equal(a.Secret(8), a.Secret(8)) {
		t.Fatal("secrets do not follow from the seed, or repeat")
	}
}
