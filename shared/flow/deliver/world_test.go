package deliver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/engine"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

const (
	dana    = "0123456789abcdef0123456789abcdef"
	address = "dana@shop.example"
	hash    = "hash-of-dana"
)

// noon of a working day, as Jerusalem sees it.
var noon = time.Date(2026, 11, 4, 10, 0, 0, 0, time.UTC)

// world is one customer and all that deliver works with.
type world struct {
	t       testing.TB
	clock   *fake.Clock
	tokens  *fake.Tokens
	mem     *memstore.Store
	mailer  *mailer
	metrics *metrics
	live    *release.Release
	older   map[string]*release.Release
	svc     *Service
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, clock: fake.NewClock(noon), tokens: fake.NewTokens(1), metrics: &metrics{}, mailer: &mailer{}}
	w.mem = memstore.New(w.clock.NowOf)
	w.live = newRelease("r1")
	w.older = map[string]*release.Release{}
	w.svc = w.service(w.mem)
	w.grant()
	w.put(item.SKProfile, 0, &profile.Profile{
		Address: address, AddressHash: hash, Locale: "en", Zone: "Asia/Jerusalem",
		Traits: map[string]profile.Trait{
			"first_name": {Value: "Dana", Purposes: []string{"service", "marketing"}},
			"interests":  {Value: []any{"outdoor"}, Purposes: []string{"personalization"}},
		},
	})
	w.putKey(profile.OwnerKey(hash), 0, &profile.Owner{Customer: dana})
	return w
}

// service is a worker on a view of the store.
func (w *world) service(store flow.Store) *Service {
	return &Service{
		Store: store, Clock: w.clock, Tokens: w.tokens, Releases: w, Mailer: w.mailer, Metrics: w.metrics,
		Links: token.NewLinks("https://m.shop.example", w.keyring()), Stage: message.Prod, Reaches: true,
	}
}

func (w *world) keyring() token.Keyring {
	keys, err := token.NewKeyring("k1", map[string][]byte{"k1": []byte(strings.Repeat("k", 32))})
	if err != nil {
		w.t.Fatal(err)
	}
	return keys
}

func (w *world) Live(context.Context) (*release.Release, error) { return w.live, nil }

func (w *world) Get(_ context.Context, id string) (*release.Release, error) {
	if r, ok := w.older[id]; ok {
		return r, nil
	}
	return nil, flow.ErrNoRelease
}

var testPlan = plan.Plan{
	Purposes: map[string]plan.Purpose{
		"marketing":       {Contact: []string{"email"}, Basis: plan.BasisConsent, Title: plan.Text{"en": "Offers by e-mail"}},
		"personalization": {Basis: plan.BasisConsent},
		"service":         {Contact: []string{"email"}, Basis: plan.BasisContract},
	},
	Traits: map[string]plan.Trait{
		"first_name": {Type: "string", Purposes: []string{"service", "marketing"}},
		"interests":  {Type: "list(string)", Purposes: []string{"personalization"}},
	},
	Events: map[string]plan.Event{
		"Product Added":   {Purposes: []string{"personalization"}, Properties: map[string]plan.Type{"product_id": "string", "name": "string", "cart_id": "string"}},
		"Order Completed": {Purposes: []string{"service", "marketing"}, Properties: map[string]plan.Type{"order_id": "string", "cart_id": "string", "products": "list(object)"}},
	},
	Topics: map[string]plan.Text{"cart": {"en": "Your cart"}},
	Collections: map[string]plan.Collection{"cart": {
		Key: "product_id", Add: plan.StringList{"Product Added"}, Clear: plan.StringList{"Order Completed"}, Keep: plan.Duration(30 * 24 * time.Hour),
	}},
}

// newRelease has one journey per way of sending.
func newRelease(id string) *release.Release {
	p := testPlan
	return &release.Release{
		ID: id, Plan: &p,
		Settings: &plan.Settings{
			Brand:  plan.Brand{Name: "Shop", URL: "https://shop.example", PostalAddress: "1 Harbour St", Languages: []string{"en", "he"}, Zone: "Asia/Jerusalem"},
			Sender: map[string]string{"marketing": "Shop <news@mail.shop.example>", "service": "Shop <orders@shop.example>", "reply to": "Shop care <care@shop.example>"},
			Late:   plan.Late{Kind: message.LateDrop, After: plan.Duration(24 * time.Hour)},
		},
		Journeys: maps.Clone(journeys()), Templates: templates(),
		Notices: map[string]*release.Notice{"newsletter": {ID: "newsletter", Version: "v7", Text: plan.Text{"en": "Send me offers."}}},
		Offers: []release.Offer{
			{ID: "tent", Title: plan.Text{"en": "Tent weekend", "he": "סוף שבוע באוהל"}, Text: plan.Text{"en": "20% off"}, URL: "https://shop.example/tents", Item: "p1"},
			{ID: "boots", Title: plan.Text{"en": "Boots"}, Text: plan.Text{"en": "10% off"}, URL: "https://shop.example/boots", Until: "2026-11-04"},
		},
	}
}

