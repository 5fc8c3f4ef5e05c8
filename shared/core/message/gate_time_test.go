package message

import (
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/plan"
)

func in(t interface{ Fatal(...any) }, name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// The table of reference points in gate.go, line by line.

func TestLateCountsFromTheFirstDue(t *testing.T) {
	due := func(late plan.Late, ago time.Duration) GateInput {
		return but(func(in *GateInput) { in.Due.Late, in.Due.At = late, ms(noon.Add(-ago)) })
	}
	drop := plan.Late{Kind: LateDrop, After: plan.Duration(6 * time.Hour)}
	check(t, "exactly D", due(drop, 6*time.Hour), Go, "")
	check(t, "a millisecond more", due(drop, 6*time.Hour+time.Millisecond), Skip, ReasonLate)
	check(t, "send", due(plan.Late{Kind: LateSend}, 1000*time.Hour), Go, "")
	check(t, "service, too", but(func(in *GateInput) {
		in.Due.Late, in.Due.At = drop, ms(noon)-ms(time.UnixMilli(0).Add(7*time.Hour))
		service(in)
	}), Skip, ReasonLate)
}

func TestRecheckIsAskedWhenItWouldLeave(t *testing.T) {
	check(t, "no longer wanted", but(func(in *GateInput) { in.Due.Unwanted = true }), Skip, ReasonRecheck)
}

// nightly is quiet from nine to eight, at ten in the evening.
func nightly(in *GateInput) {
	in.Settings.QuietHours = plan.QuietHours{From: "21:00", To: "08:00", Then: QuietHold}
	in.Now = time.Date(2026, 11, 4, 22, 0, 0, 0, time.UTC)
	in.Due.At = ms(in.Now)
	in.Due.Late = plan.Late{Kind: LateDrop, After: plan.Duration(24 * time.Hour)}
}

func TestTimeSpentHeldCountsAsLate(t *testing.T) {
	allowed := func(d time.Duration) GateInput {
		return but(func(in *GateInput) { nightly(in); in.Due.Late.After = plan.Duration(d) })
	}
	check(t, "the hold ends exactly in time", allowed(10*time.Hour), Hold, ReasonQuiet)
	check(t, "the hold would outlast it", allowed(10*time.Hour-time.Second), Skip, ReasonLate)
	check(t, "so would the brake", but(func(in *GateInput) {
		in.Due.Late.After = plan.Duration(time.Minute)
		in.Brake = Pace{}.Braked("SendingPausedException", in.Real)
	}), Skip, ReasonLate)
}

func TestB26QuietHours(t *testing.T) {
	local := func(hour, minute int, hours plan.QuietHours, zone string) GateInput {
		return but(func(i *GateInput) {
			nightly(i)
			i.Settings.QuietHours = hours
			i.Zone = in(t, zone)
			i.Now = time.Date(2026, 11, 4, hour, minute, 59, 0, i.Zone)
			i.Due.At = ms(i.Now)
		})
	}
	night := plan.QuietHours{From: "21:00", To: "08:00", Then: QuietHold}
	siesta := plan.QuietHours{From: "13:00", To: "15:30", Then: QuietHold}
	for _, zone := range []string{"UTC", "Asia/Jerusalem", "Asia/Kathmandu", "America/St_Johns", "Pacific/Chatham"} {
		check(t, zone+" before", local(20, 59, night, zone), Go, "")
		check(t, zone+" from", local(21, 0, night, zone), Hold, ReasonQuiet)
		check(t, zone+" at night", local(2, 0, night, zone), Hold, ReasonQuiet)
		check(t, zone+" the last minute", local(7, 59, night, zone), Hold, ReasonQuiet)
		check(t, zone+" to", local(8, 0, night, zone), Go, "")
		check(t, zone+" siesta", local(13, 0, siesta, zone), Hold, ReasonQuiet)
		check(t, zone+" after the siesta", local(15, 30, siesta, zone), Go, "")
	}
	check(t, "drop", local(22, 0, plan.QuietHours{From: "21:00", To: "08:00", Then: QuietDrop}, "UTC"), Skip, ReasonQuiet)
	check(t, "none", local(22, 0, plan.QuietHours{}, "UTC"), Go, "")
	check(t, "no length", local(22, 0, plan.QuietHours{From: "22:00", To: "22:00", Then: QuietHold}, "UTC"), Go, "")
	check(t, "service", func() GateInput { i := local(22, 0, night, "UTC"); i.Due.Purpose = "service"; return i }(), Go, "")
}

func TestJ09QuietHoursEndByTheWallClockAtBothEdgesOfSummerTime(t *testing.T) {
	for name, c := range map[string]struct {
		zone, from, to, now, want string
	}{
		// Jerusalem: 2026-03-27 02:00 -> 03:00, 2026-10-25 02:00 -> 01:00.
		"a night that is an hour shorter": {"Asia/Jerusalem", "21:00", "08:00", "2026-03-26T22:00:00+02:00", "2026-03-27T08:00:00+03:00"},
		"a night that is an hour longer":  {"Asia/Jerusalem", "21:00", "08:00", "2026-10-24T22:00:00+03:00", "2026-10-25T08:00:00+02:00"},
		"an end that is left out":         {"Asia/Jerusalem", "21:00", "02:30", "2026-03-26T22:00:00+02:00", "2026-03-27T03:00:00+03:00"},
		"an end that comes twice, first":  {"Asia/Jerusalem", "21:00", "01:30", "2026-10-24T22:00:00+03:00", "2026-10-25T01:30:00+03:00"},
		"an end that comes twice, again":  {"Asia/Jerusalem", "21:00", "01:30", "2026-10-25T01:10:00+02:00", "2026-10-25T01:30:00+02:00"},
		// New York: 2026-03-08 02:00 -> 03:00, 2026-11-01 02:00 -> 01:00.
		"New York in spring": {"America/New_York", "21:00", "08:00", "2026-03-07T23:59:59-05:00", "2026-03-08T08:00:00-04:00"},
		"New York in autumn": {"America/New_York", "21:00", "08:00", "2026-10-31T23:59:59-04:00", "2026-11-01T08:00:00-05:00"},
		// Lord Howe changes by half an hour: 2026-04-05 02:00 -> 01:30.
		"half an hour": {"Australia/Lord_Howe", "21:00", "08:00", "2026-04-04T22:00:00+11:00", "2026-04-05T08:00:00+10:30"},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		zone := in(t, c.zone)
		got := quietEnd(plan.QuietHours{From: c.from, To: c.to}, now, zone).In(zone).Format(time.RFC3339)
		if got != c.want {
			t.Errorf("%s: quiet until %s, want %s", name, got, c.want)
		}
	}
}

// zones have every kind of offset and change that exists.
var zones = []string{
	"UTC", "Asia/Jerusalem", "America/New_York", "America/Havana", "Atlantic/Azores", "Australia/Lord_Howe",
	"Asia/Kathmandu", "America/Santiago", "Asia/Beirut", "Pacific/Apia", "Pacific/Kiritimati", "Africa/Casablanca",
}

func drawTime(t *rapid.T, zone *time.Location) time.Time {
	// Minutes of 2010 to 2029, which holds Samoa's lost day, too.
	return time.Unix(rapid.Int64Range(21_000_000, 31_500_000).Draw(t, "minute")*60, 0).In(zone)
}

func TestQuietHoursEndAtTheFirstMinuteThatIsNotQuiet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := in(t, rapid.SampledFrom(zones).Draw(t, "zone"))
		clock := rapid.Custom(func(t *rapid.T) string {
			return time.Unix(rapid.Int64Range(0, 95).Draw(t, "quarter")*15*60, 0).UTC().Format("15:04")
		})
		hours := plan.QuietHours{From: clock.Draw(t, "from"), To: clock.Draw(t, "to")}
		now := drawTime(t, zone)
		if !quietAt(hours, now) {
			return
		}
		end := quietEnd(hours, now, zone)
		if quietAt(hours, end.In(zone)) || !end.After(now) {
			t.Fatalf("%v from %v ends at %v, which is quiet or past", hours, now, end.In(zone))
		}
		for m := now; m.Before(end); m = m.Add(time.Minute) {
			if !quietAt(hours, m.In(zone)) {
				t.Fatalf("%v from %v ends at %v, but %v is not quiet any more", hours, now, end.In(zone), m.In(zone))
			}
		}
	})
}

