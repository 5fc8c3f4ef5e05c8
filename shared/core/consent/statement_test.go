package consent

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/kesher-io/kesher/shared/core/plan"
)

func testPlan() *plan.Plan {
	return &plan.Plan{
		Purposes: map[string]plan.Purpose{
			"marketing":       {Contact: []string{"email"}, Basis: plan.BasisConsent},
			"personalization": {Basis: plan.BasisConsent},
			"analytics":       {Basis: plan.BasisConsent},
			"service":         {Contact: []string{"email"}, Basis: plan.BasisContract},
		},
		ConsentCategories: map[string]string{"Advertising": "personalization", "Analytics": "analytics"},
	}
}

func granted(at int64) Permission   { return Permission{State: Granted, At: at} }
func withdrawn(at int64) Permission { return Permission{State: Withdrawn, At: at} }

func TestStatementDecide(t *testing.T) {
	notice := &Notice{ID: "newsletter"}
	tests := []struct {
		name   string
		before Permission
		say    Statement
		want   State
		effect bool
	}{
		{"a grant where nothing is known", Permission{}, Statement{Channel: "email", State: Granted, At: 5, By: Server, Notice: notice}, Granted, true},
		{"a grant later than a withdrawal lifts it", withdrawn(4), Statement{Channel: "email", State: Granted, At: 5, By: Server}, Granted, true},
		{"a grant at the time of the withdrawal does not", withdrawn(5), Statement{Channel: "email", State: Granted, At: 5, By: Server}, Withdrawn, false},
		{"nor does an older one", withdrawn(6), Statement{Channel: "email", State: Granted, At: 5, By: Server}, Withdrawn, false},
		{"a withdrawal is obeyed though it comes late", granted(9), Statement{Channel: "email", State: Withdrawn, At: 5, By: Public}, Withdrawn, true},
		{"told twice it does nothing", withdrawn(5), Statement{Channel: "email", State: Withdrawn, At: 5, By: Public}, Withdrawn, false},
		{"a public key asks", Permission{}, Statement{Channel: "email", State: Granted, At: 5, By: Public, Notice: notice}, Pending, true},
		{"also about use of data", Permission{}, Statement{State: Granted, At: 5, By: Public, Notice: notice}, Pending, true},
		{"and takes nothing away by asking", granted(1), Statement{Channel: "email", State: Granted, At: 5, By: Public}, Granted, false},
		{"a link mailed to her answers", Permission{State: Pending, At: 5}, Statement{Channel: "email", State: Granted, At: 6, By: Person}, Granted, true},
		{"and answers nothing where nothing is asked", Permission{}, Statement{Channel: "email", State: Granted, At: 6, By: Person, Confirms: true}, Unknown, false},
		{"or is asked any more", withdrawn(5), Statement{Channel: "email", State: Granted, At: 6, By: Person, Confirms: true}, Withdrawn, false},
		{"or was asked before a no", Permission{State: Pending, At: 5, No: 5}, Statement{Channel: "email", State: Granted, At: 6, By: Person, Confirms: true}, Pending, false},
		{"but what was asked since", Permission{State: Pending, At: 5, No: 4}, Statement{Channel: "email", State: Granted, At: 6, By: Person, Confirms: true}, Granted, true},
		{"also within the millisecond of the request", Permission{State: Pending, At: 5}, Statement{Channel: "email", State: Granted, At: 5, By: Person}, Granted, true},
		{"a request holds up no older grant of the shop's", Permission{State: Pending, At: 9}, Statement{Channel: "email", State: Granted, At: 5, By: Server, Notice: notice}, Granted, true},
		{"unless it stands over a no that is later", Permission{State: Pending, At: 9, No: 6}, Statement{Channel: "email", State: Granted, At: 5, By: Server, Notice: notice}, Pending, false},
		{"or as late", Permission{State: Pending, At: 9, No: 5}, Statement{Channel: "email", State: Granted, At: 5, By: Server, Notice: notice}, Pending, false},
		{"a request told again asks nothing new", Permission{State: Pending, At: 5}, Statement{Channel: "email", State: Granted, At: 5, By: Public, Notice: notice}, Pending, false},
		{"answers under a notice permit their use", Permission{}, Statement{State: Granted, At: 5, By: Public, Answered: true, Notice: notice}, Granted, true},
		{"but no mail", Permission{}, Statement{Channel: "email", State: Granted, At: 5, By: Public, Answered: true, Notice: notice}, Pending, true},
		{"a snapshot raises what is unknown", Permission{}, Statement{State: Granted, At: 5, By: Public, Snapshot: true}, Granted, true},
		{"but nothing that was refused", withdrawn(1), Statement{State: Granted, At: 5, By: Public, Snapshot: true}, Withdrawn, false},
		{"unless she touched the banner since", withdrawn(1), Statement{State: Granted, At: 5, By: Public, Snapshot: true, Updated: 2}, Granted, true},
		{"and not before", withdrawn(3), Statement{State: Granted, At: 5, By: Public, Snapshot: true, Updated: 2}, Withdrawn, false},
		{"a snapshot lowers", granted(1), Statement{State: Withdrawn, At: 5, By: Public, Snapshot: true}, Withdrawn, true},
		{"not by a banner older than her choice", granted(3), Statement{State: Withdrawn, At: 5, By: Public, Snapshot: true, Updated: 2}, Granted, false},
		{"a banner refused at first is no withdrawal", Permission{}, Statement{State: Withdrawn, At: 5, By: Public, Snapshot: true}, Denied, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			after, effect := tt.say.Decide(tt.before)
			if after.State != tt.want || effect != tt.effect {
				t.Fatalf("%s, effect %v; want %s, %v", after.State, effect, tt.want, tt.effect)
			}
		})
	}
}

