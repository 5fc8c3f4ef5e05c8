package preferences

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/agenda"
	"github.com/kesher-io/kesher/shared/flow/clock"
	"github.com/kesher-io/kesher/shared/flow/collect"
	"github.com/kesher-io/kesher/shared/flow/erase"
	"github.com/kesher-io/kesher/shared/testkit/fake"
)

func (w *world) centre(c token.Cookie) *Centre {
	w.t.Helper()
	got, err := w.svc.Centre(w.ctx, c, "en")
	w.must(err)
	if got == nil {
		w.t.Fatal("the session shows nothing")
	}
	return got
}

func (w *world) change(c token.Cookie, change Change) {
	w.t.Helper()
	w.must(w.svc.Change(w.ctx, c, "en", change))
}

func TestTheCentreShowsWhatIsKnownAndWhatItIsFor(t *testing.T) {
	w := newWorld(t)
	c := w.centre(w.session())
	if c.Address != "d•••@shop.example" {
		t.Errorf("address %q: want enough to recognise it, and no more", c.Address)
	}
	var interests *Trait
	for i := range c.Traits {
		if c.Traits[i].Name == "interests" {
			interests = &c.Traits[i]
		}
	}
	if interests == nil {
		t.Fatalf("interests are missing in %+v", c.Traits)
	}
	if interests.Origin != plan.OriginFirst || !reflect.DeepEqual(interests.Purposes, []string{"Fit things to me"}) {
		t.Errorf("interests come from %q for %q", interests.Origin, interests.Purposes)
	}
	if interests.Gives != "Only what you picked" || interests.Options[0].Title != "Outdoor" { // A43
		t.Errorf("interests give %q, options %+v", interests.Gives, interests.Options)
	}
	var order []string
	for _, p := range c.Permissions {
		order = append(order, p.Purpose+"/"+p.Channel+":"+string(p.State))
	}
	want := []string{"marketing/email:granted", "surveys/email:", "personalization/:", "tracking/:", "service/email:"}
	if !reflect.DeepEqual(order, want) {
		t.Errorf("permissions %v, want %v", order, want)
	}
}

func TestTheCentreOffersTheTextThatSpeaksOfTheLeast(t *testing.T) {
	w := newWorld(t)
	for _, p := range w.centre(w.session()).Permissions {
		want := map[string]string{"marketing": "newsletter", "personalization": "fit", "tracking": "measure"}[p.Purpose]
		if got := p.Notice; (got == nil) != (want == "") || got != nil && got.ID != want {
			t.Errorf("%s would rest on %+v, want %q", p.Purpose, got, want)
		}
	}
}

func TestAnExpiredTraitAndAnOlderEpochAreNotShown(t *testing.T) {
	w := newWorld(t)
	p := w.profile()
	p.Set("size", profile.Trait{Value: 4.0, At: 1, Expires: w.clock.Now(w.dana).UnixMilli()})
	w.put(item.C(w.dana, item.SKProfile), p)
	for _, tr := range w.centre(w.session()).Traits {
		if tr.Name == "size" {
			t.Fatal("an expired trait is shown")
		}
	}
}

// A06: of two grants in a row, in any order, each changes its own permission alone.
func TestA06GrantingInTheCentreNeverGrantsAnother(t *testing.T) {
	choices := []Choice{
		{Purpose: "marketing", Channel: "email", Notice: "newsletter", Version: "v1"},
		{Purpose: "personalization", Notice: "fit", Version: "v1"},
		{Purpose: "personalization", Notice: "newsletter", Version: "v1"},
		{Purpose: "tracking", Notice: "measure", Version: "v1"},
	}
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		c := w.session()
		w.change(c, Change{StopAll: true})
		granted := map[string]bool{}
		for _, choice := range rapid.SliceOfN(rapid.SampledFrom(choices), 1, 3).Draw(rt, "grants") {
			w.clock.Advance(time.Second)
			w.change(c, Change{Grant: &choice})
			granted[consent.Name(choice.Purpose, choice.Channel)] = true
		}
		for name, p := range w.gate().States {
			if (p.State == consent.Granted) != granted[name] {
				rt.Fatalf("%s is %s, granted were %v", name, p.State, granted)
			}
		}
	})
}

