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
	"github.com/kesher-io/kesher/shared/core/profile"
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
		Store: w.store, Clock: w.clock, Tokens: w.tokens, Releases: w, Keys: w.keys, Metrics: silent{}, Identity: []byte("identity"),
	}
	w.erase = &erase.Service{Store: w.store, Clock: w.clock, Tokens: w.tokens}
	w.dana = w.keys.Customer(user)
	return w
}

type silent struct{}

func (silent) Count(string, int64, ...flow.Dim)           {}
func (silent) Observe(string, time.Duration, ...flow.Dim) {}

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
		text := strings.ToLower(name + " " + it.W + string(it.Body))
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
		Store: w.store, Clock: w.clock, Tokens: w.tokens, Metrics: silent{},
		Chores: map[string]clock.Chore{"sweep": w.erase.Sweep, "copies": nothing, "pending": nothing},
	}
	entries, err := c.Take(w.ctx, item.Shard(w.dana))
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

func TestA35NothingOfHerIsLeftInAnyStore(t *testing.T) {
	w := newWorld(t)
	w.lives()
	before := len(w.remains())
	if before < 66 { // calls, run, message, profile, visitor, inbox, the expired one
		t.Fatalf("the scan sees only %d of her items", before)
	}
	r := w.erased()
	w.scan()
	g, epoch := w.gate()
	if g.Erased != noon.UnixMilli() || epoch != 1 || g.States != nil || g.Claims != nil || g.Suppressed != nil {
		t.Fatalf("gate %+v of epoch %d is no tombstone", g, epoch)
	}
	if r.Epoch != 1 || !r.Erased.Equal(noon) || r.Customer != w.dana || r.Deleted < 60 || len(r.Kept) == 0 || len(r.Gone) == 0 {
		t.Fatalf("receipt %+v", r)
	}
	w.sweep()
	w.sweep()
	if got := strings.Join(w.left(), " "); got != "Customer Erased GATE" {
		t.Fatalf("left: %s", got)
	}
	w.scan()
}

func TestA35TheEventSaysThatSheWasErasedAndNothingElse(t *testing.T) {
	w := newWorld(t)
	w.lives()
	w.erased()
	var found []fact.Event
	q := flow.Query{Table: item.Customers, PK: item.CustomerPK(w.dana), Prefix: item.EventPrefix(fact.CustomerErased)}
	w.must(flow.Each(w.ctx, w.store, q, func(it item.Item) error {
		found = append(found, fact.Event{})
		return it.Decode(&found[len(found)-1])
	}))
	if len(found) != 1 || found[0].Props != nil {
		t.Fatalf("events %+v", found)
	}
}

func TestA35ATombstoneEndsAfter400Days(t *testing.T) {
	w := newWorld(t)
	w.lives()
	w.erased()
	it, _ := w.read(item.C(w.dana, item.SKGate), &consent.Gate{})
	if want := noon.AddDate(0, 0, 400).Unix(); it.TTL != want {
		t.Fatalf("ends %d, want %d", it.TTL, want)
	}
}

func TestA35TheAddressIsKeptOutByItsHashAlone(t *testing.T) {
	w := newWorld(t)
	w.lives()
	hash := w.keys.Address(address)
	w.erased()
	var o profile.Owner
	if _, ok := w.read(profile.OwnerKey(hash), &o); !ok || o.Customer != "" || o.Suppressed == nil || o.Suppressed.Reason != consent.SuppressErased {
		t.Fatalf("address %+v", o)
	}
}

func TestABounceOutlivesAnErasure(t *testing.T) {
	w := newWorld(t)
	w.lives()
	hash := w.keys.Address(address)
	w.put(profile.OwnerKey(hash), 0, profile.Owner{Customer: w.dana, Suppressed: &consent.Suppression{Reason: consent.SuppressBounce}})
	w.erased()
	var o profile.Owner
	w.read(profile.OwnerKey(hash), &o)
	if o.Suppressed == nil || o.Suppressed.Reason != consent.SuppressBounce {
		t.Fatalf("address %+v", o)
	}
}

func TestAnAddressOfAnotherCustomerIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.lives()
	hash, eve := w.keys.Address(address), w.keys.Customer("eve")
	w.put(profile.OwnerKey(hash), 0, profile.Owner{Customer: eve})
	w.erased()
	var o profile.Owner
	w.read(profile.OwnerKey(hash), &o)
	if o.Customer != eve || o.Suppressed != nil {
		t.Fatalf("eve's address became %+v", o)
	}
}

