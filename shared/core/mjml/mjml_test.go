package mjml

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
)

// mail wraps the content of a body.
func mail(body string) string { return "<mjml><mj-body>" + body + "</mj-body></mjml>" }

// column wraps the content of a column.
func column(content string) string {
	return mail("<mj-section><mj-column>" + content + "</mj-column></mj-section>")
}

func mustCompile(t testing.TB, src string) string {
	t.Helper()
	out, err := Compile(src)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return out
}

// render compiles MJML and runs its Liquid over a cart of n products.
func render(t testing.TB, src string, n int) message.Rendered {
	t.Helper()
	tpl, err := message.CompileTemplate(message.TemplateSource{
		Name: "x", Subject: plan.Text{"en": "Subject"}, HTML: map[string]string{"en": mustCompile(t, src)},
	})
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	items := make([]any, n)
	for i := range items {
		items[i] = map[string]any{
			"name": fmt.Sprintf("Product-%d", i), "price": 9.5, "url": fmt.Sprintf("https://shop.example/%d?a=1&b=2", i),
			"image_url": fmt.Sprintf("https://shop.example/%d.png", i),
		}
	}
	out, err := tpl.Render(message.RenderInput{
		Lang: "en", Brand: plan.Brand{Name: "Shop", PostalAddress: "1 Harbour St", Languages: []string{"en"}}, Purpose: "marketing",
		Collections: map[string]any{"cart": map[string]any{"items": items}}, Profile: map[string]any{"first_name": "Dana"},
		Links: message.Links{Preferences: "https://k.example/p", Unsubscribe: "https://k.example/u"},
	})
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return out
}

// structures are the places where Liquid stands in MJML. Each repeats or chooses
// something that holds a product's name.
var structures = map[string]string{
	"a loop around sections":              mail(`<mj-section><mj-column><mj-text>before</mj-text></mj-column></mj-section>{% for item in cart.items %}<mj-section><mj-column><mj-text>{{ item.name }}</mj-text></mj-column></mj-section>{% endfor %}<mj-section><mj-column><mj-text>after</mj-text></mj-column></mj-section>`),
	"a loop around all sections":          mail(`{% for item in cart.items %}<mj-section><mj-column><mj-text>{{ item.name }}</mj-text></mj-column></mj-section>{% endfor %}`),
	"a loop around two sections":          mail(`{% for item in cart.items %}<mj-section><mj-column><mj-text>{{ item.name }}</mj-text></mj-column></mj-section><mj-section><mj-column><mj-divider /></mj-column></mj-section>{% endfor %}`),
	"a loop around coloured sections":     mail(`{% for item in cart.items %}<mj-section background-color="#eeeeee" css-class="x"><mj-column padding="5px"><mj-text>{{ item.name }}</mj-text></mj-column></mj-section>{% endfor %}`),
	"a loop around full-width sections":   mail(`{% for item in cart.items %}<mj-section full-width="full-width" background-color="#eeeeee"><mj-column><mj-text>{{ item.name }}</mj-text></mj-column></mj-section>{% endfor %}`),
	"a loop around columns":               mail(`<mj-section>{% for item in cart.items %}<mj-column width="50%"><mj-text>{{ item.name }}</mj-text></mj-column>{% endfor %}</mj-section>`),
	"a loop between columns":              mail(`<mj-section><mj-column><mj-text>first</mj-text></mj-column>{% for item in cart.items %}<mj-column><mj-text>{{ item.name }}</mj-text></mj-column>{% endfor %}<mj-column><mj-text>last</mj-text></mj-column></mj-section>`),
	"a loop of right-aligned text":        mail(`<mj-section>{% for item in cart.items %}<mj-column><mj-text align="right">{{ item.name }}</mj-text></mj-column>{% endfor %}</mj-section>`),
	"a loop around sections in a wrapper": mail(`<mj-wrapper padding="10px">{% for item in cart.items %}<mj-section><mj-column><mj-text>{{ item.name }}</mj-text></mj-column></mj-section>{% endfor %}</mj-wrapper>`),
	"a loop around wrappers":              mail(`{% for item in cart.items %}<mj-wrapper><mj-section><mj-column><mj-text>{{ item.name }}</mj-text></mj-column></mj-section></mj-wrapper>{% endfor %}`),
	"a loop around columns in a group":    mail(`<mj-section><mj-group>{% for item in cart.items %}<mj-column><mj-text>{{ item.name }}</mj-text></mj-column>{% endfor %}</mj-group></mj-section>`),
	"a loop around elements":              column(`<mj-text>before</mj-text>{% for item in cart.items %}<mj-image src="{{ item.image_url }}" alt="{{ item.name }}" href="{{ item.url }}" /><mj-text>{{ item.name }}</mj-text><mj-button href="{{ item.url }}">{{ item.name }}</mj-button>{% endfor %}<mj-text>after</mj-text>`),
	"a loop around a spacer and text":     column(`{% for item in cart.items %}<mj-spacer height="10px" /><mj-text>{{ item.name }}</mj-text>{% endfor %}`),
	"a loop in text":                      column(`<mj-text><ul>{% for item in cart.items %}<li><b>{{ item.name }}</b><br/>{{ item.price | decimals: 2 }}</li>{% endfor %}</ul></mj-text>`),
	"a loop around table rows":            column(`<mj-table role="presentation">{% for item in cart.items %}<tr><td>{{ item.name }}</td><td align="right">{{ item.price }} &amp; more</td></tr>{% endfor %}</mj-table>`),
	"a loop in raw HTML":                  column(`<mj-raw>{% for item in cart.items %}<tr><td>{{ item.name }}</td></tr>{% endfor %}</mj-raw>`),
	"a condition in a loop":               mail(`{% for item in cart.items %}{% if item.price > 5 %}<mj-section><mj-column><mj-text>{{ item.name }}</mj-text></mj-column></mj-section>{% else %}<mj-section><mj-column><mj-text>cheap</mj-text></mj-column></mj-section>{% endif %}{% endfor %}`),
	"a condition around a column":         mail(`{% for item in cart.items %}<mj-section>{% if item.price > 5 %}<mj-column width="100%"><mj-text>{{ item.name }}</mj-text></mj-column>{% else %}<mj-column width="100%"><mj-text>cheap</mj-text></mj-column>{% endif %}</mj-section>{% endfor %}`),
	"a condition in an attribute":         column(`{% for item in cart.items %}<mj-button href="{% if item.url %}{{ item.url }}{% else %}https://shop.example{% endif %}">{{ item.name }}</mj-button>{% endfor %}`),
}

