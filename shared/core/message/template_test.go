package message

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/core/plan"
)

// cart is a template as a shop writes it, in two languages.
func cart() TemplateSource {
	return TemplateSource{
		Name:      "cart-reminder",
		Subject:   plan.Text{"en": "You left {{ cart.items[0].name }} behind", "he": "שכחת את {{ cart.items[0].name }}"},
		Preheader: plan.Text{"en": "Still here for you, {{ profile.first_name }}", "he": "עדיין כאן"},
		HTML: map[string]string{
			"en": `<h1>Hello {{ profile.first_name }}</h1><p>You left these behind:</p>
<table role="presentation">{% for item in cart.items %}<tr><td><a href="{{ item.url }}"><img src="{{ item.image_url }}" alt="{{ item.name }}"></a></td><td>{{ item.name }}</td><td>{{ item.price | decimals: 2 }}</td></tr>{% endfor %}</table>
<p>Bye{% if profile.member %} dear member{% endif %}. <a href="https://shop.example/cart?from=mail&amp;x=1">Back to the cart</a></p><ul><li>one</li><li>two</li></ul>`,
			"he": `<h1>שלום {{ profile.first_name }}</h1>{% for item in cart.items %}<p><a href="{{ item.url }}">{{ item.name }}</a></p>{% endfor %}`,
		},
		Defaults: map[string]plan.Text{"profile.first_name": {"en": "there", "he": "לך"}, "cart.items[].image_url": {"en": "https://shop.example/none.png"}},
	}
}

func input(lang string) RenderInput {
	return RenderInput{
		Lang:    lang,
		Brand:   plan.Brand{Name: "Shop & Co", URL: "https://shop.example", PostalAddress: "1 Harbour St <Haifa>", Languages: []string{"en", "he"}},
		Profile: map[string]any{"first_name": "Dana"},
		Collections: map[string]any{"cart": map[string]any{"items": []any{
			map[string]any{"name": "Tent", "price": 90.0, "url": "https://shop.example/t?a=1&b=2", "image_url": "https://shop.example/t.png"},
			map[string]any{"name": "אוהל", "price": 4.5, "url": "https://shop.example/o"},
		}}},
		Links:  Links{Preferences: "https://k.example/p/abc", Unsubscribe: "https://k.example/u/abc"},
		Sender: "Shop <news@mail.shop.example>", ReplyTo: "care@shop.example", Purpose: "marketing",
	}
}

func mustCompile(t testing.TB, src TemplateSource) *Template {
	t.Helper()
	tpl, err := CompileTemplate(src)
	if err != nil {
		t.Fatal(err)
	}
	return tpl
}