func TestA36ErasedTwiceIsTheSameState(t *testing.T) {
	w := newWorld(t)
	w.lives()
	first := w.erased()
	state := w.everything()
	w.clock.Advance(time.Minute)
	second := w.erased()
	if second.Epoch != first.Epoch || !second.Erased.Equal(first.Erased) || second.Deleted != 0 {
		t.Fatalf("second receipt %+v, first %+v", second, first)
	}
	if again := w.everything(); fmt.Sprint(again) != fmt.Sprint(state) {
		t.Fatal("the second erasure changed something")
	}
}

// A36: who read before the tombstone stood writes past it: a journey its run,
// a stream record in retry its message, a visitor's browser a fact.
func TestA36WhatIsWrittenPastTheTombstoneIsSweptUntilNothingComes(t *testing.T) {
	w := newWorld(t)
	w.lives()
	w.erased()
	late := func(epoch int64) {
		w.put(item.C(w.dana, item.RunSK("cart", "")), epoch, engine.Run{Journey: "cart", Entry: fact.Fact{Props: map[string]any{"p": product}}})
		w.put(item.C(w.dana, item.MsgSK("abcdefghijklmnop-0")), epoch, message.Msg{Because: []string{product}})
		w.put(item.C(w.dana, item.EventSK("Product Added", noon, "late-marker")), epoch, fact.Event{Props: map[string]any{"p": product}})
		w.put(item.Key{Table: item.Customers, PK: item.PrefixVisitor + w.keys.Visitor(visitor), SK: "EVENT#late"}, 0, map[string]string{"p": product})
	}
	late(0)
	w.sweep()
	w.scan()
	w.put(item.C(w.dana, item.RunSK("later", "")), 0, engine.Run{Journey: "later", Entry: fact.Fact{Props: map[string]any{"p": product}}})
	w.sweep()
	w.scan()
	w.sweep()
	if got := strings.Join(w.left(), " "); got != "Customer Erased GATE" {
		t.Fatalf("left: %s", got)
	}
}

// racing writes of her once between erase's reads and its transaction.
type racing struct {
	flow.Store
	race func()
}

func (r *racing) Write(ctx context.Context, ops ...flow.Op) error {
	if race := r.race; race != nil && ops[0].Item.SK == item.SKGate {
		r.race = nil
		race()
	}
	return r.Store.Write(ctx, ops...)
}

func TestA36AnAddressThatChangesDuringTheErasureIsErasedAsWell(t *testing.T) {
	w := newWorld(t)
	w.lives()
	w.erase.Store = &racing{Store: w.store, race: func() {
		w.call(fmt.Sprintf(`{"type":"identify","userId":%q,"traits":{"email":"new-marker@shop.example"}}`, user))
	}}
	w.erased()
	w.scan()
	var o profile.Owner
	if w.read(profile.OwnerKey(w.keys.Address("new-marker@shop.example")), &o); o.Customer != "" || o.Suppressed == nil {
		t.Fatalf("the new address %+v", o)
	}
}

// failing dies after some writes, as a function does.
type failing struct {
	flow.Store
	left int
}

func (f *failing) Write(ctx context.Context, ops ...flow.Op) error {
	if f.left--; f.left < 0 {
		return context.DeadlineExceeded
	}
	return f.Store.Write(ctx, ops...)
}

func TestA36AnErasureThatDiesAnywhereIsFinishedByTheNextOrTheSweep(t *testing.T) {
	for writes := range 6 {
		for name, finish := range map[string]func(*world){
			"again": func(w *world) { w.erased() },
			"sweep": func(w *world) { w.sweep(); w.sweep(); w.sweep() },
		} {
			w := newWorld(t)
			w.lives()
			w.erase.Store = &failing{Store: w.store, left: writes}
			_, err := w.erase.Erase(w.ctx, w.dana)
			w.erase.Store = w.store
			if g, _ := w.gate(); err != nil && (name == "again" || g.Erased != 0) {
				finish(w)
				w.scan()
			}
		}
	}
}