func TestADayStartsAtItsFirstInstant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := in(t, rapid.SampledFrom(zones).Draw(t, "zone"))
		d := dayOf(drawTime(t, zone))
		start := d.start(zone)
		if got := dayOf(start.In(zone)); got < d {
			t.Fatalf("day %d of %s starts on day %d", d, zone, got)
		}
		if before := dayOf(start.Add(-time.Second).In(zone)); before >= d {
			t.Fatalf("day %d of %s had begun before %v", d, zone, start)
		}
	})
	for name, c := range map[string]struct{ zone, day, want string }{
		"no midnight":    {"Asia/Beirut", "2026-03-29", "2026-03-29T01:00:00+03:00"},
		"two midnights":  {"America/Havana", "2026-11-01", "2026-11-01T00:00:00-04:00"},
		"no such day":    {"Pacific/Apia", "2011-12-30", "2011-12-31T00:00:00+14:00"},
		"a plain winter": {"Asia/Jerusalem", "2026-12-01", "2026-12-01T00:00:00+02:00"},
	} {
		day, err := time.Parse(time.DateOnly, c.day)
		if err != nil {
			t.Fatal(err)
		}
		if got := dayOf(day).start(in(t, c.zone)).In(in(t, c.zone)).Format(time.RFC3339); got != c.want {
			t.Errorf("%s: %s in %s starts at %s, want %s", name, c.day, c.zone, got, c.want)
		}
	}
}