var named = regexp.MustCompile(`Product-\d`)

func TestLiquidStandsWhereItStoodInEveryStructure(t *testing.T) {
	for name, src := range structures {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{0, 1, 3} {
				out := render(t, src, n)
				perItem := strings.Count(src, "{{ item.name }}")
				found := named.FindAllString(out.HTML, -1)
				if len(found) != n*perItem {
					t.Errorf("%d products make %d names", n, len(found))
				}
				for i, product := range found {
					if want := fmt.Sprintf("Product-%d", i/perItem); product != want {
						t.Errorf("name %d is %s", i, product)
					}
				}
				if err := balanced(conditional.ReplaceAllString(out.HTML, "")); err != nil {
					t.Errorf("%d products: %v in\n%s", n, err, out.HTML)
				}
				if err := balanced(conditional.ReplaceAllString(out.HTML, "$1")); err != nil {
					t.Errorf("%d products, as Outlook reads it: %v in\n%s", n, err, out.HTML)
				}
				if strings.Contains(out.HTML, "{%") || strings.Contains(out.HTML, "{{") || strings.ContainsAny(out.HTML, rowStart+cellEnd+noData) {
					t.Errorf("something is left in\n%s", out.HTML)
				}
				if strings.Count(out.HTML, "<!--[if") != strings.Count(out.HTML, "<![endif]") {
					t.Error("conditional comments do not pair")
				}
			}
		})
	}
}

