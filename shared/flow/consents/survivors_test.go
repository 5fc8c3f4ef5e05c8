package consents

// Each of these catches a planted bug that every other test let pass.

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/flow"
)

// A05: stop all is all, also where they are more than one transaction holds; the
// caller's own op is written once.
func TestA05ManyWithdrawalsAreAllWritten(t *testing.T) {
	f := setup(t)
	var said []consent.Statement
	for i := range 14 {
		name := fmt.Sprint("p", i)
		f.rel.Plan.Purposes[name] = plan.Purpose{Contact: []string{"email"}, Basis: plan.BasisConsent}
		said = append(said, consent.Statement{ID: name, Purpose: name, Channel: "email", State: consent.Withdrawn, By: consent.Person})
	}
	f.lives("c", "h", "other")
	guard := (*item.Item)(nil).Next(item.C("c", item.IDSK("once")), "w", 0)
	_ = guard.Encode(struct{}{})
	if _, err := f.Apply(context.Background(), "c", f.rel, said, flow.Put(guard, flow.Absent)); err != nil {
		t.Fatal(err)
	}
	for i := range 14 {
		if s := f.gate("c").States[fmt.Sprint("p", i, "/email")]; s.State != consent.Withdrawn {
			t.Errorf("p%d is %q", i, s.State)
		}
	}
}

// A no is always written, however full her gate is.
func TestANoIsWrittenIntoAFullGate(t *testing.T) {
	f := setup(t)
	g := consent.Gate{States: map[string]consent.Permission{"marketing/email": {State: consent.Granted, At: 1}}, Topics: map[string]int64{}}
	for i := range message.MaxGate / 4 {
		g.Topics[fmt.Sprint("t", i)] = 1
	}
	f.put(item.C("c", item.SKGate), g)
	f.apply("c", withdraw(start))
	if s := f.gate("c").States["marketing/email"].State; s != consent.Withdrawn {
		t.Fatalf("%s", s)
	}
}

// What was withdrawn at an address outlives everybody who had it.
func TestAWithdrawnAddressIsNeverForgotten(t *testing.T) {
	f := setup(t)
	f.apply("c", grant(start.Add(-time.Hour)))
	w := withdraw(start)
	w.Address = "h"
	f.apply("c", w)
	f.clock.Advance(30 * 24 * time.Hour)
	if len(f.owner("h").Withdrawn) != 1 {
		t.Fatal("it may be mailed again")
	}
}

// A yes may come late, a no of the same call goes first all the same.
func TestWithdrawalsAreWrittenFirst(t *testing.T) {
	f := setup(t)
	g, w := grant(start.Add(-time.Hour)), withdraw(start.Add(-time.Hour))
	w.Purpose = "news"
	if res := f.apply("c", g, w); len(res.Changes) != 2 || res.Changes[0].Statement.State != consent.Withdrawn {
		t.Fatalf("%+v", res.Changes)
	}
}
