package feedback

import (
	"context"
	"fmt"
	"math/rand/v2"
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
	"github.com/kesher-io/kesher/shared/flow/consents"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

const (
	address = "dana@shop.example"
	msg     = "abcdefghijklmnop-0"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// world is Dana, to whom a mail was sent.
type world struct {
	t      testing.TB
	ctx    context.Context
	clock  *fake.Clock
	store  *memstore.Store
	svc    *Service
	counts map[string]int64
	dana   string
	hash   string
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, ctx: context.Background(), clock: fake.NewClock(noon), counts: map[string]int64{}}
	w.store = memstore.New(w.clock.NowOf)
	keys, tokens := ident.NewKeys([]byte("secret")), fake.NewTokens(1)
	w.svc = &Service{
		Store: w.store, Clock: w.clock, Tokens: tokens, Keys: keys, Releases: w, Metrics: w,
		Consents: consents.Writer{Store: w.store, Clock: w.clock, Tokens: tokens, Keys: keys},
	}
	w.dana, w.hash = keys.Customer("dana"), keys.Address(address)
	w.put(item.C(w.dana, item.SKGate), 0, consent.Gate{States: map[string]consent.Permission{"marketing/email": {State: consent.Granted}}})
	w.put(item.C(w.dana, item.SKProfile), 0, profile.Profile{Address: address, AddressHash: w.hash})
	w.put(profile.OwnerKey(w.hash), 0, profile.Owner{Customer: w.dana})
	return w
}

func (w *world) Live(context.Context) (*release.Release, error) {
	return &release.Release{Plan: &plan.Plan{Purposes: map[string]plan.Purpose{"tracking": {Basis: plan.BasisConsent}}}}, nil
}

func (w *world) Get(ctx context.Context, _ string) (*release.Release, error) { return w.Live(ctx) }

func (w *world) Count(name string, n int64, dims ...flow.Dim) {
	w.counts[name+" "+dims[0].Value] += n
}

func (w *world) Observe(string, time.Duration, ...flow.Dim) {}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) put(k item.Key, epoch int64, doc any) {
	w.t.Helper()
	it := (*item.Item)(nil).Next(k, "w-test-"+k.SK, epoch)
	w.must(it.Encode(doc))
	w.must(w.store.Write(w.ctx, flow.Put(it, flow.Any)))
}

// read decodes an item; false if there is none.
func (w *world) read(k item.Key, v any) bool {
	w.t.Helper()
	items, err := w.store.Get(w.ctx, flow.Strong, k)
	w.must(err)
	if items[0] == nil {
		return false
	}
	w.must(items[0].Decode(v))
	return true
}

func (w *world) message() *message.Msg {
	m := &message.Msg{}
	if !w.read(item.C(w.dana, item.MsgSK(msg)), m) {
		return nil
	}
	return m
}

func (w *world) gate() (g consent.Gate) {
	w.read(item.C(w.dana, item.SKGate), &g)
	return g
}

func (w *world) owner() (o profile.Owner) {
	w.read(profile.OwnerKey(w.hash), &o)
	return o
}

func (w *world) events(name string) []fact.Event {
	w.t.Helper()
	var list []fact.Event
	q := flow.Query{Table: item.Customers, PK: item.CustomerPK(w.dana), Prefix: item.EventPrefix(name)}
	w.must(flow.Each(w.ctx, w.store, q, func(it item.Item) error {
		list = append(list, fact.Event{})
		return it.Decode(&list[len(list)-1])
	}))
	return list
}