func TestAGrantNeedsATextThatSpeaksOfIt(t *testing.T) {
	w := newWorld(t)
	c := w.session()
	for name, choice := range map[string]Choice{
		"no text":         {Purpose: "tracking"},
		"text of another": {Purpose: "tracking", Notice: "newsletter", Version: "v1"},
		"older text":      {Purpose: "tracking", Notice: "measure", Version: "v0"},
		"unknown purpose": {Purpose: "spying", Notice: "measure", Version: "v1"},
	} {
		if err := w.svc.Change(w.ctx, c, "en", Change{Grant: &choice}); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v, want refused", name, err)
		}
	}
}

func TestA08AGrantRecordsTextLanguageSurfaceAndWay(t *testing.T) {
	w := newWorld(t)
	w.change(w.session(), Change{Grant: &Choice{Purpose: "tracking", Notice: "measure", Version: "v1"}})
	var e consent.Entry
	w.read(item.Key{Table: item.Ledger, PK: item.CustomerPK(w.dana), SK: w.gate().States["tracking"].Ledger}, &e)
	if e.Notice == nil || e.Notice.ID != "measure" || e.Notice.Lang != "en" || e.Surface != "preferences" || e.Mechanism != "button" || e.By != consent.Person {
		t.Fatalf("entry %+v", e)
	}
}

func TestEveryChangeOfTheCentreTakesEffect(t *testing.T) {
	days := func(n int) *int { return &n }
	for name, c := range map[string]struct {
		change Change
		holds  func(*world) bool
	}{
		"withdraw": {Change{Withdraw: &Choice{Purpose: "marketing", Channel: "email"}}, func(w *world) bool { return !w.mayMail("marketing") }},
		"stop all": {Change{StopAll: true}, func(w *world) bool { return !w.mayMail("marketing") }},
		"topic":    {Change{Topic: &TopicChange{Topic: "news"}}, func(w *world) bool { _, off := w.gate().Topics["news"]; return off }},
		"pause": {Change{Pause: days(30)}, func(w *world) bool {
			return w.gate().Paused == w.clock.Now(w.dana).Add(30*day).UnixMilli()
		}},
		"language": {Change{Language: "en"}, func(w *world) bool { p := w.profile(); return p.Locale == "en" && p.Chosen }},
		"trait":    {Change{Trait: &TraitChange{Name: "first_name", Text: " Dani "}}, func(w *world) bool { return w.profile().Traits["first_name"].Value == "Dani" }},
		"number":   {Change{Trait: &TraitChange{Name: "size", Text: "42.5"}}, func(w *world) bool { return w.profile().Traits["size"].Value == 42.5 }},
		"member": {Change{Trait: &TraitChange{Name: "interests", Add: "home"}}, func(w *world) bool {
			got := w.profile().Traits["interests"]
			return reflect.DeepEqual(got.Value, []any{"outdoor", "home"}) && got.Origin == plan.OriginZero && got.Expires != 0
		}},
		"forget": {Change{Forget: "first_name"}, func(w *world) bool { _, known := w.profile().Traits["first_name"]; return !known }},
	} {
		w := newWorld(t)
		w.change(w.session(), c.change)
		if !c.holds(w) {
			t.Errorf("%s did nothing: %+v, traits %v", name, w.gate(), len(w.profile().Traits))
		}
	}
}

func TestANewAddressBecomesHersByALinkMailedToIt(t *testing.T) {
	w := newWorld(t)
	w.change(w.session(), Change{Address: " dana@new.example "})
	hash, p := w.keys.Address("dana@new.example"), w.profile()
	if p.AddressHash != w.address || p.PendingHash != hash || p.UserID != "dana" {
		t.Fatalf("mail goes to %s, %s waits, of %q", p.AddressHash, p.PendingHash, p.UserID)
	}
	asked := w.events(fact.MessageRequested)
	if len(asked) != 1 || asked[0].Props["kind"] != "confirm" || asked[0].Props["address"] != hash {
		t.Fatalf("asked %+v", asked)
	}
	w.must(w.svc.Confirm(w.ctx, w.ring.MintConfirm(token.Confirm{Customer: w.dana, Address: hash})))
	if p := w.profile(); p.AddressHash != hash || w.owner(w.address).Customer != "" {
		t.Fatalf("mail goes to %s, the old one is %+v", p.AddressHash, w.owner(w.address))
	}
}