// sentAt is an input with earlier sends and caps.
func sentAt(caps plan.Caps, zone *time.Location, now time.Time, sends ...time.Time) GateInput {
	return but(func(in *GateInput) {
		in.Settings.Caps, in.Zone, in.Now, in.Due.At = caps, zone, now, ms(now)
		for i, at := range sends {
			if i%2 == 0 { // half of them by claims, half by what shed claims left behind
				in.Gate.Sends = append(in.Gate.Sends, ms(at))
			} else {
				in.Gate.Claims = append(in.Gate.Claims, consent.Claim{Message: "m" + at.String(), At: ms(at), Capped: true})
			}
		}
	})
}

func TestB26CapsCountHerLocalDays(t *testing.T) {
	jerusalem := in(t, "Asia/Jerusalem")
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 11, day, hour, minute, 0, 0, jerusalem) }
	daily, weekly := plan.Caps{PerDay: 1}, plan.Caps{PerWeek: 2}
	check(t, "one a day, one today", sentAt(daily, jerusalem, at(4, 23, 59), at(4, 0, 0)), Skip, ReasonCap)
	check(t, "one a day, one yesterday, a minute ago", sentAt(daily, jerusalem, at(5, 0, 0), at(4, 23, 59)), Go, "")
	check(t, "the same instants are one day elsewhere", sentAt(daily, time.UTC, at(5, 0, 0), at(4, 23, 59)), Skip, ReasonCap)
	check(t, "two a week, the first six days ago", sentAt(weekly, jerusalem, at(10, 12, 0), at(4, 0, 0), at(9, 12, 0)), Skip, ReasonCap)
	check(t, "two a week, the first seven days ago", sentAt(weekly, jerusalem, at(10, 12, 0), at(3, 23, 59), at(9, 12, 0)), Go, "")
	check(t, "one a day, one tomorrow by another's clock", sentAt(daily, jerusalem, at(4, 23, 59), at(5, 0, 0)), Go, "")
	check(t, "no caps", sentAt(plan.Caps{}, jerusalem, at(4, 12, 0), at(4, 10, 0), at(4, 11, 0)), Go, "")
	check(t, "service is never capped", func() GateInput {
		i := sentAt(daily, jerusalem, at(4, 12, 0), at(4, 10, 0))
		i.Due.Purpose = "service"
		return i
	}(), Go, "")
	check(t, "service does not count", but(func(in *GateInput) {
		in.Settings.Caps = daily
		in.Gate.Claims = []consent.Claim{{Message: "s", At: ms(in.Now)}}
	}), Go, "")
}