// I03, A06: nothing that was said before a withdrawal raises permission after it,
// whatever a browser asks for in between.
func TestI03ARequestKeepsTheNoThatItStandsOver(t *testing.T) {
	p := withdrawn(6)
	for _, at := range []int64{7, 8} {
		ask := Statement{Channel: "email", State: Granted, At: at, By: Public, Notice: &Notice{ID: "newsletter"}}
		p, _ = ask.Decide(p)
	}
	old := Statement{Channel: "email", State: Granted, At: 5, By: Server, Notice: &Notice{ID: "newsletter"}}
	if after, effect := old.Decide(p); p.State != Pending || effect {
		t.Fatalf("after %+v: %+v", p, after)
	}
	if merged := Stricter(p, Permission{State: Pending, At: 1}); merged.No != 6 {
		t.Fatalf("merged %+v", merged)
	}
	since := old
	since.At = 7
	if after, effect := since.Decide(p); after.State != Granted || after.No != 0 || !effect {
		t.Fatalf("%+v", after)
	}
}

func TestWithdrawalNeverMovesThePermissionsTimeBack(t *testing.T) {
	late := Statement{State: Withdrawn, At: 3, By: Public}
	after, _ := late.Decide(granted(9))
	again := Statement{Channel: "email", State: Granted, At: 9, By: Server}
	if after, effect := again.Decide(after); effect {
		t.Fatalf("the very grant it revoked lifts it again: %+v", after)
	}
}