func TestE09ASessionAsksAtFiveAddressesADay(t *testing.T) {
	w := newWorld(t)
	c := w.session()
	for n := range 8 {
		err := w.svc.Change(w.ctx, c, "en", Change{Address: fmt.Sprintf("eve%d@shop.example", n)})
		if n < collect.MaxAsked && err != nil || n >= collect.MaxAsked && !errors.Is(err, ErrRefused) {
			t.Fatalf("address %d: %v", n, err)
		}
		w.clock.Advance(time.Second)
	}
	if got := len(w.events(fact.MessageRequested)); got != collect.MaxAsked {
		t.Fatalf("%d mails", got)
	}
}

func TestA36ACustomerHasHerselfForgotten(t *testing.T) {
	w := newWorld(t)
	c := w.session()
	w.change(c, Change{Erase: true})
	if w.mayMail("marketing") {
		t.Fatal("mail goes on")
	}
	forget := &erase.Service{Store: w.store, Clock: w.clock, Tokens: fake.NewTokens(2)}
	minute := clock.Service{
		Store: w.store, Clock: w.clock, Tokens: fake.NewTokens(3), Metrics: fake.NoMetrics{},
		Chores: map[string]clock.Chore{agenda.Erase: forget.Asked, agenda.Sweep: forget.Sweep},
	}
	for range 2 {
		due, _, err := minute.Take(w.ctx, item.Shard(w.dana), nil)
		w.must(err)
		for _, e := range due {
			w.must(minute.Fire(w.ctx, e))
		}
		if g, p := w.gate(), w.profile(); g.Erased == 0 || p.UserID != "" {
			t.Fatalf("gate %+v, profile of %q", g, p.UserID)
		}
		w.clock.Advance(time.Hour) // the sweep is due
	}
	if err := w.svc.Change(w.ctx, c, "en", Change{Language: "en"}); !errors.Is(err, ErrSession) {
		t.Fatalf("the session goes on: %v", err)
	}
}

func TestWhatDoesNotFitIsRefusedAndChangesNothing(t *testing.T) {
	days := func(n int) *int { return &n }
	for name, change := range map[string]Change{
		"nothing":          {},
		"service":          {Withdraw: &Choice{Purpose: "service", Channel: "email"}},
		"unknown topic":    {Topic: &TopicChange{Topic: "secrets"}},
		"endless pause":    {Pause: days(10_000)},
		"negative pause":   {Pause: days(-1)},
		"foreign language": {Language: "fr"},
		"unknown trait":    {Trait: &TraitChange{Name: "mood", Text: "good"}},
		"address":          {Trait: &TraitChange{Name: "email", Text: "eve@shop.example"}},
		"no number":        {Trait: &TraitChange{Name: "size", Text: "big"}},
		"not a number":     {Trait: &TraitChange{Name: "size", Text: "NaN"}},
		"unlisted member":  {Trait: &TraitChange{Name: "interests", Add: "<script>"}},
		"forget unknown":   {Forget: "mood"},
		"forget address":   {Forget: "email"},
		"no new address":   {Address: "dana at shop"},
	} {
		w := newWorld(t)
		c := w.session()
		before := w.writes()
		if err := w.svc.Change(w.ctx, c, "en", change); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v, want refused", name, err)
		}
		if w.writes() != before {
			t.Errorf("%s: wrote something", name)
		}
	}
}

func TestA25AGPCSignalIsStoredOnceAppliedAndShown(t *testing.T) {
	w := newWorld(t)
	w.apply(consent.Statement{Purpose: "tracking", State: consent.Granted, Notice: &consent.Notice{ID: "measure"}, By: consent.Server})
	w.clock.Advance(time.Minute)
	c := w.session()
	for range 5 {
		w.must(w.svc.Signal(w.ctx, c, "gpc"))
	}
	if got := w.events(fact.SignalReceived); len(got) != 1 || got[0].Props["signal"] != "gpc" {
		t.Fatalf("signals %+v, want one", got)
	}
	if got := w.gate().States["tracking"].State; got != consent.Withdrawn {
		t.Fatalf("tracking is %q, want withdrawn", got)
	}
	if got := w.centre(c).Signal; got != w.clock.Now(w.dana).UnixMilli() {
		t.Fatalf("shown as honoured since %d", got)
	}
}

