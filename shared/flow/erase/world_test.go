package erase_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/clock"
	"github.com/kesher-io/kesher/shared/flow/collect"
	"github.com/kesher-io/kesher/shared/flow/erase"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// Dana's markers: whatever of them a scan finds was not erased.
const (
	user      = "dana-marker-id"
	address   = "dana-marker@shop.example"
	firstName = "DanaMarkerName"
	product   = "marker-product"
	visitor   = "marker-visitor"
)

var markers = []string{"marker", firstName}

// world is a customer with everything a customer can have.
type world struct {
	t       testing.TB
	ctx     context.Context
	clock   *fake.Clock
	tokens  *fake.Tokens
	store   *memstore.Store
	keys    ident.Keys
	rel     *release.Release
	collect *collect.Service
	erase   *erase.Service
	dana    string
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, ctx: context.Background(), clock: fake.NewClock(noon), tokens: fake.NewTokens(1), keys: ident.NewKeys([]byte("secret")), rel: newRelease()}
	w.store = memstore.New(w.clock.NowOf)
	w.collect = &collect.Service{
		Store: w.store, Clock: w.clock, Tokens: w.tokens, Releases: w, Keys: w.keys, Metrics: fake.NoMetrics{}, Identity: []byte("identity"),
	}
	w.erase = &erase.Service{Store: w.store, Clock: w.clock, Tokens: w.tokens}
	w.dana = w.keys.Customer(user)
	return w
}

func (w *world) Live(context.Context) (*release.Release, error)        { return w.rel, nil }
func (w *world) Get(context.Context, string) (*release.Release, error) { return w.rel, nil }