func TestA39GrantRestsOnNoticeOrEvidence(t *testing.T) {
	p := testPlan()
	tests := []struct {
		name string
		say  Statement
		want error
	}{
		{"nothing", Statement{Purpose: "marketing", Channel: "email", State: Granted}, ErrNoEvidence},
		{"evidence without a source", Statement{Purpose: "marketing", Channel: "email", State: Granted, Evidence: &Evidence{Basis: "consent"}}, ErrNoEvidence},
		{"evidence", Statement{Purpose: "marketing", Channel: "email", State: Granted, Evidence: &Evidence{Basis: "consent", Source: "till receipt"}}, nil},
		{"a notice", Statement{Purpose: "marketing", Channel: "email", State: Granted, Notice: &Notice{ID: "n"}}, nil},
		{"a withdrawal needs none", Statement{Purpose: "marketing", Channel: "email", State: Withdrawn}, nil},
		{"a channel that is not contacted", Statement{Purpose: "personalization", Channel: "email", State: Withdrawn}, ErrPurpose},
		{"a purpose nobody declared", Statement{Purpose: "profiling", State: Withdrawn}, ErrPurpose},
		{"a state that is none", Statement{Purpose: "marketing", State: Pending}, ErrState},
	}
	for _, tt := range tests {
		if err := tt.say.Check(p); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestI04BannerCategoriesNeverGrantContact(t *testing.T) {
	categories := map[string]bool{"Advertising": true, "Analytics": false, "marketing/email": true, "Unmapped": true}
	all := Snapshot(testPlan(), categories, Statement{ID: "m", At: 1, By: Public})
	if len(all) != 2 {
		t.Fatalf("%d statements, want one for each category that the plan maps", len(all))
	}
	for _, s := range all {
		if s.Channel != "" || !s.Snapshot {
			t.Errorf("%+v", s)
		}
	}
}

// TestI03NoCallWithoutANewChoiceRaisesPermission: after a withdrawal, whatever
// order snapshots and stale statements come in, nothing is permitted until she
// chooses anew, later.
func TestI03NoCallWithoutANewChoiceRaisesPermission(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		stop := rapid.Int64Range(100, 200).Draw(rt, "stop")
		p := withdrawn(stop)
		for range rapid.IntRange(1, 20).Draw(rt, "n") {
			s := Statement{
				State:    rapid.SampledFrom([]State{Granted, Denied, Withdrawn}).Draw(rt, "state"),
				At:       rapid.Int64Range(0, stop).Draw(rt, "at"),
				By:       rapid.SampledFrom([]Authority{Server, Public, Person}).Draw(rt, "by"),
				Channel:  rapid.SampledFrom([]string{"", "email"}).Draw(rt, "channel"),
				Answered: rapid.Bool().Draw(rt, "answered"),
			}
			if rapid.Bool().Draw(rt, "snapshot") {
				s.Snapshot, s.Channel = true, ""
				s.At = rapid.Int64Range(0, 10_000).Draw(rt, "call's time") // a call may be new, the banner is not
				s.Updated = rapid.Int64Range(0, stop).Draw(rt, "updated")
			}
			p, _ = s.Decide(p)
			if !p.State.Refused() {
				rt.Fatalf("%+v raised it to %s", s, p.State)
			}
		}
	})
}

func TestA06GrantingOnePurposeNeverGrantsAnother(t *testing.T) {
	p := testPlan()
	names := []string{"marketing", "marketing/email", "personalization", "analytics"}
	rapid.Check(t, func(rt *rapid.T) {
		g := Gate{States: map[string]Permission{}}
		stated := map[string]bool{}
		for i := range rapid.IntRange(1, 30).Draw(rt, "n") {
			name := rapid.SampledFrom(names).Draw(rt, "name")
			purpose, channel := Split(name)
			s := Statement{
				Purpose: purpose, Channel: channel, At: int64(i), Notice: &Notice{ID: "n"},
				State: rapid.SampledFrom([]State{Granted, Withdrawn}).Draw(rt, "state"),
				By:    rapid.SampledFrom([]Authority{Server, Public, Person}).Draw(rt, "by"),
			}
			if after, effect := s.Decide(g.States[name]); effect {
				g.States[name] = after
			}
			if s.State == Granted && s.By != Public {
				stated[name] = true
			}
			if s.State == Withdrawn {
				stated[name] = false
			}
		}
		for _, name := range names {
			purpose, channel := Split(name)
			if ok, _ := g.Permits(p, purpose, channel, 100); ok && !stated[name] {
				rt.Fatalf("%s is permitted, and nobody granted it", name)
			}
		}
		if g.MayUse(p, []string{"analytics"}, 100) && !stated["analytics"] {
			rt.Fatal("data is used for analytics, and nobody granted it")
		}
		if ok, _ := g.Permits(p, "profiling", "email", 100); ok {
			rt.Fatal("a purpose that the plan does not know is permitted")
		}
	})
}