func TestA26ASignalNeverGrantsAndHerOwnChoiceOutweighsIt(t *testing.T) {
	w := newWorld(t)
	c := w.session()
	w.must(w.svc.Signal(w.ctx, c, "gpc"))
	for name, p := range w.gate().States {
		if p.State == consent.Granted && name != "marketing/email" {
			t.Fatalf("%s was granted by a signal", name)
		}
	}
	w.clock.Advance(time.Minute)
	w.change(c, Change{Grant: &Choice{Purpose: "tracking", Notice: "measure", Version: "v1"}})
	w.must(w.svc.Signal(w.ctx, c, "gpc"))
	if got := w.gate().States["tracking"].State; got != consent.Granted {
		t.Fatalf("tracking is %q after she granted it by hand", got)
	}
}

func TestA22AnOpenIsRecordedOnlyWhileTrackingIsGranted(t *testing.T) {
	w := newWorld(t)
	pixel := w.ring.MintOpen(token.Open{Customer: w.dana, Message: "abcdefghijklmnop-0", Journey: "cart"})
	w.must(w.svc.Open(w.ctx, pixel))
	if got := len(w.events(fact.EmailOpened)); got != 0 {
		t.Fatalf("%d opens without permission", got)
	}
	w.apply(consent.Statement{Purpose: "tracking", State: consent.Granted, Notice: &consent.Notice{ID: "measure"}, By: consent.Server})
	w.must(w.svc.Open(w.ctx, pixel))
	w.must(w.svc.Open(w.ctx, pixel))
	if got := w.events(fact.EmailOpened); len(got) != 1 || got[0].Props["email_id"] != "abcdefghijklmnop-0" {
		t.Fatalf("opens %+v, want one", got)
	}
	w.clock.Advance(time.Hour)
	w.apply(consent.Statement{Purpose: "tracking", State: consent.Withdrawn, By: consent.Server})
	w.must(w.svc.Open(w.ctx, pixel))
	w.must(w.svc.Open(w.ctx, "forged"))
	w.must(w.svc.Open(w.ctx, w.ring.MintOpen(token.Open{Customer: w.dana, Message: "abcdefghijklmnop-7"})))
	if got := len(w.events(fact.EmailOpened)); got != 1 {
		t.Fatalf("%d opens after the withdrawal, want still 1", got)
	}
}

// clicks takes what is counted.
type clicks []string

func (c *clicks) Count(journey, _, step, what string, _ time.Time) {
	*c = append(*c, journey+" "+step+" "+what)
}

func TestA23AClickIsCountedForItsStepOrRecordedUnderHerPermission(t *testing.T) {
	w := newWorld(t)
	counted := &clicks{}
	w.svc.Counts = counted
	click := func(l token.Link) {
		l.Target, l.Journey, l.Step = "https://shop.example/tents", "cart", "send-a"
		target, ok, err := w.svc.Click(w.ctx, w.ring.MintLink(l))
		w.must(err)
		if !ok || target != l.Target {
			t.Fatalf("led to %q", target)
		}
	}
	before := w.writes()
	click(token.Link{})
	if w.writes() != before || !reflect.DeepEqual(*counted, clicks{"cart send-a clicked"}) {
		t.Fatalf("a counted click wrote %d items and counted %v", w.writes()-before, *counted)
	}
	click(token.Link{Customer: w.dana, Message: "abcdefghijklmnop-0"})
	if got := len(w.events(fact.EmailLinkClicked)); got != 0 {
		t.Fatalf("%d personal clicks without permission", got)
	}
	w.apply(consent.Statement{Purpose: "tracking", State: consent.Granted, Notice: &consent.Notice{ID: "measure"}, By: consent.Server})
	click(token.Link{Customer: w.dana, Message: "abcdefghijklmnop-0"})
	if got := w.events(fact.EmailLinkClicked); len(got) != 1 || got[0].Props["link_url"] != "https://shop.example/tents" {
		t.Fatalf("clicks %+v, want one", got)
	}
	if _, ok, _ := w.svc.Click(w.ctx, "forged"); ok {
		t.Fatal("a forged link led somewhere")
	}
}

func (w *world) responses(pk string) []fact.Response {
	w.t.Helper()
	var list []fact.Response
	q := flow.Query{Table: item.Customers, PK: pk, Prefix: item.PrefixResponse}
	w.must(flow.Each(w.ctx, w.store, q, func(it item.Item) error {
		list = append(list, fact.Response{})
		return it.Decode(&list[len(list)-1])
	}))
	return list
}

