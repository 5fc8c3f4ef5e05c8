package collect

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/erase"
	"github.com/kesher-io/kesher/shared/testkit/fake"
)

func (f *fixture) erase(user string) {
	f.t.Helper()
	e := erase.Service{Store: f.store, Clock: f.clock, Tokens: f.Tokens}
	if _, err := e.Erase(context.Background(), f.Keys.Customer(user)); err != nil {
		f.t.Fatal(err)
	}
}

// Whatever read her before she was erased, and writes after: nothing of it makes
// her a customer again.
func TestA36ACallThatReadBeforeTheErasureBringsNothingBack(t *testing.T) {
	ctx := context.Background()
	calls := map[string]func(*fixture) error{}
	for name, text := range map[string]string{
		"a new address":     `"type":"identify","traits":{"email":"new@shop.example","first_name":"Dana"}`,
		"a trait":           `"type":"identify","traits":{"first_name":"Dana"}`,
		"an event":          `"type":"track","event":"Order Completed"`,
		"a banner":          `"type":"group","context":{"consent":{"categoryPreferences":{"Advertising":false}}}`,
		"a visitor's event": `"type":"identify","anonymousId":"a1"`,
	} {
		calls[name] = func(f *fixture) error {
			_, err := f.Collect(ctx, call(f.t, `{"userId":"u1","timestamp":"2027-03-01T09:01:30Z",`+text+`}`), server)
			return err
		}
	}
	calls["an address to confirm"] = func(f *fixture) error {
		_, err := f.Collect(ctx, call(f.t, `{"userId":"u1","type":"identify","traits":{"email":"new@shop.example"},"context":{"userHash":"`+f.hash("u1")+`"}}`), public)
		return err
	}
	calls["an address from her page"] = func(f *fixture) error { return f.Address(ctx, f.Keys.Customer("u1"), 0, "new@shop.example") }
	calls["a confirmation"] = func(f *fixture) error {
		_, err := f.mover().Confirm(ctx, f.Keys.Customer("u1"), f.rel, f.Keys.Address("pending@shop.example"))
		return err
	}
	for name, work := range calls {
		for _, read := range []bool{false, true} { // erased before its first write, or after its first read
			f := setup(t)
			f.lives("u1", "dana@shop.example")
			f.agrees("u1")
			f.taken(server, `{"type":"track","anonymousId":"a1","event":"Order Completed"}`)
			f.taken(public, `{"type":"identify","userId":"u1","traits":{"email":"pending@shop.example"},"context":{"userHash":"`+f.hash("u1")+`"}}`)
			f.clock.Advance(time.Minute)
			erasure := sync.OnceFunc(func() { f.erase("u1"); f.clock.Advance(time.Minute) })
			s := fake.Racing(f.store, "", erasure)
			if read {
				s.Got = erasure
			}
			f.Store = s
			if err := work(f); err != nil {
				t.Fatal(err)
			}
			f.Store = f.store
			if f.gate(f.pk("u1")).Erased == 0 {
				t.Errorf("%s (%t): she is a customer again", name, read)
			}
			for _, it := range f.list(f.pk("u1"), "") {
				if it.E > 0 && it.SK != item.SKGate && it.SK != item.SKAgenda && !strings.HasPrefix(it.SK, item.EventPrefix(fact.CustomerErased)) {
					t.Errorf("%s (%t): left %s", name, read, it.SK)
				}
			}
			var o profile.Owner
			for _, address := range []string{"new@shop.example", "pending@shop.example"} {
				if o = f.owner(address); o.Customer != "" {
					t.Errorf("%s (%t): she owns %s", name, read, address)
				}
			}
		}
	}
}

func TestA36AnInboxRecordThatComesAgainAfterTheErasureIsNobodys(t *testing.T) {
	f := setup(t)
	f.lives("u1", "dana@shop.example")
	it := item.Item{Key: item.Key{Table: item.Customers, PK: item.PrefixInbox + "u1", SK: "m1"}, Body: `{"type":"track","event":"Order Completed"}`}
	if err := f.store.Write(context.Background(), flow.Put(it, flow.Any)); err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(time.Minute)
	f.erase("u1")
	f.clock.Advance(time.Minute)
	if err := f.Inbox(context.Background(), it); err != nil {
		t.Fatal(err)
	}
	if f.gate(f.pk("u1")).Erased == 0 {
		t.Fatal("she is a customer again")
	}
}

func TestNobodyWhoWasErasedGetsAMessage(t *testing.T) {
	f := setup(t)
	f.agrees("u1")
	f.taken(server, `{"type":"identify","userId":"u1","traits":{"email":"dana@shop.example"}}`)
	it := f.doc(f.pk("u1"), item.SKGate, &consent.Gate{}).Next(item.Key{Table: item.Customers, PK: f.pk("u1"), SK: item.SKGate}, "w", 0)
	_ = it.Encode(consent.Gate{Erased: start.UnixMilli()}) // its epoch is not counted up yet by the test: PROFILE is still hers
	if err := f.store.Write(context.Background(), flow.Put(it, flow.Any)); err != nil {
		t.Fatal(err)
	}
	c, r := events.DecodeMessage([]byte(`{"userId":"u1","template":"receipt"}`))
	if r != nil {
		t.Fatal(r)
	}
	out, err := f.Message(context.Background(), c, server)
	if err != nil || out.Refused == nil || out.Refused.Code != events.UnknownUser {
		t.Fatalf("%+v (%v)", out, err)
	}
}
