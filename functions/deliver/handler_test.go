package deliver

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/aws/ses"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/deliver"
	"github.com/kesher-io/kesher/shared/flow/faults"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

const dana = "0123456789abcdef0123456789abcdef"

// broken is a store that can't be asked now.
type broken struct{ flow.Store }

func (broken) Get(context.Context, flow.Consistency, ...item.Key) ([]*item.Item, error) {
	return nil, flow.ErrThrottled
}

func handler(store flow.Store, faultStore flow.Store) *Handler {
	clock, tokens := fake.NewClock(time.Date(2026, 11, 4, 10, 0, 0, 0, time.UTC)), fake.NewTokens(1)
	return &Handler{
		Messages: &deliver.Service{Store: store, Clock: clock, Tokens: tokens},
		Faults:   &faults.Service{Store: faultStore, Clock: clock, Tokens: tokens},
		Log:      slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

func run(body, due string) item.Change {
	it := item.Item{Key: item.C(dana, item.RunSK("cart", "")), V: 7, W: "w", F: item.Format, Due: due, Body: body}
	return item.Change{Key: it.Key, New: &it}
}

func TestJ19APoisonousRunBecomesAFaultAndTheShardGoesOn(t *testing.T) {
	store := memstore.New(nil)
	c := run(`{"s": 7}`, "m-0")
	if err := store.Write(context.Background(), flow.Put(*c.New, flow.Any)); err != nil {
		t.Fatal(err)
	}
	h := handler(store, store)
	if err := h.Work(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	list, err := h.Faults.List(context.Background())
	if err != nil || len(list) != 1 || list[0].Key != c.Key || list[0].Consumer != "deliver" || list[0].V != 7 {
		t.Fatalf("faults %+v, %v", list, err)
	}
}

func TestAPanicBecomesAFault(t *testing.T) {
	store := memstore.New(nil)
	c := run(`{"s":"sending","x":{"s":{"m":"m-0"}}}`, "m-0")
	if err := store.Write(context.Background(), flow.Put(*c.New, flow.Any)); err != nil {
		t.Fatal(err)
	}
	h := handler(store, store) // it has no releases
	if err := h.Work(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	if list, err := h.Faults.List(context.Background()); err != nil || len(list) != 1 {
		t.Fatalf("faults %+v, %v", list, err)
	}
}

func TestAStoreThatAsksToComeBackIsNoFault(t *testing.T) {
	store := memstore.New(nil)
	h := handler(broken{store}, store)
	if err := h.Work(context.Background(), run(`{}`, "m-0")); !errors.Is(err, flow.ErrThrottled) {
		t.Fatalf("got %v", err)
	}
	if list, err := h.Faults.List(context.Background()); err != nil || len(list) != 0 {
		t.Fatalf("faults %+v, %v", list, err)
	}
}

func TestRecordsThatMakeNothingDueAreLeftAlone(t *testing.T) {
	h := handler(broken{}, broken{}) // any read would fail
	gone := run(`{}`, "m-0")
	gone.New = nil
	other := run(`{}`, "m-0")
	other.Key.SK = item.SKProfile
	for name, c := range map[string]item.Change{"no message due": run(`{}`, ""), "removed": gone, "no run": other} {
		if err := h.Work(context.Background(), c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type accounts struct {
	account ses.Account
	err     error
}

func (a accounts) Account(context.Context) (ses.Account, error) { return a.account, a.err }

func TestWhatSESSaysBecomesTheAllowance(t *testing.T) {
	for name, c := range map[string]struct {
		account ses.Account
		want    deliver.Allowance
	}{
		"normal":   {ses.Account{Rate: 14, Quota: 50000, Used: 10, Enabled: true}, deliver.Allowance{PerSecond: 14, PerDay: 50000, Used: 10}},
		"no quota": {ses.Account{Rate: 500, Quota: -1, Enabled: true}, deliver.Allowance{PerSecond: 500}},
		"paused":   {ses.Account{Rate: 14, Quota: 200, Health: "SHUTDOWN"}, deliver.Allowance{PerSecond: 14, PerDay: 200, Paused: "sending is paused (SHUTDOWN)"}},
	} {
		got, err := Rater{SES: accounts{account: c.account}}.Allowance(context.Background())
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v; want %+v", name, got, err, c.want)
		}
	}
	if _, err := (Rater{SES: accounts{err: errors.New("no answer")}}).Allowance(context.Background()); err == nil {
		t.Error("no answer became an allowance")
	}
}

func TestSleepEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if err := Sleep(context.Background(), 0); err != nil {
		t.Fatal(err)
	}
}