func TestB26AMessageMayWaitForASlot(t *testing.T) {
	jerusalem := in(t, "Asia/Jerusalem")
	at := func(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 0, 0, 0, jerusalem) }
	for name, c := range map[string]struct {
		caps  plan.Caps
		sends []time.Time
		want  time.Time
	}{
		"until tomorrow":            {plan.Caps{PerDay: 1}, []time.Time{at(4, 9)}, at(5, 0)},
		"until the oldest leaves":   {plan.Caps{PerDay: 1, PerWeek: 2}, []time.Time{at(1, 9), at(4, 9)}, at(8, 0)},
		"until the whole week left": {plan.Caps{PerWeek: 1}, []time.Time{at(4, 9)}, at(11, 0)},
	} {
		i := sentAt(c.caps, jerusalem, at(4, 12), c.sends...)
		i.Due.CapWait, i.Due.Late = true, plan.Late{Kind: LateSend}
		if got, want := Pass(i), (Verdict{Action: Hold, Reason: ReasonCap, Until: c.want}); got.Action != want.Action || got.Reason != want.Reason || !got.Until.Equal(want.Until) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
		i.Now = c.want
		check(t, name+", then", i, Go, "")
		i.Now = c.want.Add(-time.Millisecond)
		check(t, name+", not before", i, Hold, ReasonCap)
	}
}

// However often and wherever somebody asks, no local day and no seven of them
// get more than the caps allow, though claims are shed and grow old meanwhile.
func TestB26CapsHoldOverAnyHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := in(t, rapid.SampledFrom(zones).Draw(t, "zone"))
		caps := plan.Caps{PerDay: rapid.IntRange(1, 3).Draw(t, "per day"), PerWeek: rapid.IntRange(1, 6).Draw(t, "per week")}
		now := drawTime(t, zone)
		gate := open().Gate
		perDay := map[day]int{}
		for n := range rapid.IntRange(1, 80).Draw(t, "tries") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20*60).Draw(t, "minutes")) * time.Minute)
			i := but(func(in *GateInput) {
				in.Gate, in.Settings.Caps, in.Zone, in.Now, in.Due.At = gate, caps, zone, now, ms(now)
			})
			if Pass(i).Action != Go {
				continue
			}
			perDay[dayOf(now.In(zone))]++
			gate = Claim(gate, consent.Claim{Message: string(rune('a' + n)), At: ms(now), Token: "t", Capped: true}, now)
			if rapid.Bool().Draw(t, "shed") {
				all := map[string]bool{}
				for _, c := range gate.Claims {
					all[c.Message] = true
				}
				gate = Shed(gate, all, now, func(g *consent.Gate) bool { return len(g.Claims) <= 1 })
			}
		}
		for d, n := range perDay {
			inWeek := 0
			for back := range day(week) {
				inWeek += perDay[d-back]
			}
			if n > caps.PerDay || inWeek > caps.PerWeek {
				t.Fatalf("%d on day %d and %d in its week, caps are %+v", n, d, inWeek, caps)
			}
		}
	})
}
