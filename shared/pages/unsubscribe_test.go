package pages

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/core/fact"
)

const local = "http://127.0.0.1:8080"

var oneClickBody = url.Values{"List-Unsubscribe": {"One-Click"}}

func TestB03OneClickTakesEffectAtOnceWithoutRedirectOrCookie(t *testing.T) {
	multi, body := multipartForm(map[string]string{"List-Unsubscribe": "One-Click"})
	for name, send := range map[string]func(*site) answer{
		"urlencoded": func(s *site) answer { return s.post("/u/"+s.unsubscribeToken(), oneClickBody) },
		"urlencoded, utf-8": func(s *site) answer {
			return s.do("POST", "/u/"+s.unsubscribeToken(), formType+"; charset=utf-8", strings.NewReader("List-Unsubscribe=One-Click"))
		},
		"multipart": func(s *site) answer { return s.do("POST", "/u/"+s.unsubscribeToken(), multi, body) },
	} {
		s := newSite(t, local)
		a := send(s)
		if a.StatusCode != http.StatusOK || len(a.Cookies()) != 0 || a.Header.Get("Location") != "" {
			t.Errorf("%s: %s, cookies %v, location %q", name, a.Status, a.Cookies(), a.Header.Get("Location"))
		}
		if !s.withdrawn() {
			t.Errorf("%s: nothing was withdrawn", name)
		}
	}
}

func TestB03AnyOtherBodyGetsTheManualPageAndChangesNothing(t *testing.T) {
	s := newSite(t, local)
	page := s.get("/u/" + s.unsubscribeToken()).body
	big := strings.Repeat("x", maxBody+1)
	for name, c := range map[string]struct{ kind, body string }{
		"empty":           {formType, ""},
		"other field":     {formType, "Unsubscribe=One-Click"},
		"other value":     {formType, "List-Unsubscribe=one-click"},
		"no content type": {"", "List-Unsubscribe=One-Click"},
		"plain text":      {"text/plain", "List-Unsubscribe=One-Click"},
		"json":            {"application/json", `{"List-Unsubscribe":"One-Click"}`},
		"broken escapes":  {formType, "List-Unsubscribe=One-Click&x=%zz"},
		"no boundary":     {"multipart/form-data", "List-Unsubscribe=One-Click"},
		"too large":       {formType, "x=" + big + "&List-Unsubscribe=One-Click"},
	} {
		before := s.writes()
		a := s.do("POST", "/u/"+s.unsubscribeToken(), c.kind, strings.NewReader(c.body))
		if a.StatusCode != http.StatusOK || a.body != page {
			t.Errorf("%s: %s, the manual page: %v", name, a.Status, a.body == page)
		}
		if s.writes() != before || s.withdrawn() {
			t.Errorf("%s: changed something", name)
		}
	}
	if s.post("/u/"+s.unsubscribeToken()+"?List-Unsubscribe=One-Click", url.Values{}); s.withdrawn() {
		t.Error("the query counted as a body")
	}
}

// B04: of all methods on all paths only POST ever changes state. Links and
// pixels record what they are for, under her permission, which Dana never gave.
func FuzzB04NoMethodButPOSTChangesState(f *testing.F) {
	for _, m := range []string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "get", "post"} {
		for _, p := range []string{"/u/", "/c/", "/p/", "/p", "/s/style", "/l/", "/o/", "/"} {
			f.Add(m, p, "List-Unsubscribe=One-Click&do=stop&address=dana.marker@shop.example")
		}
	}
	s := newSite(f, local)
	cookie, form := s.signIn()
	tokens := []string{s.unsubscribeToken(), s.preferencesToken(), s.sessionToken("fuzz"), ""}
	f.Fuzz(func(t *testing.T, method, path, body string) {
		if method == http.MethodPost || !validRequest(method, path) {
			t.Skip()
		}
		s.t = t
		before := s.writes()
		for _, tok := range tokens {
			s.do(method, path+tok, formType, strings.NewReader(body+"&form="+form), cookie)
		}
		if s.writes() != before {
			t.Fatalf("%s %s changed state", method, path)
		}
	})
}

