package pages

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
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
	"github.com/kesher-io/kesher/shared/flow/preferences"
	"github.com/kesher-io/kesher/shared/testkit/fake"
	"github.com/kesher-io/kesher/shared/testkit/memstore"
)

// What must never show in a log or an address (E06).
const (
	danasAddress = "dana.marker@shop.example"
	danasName    = "Danamarker"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// site is the pages about one customer, Dana, who gets marketing by e-mail.
type site struct {
	t       testing.TB
	clock   *fake.Clock
	store   *memstore.Store
	ring    token.Keyring
	rel     *release.Release
	flow    *preferences.Service
	handler http.Handler
	log     *bytes.Buffer
	dana    string
	hash    string
}

func newSite(t testing.TB, base string) *site {
	s := &site{t: t, clock: fake.NewClock(noon), rel: newRelease(), log: &bytes.Buffer{}}
	s.store = memstore.New(s.clock.NowOf)
	ring, err := token.NewKeyring("k1", map[string][]byte{"k1": []byte(strings.Repeat("k", 32))})
	s.must(err)
	s.ring = ring
	keys, tokens := ident.NewKeys([]byte("secret")), fake.NewTokens(1)
	c := consents.Writer{Store: s.store, Clock: s.clock, Tokens: tokens, Keys: keys}
	s.flow = &preferences.Service{
		Store: s.store, Clock: s.clock, Tokens: tokens, Releases: s, Keys: keys, Ring: ring, Consents: c,
		Collect: &collect.Service{Store: s.store, Clock: s.clock, Tokens: tokens, Releases: s, Keys: keys, Metrics: fake.NoMetrics{}, Ring: ring},
	}
	s.handler = New(Config{Flow: s.flow, Releases: s, Ring: ring, Base: base, Log: slog.New(slog.NewTextHandler(s.log, nil))})
	s.dana, s.hash = keys.Customer("dana"), keys.Address(danasAddress)
	s.put(item.C(s.dana, item.SKProfile), profile.Profile{
		Address: danasAddress, AddressHash: s.hash, UserID: "dana", Locale: "en",
		Traits: map[string]profile.Trait{
			"first_name": {Value: danasName, Origin: plan.OriginZero, Purposes: []string{"service", "marketing"}, At: noon.UnixMilli()},
			"interests":  {Value: []any{"outdoor"}, Origin: plan.OriginZero, Purposes: []string{"personalization"}, At: noon.UnixMilli(), Expires: noon.AddDate(2, 0, 0).UnixMilli()},
			"visits":     {Value: 12.0, Origin: plan.OriginDerived, Purposes: []string{"personalization"}, At: noon.UnixMilli()},
		},
	})
	s.put(profile.OwnerKey(s.hash), profile.Owner{Customer: s.dana})
	s.apply(consent.Statement{Purpose: "marketing", Channel: "email", State: consent.Granted, Notice: &consent.Notice{ID: "newsletter", Lang: "en"}, By: consent.Server})
	s.clock.Advance(time.Hour)
	return s
}

func (s *site) Live(context.Context) (*release.Release, error)        { return s.rel, nil }
func (s *site) Get(context.Context, string) (*release.Release, error) { return s.rel, nil }

func newRelease() *release.Release {
	both := func(en, he string) plan.Text { return plan.Text{"en": en, "he": he} }
	return &release.Release{
		ID: "r1",
		Plan: &plan.Plan{
			Purposes: map[string]plan.Purpose{
				"marketing":       {Title: both("Offers by e-mail", "הצעות בדוא״ל"), Contact: []string{"email"}, Basis: plan.BasisConsent},
				"personalization": {Title: both("Fit things to me", "התאמה אישית"), Basis: plan.BasisConsent},
				"tracking":        {Title: both("Measure my clicks and opens", "מדידת הקלקות ופתיחות"), Basis: plan.BasisConsent},
				"service":         {Title: both("Orders and account", "הזמנות וחשבון"), Contact: []string{"email"}, Basis: plan.BasisContract},
			},
			Traits: map[string]plan.Trait{
				"email":      {Type: "email", Origin: plan.OriginFirst, Purposes: []string{"service", "marketing"}, Title: both("E-mail address", "כתובת דוא״ל")},
				"first_name": {Type: "string", Origin: plan.OriginZero, Purposes: []string{"service", "marketing"}, Title: both("First name", "שם פרטי")},
				"interests":  {Type: "list(string)", Values: []string{"outdoor", "home", "kids"}, Origin: plan.OriginZero, Purposes: []string{"personalization"}, Title: both("Interests", "תחומי עניין")},
				"visits":     {Type: "integer", Origin: plan.OriginDerived, Purposes: []string{"personalization"}, Title: both("Visits", "ביקורים")},
			},
			Topics: map[string]plan.Text{"cart": both("Your cart", "העגלה שלך"), "news": both("News", "חדשות")},
		},
		Settings: &plan.Settings{Brand: plan.Brand{Name: "Shop", URL: "https://shop.example", PostalAddress: "1 Harbour St", Languages: []string{"en", "he"}, Zone: "Asia/Jerusalem"}},
		Notices: map[string]*release.Notice{
			"newsletter": {ID: "newsletter", Version: "v1", Text: both("Send me offers by e-mail. I can stop at any time.", "שלחו לי הצעות בדוא״ל. אפשר להפסיק בכל עת."),
				Grants: []release.Grant{{Purpose: "marketing", Channel: "email"}}},
			"fit": {ID: "fit", Version: "v1", Text: both("Fit offers to what I tell you.", "התאימו הצעות למה שסיפרתי."),
				Grants: []release.Grant{{Purpose: "personalization"}}},
			"measure": {ID: "measure", Version: "v1", Text: both("Measure which links I follow.", "מדדו אילו קישורים פתחתי."),
				Grants: []release.Grant{{Purpose: "tracking"}}},
		},
		Surveys: map[string]*survey.Survey{"style": newSurvey(both)},
	}
}

func newSurvey(both func(en, he string) plan.Text) *survey.Survey {
	one, five := 1.0, 5.0
	return &survey.Survey{
		Name: "style", Title: both("What do you like?", "מה אוהבים?"), Purpose: "personalization",
		Questions: []survey.Question{
			{ID: "interests", Ask: both("Pick what you care about", "במה להתמקד?"), Type: survey.Choices, Trait: "interests",
				Gives: both("Offers only for what you picked", "הצעות רק על מה שבחרת"),
				Options: []survey.Option{
					{Value: "outdoor", Title: both("Outdoor", "טיולים")}, {Value: "home", Title: both("Home", "בית")}, {Value: "kids", Title: both("Kids", "ילדים")},
				}},
			{ID: "often", Ask: both("How often may we write?", "באיזו תדירות לכתוב?"), Type: survey.Choice, Options: []survey.Option{
				{Value: "weekly", Title: both("Every week", "כל שבוע")}, {Value: "monthly", Title: both("Every month", "כל חודש")},
			}},
			{ID: "happy", Ask: both("How do you like us so far?", "כמה נעים אצלנו?"), Type: survey.Scale, Min: &one, Max: &five},
			{ID: "birthday", Ask: both("Your birthday", "יום ההולדת שלך"), Type: survey.MonthDay, Gives: both("A small present", "מתנה קטנה")},
			{ID: "people", Ask: both("How many live with you?", "כמה גרים איתך?"), Type: survey.Number, Required: true},
			{ID: "wish", Ask: both("A wish?", "משאלה?"), Type: survey.Text},
		},
	}
}

func (s *site) put(k item.Key, doc any) {
	s.t.Helper()
	it := (*item.Item)(nil).Next(k, "w-test-"+k.SK, 0)
	s.must(it.Encode(doc))
	s.must(s.store.Write(context.Background(), flow.Put(it, flow.Any)))
}

func (s *site) apply(st consent.Statement) {
	s.t.Helper()
	_, err := s.flow.Consents.Apply(context.Background(), s.dana, s.rel, []consent.Statement{st})
	s.must(err)
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) gate() consent.Gate {
	s.t.Helper()
	items, err := s.store.Get(context.Background(), flow.Strong, item.C(s.dana, item.SKGate))
	s.must(err)
	var g consent.Gate
	s.must(items[0].Decode(&g))
	return g
}

func (s *site) withdrawn() bool { return s.gate().States["marketing/email"].State == consent.Withdrawn }

// events counts Dana's of one name.
func (s *site) events(name string) (n int) {
	s.t.Helper()
	q := flow.Query{Table: item.Customers, PK: item.CustomerPK(s.dana), Prefix: item.EventPrefix(name)}
	s.must(flow.Each(context.Background(), s.store, q, func(item.Item) error { n++; return nil }))
	return n
}

func (s *site) requests() int { return s.events(fact.MessageRequested) }

// writes is how many changes the customers table has seen.
func (s *site) writes() int { return len(s.store.Changes()) }

func (s *site) unsubscribeToken() string {
	return s.ring.MintUnsubscribe(token.Unsubscribe{Customer: s.dana, Address: s.hash, Message: "abcdefghijklmnop-0", Purpose: "marketing", Topic: "cart"})
}

func (s *site) preferencesToken() string {
	return s.ring.MintPreferences(token.Preferences{Customer: s.dana})
}

// sessionToken is a fresh single-use link, mailed in epoch 0.
func (s *site) sessionToken(nonce string) string {
	return s.ring.MintSession(token.Session{Customer: s.dana, Nonce: ident.MessageID(nonce, "link", 0, 0), Expires: s.clock.Now(s.dana).Add(preferences.SessionFor).UnixMilli()})
}

// answer is a response that has been read.
type answer struct {
	*http.Response
	body string
}

// do sends a request; body nil is none.
func (s *site) do(method, path, contentType string, body io.Reader, edit ...func(*http.Request)) answer {
	s.t.Helper()
	r := httptest.NewRequest(method, path, body)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for _, e := range edit {
		e(r)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return answer{w.Result(), w.Body.String()}
}

func (s *site) get(path string, edit ...func(*http.Request)) answer {
	s.t.Helper()
	return s.do(http.MethodGet, path, "", nil, edit...)
}

const formType = "application/x-www-form-urlencoded"

func (s *site) post(path string, form url.Values, edit ...func(*http.Request)) answer {
	s.t.Helper()
	return s.do(http.MethodPost, path, formType, strings.NewReader(form.Encode()), edit...)
}

// signIn redeems a link and returns the cookie as a request edit.
func (s *site) signIn() (cookie func(*http.Request), form string) {
	s.t.Helper()
	a := s.post("/p/"+s.sessionToken(s.flow.Tokens.Token()), nil)
	if len(a.Cookies()) != 1 {
		s.t.Fatalf("redeeming gave %d and %d cookies", a.StatusCode, len(a.Cookies()))
	}
	c := a.Cookies()[0]
	opened, ok := s.ring.OpenCookie(c.Value)
	if !ok {
		s.t.Fatal("the cookie is none of ours")
	}
	return func(r *http.Request) { r.AddCookie(c) }, s.ring.MintForm(opened)
}

// multipartForm is RFC 8058's other body.
func multipartForm(fields map[string]string) (contentType string, body *bytes.Buffer) {
	body = &bytes.Buffer{}
	w := multipart.NewWriter(body)
	for name, value := range fields {
		_ = w.WriteField(name, value)
	}
	_ = w.Close()
	return w.FormDataContentType(), body
}
