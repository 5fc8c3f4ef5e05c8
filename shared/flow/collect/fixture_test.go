package collect

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/survey"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

var start = time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)

// tester is what tests and properties have in common.
type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// fixture is the flow over a truthful store, a clock that stands still, and a
// shop's plan.
type fixture struct {
	*Service
	t      tester
	store  *memstore.Store
	clock  *fake.Clock
	rel    *release.Release
	counts *counts
}

// counts is flow.Metrics that remembers.
type counts struct {
	mu sync.Mutex
	n  map[string]int64
}

func (c *counts) Count(name string, n int64, dims ...flow.Dim) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range dims {
		name += " " + d.Value
	}
	c.n[name] += n
}

func (c *counts) Observe(string, time.Duration, ...flow.Dim) {}

// releases has one release.
type releases struct{ rel *release.Release }

func (r releases) Live(context.Context) (*release.Release, error)        { return r.rel, nil }
func (r releases) Get(context.Context, string) (*release.Release, error) { return r.rel, nil }

func setup(t tester) *fixture {
	clock := fake.NewClock(start)
	store := memstore.New(clock.NowOf)
	ring, err := token.NewKeyring("k", map[string][]byte{"k": []byte("0123456789abcdef0123456789abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, store: store, clock: clock, rel: testRelease(), counts: &counts{n: map[string]int64{}}}
	f.Service = &Service{
		Store: store, Clock: clock, Tokens: fake.NewTokens(1), Releases: releases{f.rel},
		Keys: ident.NewKeys([]byte("secret")), Metrics: f.counts, Identity: []byte("identity"), Ring: ring,
	}
	return f
}

func testRelease() *release.Release {
	return &release.Release{
		ID: "r1",
		Plan: &plan.Plan{
			Purposes: map[string]plan.Purpose{
				"marketing":       {Contact: []string{"email"}, Basis: plan.BasisConsent},
				"personalization": {Basis: plan.BasisConsent},
				"service":         {Contact: []string{"email"}, Basis: plan.BasisContract},
			},
			ConsentCategories: map[string]string{"Advertising": "personalization"},
			Traits: map[string]plan.Trait{
				"email":      {Type: "email", Origin: plan.OriginFirst, Purposes: []string{"service", "marketing"}},
				"first_name": {Type: "string", Origin: plan.OriginZero, Purposes: []string{"service", "marketing"}},
				"interests":  {Type: "list(string)", Values: []string{"outdoor", "home"}, Origin: plan.OriginZero, Purposes: []string{"personalization"}},
			},
			Events: map[string]plan.Event{
				"Product Added":   {Purposes: []string{"personalization"}, Keep: plan.Duration(400 * 24 * time.Hour), Properties: map[string]plan.Type{"price": "number", "product_id": "string"}},
				"Order Completed": {Purposes: []string{"service", "marketing"}, Properties: map[string]plan.Type{"order_id": "string"}},
				"Page Viewed":     {Purposes: []string{"service"}},
			},
		},
		Settings: &plan.Settings{Brand: plan.Brand{Languages: []string{"en", "he"}, Zone: "Asia/Jerusalem"}},
		Surveys: map[string]*survey.Survey{"style": {Name: "style", Purpose: "personalization", Questions: []survey.Question{
			{ID: "interests", Type: survey.Choices, Trait: "interests", Options: []survey.Option{{Value: "outdoor"}, {Value: "home"}}},
		}}},
		Templates: map[string]*message.Template{"receipt": nil},
		Notices: map[string]*release.Notice{"newsletter": {
			ID: "newsletter", Version: "v1", Text: plan.Text{"en": "Send me offers."},
			Grants: []release.Grant{{Purpose: "marketing", Channel: "email"}, {Purpose: "personalization"}},
		}},
	}
}

var server, public = Source{Kind: Server}, Source{Kind: Public}

// call decodes a call as HTTP would.
func call(t tester, text string) *events.Call {
	t.Helper()
	c, r := events.DecodeCall([]byte(text), "")
	if r != nil {
		t.Fatalf("%s: %v", text, r)
	}
	return c
}

func (f *fixture) send(src Source, text string) Outcome {
	f.t.Helper()
	out, err := f.Collect(context.Background(), call(f.t, text), src)
	if err != nil {
		f.t.Fatalf("%s: %v", text, err)
	}
	return out
}

// taken sends a call that must be kept whole.
func (f *fixture) taken(src Source, text string) {
	f.t.Helper()
	if out := f.send(src, text); out.Refused != nil || out.Dropped != nil {
		f.t.Fatalf("%s: refused %v, dropped %v", text, out.Refused, out.Dropped)
	}
}

func (f *fixture) consent(src Source, text string) Outcome {
	f.t.Helper()
	c, r := events.DecodeConsent([]byte(text))
	if r != nil {
		f.t.Fatal(r)
	}
	out, err := f.Consent(context.Background(), c, src)
	if err != nil {
		f.t.Fatal(err)
	}
	return out
}

// agrees grants marketing by e-mail and personalization, by the server key.
func (f *fixture) agrees(user string) {
	f.t.Helper()
	for _, p := range []string{`"marketing","channel":"email"`, `"personalization"`} {
		out := f.consent(server, `{"userId":"`+user+`","purpose":`+p+`,"state":"granted","notice":"newsletter"}`)
		if out.Refused != nil {
			f.t.Fatal(out.Refused)
		}
	}
}

func (f *fixture) hash(user string) string { return hex.EncodeToString(userHash(f.Identity, user)) }

// items are what stands in a partition under a prefix.
func (f *fixture) list(pk, prefix string) []item.Item {
	f.t.Helper()
	var all []item.Item
	q := flow.Query{Table: item.Customers, PK: pk, Prefix: prefix}
	err := flow.Each(context.Background(), f.store, q, func(it item.Item) error {
		all = append(all, it)
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return all
}

func (f *fixture) pk(user string) string     { return item.CustomerPK(f.Keys.Customer(user)) }
func (f *fixture) vpk(visitor string) string { return item.PrefixVisitor + f.Keys.Visitor(visitor) }

// events are the stored events of a name, or of all names.
func (f *fixture) events(pk, name string) []fact.Event {
	f.t.Helper()
	prefix := item.PrefixEvent
	if name != "" {
		prefix = item.EventPrefix(name)
	}
	var all []fact.Event
	for _, it := range f.list(pk, prefix) {
		var e fact.Event
		if err := it.Decode(&e); err != nil {
			f.t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func (f *fixture) doc(pk, sk string, v any) *item.Item {
	f.t.Helper()
	items, err := f.store.Get(context.Background(), flow.Strong, item.Key{Table: item.Customers, PK: pk, SK: sk})
	if err != nil {
		f.t.Fatal(err)
	}
	if items[0] != nil {
		if err := items[0].Decode(v); err != nil {
			f.t.Fatal(err)
		}
	}
	return items[0]
}

func (f *fixture) profile(user string) *profile.Profile {
	f.t.Helper()
	p := &profile.Profile{}
	if f.doc(f.pk(user), item.SKProfile, p) == nil {
		return nil
	}
	return p
}

func (f *fixture) gate(pk string) consent.Gate {
	f.t.Helper()
	g := consent.Gate{}
	f.doc(pk, item.SKGate, &g)
	return g
}

func (f *fixture) owner(address string) profile.Owner {
	f.t.Helper()
	o := profile.Owner{}
	f.doc(item.PrefixAddress+f.Keys.Address(address), item.SKOwner, &o)
	return o
}

// mailable: marketing could reach this customer now, as the gate sees it.
func (f *fixture) mailable(user string) bool {
	f.t.Helper()
	g, p := f.gate(f.pk(user)), f.profile(user)
	ok, _ := g.Permits(f.rel.Plan, "marketing", "email", f.clock.Now("").UnixMilli())
	return ok && p != nil && p.Address != "" && !p.Shared && g.Suppressed == nil &&
		f.owner(p.Address.Reveal()).Customer == f.Keys.Customer(user)
}

// image is everything stored of a customer that can be read or sent by, for
// telling whether a call changed any of it.
func (f *fixture) image(pks ...string) string {
	f.t.Helper()
	var b strings.Builder
	for _, pk := range pks {
		for _, it := range f.list(pk, "") {
			text, err := json.Marshal(it)
			if err != nil {
				f.t.Fatal(err)
			}
			b.Write(text)
			b.WriteByte('\n')
		}
	}
	return b.String()
}