func TestAnAnsweredSurveyIsStoredWithThePermissionGivenInIt(t *testing.T) {
	w := newWorld(t)
	a := Answers{
		Survey: "style", Lang: "en", Who: Respondent{Token: w.ring.MintSurvey(token.Survey{Customer: w.dana, Survey: "style"})},
		Values: map[string][]string{"interests": {"home"}, "rooms": {"3"}},
	}
	if err := w.svc.Answer(w.ctx, a); !errors.Is(err, ErrNotPermitted) {
		t.Fatalf("without permission: %v", err)
	}
	if got := w.responses(item.CustomerPK(w.dana)); len(got) != 0 {
		t.Fatal("stored without permission")
	}
	a.Grants = []string{"fit@v1"}
	w.must(w.svc.Answer(w.ctx, a))
	got := w.responses(item.CustomerPK(w.dana))
	if len(got) != 1 || got[0].Answers["rooms"] != 3.0 || !reflect.DeepEqual(got[0].Answers["interests"], []any{"home"}) {
		t.Fatalf("responses %+v", got)
	}
	if v := w.profile().Traits["interests"].Value; !reflect.DeepEqual(v, []any{"home"}) {
		t.Fatalf("interests %v", v)
	}
	form, err := w.svc.Survey(w.ctx, "style", "en", a.Who)
	w.must(err)
	if len(form.Notices) != 0 {
		t.Fatal("asks again for what is granted")
	}
}

func TestAVisitorsAnswersStandInHerOwnPartition(t *testing.T) {
	w := newWorld(t)
	w.must(w.svc.Answer(w.ctx, Answers{
		Survey: "style", Lang: "en", Who: Respondent{AnonymousID: "anon-1"},
		Values: map[string][]string{"rooms": {"2"}}, Grants: []string{"fit@v1"},
	}))
	if got := w.responses(item.PrefixVisitor + w.keys.Visitor("anon-1")); len(got) != 1 {
		t.Fatalf("%d responses of the visitor, want 1", len(got))
	}
}

func TestAnswersThatDoNotFitAreNamedAndNothingIsStored(t *testing.T) {
	w := newWorld(t)
	for name, values := range map[string]map[string][]string{
		"required left out": {"interests": {"home"}},
		"no number":         {"rooms": {"many"}},
		"no option":         {"rooms": {"1"}, "interests": {"moon"}},
	} {
		before := w.writes()
		err := w.svc.Answer(w.ctx, Answers{Survey: "style", Values: values, Grants: []string{"fit@v1"}})
		var wrong *WrongAnswers
		if !errors.As(err, &wrong) || len(wrong.Questions) != 1 || w.writes() != before {
			t.Errorf("%s: %v, %d writes", name, err, w.writes()-before)
		}
	}
	if err := w.svc.Answer(w.ctx, Answers{Survey: "none"}); !errors.Is(err, ErrNoSurvey) {
		t.Errorf("unknown survey: %v", err)
	}
}

func TestATokenOfAnotherSurveyNamesNobody(t *testing.T) {
	w := newWorld(t)
	before := len(w.responses(item.CustomerPK(w.dana)))
	w.must(w.svc.Answer(w.ctx, Answers{
		Survey: "style", Lang: "en", Who: Respondent{Token: w.ring.MintSurvey(token.Survey{Customer: w.dana, Survey: "other"})},
		Values: map[string][]string{"rooms": {"2"}}, Grants: []string{"fit@v1"},
	}))
	if got := len(w.responses(item.CustomerPK(w.dana))); got != before {
		t.Fatal("answered as the customer of another survey's token")
	}
}

// The centre shows what holds now: no permission, pause or address that is over.
func TestTheCentreShowsNothingThatIsOver(t *testing.T) {
	w := newWorld(t)
	now := w.clock.Now(w.dana)
	g := w.gate()
	p := g.States["marketing/email"]
	p.Expires = now.UnixMilli()
	g.States["marketing/email"], g.Paused = p, now.UnixMilli()
	w.put(item.C(w.dana, item.SKGate), g)
	doc := w.profile()
	doc.Pending, doc.PendingHash, doc.PendingTill = "new@shop.example", "h", now.UnixMilli()
	w.put(item.C(w.dana, item.SKProfile), doc)
	c := w.centre(w.session())
	if c.Paused != 0 || c.Pending != "" {
		t.Errorf("paused till %d, pending %q", c.Paused, c.Pending)
	}
	for _, p := range c.Permissions {
		if p.Purpose == "marketing" && p.State == consent.Granted {
			t.Error("a permission that has run out is shown as given")
		}
	}
}