func TestA16ExpiryStopsSendsOnTheSecond(t *testing.T) {
	g := Gate{States: map[string]Permission{"marketing/email": {State: Granted, At: 1, Expires: 10_000, Ledger: "CONSENT#1"}}}
	if ok, ledger := g.Permits(testPlan(), "marketing", "email", 9_999); !ok || ledger != "CONSENT#1" {
		t.Fatalf("before: %v, %q", ok, ledger)
	}
	if ok, _ := g.Permits(testPlan(), "marketing", "email", 10_000); ok {
		t.Fatal("still permitted on the very second it expires")
	}
	if g.MayUse(testPlan(), []string{"marketing"}, 10_000) {
		t.Fatal("data may still be used")
	}
}

func TestContactPermitsUseOfDataForItsPurpose(t *testing.T) {
	p := testPlan()
	tests := []struct {
		name   string
		states map[string]Permission
		want   bool
	}{
		{"contact granted", map[string]Permission{"marketing/email": granted(5)}, true},
		{"use refused before that", map[string]Permission{"marketing/email": granted(5), "marketing": withdrawn(4)}, true},
		{"use refused since", map[string]Permission{"marketing/email": granted(5), "marketing": withdrawn(6)}, false},
		{"contact withdrawn", map[string]Permission{"marketing/email": withdrawn(5)}, false},
		{"contact pending", map[string]Permission{"marketing/email": {State: Pending, At: 5}}, false},
		{"use granted alone", map[string]Permission{"marketing": granted(5)}, true},
	}
	for _, tt := range tests {
		g := Gate{States: tt.states}
		if got := g.MayUse(p, []string{"marketing"}, 100); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	if !(&Gate{}).MayUse(p, []string{"analytics", "service"}, 100) {
		t.Error("a contract needs no permission")
	}
}

func drawPermission(rt *rapid.T, label string) Permission {
	return Permission{
		State:   rapid.SampledFrom([]State{Unknown, Granted, Pending, Denied, Withdrawn}).Draw(rt, label),
		At:      rapid.Int64Range(0, 3).Draw(rt, label+" at"),
		Expires: rapid.Int64Range(0, 3).Draw(rt, label+" expires"),
	}
}

func TestA40MergeTakesTheMostRestrictiveState(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b, c := drawPermission(rt, "a"), drawPermission(rt, "b"), drawPermission(rt, "c")
		ab := Stricter(a, b)
		if strictness[ab.State] < strictness[a.State] || strictness[ab.State] < strictness[b.State] {
			rt.Fatalf("%v and %v give %v", a, b, ab)
		}
		for now := range int64(5) {
			if ab.holds(now) && (a.State != Unknown && !a.holds(now) || b.State != Unknown && !b.holds(now)) {
				rt.Fatalf("at %d %v and %v permit %v", now, a, b, ab)
			}
		}
		if ba := Stricter(b, a); ba.State != ab.State || !ab.State.Refused() && ba.Expires != ab.Expires {
			rt.Fatalf("order matters: %v, %v", ab, ba)
		}
		if l, r := Stricter(ab, c), Stricter(a, Stricter(b, c)); l.State != r.State {
			rt.Fatalf("grouping matters: %v, %v", l, r)
		}
	})
}

func TestMergeKeepsWhatOnlyOneKnows(t *testing.T) {
	merged := Merge(map[string]Permission{"a": granted(1)}, map[string]Permission{"a": withdrawn(2), "b": granted(3)})
	if merged["a"].State != Withdrawn || merged["b"].State != Granted {
		t.Fatalf("%+v", merged)
	}
}