func TestA38SigningUpAnewBeginsAnewAndResurrectsNothing(t *testing.T) {
	w := newWorld(t)
	w.lives()
	w.erased()
	w.sweep()
	w.sweep()
	w.clock.Advance(24 * time.Hour)
	w.call(fmt.Sprintf(`{"type":"identify","userId":%q,"traits":{"email":%q}}`, user, address))
	w.clock.Advance(time.Minute)
	w.agrees()

	g, epoch := w.gate()
	if ok, _ := g.Permits(w.rel.Plan, "marketing", "email", w.clock.Now(w.dana).UnixMilli()); !ok || epoch != 1 || g.Erased != 0 || g.Suppressed != nil {
		t.Fatalf("gate %+v of epoch %d", g, epoch)
	}
	var o profile.Owner
	if w.read(profile.OwnerKey(w.keys.Address(address)), &o); o.Customer != w.dana || o.Suppressed != nil {
		t.Fatalf("address %+v", o)
	}
	var p profile.Profile
	if w.read(item.C(w.dana, item.SKProfile), &p); p.Traits["first_name"].Value != nil {
		t.Fatal("the old name came back")
	}
	for _, kind := range w.left() {
		if kind == "Product Added" || kind == "RUN" || kind == "MSG" {
			t.Fatalf("an old %s came back", kind)
		}
	}
}

func TestA38AnImportDoesNotLiftWhatTheErasureLeft(t *testing.T) {
	w := newWorld(t)
	w.lives()
	w.erased()
	w.clock.Advance(24 * time.Hour)
	c, bad := events.DecodeCall([]byte(fmt.Sprintf(`{"type":"identify","userId":"imported","traits":{"email":%q}}`, address)), "")
	if bad != nil {
		t.Fatal(bad)
	}
	_, err := w.collect.Collect(w.ctx, c, collect.Source{Kind: collect.Server, Import: true})
	w.must(err)
	var o profile.Owner
	if w.read(profile.OwnerKey(w.keys.Address(address)), &o); o.Suppressed == nil || o.Suppressed.Reason != consent.SuppressErased {
		t.Fatalf("address %+v", o)
	}
}

func TestA38ErasingHerAgainAfterSheCameBackErasesWhatCame(t *testing.T) {
	w := newWorld(t)
	w.lives()
	w.erased()
	w.clock.Advance(time.Hour)
	w.lives()
	r := w.erased()
	if r.Epoch != 2 {
		t.Fatalf("epoch %d, want 2", r.Epoch)
	}
	w.scan()
}

func TestTheSweepLeavesWhoCameBackAlone(t *testing.T) {
	w := newWorld(t)
	w.lives()
	w.erased()
	w.clock.Advance(time.Minute)
	w.call(fmt.Sprintf(`{"type":"identify","userId":%q,"traits":{"first_name":"Back"}}`, user))
	w.sweep()
	w.sweep()
	var p profile.Profile
	if _, ok := w.read(item.C(w.dana, item.SKProfile), &p); !ok || p.Traits["first_name"].Value != "Back" {
		t.Fatalf("the sweep took her new profile: %v", ok)
	}
}

// traces is one machine's rest: the first time, a journey under way still ends.
type traces struct {
	w      *world
	forgot [][]string
}

func (t *traces) Forget(_ context.Context, customer string, partitions []string) error {
	if t.forgot = append(t.forgot, partitions); len(t.forgot) == 1 {
		t.w.put(item.C(customer, item.RunSK("late", "")), 0, engine.Run{Entry: fact.Fact{Props: map[string]any{"p": product}}})
	}
	return nil
}

func TestOneMachineForgetsItsTracesUntilNothingIsLeft(t *testing.T) {
	w := newWorld(t)
	w.lives()
	local := &traces{w: w}
	w.erase.Traces = local
	w.erased()
	w.scan()
	want := []string{
		item.CustomerPK(w.dana), item.PrefixInbox + user, item.PrefixAddress + w.keys.Address(address), item.PrefixVisitor + w.keys.Visitor(visitor),
	}
	if len(local.forgot) != 2 || fmt.Sprint(local.forgot[0]) != fmt.Sprint(want) {
		t.Fatalf("forgot %v, want %v twice", local.forgot, want)
	}
}

func TestErasingSomebodyUnknownLeavesATombstone(t *testing.T) {
	w := newWorld(t)
	r := w.erased()
	if g, _ := w.gate(); r.Epoch != 1 || g.Erased == 0 {
		t.Fatalf("receipt %+v, gate %+v", r, g)
	}
}
