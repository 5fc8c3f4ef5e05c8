package preferences

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/survey"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/collect"
	"github.com/kesher-io/kesher/shared/flow/consents"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// world is Dana, who gets marketing by e-mail, and the pages' flow about her.
type world struct {
	t       testing.TB
	ctx     context.Context
	clock   *fake.Clock
	store   *memstore.Store
	keys    ident.Keys
	ring    token.Keyring
	rel     *release.Release
	svc     *Service
	dana    string
	address string // hash of hers
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, ctx: context.Background(), clock: fake.NewClock(noon), keys: ident.NewKeys([]byte("secret")), rel: newRelease()}
	w.store = memstore.New(w.clock.NowOf)
	w.ring = keyring(t)
	w.svc = w.service(w.store)
	w.dana, w.address = w.keys.Customer("dana"), w.keys.Address("dana@shop.example")
	w.put(item.C(w.dana, item.SKProfile), profile.Profile{
		Address: "dana@shop.example", AddressHash: w.address, UserID: "dana", Locale: "he",
		Traits: map[string]profile.Trait{
			"first_name": {Value: "Dana", Origin: plan.OriginZero, Purposes: []string{"service"}, At: noon.UnixMilli()},
			"interests":  {Value: []any{"outdoor"}, Origin: plan.OriginFirst, Purposes: []string{"personalization"}, At: noon.UnixMilli()},
		},
	})
	w.put(profile.OwnerKey(w.address), profile.Owner{Customer: w.dana})
	w.apply(consent.Statement{Purpose: "marketing", Channel: "email", State: consent.Granted, Notice: &consent.Notice{ID: "newsletter", Lang: "en"}, By: consent.Server})
	w.clock.Advance(time.Hour)
	return w
}