// report is SES's event of a kind about Dana's message.
func (w *world) report(kind string) *events.SESEvent {
	to := []events.SESRecipient{{EmailAddress: events.NewPersonal("Dana <" + address + ">")}}
	at := noon.Add(2 * time.Second)
	d := events.SESDetail{EventType: kind, Mail: events.SESMail{
		Timestamp: noon, MessageID: "ses-1", Tags: map[string][]string{
			events.TagCustomer: {w.dana}, events.TagMessage: {msg}, events.TagJourney: {"cart"},
		},
	}}
	switch kind {
	case events.SESDelivery:
		d.Delivery = &events.SESDeliveryInfo{Timestamp: at}
	case events.SESBounce:
		d.Bounce = &events.SESBounceInfo{Timestamp: at, BounceType: events.BouncePermanent, BounceSubType: "General", BouncedRecipients: to}
	case events.SESComplaint:
		d.Complaint = &events.SESComplaintInfo{Timestamp: at, FeedbackType: "abuse", ComplainedRecipients: to}
	case events.SESDeliveryDelay:
		d.DeliveryDelay = &events.SESDelayInfo{Timestamp: at, DelayType: "MailboxFull"}
	case events.SESReject:
		d.Reject = &events.SESRejectInfo{Reason: "Bad content"}
	case events.SESOpen:
		d.Open = &events.SESOpenInfo{Timestamp: at}
	case events.SESClick:
		d.Click = &events.SESClickInfo{Timestamp: at, Link: events.NewPersonal("https://shop.example")}
	case events.SESRenderingFailure:
		d.RenderingFailure = &events.SESFailureInfo{}
	case events.SESSubscription:
		d.Subscription = &events.SESTopicInfo{Timestamp: at}
	}
	return &events.SESEvent{ID: "eb-1", Source: events.SESSource, Time: at, Detail: d}
}

func (w *world) take(kind string) {
	w.t.Helper()
	w.must(w.svc.Take(w.ctx, w.report(kind)))
}

func TestReportsAreEventsWithSegmentsNames(t *testing.T) {
	for kind, name := range map[string]string{
		events.SESDelivery: fact.EmailDelivered, events.SESBounce: fact.EmailBounced, events.SESComplaint: fact.EmailMarkedAsSpam,
	} {
		w := newWorld(t)
		w.put(item.C(w.dana, item.MsgSK(msg)), 0, message.Msg{ID: msg, State: message.Sent, Hops: 2})
		w.take(kind)
		got := w.events(name)
		if len(got) != 1 || got[0].Props["email_id"] != msg || got[0].Props["campaign_name"] != "cart" {
			t.Errorf("%s: events %+v", kind, got)
		}
		if got[0].By != "cart" || got[0].Hops != 3 {
			t.Errorf("%s: caused by %q, hop %d", kind, got[0].By, got[0].Hops)
		}
		if got[0].At != noon.Add(2*time.Second).UnixMilli() || got[0].In.Milli() != noon.UnixMilli() {
			t.Errorf("%s: at %d, in %s", kind, got[0].At, got[0].In)
		}
	}
}

func TestAnyTaggedReportMakesTheMessageSentFromAnyState(t *testing.T) {
	for _, kind := range []string{
		events.SESSend, events.SESDelivery, events.SESBounce, events.SESComplaint, events.SESDeliveryDelay, events.SESReject, events.SESOpen, events.SESClick,
	} {
		for _, state := range []message.State{message.Unknown, message.Failed, message.Skipped, message.Held} {
			w := newWorld(t)
			w.put(item.C(w.dana, item.MsgSK(msg)), 0, message.Msg{ID: msg, State: state, Reason: "r", Journey: "cart", RunKey: "RUN#cart#-", Until: 5})
			w.take(kind)
			if m := w.message(); m.State != message.Sent || m.Provider != "ses-1" || m.Until != 0 || m.RunKey != "RUN#cart#-" {
				t.Errorf("%s after %s: %+v", kind, state, m)
			}
		}
	}
}

func TestARejectedMessageSaysSo(t *testing.T) {
	w := newWorld(t)
	w.put(item.C(w.dana, item.MsgSK(msg)), 0, message.Msg{ID: msg, State: message.Sent, Journey: "cart"})
	w.take(events.SESReject)
	if m := w.message(); m.State != message.Sent || m.Reason != ReasonRejected {
		t.Fatalf("%+v", m)
	}
	if w.gate().Suppressed != nil {
		t.Fatal("a virus in our mail suppressed her address")
	}
}