// balanced is a check of its own making, stricter than the compiler's: every
// element that is opened is closed in order.
func balanced(doc string) error {
	tag := regexp.MustCompile(`<(/?)([a-zA-Z][a-zA-Z0-9:]*)(?:[^>"']|"[^"]*"|'[^']*')*?(/?)>`)
	doc = regexp.MustCompile(`(?s)<style.*?</style>|<!--.*?-->|<!doctype html>`).ReplaceAllString(doc, "")
	var open []string
	for _, m := range tag.FindAllStringSubmatch(doc, -1) {
		name := strings.ToLower(m[2])
		switch {
		case m[3] == "/" || isVoid[name]:
		case m[1] == "":
			open = append(open, name)
		case len(open) == 0 || open[len(open)-1] != name:
			return fmt.Errorf("</%s> closes %v", name, open)
		default:
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		return fmt.Errorf("%v stay open", open)
	}
	return nil
}

func TestOutlookGetsOneRowOfColumns(t *testing.T) {
	out := render(t, structures["a loop between columns"], 2).HTML
	view := conditional.ReplaceAllString(out, "$1")
	section := view[strings.Index(view, `<td style="direction:ltr`):]
	section = section[:strings.Index(section, "kesher-footer")]
	tables := strings.Count(section, `<table role="presentation" border="0" cellpadding="0" cellspacing="0"><tr>`)
	cells := strings.Count(section, `<td class="" style="vertical-align:top;width:`)
	if tables != 1 || cells != 4 {
		t.Fatalf("%d rows of %d cells in\n%s", tables, cells, section)
	}
}

func TestEntitiesAndMarkupComeOutAsTheyWentIn(t *testing.T) {
	out := mustCompile(t, column(`<mj-text>&lt;b&gt; &amp; R&D &nbsp;&copy; &quot;x&quot; <a href="https://s.example/?a=1&b=2">l</a></mj-text>`+
		`<mj-button href="https://s.example/?a=1&amp;b=2">Go <b>now</b> &rarr;</mj-button>`+
		`<mj-table><tr><th>A</th><td>x <i>y</i> z</td></tr></mj-table><mj-image src="https://s.example/i.png" alt="A &quot;B&quot; &lt; C" />`))
	for _, want := range []string{
		`&lt;b&gt; &amp; R&amp;D &nbsp;&copy; &quot;x&quot;`, `href="https://s.example/?a=1&amp;b=2">l</a>`, `Go <b>now</b> &rarr;`,
		`<tr><th>A</th><td>x <i>y</i> z</td></tr>`, `alt="A &quot;B&quot; &lt; C"`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
}

func TestMistakesNameLineAndColumn(t *testing.T) {
	tests := []struct {
		src       string
		line, col int
		message   string
	}{
		{"", 1, 1, "<mjml> is missing"},
		{"hello", 1, 1, "text stands between elements"},
		{"<mjml></mjml>", 1, 1, "<mj-body> is missing"},
		{"<html></html>", 1, 1, "<html> is no MJML element"},
		{"<mjml>\n <mj-body>\n  <mj-secton></mj-secton></mj-body></mjml>", 3, 3, "did you mean <mj-section>?"},
		{"<mjml>\n <mj-body>\n  <mj-text>x</mj-text></mj-body></mjml>", 3, 3, "<mj-text> may not stand in <mj-body> (which takes mj-hero, mj-raw, mj-section, mj-wrapper)"},
		{"<mjml><mj-body>\n <mj-section>\n</mj-body></mjml>", 3, 1, "</mj-body> closes <mj-section>"},
		{"<mjml><mj-body>\n <mj-section>", 2, 2, "<mj-section> is never closed"},
		{"<mjml><mj-body><mj-section><mj-column>\n<mj-text>x</mj-column></mj-section></mj-body></mjml>", 2, 1, "<mj-text> is never closed"},
		{"<mjml><mj-body></mj-body></mjml></mjml>", 1, 33, "closes nothing"},
		{mail("\n<mj-section colour=\"red\"></mj-section>"), 2, 13, "<mj-section> has no attribute colour"},
		{mail("\n<mj-section>{{ profile.x }}</mj-section>"), 2, 13, "stands between elements (put it into <mj-text>)"},
		{mail("\n<mj-section>words</mj-section>"), 2, 13, "text stands between elements"},
		{"{% if x %}" + mail("") + "{% endif %}", 1, 1, "may not stand outside of <mjml>"},
		{"<mjml><mj-head>\n{% if x %}<mj-title>a</mj-title>{% endif %}</mj-head><mj-body></mj-body></mjml>", 2, 1, "may not stand in <mj-head>"},
		{column("<mj-social>\n{% if x %}<mj-social-element name=\"facebook\" />{% endif %}</mj-social>"), 2, 1, "may not stand in <mj-social>"},
		{mail("\n{% if x %}<mj-section>{% endif %}</mj-section>"), 2, 1, "do not hold whole elements"},
		{mail("<mj-section>\n{% if x %}<mj-column>{% endif %}<mj-text>a</mj-text></mj-column></mj-section>"), 2, 1, "do not hold whole elements"},
		{column("<mj-text>{% if x %}<b>{% endif %}\n</b></mj-text>"), 1, 48, "do not hold whole elements"},
		{mail("\n  <mj-section foo=bar></mj-section>"), 2, 20, "unquoted"},
		{"<mjml>\n{{ x", 2, 1, "never closed"},
		{column("<mj-text>a{% if x\n %}b{% endif %}</mj-text>\n<mj-txt></mj-txt>"), 3, 1, "did you mean <mj-text>?"},
		{column("<mj-text>&amp; & &nbsp; {{ x.y }}</mj-text><mj-txt></mj-txt>"), 1, 82, "did you mean <mj-text>?"},
	}
	for _, test := range tests {
		_, err := Compile(test.src)
		var e *Error
		if !errors.As(err, &e) || e.Line != test.line || e.Col != test.col || !strings.Contains(e.Message, test.message) {
			t.Errorf("%q\n got %v\nwant %d:%d: %s", test.src, err, test.line, test.col, test.message)
		}
	}
}

func TestTagsThatMJMLDropsAreRefused(t *testing.T) {
	for _, src := range []string{
		column(`<mj-image src="https://s.example/i.png" width="{{ x.y }}" alt="" />`),
		column(`<mj-divider name="{{ x.y }}" />`),
		mail(`<!-- {{ x.y }} --><mj-section></mj-section>`),
	} {
		out, err := Compile(src)
		if err == nil && !strings.Contains(out, "{{ x.y }}") {
			t.Errorf("%s lost its tag", src)
		}
	}
}

func TestBodyReadsFromRightToLeftInHebrew(t *testing.T) {
	src := `<mjml><mj-head><mj-attributes><mj-text font-size="16px" /></mj-attributes></mj-head><mj-body><mj-section><mj-column><mj-text>שלום</mj-text><mj-text align="center">מרכז</mj-text></mj-column></mj-section></mj-body></mjml>`
	out, err := CompileFor("he", src)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`<html lang="he" dir="rtl"`, "direction:rtl", "font-size:16px;line-height:1;text-align:right", "text-align:center;color"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	english, err := CompileFor("en", src)
	if err != nil || strings.Contains(english, "rtl") || !strings.Contains(english, `<html lang="en" dir="ltr"`) {
		t.Errorf("in English: %v\n%s", err, english)
	}
	own, err := Compile(strings.Replace(src, "<mjml>", `<mjml lang="ar" dir='rtl'>`, 1))
	if err != nil || !strings.Contains(own, `<html lang="ar" dir="rtl"`) || !strings.Contains(own, "text-align:right") {
		t.Errorf("by its own attributes: %v\n%s", err, own)
	}
}

func TestTablesWithoutHeaderCellsAreLayouts(t *testing.T) {
	out := mustCompile(t, column(`<mj-table><tr><td>x</td></tr></mj-table><mj-table><tr><th>x</th></tr></mj-table>`))
	if strings.Count(out, `<table role="presentation" border="0" cellpadding="0" cellspacing="0" width="100%" style="color`) != 1 || !strings.Contains(out, `border:none;"><tr><th>`) {
		t.Fatal(out)
	}
}

func TestNothingIsFetchedFromThirdParties(t *testing.T) {
	out := mustCompile(t, column(`<mj-text>x</mj-text><mj-button href="https://s.example">y</mj-button>`))
	if strings.Contains(out, "fonts.googleapis") || strings.Contains(out, "@import") {
		t.Fatal(out)
	}
}

func TestCompileIsSafeForConcurrentUse(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			color := fmt.Sprintf("#00000%d", i)
			out, err := Compile(`<mjml><mj-head><mj-attributes><mj-text color="` + color + `" /></mj-attributes></mj-head><mj-body><mj-section><mj-column><mj-text>x</mj-text></mj-column></mj-section></mj-body></mjml>`)
			if err != nil || !strings.Contains(out, "color:"+color) {
				t.Errorf("%s: %v", color, err)
			}
		})
	}
	wg.Wait()
}

