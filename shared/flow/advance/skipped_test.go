package advance_test

import (
	"context"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/flow"
)

// skips stores that the message which the run wants to leave is skipped, as
// deliver does, and gives its item.
func (b *bench) skips(name string, m message.Msg) item.Item {
	b.Helper()
	run, _ := b.run(name)
	m.ID, m.State, m.Journey, m.Run, m.Step = run.Out.Send.Message, message.Skipped, name, run.ID, run.Step
	m.Hops = run.Hops
	m.RunKey, m.At = item.RunSK(name, run.Key), b.clock.Now(customer).UnixMilli()
	m.In = ident.NewStamp(b.clock.Now(customer), b.tokens.Seq())
	it := (*item.Item)(nil).Next(item.C(customer, item.MsgSK(m.ID)), b.tokens.Token(), 0)
	b.must(it.Encode(m))
	b.must(b.store.Write(context.Background(), flow.Put(it, flow.Any)))
	return it
}

// logged are the customer's events of a name, as the stream tells them.
func (b *bench) logged(name string) []item.Item {
	b.Helper()
	var list []item.Item
	q := flow.Query{Table: item.Customers, PK: item.CustomerPK(customer), Prefix: item.EventPrefix(name)}
	b.must(flow.Each(context.Background(), b.store, q, func(it item.Item) error {
		list = append(list, it)
		return nil
	}))
	return list
}

func due(b *bench) {
	b.happens("Product Added", dear)
	b.clock.Advance(time.Hour)
	b.due("cart")
}

func TestASkippedMessageStandsInHerLogOnce(t *testing.T) {
	b := newBench(t, cart())
	due(b)
	msg := b.skips("cart", message.Msg{Reason: message.ReasonCap})
	for range 2 {
		b.must(b.Change(context.Background(), nil, &msg))
	}
	list := b.logged(fact.MessageSkipped)
	if len(list) != 1 {
		t.Fatalf("%d events", len(list))
	}
	var e fact.Event
	b.must(list[0].Decode(&e))
	if e.Props["reason"] != "cap" || e.Props["step"] != "send-reminder" || e.Props["campaign_name"] != "cart" || e.Props["email_id"] == "" {
		t.Fatalf("event %+v", e)
	}
}

func TestASkipIsToldAlsoWhenTheDecisionAboutItWasLost(t *testing.T) {
	b := newBench(t, cart())
	due(b)
	msg := b.skips("cart", message.Msg{Reason: message.ReasonCap})
	b.Store = refuseRuns{b.store}
	if err := b.Change(context.Background(), nil, &msg); err == nil {
		t.Fatal("a lost decision was taken for success")
	}
	b.Store = b.store
	b.must(b.Change(context.Background(), nil, &msg))
	if n := len(b.logged(fact.MessageSkipped)); n != 1 {
		t.Fatalf("%d events", n)
	}
	if run, _ := b.run("cart"); run.State != engine.Waiting {
		t.Fatalf("run %+v", run)
	}
}

// refuseRuns is a store that takes no run.
type refuseRuns struct{ flow.Store }

func (s refuseRuns) Write(ctx context.Context, ops ...flow.Op) error {
	if ops[0].Item.SK[:4] == item.PrefixRun {
		return flow.ErrThrottled
	}
	return s.Store.Write(ctx, ops...)
}

func TestJ05SkipsThatSetEachOtherOffAreParked(t *testing.T) {
	chaser := func(name string) journey.Definition {
		return journey.Definition{Name: name, Entry: journey.Entry{Event: fact.MessageSkipped}, Steps: []journey.Step{{Send: &journey.Send{Template: "sorry"}}}}
	}
	b := newBench(t, cart(), chaser("one"), chaser("two"))
	due(b)
	told := 0
	for name := "cart"; told < 20; told++ {
		msg := b.skips(name, message.Msg{Reason: message.ReasonCap})
		b.must(b.Change(context.Background(), nil, &msg))
		events := b.logged(fact.MessageSkipped)
		b.clock.Advance(time.Second)
		b.must(b.Change(context.Background(), nil, &events[len(events)-1]))
		next := map[string]string{"cart": "one", "one": "two", "two": "one"}[name]
		if run, _ := b.run(next); run.State == engine.Parked {
			break
		}
		if run, _ := b.run(name); name != "cart" && run.State.Live() {
			t.Fatalf("%s entered by its own skip", name)
		}
		name = next
	}
	if told == 20 {
		t.Fatal("they go round and round")
	}
}