func TestAReportAboutAMessageNobodyStoredMakesItFromTheRun(t *testing.T) {
	w := newWorld(t)
	w.put(item.C(w.dana, item.RunSK("cart", "")), 0, engine.Run{
		ID: "run-1", Journey: "cart", Step: "send-a", Visit: 2, Release: "r1", State: engine.Sending,
		Out: &engine.Command{Send: &engine.SendCommand{Message: msg, Template: "cart-reminder", Purpose: "marketing", Due: 7}},
	})
	w.take(events.SESDelivery)
	m := w.message()
	if m == nil || m.State != message.Sent || m.Run != "run-1" || m.RunKey != item.RunSK("cart", "") || m.Step != "send-a" || m.Visit != 2 || m.Template != "cart-reminder" || m.Due != 7 {
		t.Fatalf("%+v", m)
	}
}

func TestARenderingFailureProvesNoSend(t *testing.T) {
	w := newWorld(t)
	w.take(events.SESRenderingFailure)
	if m := w.message(); m != nil {
		t.Fatalf("%+v", m)
	}
}

func TestB20ABounceOrComplaintSuppressesHerAndTheAddress(t *testing.T) {
	for kind, reason := range map[string]string{events.SESBounce: consent.SuppressBounce, events.SESComplaint: consent.SuppressComplaint} {
		w := newWorld(t)
		w.take(kind)
		if g, o := w.gate(), w.owner(); g.Suppressed == nil || g.Suppressed.Reason != reason || o.Suppressed == nil || o.Suppressed.Reason != reason {
			t.Errorf("%s: gate %+v, address %+v", kind, g.Suppressed, o.Suppressed)
		}
	}
}

// A claim is one conditional write of GATE as it was read: the bounce's write
// of GATE makes it fail.
func TestB20ABounceBeatsAClaimThatReadTheGateBefore(t *testing.T) {
	w := newWorld(t)
	key := item.C(w.dana, item.SKGate)
	read, err := w.store.Get(w.ctx, flow.Strong, key)
	w.must(err)
	w.take(events.SESBounce)
	claim := read[0].Next(key, "claim", 0)
	w.must(claim.Encode(consent.Gate{Claims: []consent.Claim{{Message: "next-0"}}}))
	if _, lost := flow.AsConflict(w.store.Write(w.ctx, flow.Put(claim, flow.Is(read[0])))); !lost {
		t.Fatal("the claim went through")
	}
}

func TestATransientBounceAndATakenBackComplaintSuppressNobody(t *testing.T) {
	w := newWorld(t)
	soft, back := w.report(events.SESBounce), w.report(events.SESComplaint)
	soft.Detail.Bounce.BounceType = events.BounceTransient
	back.Detail.Complaint.FeedbackType = "not-spam"
	w.must(w.svc.Take(w.ctx, soft))
	w.must(w.svc.Take(w.ctx, back))
	if w.gate().Suppressed != nil || w.owner().Suppressed != nil {
		t.Fatal("suppressed")
	}
	if got := w.events(fact.EmailBounced); len(got) != 1 || got[0].Props["bounce_type"] != events.BounceTransient {
		t.Fatalf("events %+v", got)
	}
}

func TestABounceIsAboutTheAddressItWentTo(t *testing.T) {
	w := newWorld(t)
	other := w.svc.Keys.Address("new@shop.example")
	w.put(item.C(w.dana, item.SKProfile), 0, profile.Profile{Address: "new@shop.example", AddressHash: other})
	w.put(profile.OwnerKey(w.hash), 0, profile.Owner{})
	w.put(profile.OwnerKey(other), 0, profile.Owner{Customer: w.dana})
	w.take(events.SESBounce)
	if w.owner().Suppressed == nil || w.gate().Suppressed != nil {
		t.Fatalf("old address %+v, her gate %+v", w.owner().Suppressed, w.gate().Suppressed)
	}
}

