package agenda_test

import (
	"context"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/flow/agenda"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

// Who read before an erasure may remind after it: her agenda is her new self's by
// then, with the sweep in it, and stays so.
func TestA36WhoReadBeforeAnErasureChangesNoAgendaAfterIt(t *testing.T) {
	now := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	clock := fake.NewClock(now)
	w := agenda.Writer{Store: memstore.New(clock.NowOf), Tokens: fake.NewTokens(1)}
	ctx := context.Background()
	if err := w.Remind(ctx, "dana", 1, agenda.Sweep, now); err != nil {
		t.Fatal(err)
	}
	for _, late := range []func() error{
		func() error { return w.Remind(ctx, "dana", 0, agenda.Pending, now) },
		func() error { return w.Postpone(ctx, "dana", 0, agenda.Sweep, now.Add(time.Hour)) },
		func() error { return w.Done(ctx, "dana", 0, agenda.Sweep, now.UnixMilli()) },
	} {
		if err := late(); err != nil {
			t.Fatal(err)
		}
	}
	if ops, err := w.Plan(ctx, "dana", 0, agenda.Sweep, now.Add(time.Hour)); err != nil || len(ops) > 0 {
		t.Fatalf("planned %v (%v)", ops, err)
	}
	a, it, err := w.Read(ctx, "dana")
	if err != nil || it == nil || it.E != 1 || len(a) != 1 || a[agenda.Sweep] != now.UnixMilli() {
		t.Fatalf("agenda %v in %+v (%v)", a, it, err)
	}
}