// journeys and templates are compiled once: they are immutable.
var journeys = sync.OnceValue(func() map[string]*journey.Journey {
	all := journey.Builtins()
	for name, send := range map[string]journey.Send{
		"cart":    {Template: "cart-reminder", Late: &journey.Late{Kind: message.LateDrop, After: plan.Duration(6 * time.Hour)}},
		"plain":   {Template: "plain"},
		"patient": {Template: "plain", CapWait: true},
		"recheck": {Template: "plain", Late: &journey.Late{Kind: "recheck", Recheck: `count("Product Added", "1d") > 0`}},
		"offers":  {Template: "offers"},
		"broken":  {Template: "no-such-template"},
	} {
		all[name] = compile(name, "marketing", send)
	}
	all["order"] = compile("order", "service", journey.Send{Template: "plain"})
	all["receipt"] = compile("receipt", "service", journey.Send{Template: "plain", Resend: true})
	return all
})

var templates = sync.OnceValue(func() map[string]*message.Template {
	all := map[string]*message.Template{}
	for _, src := range append(message.BuiltinTemplates(), testTemplates...) {
		tpl, err := message.CompileTemplate(src)
		if err != nil {
			panic(err)
		}
		all[src.Name] = tpl
	}
	return all
})

var testTemplates = []message.TemplateSource{
	{Name: "plain", Subject: plan.Text{"en": "Hello"}, HTML: map[string]string{"en": "<p>Hello {{ profile.first_name }}</p>"}},
	{
		Name: "cart-reminder", Subject: plan.Text{"en": "You left {{ cart.items[0].name }}", "he": "שכחת {{ cart.items[0].name }}"},
		HTML: map[string]string{
			"en": "<p>{{ profile.first_name }}, {% for i in cart.items %}[{{ i.name }} x {{ i.quantity }}]{% endfor %}</p>",
			"he": "<p>{{ profile.first_name }}, {% for i in cart.items %}[{{ i.name }}]{% endfor %}</p>",
		},
		Defaults: map[string]plan.Text{"profile.first_name": {"en": "there"}},
	},
	{Name: "offers", Subject: plan.Text{"en": "For you"}, HTML: map[string]string{"en": "<p>{% for o in offer %}[{{ o.title }} {{ o.url }}]{% endfor %}</p>"}},
	{Name: "api-mail", Subject: plan.Text{"en": "Order {{ entry.order_id }}"}, HTML: map[string]string{"en": "<p>Order {{ entry.order_id }}</p>"}},
}

func compile(name, purpose string, send journey.Send) *journey.Journey {
	j, problems := journey.Compile(journey.Definition{
		Name: name, Purpose: purpose, Uses: []string{"personalization"}, Topic: "cart",
		Entry: journey.Entry{Event: "Product Added"},
		Exit:  []journey.Exit{{Event: "Order Completed", Where: "event.cart_id == null or event.cart_id == entry.cart_id"}},
		Steps: []journey.Step{{ID: "send", Send: &send}},
	}, journey.Names{Plan: &testPlan})
	if problems != nil {
		panic(problems[0])
	}
	return j
}

// putKey writes an item over whatever stands there.
func (w *world) putKey(key item.Key, epoch int64, doc any) *item.Item {
	w.t.Helper()
	items, err := w.mem.Get(context.Background(), flow.Strong, key)
	if err != nil {
		w.t.Fatal(err)
	}
	it := items[0].Next(key, w.tokens.Token(), epoch)
	if err := it.Encode(doc); err != nil {
		w.t.Fatal(err)
	}
	if err := w.mem.Write(context.Background(), flow.Put(it, flow.Is(items[0]))); err != nil {
		w.t.Fatal(err)
	}
	return &it
}

func (w *world) put(sk string, epoch int64, doc any) *item.Item {
	w.t.Helper()
	return w.putKey(item.C(dana, sk), epoch, doc)
}

func (w *world) get(sk string, doc any) *item.Item {
	w.t.Helper()
	items, err := w.mem.Get(context.Background(), flow.Strong, item.C(dana, sk))
	if err != nil {
		w.t.Fatal(err)
	}
	if items[0] != nil {
		if err := items[0].Decode(doc); err != nil {
			w.t.Fatal(err)
		}
	}
	return items[0]
}

func (w *world) gate() consent.Gate {
	w.t.Helper()
	var g consent.Gate
	w.get(item.SKGate, &g)
	return g
}

// lower changes the gate as another flow would: whatever stands there, by version.
func (w *world) lower(change func(*consent.Gate)) {
	w.t.Helper()
	g := w.gate()
	change(&g)
	w.put(item.SKGate, 0, &g)
}