func TestAReportOfBeforeAnErasureIsDroppedButABounceReachesTheAddress(t *testing.T) {
	for name, gate := range map[string]consent.Gate{"tombstone": {Erased: 1}, "she came back": {Since: 1}} {
		w := newWorld(t)
		w.put(item.C(w.dana, item.SKGate), 1, gate)
		w.put(profile.OwnerKey(w.hash), 0, profile.Owner{Suppressed: &consent.Suppression{Reason: consent.SuppressErased}})
		w.take(events.SESBounce)
		if got := len(w.events(fact.EmailBounced)); got != 0 || w.message() != nil {
			t.Errorf("%s: %d events, message %+v", name, got, w.message())
		}
		if o := w.owner(); o.Suppressed == nil || o.Suppressed.Reason != consent.SuppressBounce {
			t.Errorf("%s: address %+v", name, o.Suppressed)
		}
	}
}

func TestSomebodyElsesMailIsDropped(t *testing.T) {
	w := newWorld(t)
	before := len(w.store.Changes())
	for _, tag := range []string{events.TagCustomer, events.TagMessage} {
		r := w.report(events.SESBounce)
		delete(r.Detail.Mail.Tags, tag)
		w.must(w.svc.Take(w.ctx, r))
	}
	if len(w.store.Changes()) != before || w.counts[MetricDropped+" Bounce"] != 2 {
		t.Fatalf("wrote %d, counted %v", len(w.store.Changes())-before, w.counts)
	}
}

func TestSESsOwnTrackingCountsOnlyUnderPermission(t *testing.T) {
	w := newWorld(t)
	w.take(events.SESOpen)
	w.take(events.SESClick)
	if n := len(w.events(fact.EmailOpened)) + len(w.events(fact.EmailLinkClicked)); n != 0 {
		t.Fatalf("%d events without permission", n)
	}
	w.put(item.C(w.dana, item.SKGate), 0, consent.Gate{States: map[string]consent.Permission{"tracking": {State: consent.Granted}}})
	w.take(events.SESOpen)
	w.take(events.SESClick)
	if a, b := len(w.events(fact.EmailOpened)), len(w.events(fact.EmailLinkClicked)); a != 1 || b != 1 {
		t.Fatalf("%d opens and %d clicks, want 1 each", a, b)
	}
}

// Whatever order reports come in, how often, and which are lost: the same ones
// leave the same state.
func TestReportsInAnyOrderAndNumberLeaveTheSameState(t *testing.T) {
	kinds := []string{events.SESSend, events.SESDelivery, events.SESDeliveryDelay, events.SESComplaint, events.SESBounce}
	var want string
	for seed := range 60 {
		w := newWorld(t)
		w.put(item.C(w.dana, item.MsgSK(msg)), 0, message.Msg{ID: msg, State: message.Unknown, Journey: "cart"})
		random := rand.New(rand.NewPCG(uint64(seed), 0))
		var all []string
		for _, kind := range kinds {
			for range 1 + random.IntN(3) {
				all = append(all, kind)
			}
		}
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for n, kind := range all {
			r := w.report(kind)
			r.ID = fmt.Sprint("eb-", n) // every copy in an envelope of its own
			w.must(w.svc.Take(w.ctx, r))
		}
		m := w.message()
		got := fmt.Sprintln(m.State, m.Reason, m.Provider, w.gate().Suppressed != nil,
			len(w.events(fact.EmailDelivered)), len(w.events(fact.EmailMarkedAsSpam)), len(w.events(fact.EmailBounced)))
		if want == "" {
			want = got
		}
		if got != want {
			t.Fatalf("seed %d: %s, want %s (order %v)", seed, got, want, all)
		}
	}
	if want != "sent  ses-1 true 1 1 1\n" {
		t.Fatalf("state %q", want)
	}
}