// validRequest: what net/http would hand to a handler at all.
func validRequest(method, path string) bool {
	r, err := http.NewRequest(method, "http://127.0.0.1"+path, nil)
	return err == nil && r.Method != "" && strings.HasPrefix(path, "/") && !strings.ContainsAny(path, " #?%\r\n\x00") && !strings.ContainsAny(method, " \r\n")
}

func TestB05AThousandPostsAreOneEvent(t *testing.T) {
	s := newSite(t, local)
	for range 1000 {
		if a := s.post("/u/"+s.unsubscribeToken(), oneClickBody); a.StatusCode != http.StatusOK {
			t.Fatal(a.Status)
		}
	}
	if got := s.events(fact.Unsubscribed); got != 1 {
		t.Fatalf("%d events, want 1", got)
	}
}

// neutral is an answer without the token it was asked with, which the page
// repeats in its forms.
func neutral(a answer, tok string) string {
	header := a.Header.Clone()
	return a.Status + "\n" + headerText(header) + "\n" + strings.ReplaceAll(a.body, tok, "TOKEN")
}

func headerText(h http.Header) string {
	var b strings.Builder
	_ = h.Write(&b)
	return b.String()
}

func TestB06AForgedTokenGetsTheSameAnswer(t *testing.T) {
	for _, method := range []string{"GET", "HEAD", "POST"} {
		s := newSite(t, local)
		genuine := s.unsubscribeToken()
		flipped := "B" + genuine[1:]
		ask := func(tok string) string {
			return neutral(s.do(method, "/u/"+tok, formType, strings.NewReader(oneClickBody.Encode())), tok)
		}
		want := ask(genuine)
		for _, tok := range []string{flipped, "forged", s.preferencesToken()} {
			if got := ask(tok); got != want {
				t.Errorf("%s: a forged token is answered otherwise:\n%s\n--- want\n%s", method, got, want)
			}
		}
	}
}

func TestTheManualFormPostsTheSameBodyAndItsChoices(t *testing.T) {
	s := newSite(t, local)
	page := parse(t, s.get("/u/"+s.unsubscribeToken()).body)
	scopes := map[string]bool{}
	for _, form := range page.forms {
		if form.fields.Get("List-Unsubscribe") == "One-Click" && form.method == "post" && form.action == "" {
			scopes[form.fields.Get("scope")] = true
		}
	}
	for _, scope := range []string{"", "topic", "all"} {
		if !scopes[scope] {
			t.Errorf("no form for scope %q", scope)
		}
	}
	if a := s.post("/u/"+s.unsubscribeToken(), url.Values{"List-Unsubscribe": {"One-Click"}, "scope": {"topic"}}); a.StatusCode != 200 || s.withdrawn() {
		t.Fatalf("the topic alone: %s, withdrawn %v", a.Status, s.withdrawn())
	}
	if _, off := s.gate().Topics["cart"]; !off {
		t.Fatal("the topic is still on")
	}
}

// A05: a page that knows her offers to stop everything by one press. The others
// know nobody, or are the one button of what she is about to do.
func TestA05EveryPageThatKnowsHerOffersToStopAll(t *testing.T) {
	knowsNobody := []string{"address", "sent", "expired", "gone", "spent"}
	for name, a := range everyPage(newSite(t, local), "en") {
		offers := slices.ContainsFunc(parse(t, a.body).forms, func(f form) bool {
			return f.fields.Get("scope") == "all" || f.fields.Get("do") == "stop"
		})
		if offers == slices.Contains(knowsNobody, name) {
			t.Errorf("%s: offers to stop all: %v", name, offers)
		}
	}
}

func TestA04UnsubscribingIsOnePressWithoutLoginOrTyping(t *testing.T) {
	s := newSite(t, local)
	page := parse(t, s.get("/u/"+s.unsubscribeToken()).body)
	for _, f := range page.forms {
		for _, kind := range f.types {
			if kind != "hidden" && kind != "submit" {
				t.Fatalf("the page asks for input: %s", kind)
			}
		}
	}
	first := page.forms[0]
	s.post("/u/"+s.unsubscribeToken()+first.action, first.fields)
	if !s.withdrawn() {
		t.Fatal("the first button did not unsubscribe")
	}
}