func keyring(t testing.TB) token.Keyring {
	ring, err := token.NewKeyring("k1", map[string][]byte{"k1": []byte(strings.Repeat("k", 32))})
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// service is the flow over a store, which may fail or count.
func (w *world) service(store flow.Store) *Service {
	tokens := fake.NewTokens(1)
	c := consents.Writer{Store: store, Clock: w.clock, Tokens: tokens, Keys: w.keys}
	return &Service{
		Store: store, Clock: w.clock, Tokens: tokens, Releases: w, Keys: w.keys, Ring: w.ring, Consents: c,
		Collect: &collect.Service{Store: store, Clock: w.clock, Tokens: tokens, Releases: w, Keys: w.keys, Metrics: fake.NoMetrics{}, Ring: w.ring},
	}
}

func (w *world) Live(context.Context) (*release.Release, error)        { return w.rel, nil }
func (w *world) Get(context.Context, string) (*release.Release, error) { return w.rel, nil }

func newRelease() *release.Release {
	en := func(s string) plan.Text { return plan.Text{"en": s} }
	p := &plan.Plan{
		Purposes: map[string]plan.Purpose{
			"marketing":       {Title: en("Offers by e-mail"), Contact: []string{"email"}, Basis: plan.BasisConsent},
			"surveys":         {Title: en("Questions by e-mail"), Contact: []string{"email"}, Basis: plan.BasisConsent},
			"personalization": {Title: en("Fit things to me"), Basis: plan.BasisConsent},
			"tracking":        {Title: en("Measure my clicks"), Basis: plan.BasisConsent},
			"service":         {Title: en("Orders and account"), Contact: []string{"email"}, Basis: plan.BasisContract},
		},
		Traits: map[string]plan.Trait{
			"email":      {Type: "email", Origin: plan.OriginFirst, Purposes: []string{"service"}},
			"first_name": {Type: "string", Origin: plan.OriginZero, Purposes: []string{"service"}},
			"interests":  {Type: "list(string)", Values: []string{"outdoor", "home"}, Origin: plan.OriginZero, Purposes: []string{"personalization"}, Keep: plan.Duration(730 * 24 * time.Hour)},
			"size":       {Type: "number", Origin: plan.OriginZero, Purposes: []string{"service"}},
		},
		Topics: map[string]plan.Text{"cart": en("Your cart"), "news": en("News")},
	}
	notice := func(id string, grants ...release.Grant) *release.Notice {
		return &release.Notice{ID: id, Version: "v1", Grants: grants, Text: en("You may: " + id)}
	}
	return &release.Release{
		ID: "r1", Plan: p,
		Settings: &plan.Settings{Brand: plan.Brand{Name: "Shop", Languages: []string{"en", "he"}, Zone: "UTC"}},
		Notices: map[string]*release.Notice{
			"newsletter": notice("newsletter", release.Grant{Purpose: "marketing", Channel: "email"}, release.Grant{Purpose: "personalization"}),
			"fit":        notice("fit", release.Grant{Purpose: "personalization"}),
			"measure":    notice("measure", release.Grant{Purpose: "tracking"}),
		},
		Surveys: map[string]*survey.Survey{"style": {
			Name: "style", Title: en("What do you like?"), Purpose: "personalization",
			Questions: []survey.Question{
				{ID: "interests", Ask: en("Pick"), Type: survey.Choices, Trait: "interests", Gives: en("Only what you picked"),
					Options: []survey.Option{{Value: "outdoor", Title: en("Outdoor")}, {Value: "home", Title: en("Home")}}},
				{ID: "rooms", Ask: en("Rooms"), Type: survey.Number, Required: true},
			},
		}},
	}
}

func (w *world) put(k item.Key, doc any) {
	w.t.Helper()
	it := (*item.Item)(nil).Next(k, "w-test-"+k.SK, 0)
	if err := it.Encode(doc); err != nil {
		w.t.Fatal(err)
	}
	w.must(w.store.Write(w.ctx, flow.Put(it, flow.Any)))
}

func (w *world) apply(st consent.Statement) {
	w.t.Helper()
	_, err := w.svc.Consents.Apply(w.ctx, w.dana, w.rel, []consent.Statement{st})
	w.must(err)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) gate() consent.Gate {
	w.t.Helper()
	var g consent.Gate
	w.read(item.C(w.dana, item.SKGate), &g)
	return g
}

func (w *world) profile() profile.Profile {
	w.t.Helper()
	var p profile.Profile
	w.read(item.C(w.dana, item.SKProfile), &p)
	return p
}

func (w *world) owner(hash string) profile.Owner {
	w.t.Helper()
	var o profile.Owner
	w.read(profile.OwnerKey(hash), &o)
	return o
}

// read decodes an item; an absent one leaves v as it is.
func (w *world) read(k item.Key, v any) {
	w.t.Helper()
	items, err := w.store.Get(w.ctx, flow.Strong, k)
	w.must(err)
	if items[0] != nil {
		w.must(items[0].Decode(v))
	}
}

// events are Dana's of one name.
func (w *world) events(name string) []fact.Event {
	w.t.Helper()
	var list []fact.Event
	q := flow.Query{Table: item.Customers, PK: item.CustomerPK(w.dana), Prefix: item.EventPrefix(name)}
	w.must(flow.Each(w.ctx, w.store, q, func(it item.Item) error {
		var e fact.Event
		list = append(list, e)
		return it.Decode(&list[len(list)-1])
	}))
	return list
}

func (w *world) mayMail(purpose string) bool {
	g := w.gate()
	ok, _ := g.Permits(w.rel.Plan, purpose, plan.ChannelEmail, w.clock.Now(w.dana).UnixMilli())
	return ok
}

// writes is how many changes the customers table has seen.
func (w *world) writes() int { return len(w.store.Changes()) }

func (w *world) unsubscribeToken() string {
	return w.ring.MintUnsubscribe(token.Unsubscribe{Customer: w.dana, Address: w.address, Message: "abcdefghijklmnop-0", Purpose: "marketing", Topic: "cart"})
}

// session redeems a fresh link.
func (w *world) session() token.Cookie {
	w.t.Helper()
	link := w.ring.MintSession(token.Session{Customer: w.dana, Nonce: "n", Expires: w.clock.Now(w.dana).Add(SessionFor).UnixMilli()})
	c, ok, err := w.svc.Redeem(w.ctx, link)
	w.must(err)
	if !ok {
		w.t.Fatal("a fresh link was refused")
	}
	return c
}