func newRelease() *release.Release {
	return &release.Release{
		ID: "r1",
		Plan: &plan.Plan{
			Purposes: map[string]plan.Purpose{
				"marketing": {Contact: []string{"email"}, Basis: plan.BasisConsent}, "service": {Contact: []string{"email"}, Basis: plan.BasisContract},
			},
			Traits: map[string]plan.Trait{
				"email":      {Type: "email", Origin: plan.OriginFirst, Purposes: []string{"service"}},
				"first_name": {Type: "string", Origin: plan.OriginZero, Purposes: []string{"service"}},
			},
			Events: map[string]plan.Event{"Product Added": {Purposes: []string{"service"}, Properties: map[string]plan.Type{"product_id": "string"}}},
		},
		Settings: &plan.Settings{Brand: plan.Brand{Languages: []string{"en"}, Zone: "UTC"}},
		Notices: map[string]*release.Notice{"newsletter": {
			ID: "newsletter", Version: "v1", Text: plan.Text{"en": "Send me offers."}, Grants: []release.Grant{{Purpose: "marketing", Channel: "email"}},
		}},
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) call(text string) {
	w.t.Helper()
	c, bad := events.DecodeCall([]byte(text), "")
	if bad != nil {
		w.t.Fatal(bad)
	}
	out, err := w.collect.Collect(w.ctx, c, collect.Source{Kind: collect.Server})
	w.must(err)
	if out.Refused != nil || out.Dropped != nil {
		w.t.Fatalf("%s: %v %v", text, out.Refused, out.Dropped)
	}
}

// lives makes Dana a customer: known and unknown calls, consent, a run, a
// message, a call of an AWS user under way, and an item that has expired.
func (w *world) lives() {
	w.t.Helper()
	w.call(fmt.Sprintf(`{"type":"track","anonymousId":%q,"event":"Product Added","properties":{"product_id":%q}}`, visitor, product))
	w.call(fmt.Sprintf(`{"type":"identify","userId":%q,"anonymousId":%q,"traits":{"email":%q,"first_name":%q}}`, user, visitor, address, firstName))
	for n := range 60 { // more than one transaction, and more than one page of work
		w.call(fmt.Sprintf(`{"type":"track","userId":%q,"messageId":"m-marker-%d","event":"Product Added","properties":{"product_id":%q}}`, user, n, product))
	}
	w.agrees()
	w.put(item.C(w.dana, item.RunSK("cart", "")), 0, engine.Run{Journey: "cart", Entry: fact.Fact{Props: map[string]any{"product_id": product}}})
	w.put(item.C(w.dana, item.MsgSK("abcdefghijklmnop-0")), 0, message.Msg{Because: []string{product}})
	w.put(item.Key{Table: item.Customers, PK: item.PrefixInbox + user, SK: "m-1"}, 0, map[string]any{"body": address})
	old := (*item.Item)(nil).Next(item.C(w.dana, item.IDSK("old-marker")), "w", 0)
	old.TTL = noon.Add(-time.Hour).Unix()
	w.must(old.Encode(map[string]string{"p": product}))
	w.must(w.store.Write(w.ctx, flow.Put(old, flow.Any)))
}

func (w *world) agrees() {
	w.t.Helper()
	c, bad := events.DecodeConsent([]byte(fmt.Sprintf(`{"userId":%q,"purpose":"marketing","channel":"email","state":"granted","notice":"newsletter"}`, user)))
	if bad != nil {
		w.t.Fatal(bad)
	}
	out, err := w.collect.Consent(w.ctx, c, collect.Source{Kind: collect.Server})
	w.must(err)
	if out.Refused != nil {
		w.t.Fatal(out.Refused)
	}
}

func (w *world) put(k item.Key, epoch int64, doc any) {
	w.t.Helper()
	it := (*item.Item)(nil).Next(k, w.tokens.Token(), epoch)
	w.must(it.Encode(doc))
	w.must(w.store.Write(w.ctx, flow.Put(it, flow.Any)))
}

// read decodes an item; false if there is none.
func (w *world) read(k item.Key, v any) (*item.Item, bool) {
	w.t.Helper()
	items, err := w.store.Get(w.ctx, flow.Strong, k)
	w.must(err)
	if items[0] == nil {
		return nil, false
	}
	w.must(items[0].Decode(v))
	return items[0], true
}

func (w *world) gate() (g consent.Gate, epoch int64) {
	it, ok := w.read(item.C(w.dana, item.SKGate), &g)
	if !ok {
		w.t.Fatal("no gate")
	}
	return g, it.E
}

// everything is what lies in the store, expired or not: every partition that
// was ever written, and the ledger.
func (w *world) everything() map[string]item.Item {
	w.t.Helper()
	found := map[string]item.Item{}
	seen := map[string]bool{}
	read := func(table item.Table, pk string) {
		q := flow.Query{Table: table, PK: pk, Expired: true}
		w.must(flow.Each(w.ctx, w.store, q, func(it item.Item) error {
			found[it.Key.String()] = it
			return nil
		}))
	}
	for _, c := range w.store.Changes() {
		if !seen[c.Key.PK] {
			seen[c.Key.PK] = true
			read(item.Customers, c.Key.PK)
			read(item.Ledger, c.Key.PK)
		}
	}
	return found
}

// remains are the items that hold any byte of her.
func (w *world) remains() (names []string) {
	w.t.Helper()
	for name, it := range w.everything() {
		text := strings.ToLower(name + " " + it.W + it.Body)
		for _, m := range markers {
			if strings.Contains(text, strings.ToLower(m)) {
				names = append(names, name)
				break
			}
		}
	}
	return names
}

// scan fails if anything is left of her.
func (w *world) scan() {
	w.t.Helper()
	if left := w.remains(); len(left) > 0 {
		w.t.Errorf("left of her: %v", left)
	}
}

func (w *world) erased() *erase.Receipt {
	w.t.Helper()
	r, err := w.erase.Erase(w.ctx, w.dana)
	w.must(err)
	return r
}

// sweep lets the clock do what is due a quarter of an hour later.
func (w *world) sweep() {
	w.t.Helper()
	w.clock.Advance(15 * time.Minute)
	c := &clock.Service{
		Store: w.store, Clock: w.clock, Tokens: w.tokens, Metrics: fake.NoMetrics{},
		Chores: map[string]clock.Chore{"sweep": w.erase.Sweep, "copies": nothing, "pending": nothing},
	}
	entries, _, err := c.Take(w.ctx, item.Shard(w.dana), nil)
	w.must(err)
	for _, e := range entries {
		w.must(c.Fire(w.ctx, e))
	}
}

func nothing(context.Context, string) error { return nil }

// left are the sort keys in her partition.
func (w *world) left() []string {
	w.t.Helper()
	var keys []string
	q := flow.Query{Table: item.Customers, PK: item.CustomerPK(w.dana), Expired: true}
	w.must(flow.Each(w.ctx, w.store, q, func(it item.Item) error {
		kind, _, _ := strings.Cut(strings.TrimPrefix(it.SK, "EVENT#"), "#")
		keys = append(keys, kind)
		return nil
	}))
	return keys
}