func TestB17CompiledMailsPassTheAudit(t *testing.T) {
	src := mail(`<mj-section background-color="#ffffff"><mj-column><mj-text><h1>Hello</h1></mj-text><mj-image src="https://s.example/i.png" alt="A tent" href="https://s.example" />` +
		`<mj-table role="presentation">{% for item in cart.items %}<tr><td>{{ item.name }}</td></tr>{% endfor %}</mj-table><mj-button background-color="#1d4ed8" href="https://s.example">Go</mj-button></mj-column></mj-section>`)
	for _, finding := range message.Audit(render(t, src, 2).HTML) {
		t.Error(finding)
	}
}

// FuzzCompile: whatever the source, compiling ends, with HTML or with an *Error.
func FuzzCompile(f *testing.F) {
	for _, src := range structures {
		f.Add(src)
	}
	f.Add("<mjml><mj-body><mj-section/><mj-raw><b></mj-raw></mj-body></mjml>")
	f.Add("<mjml><mj-body><mj-section><mj-column><mj-text/><mj-text><![CDATA[x]]></mj-text></mj-column></mj-section></mj-body></mjml>")
	f.Fuzz(func(t *testing.T, src string) {
		_, err := Compile(src)
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Line < 1 || e.Col < 1) {
			t.Fatalf("error %T %v", err, err)
		}
	})
}