func (w *world) grant() {
	w.lower(func(g *consent.Gate) {
		at := noon.Add(-24 * time.Hour).UnixMilli()
		g.States = map[string]consent.Permission{
			"marketing/email": {State: consent.Granted, At: at, Ledger: "CONSENT#0000000001"},
			"personalization": {State: consent.Granted, At: at},
		}
	})
}

func withdraw(g *consent.Gate) {
	g.States["marketing/email"] = consent.Permission{State: consent.Withdrawn, At: noon.UnixMilli()}
}

// event stores what she did, so long ago.
func (w *world) event(name string, ago time.Duration, props map[string]any) fact.Event {
	w.t.Helper()
	at := w.clock.Now(dana).Add(-ago)
	e := fact.Event{ID: w.tokens.Token(), Name: name, At: at.UnixMilli(), In: ident.NewStamp(at, w.tokens.Seq()), Props: props}
	w.put(item.EventSK(name, at, e.ID), 0, &e)
	return e
}

// due puts a run of the journey at its send, its message due now. The entry was
// an hour ago.
func (w *world) due(journeyName string, change ...func(*engine.Run)) (item.Key, string) {
	w.t.Helper()
	j := w.live.Journeys[journeyName]
	now := w.clock.Now(dana)
	entered := now.Add(-time.Hour)
	run := engine.Run{
		ID: "run-" + journeyName, Journey: journeyName, Release: w.live.ID, Version: j.Version, State: engine.Sending, Step: "send",
		At: ident.Until(now), Entered: ident.Until(entered),
		Entry: fact.Fact{Kind: fact.KindEvent, ID: "Product Added#e1", Name: "Product Added", At: entered.UnixMilli(),
			In: ident.NewStamp(entered, 1), Props: map[string]any{"product_id": "p1", "name": "Tent", "cart_id": "c1"}},
	}
	run.Out = &engine.Command{Send: &engine.SendCommand{
		Message: ident.MessageID(run.ID, run.Step, 0, 0), Template: j.Steps[0].Send.Template, Purpose: j.Purpose, Topic: j.Topic, Due: now.UnixMilli(),
	}}
	for _, c := range change {
		c(&run)
	}
	it := w.put(item.RunSK(journeyName, ""), 0, &run)
	if run.Out == nil {
		return it.Key, ""
	}
	return it.Key, run.Out.Send.Message
}

// deliver is one call that must not fail.
func (w *world) deliver(key item.Key) Result {
	w.t.Helper()
	r, err := w.svc.Deliver(context.Background(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// msg is the stored message, or an empty one.
func (w *world) msg(id string) message.Msg {
	w.t.Helper()
	var m message.Msg
	w.get(item.MsgSK(id), &m)
	return m
}

func (w *world) expect(id string, state message.State, reason string) message.Msg {
	w.t.Helper()
	m := w.msg(id)
	if m.State != state || m.Reason != reason {
		w.t.Fatalf("message is %q %q, want %q %q", m.State, m.Reason, state, reason)
	}
	return m
}

func (w *world) mails(n int) []flow.Mail {
	w.t.Helper()
	mails := w.mailer.accepted()
	if len(mails) != n {
		w.t.Fatalf("%d mails have left, want %d", len(mails), n)
	}
	return mails
}

// mailer is a Mailer that answers as it is told.
type mailer struct {
	mu     sync.Mutex
	tries  int
	sent   []flow.Mail
	answer func(flow.Mail) error // nil: accept
	lies   bool                  // the error comes although the mail was accepted
}

func (m *mailer) Send(ctx context.Context, mail flow.Mail) (string, error) {
	m.mu.Lock()
	answer := m.answer
	m.tries++
	m.mu.Unlock()
	var err error
	if answer != nil {
		err = answer(mail)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil || m.lies {
		m.sent = append(m.sent, mail)
	}
	return "provider-" + mail.ID, err
}

func (m *mailer) accepted() []flow.Mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]flow.Mail(nil), m.sent...)
}

// Has makes it the mailbox of one machine.
func (m *mailer) Has(_ context.Context, id string) (bool, error) {
	for _, mail := range m.accepted() {
		if mail.ID == id {
			return true, nil
		}
	}
	return false, nil
}

func refuses(outcome flow.Outcome, code string) func(flow.Mail) error {
	return func(flow.Mail) error {
		return &flow.SendError{Outcome: outcome, Code: code, Err: errors.New("refused")}
	}
}

type metrics struct {
	mu     sync.Mutex
	counts map[string]int64
}

func (m *metrics) Count(name string, n int64, dims ...flow.Dim) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counts == nil {
		m.counts = map[string]int64{}
	}
	m.counts[fmt.Sprint(name, dims)] += n
}

func (m *metrics) Observe(string, time.Duration, ...flow.Dim) {}

func (m *metrics) count(name string, dims ...flow.Dim) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts[fmt.Sprint(name, dims)]
}
