package message

import (
	"reflect"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
)

func TestClaimForgetsWhatIsTooOldToMatter(t *testing.T) {
	old := noon.Add(-keepClaims)
	g := &consent.Gate{
		States: open().Gate.States,
		Claims: []consent.Claim{{Message: "gone", At: ms(old) - 1}, {Message: "kept", At: ms(old)}},
		Sends:  []int64{ms(noon.Add(-keepSends)) - 1, ms(noon.Add(-keepSends))},
	}
	next := Claim(g, consent.Claim{Message: "new", At: ms(noon), Token: "t"}, noon)
	if ClaimOf(next, "gone") != nil || ClaimOf(next, "kept") == nil || ClaimOf(next, "new") == nil {
		t.Fatalf("claims %+v", next.Claims)
	}
	if !reflect.DeepEqual(next.Sends, []int64{ms(noon.Add(-keepSends))}) || !reflect.DeepEqual(next.States, g.States) {
		t.Fatalf("sends %v, states %v", next.Sends, next.States)
	}
	if len(g.Claims) != 2 || len(g.Sends) != 2 {
		t.Fatal("the gate it was given has changed")
	}
}

func TestClaimingAgainReplacesAndIsRemembered(t *testing.T) {
	g := Claim(&consent.Gate{}, consent.Claim{Message: "m", Token: "one"}, noon)
	g = Claim(g, consent.Claim{Message: "m", At: ms(noon), Token: "two"}, noon)
	if len(g.Claims) != 1 || !g.Claims[0].Again || g.Claims[0].Token != "two" {
		t.Fatalf("claims %+v", g.Claims)
	}
}

// The second try took the first one's claim; without it the first still stands, or
// there would be a third (found by the simulator).
func TestReleaseOfASecondTryLeavesTheFirst(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	first := consent.Claim{Message: "m", Token: "first", At: now.UnixMilli(), Lease: now.UnixMilli() + 1}
	second := consent.Claim{Message: "m", Token: "second", At: now.UnixMilli() + 2, Lease: now.UnixMilli() + 3}
	rest, found := Release(Claim(Claim(&consent.Gate{}, first, now), second, now), second)
	if !found || ClaimOf(rest, "m") == nil || ClaimOf(rest, "m").Again || ClaimOf(rest, "m").Lease > now.UnixMilli() {
		t.Fatalf("%+v (%v)", rest.Claims, found)
	}
	third := consent.Claim{Message: "m", Token: "third", At: now.UnixMilli() + 4}
	if c := ClaimOf(Claim(rest, third, now), "m"); !c.Again {
		t.Fatal("a third try is possible")
	}
}

func TestReleaseTakesNobodyElsesClaim(t *testing.T) {
	g := &consent.Gate{Claims: []consent.Claim{{Message: "m", Token: "theirs"}}}
	if rest, found := Release(g, consent.Claim{Message: "m", Token: "mine"}); found || len(rest.Claims) != 1 {
		t.Fatal("released the claim of another worker")
	}
	rest, found := Release(g, consent.Claim{Message: "m", Token: "theirs"})
	if !found || len(rest.Claims) != 0 || len(g.Claims) != 1 {
		t.Fatalf("rest %+v of %+v", rest, g)
	}
}

func TestShedLetsStoredMessagesGoOldestFirstAndKeepsTheirCount(t *testing.T) {
	at := func(hours int) int64 { return ms(noon.Add(time.Duration(hours) * time.Hour)) }
	g := &consent.Gate{Claims: []consent.Claim{
		{Message: "unsettled", At: at(-5), Capped: true}, {Message: "marketing", At: at(-4), Capped: true},
		{Message: "service", At: at(-3)}, {Message: "newest", At: at(-2), Capped: true},
	}}
	stored := map[string]bool{"marketing": true, "service": true, "newest": true}
	left := Shed(g, stored, noon, func(g *consent.Gate) bool { return len(g.Claims) <= 2 })
	if ClaimOf(left, "unsettled") == nil || ClaimOf(left, "newest") == nil || len(left.Claims) != 2 {
		t.Fatalf("claims %+v", left.Claims)
	}
	if !reflect.DeepEqual(left.Sends, []int64{at(-4)}) {
		t.Fatalf("sends %v: marketing counts for the caps, service does not", left.Sends)
	}
	none := Shed(g, nil, noon, func(*consent.Gate) bool { return false })
	if len(none.Claims) != 4 {
		t.Fatal("let a claim go whose message is nowhere")
	}
}

func TestJ20ABrakeIsSetOnceDoublesAndIsReleasedByItself(t *testing.T) {
	now := noon
	p := Pace{Rate: 14}.Braked("daily quota", now)
	if p.Left(now) != firstBrake || p.Reason != "daily quota" || p.Rate != 14 {
		t.Fatalf("first: %+v", p)
	}
	if p.Braked("other", now.Add(time.Second)) != p {
		t.Fatal("a second worker set the brake again")
	}
	for _, want := range []time.Duration{2 * firstBrake, 4 * firstBrake, 8 * firstBrake, longestBrake, longestBrake} {
		now = now.Add(p.Left(now))
		if p.Left(now) != 0 {
			t.Fatalf("not released: %+v", p)
		}
		p = p.Braked("daily quota", now.Add(time.Minute)) // the first send after it is refused again
		if now = now.Add(time.Minute); p.Left(now) != want {
			t.Fatalf("braked for %v, want %v", p.Left(now), want)
		}
	}
	now = now.Add(p.Left(now) + time.Hour)
	if p = p.Braked("daily quota", now); p.Left(now) != firstBrake {
		t.Fatalf("after an hour of sending: %v", p.Left(now))
	}
}

func TestBackoffGrowsAndIsBounded(t *testing.T) {
	for tries, want := range map[int]time.Duration{0: 30 * time.Second, 1: time.Minute, 2: 2 * time.Minute, 7: 30 * time.Minute, 1000: 30 * time.Minute} {
		if got := Backoff(tries); got != want {
			t.Errorf("after %d tries %v, want %v", tries, got, want)
		}
	}
}

// A claim is kept for as long as a cap looks back, and a record may come again.
func TestAClaimStaysForFifteenDays(t *testing.T) {
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	for days, kept := range map[int]bool{4: true, 15: true, 16: false} {
		g := &consent.Gate{Claims: []consent.Claim{{Message: "old", At: now.AddDate(0, 0, -days).UnixMilli(), Capped: true}}}
		if got := ClaimOf(Claim(g, consent.Claim{Message: "new"}, now), "old") != nil; got != kept {
			t.Errorf("after %d days: kept %v", days, got)
		}
	}
}