func mustRender(t testing.TB, src TemplateSource, in RenderInput) Rendered {
	t.Helper()
	out, err := mustCompile(t, src).Render(in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestMailIsWrittenInTheCustomersLanguage(t *testing.T) {
	tests := []struct{ lang, want, dir, subject string }{
		{"en", "en", "ltr", "You left Tent behind"},
		{"he", "he", "rtl", "שכחת את \u2068Tent\u2069"},
		{"he-IL", "he", "rtl", "שכחת את \u2068Tent\u2069"},
		{"HE", "he", "rtl", "שכחת את \u2068Tent\u2069"},
		{"fr", "en", "ltr", "You left Tent behind"}, // the brand's first
		{"", "en", "ltr", "You left Tent behind"},
	}
	for _, test := range tests {
		out := mustRender(t, cart(), input(test.lang))
		if out.Lang != test.want || out.Dir != test.dir || out.Subject != test.subject {
			t.Errorf("%q: %s %s %q", test.lang, out.Lang, out.Dir, out.Subject)
		}
		if want := fmt.Sprintf(`<html lang="%s" dir="%s">`, test.want, test.dir); !strings.Contains(out.HTML, want) {
			t.Errorf("%q: no %s", test.lang, want)
		}
	}
}

func TestBodyThatNamesNoLanguageIsTheBrandsFirst(t *testing.T) {
	src := TemplateSource{Name: "x", Subject: plan.Text{"he": "שלום"}, HTML: map[string]string{"": "<p>שלום</p>"}}
	in := input("en")
	in.Brand.Languages = []string{"he"}
	if out := mustRender(t, src, in); out.Lang != "he" || out.Dir != "rtl" || !strings.Contains(out.HTML, "ההעדפות שלך") {
		t.Fatalf("%s %s\n%s", out.Lang, out.Dir, out.HTML)
	}
}

func TestFrameStandsAroundEveryBody(t *testing.T) {
	bodies := map[string]string{
		"a part":     `<p>x</p>`,
		"a document": `<!DOCTYPE html><html lang="fr" dir="auto" class="y"><head><meta charset="utf-8"></head><body bgcolor="#eeeeee"><p>x</p></body></html>`,
		"as MJML makes it": `<!doctype html><html lang="und" dir="auto" xmlns:v="urn:x"><head><title></title><!--[if mso]><xml></xml><![endif]-->` +
			`<meta name="viewport" content="width=device-width"><meta http-equiv="Content-Type" content="text/html; charset=UTF-8"></head>` +
			`<body style="word-spacing:normal;background-color:#fafafa;"><div role="article" lang="und" dir="auto"><p>x</p></div></body></html>`,
	}
	for name, body := range bodies {
		out := mustRender(t, TemplateSource{Name: "x", Subject: plan.Text{"en": "A & B"}, Preheader: plan.Text{"en": "Pre & header"}, HTML: map[string]string{"en": body}}, input("en"))
		for want, times := range map[string]int{
			`lang="en" dir="ltr"`: -1, "<title>A &amp; B</title>": 1, `name="color-scheme" content="light dark"`: 1, `name="supported-color-schemes"`: 1,
			"Pre &amp; header": 1, "charset": 1, `name="viewport"`: 1, `background-color:#ffffff;color:#1f2937;`: 1,
			"Shop &amp; Co": 1, "1 Harbour St &lt;Haifa&gt;": 1, `href="mailto:care@shop.example"`: 1, "You get this mail because you agreed to it.": 1,
			`href="https://k.example/p/abc"`: 1, `href="https://k.example/u/abc"`: 1, "Unsubscribe</a>": 1, "<html": 1, "<body": 1, "</body>": 1, "<p>x</p>": 1,
		} {
			if n := strings.Count(out.HTML, want); n != times && times > 0 || n == 0 {
				t.Errorf("%s: %d times %s in\n%s", name, n, want, out.HTML)
			}
		}
		for _, gone := range []string{`"und"`, `"fr"`, `"auto"`, "kesher_frame", "{{", "{%"} {
			if strings.Contains(out.HTML, gone) {
				t.Errorf("%s: %s is left in\n%s", name, gone, out.HTML)
			}
		}
		if strings.Index(out.HTML, "<p>x</p>") > strings.Index(out.HTML, "kesher-footer\" role") || strings.Index(out.HTML, "Pre &amp; header") > strings.Index(out.HTML, "<p>x</p>") {
			t.Errorf("%s: order\n%s", name, out.HTML)
		}
		for _, finding := range Audit(out.HTML) {
			t.Errorf("%s: %s", name, finding)
		}
	}
}

func TestHalfADocumentIsRefused(t *testing.T) {
	for _, body := range []string{"<html><p>x</p></html>", "<body><p>x</p></body>", "<head></head><p>x</p>"} {
		_, err := CompileTemplate(TemplateSource{Name: "x", Subject: plan.Text{"en": "s"}, HTML: map[string]string{"en": body}})
		if err == nil || !strings.Contains(err.Error(), "write all three, or none") {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestServiceMailHasTheFooterWithoutUnsubscribe(t *testing.T) {
	in := input("en")
	in.Purpose = plan.PurposeService
	out := mustRender(t, cart(), in)
	for _, body := range []string{out.HTML, out.Text} {
		if strings.Contains(strings.ToLower(body), "unsubscribe") || strings.Contains(body, "https://k.example/u/") {
			t.Errorf("unsubscribe in\n%s", body)
		}
		if !strings.Contains(body, "1 Harbour St") || !strings.Contains(body, "it concerns your order, your account") {
			t.Errorf("no footer in\n%s", body)
		}
	}
}

func TestFooterNamesThePurposeInTheMailsLanguage(t *testing.T) {
	in := input("he")
	in.PurposeTitle = plan.Text{"en": "Offers by e-mail", "he": `הצעות בדוא"ל`}
	out := mustRender(t, cart(), in)
	if !strings.Contains(out.Text, `כי הסכמת ל: הצעות בדוא"ל.`) || !strings.Contains(out.Text, "הסרה מרשימת התפוצה: https://k.example/u/abc") {
		t.Errorf("text\n%s", out.Text)
	}
}

func TestB14TextHasEveryLinkAndTheFooter(t *testing.T) {
	got := mustRender(t, cart(), input("en")).Text
	want := `Hello Dana

You left these behind:

Tent <https://shop.example/t?a=1&b=2> Tent 90.00
` + "\u2068אוהל\u2069 <https://shop.example/o> \u2068אוהל\u2069" + ` 4.50

Bye. Back to the cart <https://shop.example/cart?from=mail&x=1>

- one
- two

---
Shop & Co
1 Harbour St <Haifa>
care@shop.example
You get this mail because you agreed to it. You can stop it at any time.
Your preferences: https://k.example/p/abc
Unsubscribe: https://k.example/u/abc
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTextThatIsWrittenByHandGetsTheFooter(t *testing.T) {
	src := cart()
	src.Text = map[string]string{"en": "Hello {{ profile.first_name }},\n\n{% for i in cart.items %}* {{ i.name }}\n{% endfor %}\n"}
	got := mustRender(t, src, input("en")).Text
	if !strings.HasPrefix(got, "Hello Dana,\n\n* Tent\n* \u2068אוהל\u2069\n\n---\nShop & Co\n") || !strings.Contains(got, "https://k.example/u/abc") {
		t.Errorf("text\n%s", got)
	}
}

func TestB15BodyAbove100KBIsAnError(t *testing.T) {
	src := cart()
	src.HTML["en"] = strings.Repeat("x", MaxHTML)
	mustCompile(t, src)
	src.HTML["en"] += "x"
	if _, err := CompileTemplate(src); err == nil || !strings.Contains(err.Error(), "at most 100 are mailed") {
		t.Fatalf("error %v", err)
	}
}

func TestDefaultsStandWhereThereIsNoValue(t *testing.T) {
	for _, name := range []any{nil, ""} {
		in := input("he")
		in.Profile = map[string]any{"first_name": name}
		if out := mustRender(t, cart(), in); !strings.Contains(out.HTML, "<h1>שלום לך</h1>") {
			t.Errorf("%v: %s", name, out.HTML)
		}
		if in.Profile["first_name"] != name {
			t.Error("the profile was changed")
		}
	}
	in := input("en")
	in.Profile = nil
	out := mustRender(t, cart(), in)
	if !strings.Contains(out.HTML, "Hello there") || strings.Count(out.HTML, "https://shop.example/none.png") != 1 {
		t.Errorf("%s", out.HTML)
	}
	items := in.Collections["cart"].(map[string]any)["items"].([]any)
	if _, ok := items[1].(map[string]any)["image_url"]; ok {
		t.Error("the cart was changed")
	}
	for _, path := range []string{"first_name", "profile", "", "profile.", ".x", "a[0].b", "a b"} {
		src := cart()
		src.Defaults = map[string]plan.Text{path: {"en": "x"}}
		if _, err := CompileTemplate(src); err == nil {
			t.Errorf("default of %q was taken", path)
		}
	}
}

func TestVariablesOfATemplate(t *testing.T) {
	got := map[string]bool{}
	for _, v := range mustCompile(t, cart()).Variables() {
		got[fmt.Sprintf("%s %s %s:%d printed=%v default=%v", v.Path, v.Lang, v.Part, v.Line, v.Printed, v.HasDefault)] = true
	}
	for _, want := range []string{
		"cart.items[].name en subject:1 printed=true default=false",
		"profile.first_name en preheader:1 printed=true default=true",
		"profile.first_name en body:1 printed=true default=true",
		"cart.items en body:2 printed=false default=false",
		"cart.items[].image_url en body:2 printed=true default=true",
		"profile.member en body:3 printed=false default=false",
		"cart.items[].url he body:1 printed=true default=false",
	} {
		if !got[want] {
			t.Errorf("missing %s", want)
		}
	}
	for v := range got {
		if strings.Contains(v, "kesher_frame") {
			t.Errorf("the frame is listed: %s", v)
		}
	}
}

func TestRenderErrorsNameTemplateLanguagePartAndLine(t *testing.T) {
	src := cart()
	src.HTML["en"] = "<p>\n{{ profile.frist_name }}</p>"
	_, err := mustCompile(t, src).Render(input("en"))
	var e *TemplateError
	if !errors.As(err, &e) || e.Template != "cart-reminder" || e.Lang != "en" || e.Part != "body" || e.Line != 2 || !strings.Contains(e.Message, "profile.frist_name") {
		t.Fatalf("error %v", err)
	}
	src.Subject = plan.Text{"en": "{{ event.name }}"}
	in := input("en")
	in.Event = map[string]any{"name": "a\r\nBcc: eve@evil.example"}
	if _, err := mustCompile(t, src).Render(in); !errors.As(err, &e) || e.Part != "subject" || strings.Contains(err.Error(), "evil") {
		t.Fatalf("error %v", err)
	}
}

func TestTemplateMistakesAreFoundWhenItIsCompiled(t *testing.T) {
	tests := []struct {
		change func(*TemplateSource)
		want   string
	}{
		{func(s *TemplateSource) { s.Subject = nil }, "subject (en): is missing"},
		{func(s *TemplateSource) { s.Subject = plan.Text{"en": "a\nb"} }, "line break"},
		{func(s *TemplateSource) { s.Subject = plan.Text{"en": "{{ a"} }, "never closed"},
		{func(s *TemplateSource) { s.HTML = nil }, "has no body"},
		{func(s *TemplateSource) { s.HTML["he"] = "<p>\n\n{% if x %}</p>" }, "body (he), line 3"},
		{func(s *TemplateSource) { s.HTML["en"] = `<a href="javascript:x">` }, "is not taken as a link"},
		{func(s *TemplateSource) { s.Text = map[string]string{"en": "{% endif %}"} }, "text (en), line 1"},
		{func(s *TemplateSource) { s.HTML["en"] = "{{ kesher_frame.name | upcase }}" }, "Kesher keeps for itself"},
	}
	for _, test := range tests {
		src := cart()
		test.change(&src)
		_, err := CompileTemplate(src)
		var e *TemplateError
		if !errors.As(err, &e) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %s", err, test.want)
		}
	}
}

func TestTemplatesSeeWhatTheContractNames(t *testing.T) {
	src := TemplateSource{
		Name: "x", Subject: plan.Text{"en": "s"},
		HTML: map[string]string{"en": `{{ profile.a }} {{ entry.b }} {{ event.c }} {{ cart.items[0].name }} {{ offer[0].title }} {{ run.action_url }} {{ brand.name }} {{ brand["postal address"] }} <a href="{{ preferences_url }}">p</a>`},
	}
	in := input("en")
	in.Profile, in.Entry, in.Event = map[string]any{"a": 1}, map[string]any{"b": 2}, map[string]any{"c": 3}
	in.Offer = []map[string]any{{"title": "Offer"}}
	in.Run = map[string]any{"action_url": "https://k.example/c/1"}
	out := mustRender(t, src, in)
	if !strings.Contains(out.HTML, `1 2 3 Tent Offer https://k.example/c/1 Shop &amp; Co 1 Harbour St &lt;Haifa&gt; <a href="https://k.example/p/abc">`) {
		t.Fatal(out.HTML)
	}
	src.HTML["en"] = "{% if basket.items %}x{% endif %}"
	if _, err := mustCompile(t, src).Render(in); err == nil || !strings.Contains(err.Error(), "basket is not known here") {
		t.Fatalf("error %v", err)
	}
}

// B17, B18: the product's own mails.
func TestBuiltinMailsInEveryLanguage(t *testing.T) {
	for _, src := range BuiltinTemplates() {
		for _, lang := range []string{"en", "he"} {
			plain := builtin(t, src, lang, "")
			if agrees := builtin(t, src, lang, "Send <me> offers"); src.Name == TemplateConfirm {
				if !strings.Contains(agrees.HTML, "Send &lt;me&gt; offers") || !strings.Contains(agrees.Text, "Send <me> offers") || agrees.Subject == plain.Subject {
					t.Errorf("%s: the mail does not say what she agrees to:\n%s\n%s", lang, agrees.Subject, agrees.Text)
				}
			}
		}
	}
}

func builtin(t *testing.T, src TemplateSource, lang, agreed string) Rendered {
	t.Helper()
	in := input(lang)
	in.Purpose, in.Links = plan.PurposeService, Links{}
	in.Run = map[string]any{"action_url": "https://k.example/c/token", "action_text": agreed}
	out, err := mustCompile(t, src).Render(in)
	if err != nil {
		t.Fatalf("%s %s: %v", src.Name, lang, err)
	}
	for _, finding := range Audit(out.HTML) {
		t.Errorf("%s %s: %s", src.Name, lang, finding)
	}
	if out.Lang != lang || strings.Count(out.HTML, `href="https://k.example/c/token"`) != 1 || !strings.Contains(out.Text, "<https://k.example/c/token>") {
		t.Errorf("%s %s:\n%s\n%s", src.Name, lang, out.HTML, out.Text)
	}
	// A13: free of promotion: no link but the one it is for, and the answer address.
	if n := strings.Count(out.HTML, "href="); n != 2 {
		t.Errorf("%s %s: %d links", src.Name, lang, n)
	}
	return out
}