func TestACopyWritesNothing(t *testing.T) {
	for _, kind := range []string{events.SESDelivery, events.SESBounce, events.SESComplaint, events.SESReject, events.SESDeliveryDelay} {
		w := newWorld(t)
		w.take(kind)
		before := len(w.store.Changes())
		w.clock.Advance(time.Hour)
		w.take(kind)
		if got := len(w.store.Changes()) - before; got != 0 {
			t.Errorf("%s: a copy wrote %d items", kind, got)
		}
	}
}

func TestE06WhatIsStoredOfAReportHoldsNoAddress(t *testing.T) {
	w := newWorld(t)
	before := len(w.store.Changes())
	for kind := range events.SESDetailTypes {
		w.take(kind)
	}
	for _, c := range w.store.Changes()[before:] {
		if text := c.Key.String() + c.New.Body; strings.Contains(text, address) {
			t.Errorf("%s holds the address", c.Key)
		}
	}
}

func TestB20EveryRecipientThatBouncedIsSuppressed(t *testing.T) {
	w := newWorld(t)
	r := w.report(events.SESBounce)
	r.Detail.Bounce.BouncedRecipients = append(r.Detail.Bounce.BouncedRecipients, events.SESRecipient{EmailAddress: events.NewPersonal("second@shop.example")})
	w.must(w.svc.Take(w.ctx, r))
	var o profile.Owner
	if w.read(profile.OwnerKey(w.svc.Keys.Address("second@shop.example")), &o); o.Suppressed == nil {
		t.Fatal("the second is mailed on")
	}
}

func TestTwoClicksInAMailAreTwo(t *testing.T) {
	w := newWorld(t)
	g := w.gate()
	g.States["tracking"] = consent.Permission{State: consent.Granted}
	w.put(item.C(w.dana, item.SKGate), 0, g)
	for _, link := range []string{"https://shop.example/a", "https://shop.example/b", "https://shop.example/a"} {
		r := w.report(events.SESClick)
		r.Detail.Click.Link = events.NewPersonal(link)
		w.must(w.svc.Take(w.ctx, r))
	}
	if n := len(w.events(fact.EmailLinkClicked)); n != 2 {
		t.Fatalf("%d clicks", n)
	}
}

// Where deliver died before it could write MSG, the report's has all of its run.
func TestAMessageMadeUpFromItsRunKnowsHowDeepItsChainIs(t *testing.T) {
	w := newWorld(t)
	run := engine.Run{ID: "r", Journey: "cart", Step: "s", Release: "r1", Hops: 4, State: engine.Sending}
	run.Out = &engine.Command{Send: &engine.SendCommand{Message: msg, Template: "t", Purpose: "marketing", Due: 7}}
	w.put(item.C(w.dana, item.RunSK("cart", "")), 0, run)
	w.take(events.SESDelivery)
	if m := w.message(); m == nil || m.Hops != 4 || m.State != message.Sent {
		t.Fatalf("%+v", m)
	}
	if e := w.events(fact.EmailDelivered); len(e) != 1 || e[0].Hops != 5 {
		t.Fatalf("%+v", e)
	}
}

// What settles a message takes back the reason why it was thought not to leave.
func TestASentMessageHasNoReasonOfBefore(t *testing.T) {
	w := newWorld(t)
	w.put(item.C(w.dana, item.MsgSK(msg)), 0, message.Msg{ID: msg, State: message.Unknown, Reason: message.ReasonLease})
	w.take(events.SESDelivery)
	if m := w.message(); m.State != message.Sent || m.Reason != "" {
		t.Fatalf("%s: %q", m.State, m.Reason)
	}
}

func TestReportsLeaveTheLogAfter400Days(t *testing.T) {
	w := newWorld(t)
	w.take(events.SESDelivery)
	for _, c := range w.store.Changes() {
		if c.New != nil && c.Key.SK[0] == 'E' && (c.New.TTL == 0 || c.New.TTL != noon.Add(keep).Unix()) {
			t.Fatalf("%s ends at %d", c.Key.SK, c.New.TTL)
		}
	}
}
