package consent_test

import (
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/plan"
)

func TestInFlightAreTheClaimsWhoseLeaseRuns(t *testing.T) {
	now := time.UnixMilli(1000)
	g := consent.Gate{Claims: []consent.Claim{{Message: "over", Lease: 1000}, {Message: "runs", Lease: 1001}}}
	if got := g.InFlight(now); len(got) != 1 || got[0] != "runs" {
		t.Fatalf("%v", got)
	}
}

func TestOfTwoGrantsTheOneThatEndsFirstBinds(t *testing.T) {
	early, late, never := consent.Permission{State: consent.Granted, Expires: 5}, consent.Permission{State: consent.Granted, Expires: 9}, consent.Permission{State: consent.Granted}
	for _, p := range [][2]consent.Permission{{early, late}, {late, early}, {early, never}, {never, early}} {
		if got := consent.Stricter(p[0], p[1]); got.Expires != 5 {
			t.Errorf("%+v: %+v", p, got)
		}
	}
}

func TestAGrantEndsWhenItSays(t *testing.T) {
	s := consent.Statement{Purpose: "m", Channel: "email", State: consent.Granted, At: 5, Expires: 9, By: consent.Server}
	after, effect := s.Decide(consent.Permission{})
	g := consent.Gate{States: map[string]consent.Permission{"m/email": after}}
	p := &plan.Plan{Purposes: map[string]plan.Purpose{"m": {Basis: plan.BasisConsent, Contact: []string{"email"}}}}
	if ok, _ := g.Permits(p, "m", "email", 9); !effect || ok || after.Expires != 9 {
		t.Fatalf("%+v", after)
	}
}

// A request waits for a week, and only one under a text can be confirmed.
func TestA13WhatIsAskedIsAskedForAWeekUnderAText(t *testing.T) {
	week := (7 * 24 * time.Hour).Milliseconds()
	g := consent.Gate{States: map[string]consent.Permission{
		"a/email": {State: consent.Pending, At: 100, Notice: "n"}, "b/email": {State: consent.Pending, At: 100},
		"c": {State: consent.Pending, At: 100, Notice: "n"}, "d/email": {State: consent.Granted, At: 100, Notice: "n"},
	}}
	if got := g.Asked("email", 100+week-1); len(got) != 1 || got[0] != "a/email" {
		t.Errorf("%v", got)
	}
	if got := g.Asked("email", 100+week); len(got) != 0 {
		t.Errorf("after a week: %v", got)
	}
}

func TestWhatJourneysHearOf(t *testing.T) {
	banner := consent.Statement{State: consent.Withdrawn, Snapshot: true}
	yes := consent.Statement{State: consent.Granted}
	granted, denied := consent.Permission{State: consent.Granted}, consent.Permission{State: consent.Denied}
	for name, c := range map[string]struct{ got, want bool }{
		"a banner refused by who never agreed": {banner.Announced(consent.Permission{}, denied), false},
		"a banner that takes back":             {banner.Announced(granted, consent.Permission{State: consent.Withdrawn}), true},
		"a renewed grant":                      {yes.Announced(granted, granted), false},
		"a grant":                              {yes.Announced(denied, granted), true},
		"a request":                            {yes.Announced(denied, consent.Permission{State: consent.Pending}), false},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v", name, c.got)
		}
	}
}

// A request says under which text it was made: a confirmation is of that one.
func TestARequestRemembersItsText(t *testing.T) {
	s := consent.Statement{Purpose: "m", Channel: "email", State: consent.Granted, At: 5, By: consent.Public, Notice: &consent.Notice{ID: "n"}}
	if after, _ := s.Decide(consent.Permission{}); after.State != consent.Pending || after.Notice != "n" {
		t.Fatalf("%+v", after)
	}
}

func TestWhoComesBackKeepsWhenSheWasErased(t *testing.T) {
	g := consent.Gate{Erased: 7}
	if g.Revive(); g.Erased != 0 || g.Since != 7 {
		t.Fatalf("%+v", g)
	}
}
