package liquid

import (
	"html"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	xhtml "golang.org/x/net/html"
)

func TestB19ValuesAreEscapedForTheirPlace(t *testing.T) {
	const v = `<b>"R&D' /x?y=1#z</b>`
	tests := []struct {
		format    Format
		src, want string
	}{
		{HTML, `<p>{{ v }}</p>`, `<p>&lt;b&gt;&#34;R&amp;D&#39; /x?y=1#z&lt;/b&gt;</p>`},
		{HTML, `<title>{{ v }}</title>`, `<title>&lt;b&gt;&#34;R&amp;D&#39; /x?y=1#z&lt;/b&gt;</title>`},
		{HTML, `<img alt="{{ v }}">`, `<img alt="&lt;b&gt;&#34;R&amp;D&#39; /x?y=1#z&lt;/b&gt;">`},
		{HTML, `<img alt='{{ v }}'>`, `<img alt='&lt;b&gt;&#34;R&amp;D&#39; /x?y=1#z&lt;/b&gt;'>`},
		{HTML, `<a href="https://s.example/{{ v }}">`, `<a href="https://s.example/%3Cb%3E%22R%26D%27%20/x%3Fy=1%23z%3C/b%3E">`},
		{HTML, `<a href="https://s.example/?q={{ v }}">`, `<a href="https://s.example/?q=%3Cb%3E%22R%26D%27+%2Fx%3Fy%3D1%23z%3C%2Fb%3E">`},
		{HTML, `<a href="https://s.example/?q={{ v | url_encode }}">`, `<a href="https://s.example/?q=%3Cb%3E%22R%26D%27+%2Fx%3Fy%3D1%23z%3C%2Fb%3E">`},
		{HTML, `<a href="{{ u }}">`, `<a href="https://s.example/a%20b?x=1&amp;y=%3C2%3E">`},
		{HTML, `<a href="{{ u }}&z={{ v }}">`, `<a href="https://s.example/a%20b?x=1&amp;y=%3C2%3E&z=%3Cb%3E%22R%26D%27%20/x%3Fy=1%23z%3C/b%3E">`},
		{HTML, `<a href="mailto:{{ m }}">`, `<a href="mailto:a@b.example">`},
		{HTML, `<!-- {{ v }} -->`, `<!-- &lt;b&gt;&#34;R&amp;D&#39; /x?y=1#z&lt;/b&gt; -->`},
		{HTML, `<!--[if mso]><v:fill src="{{ u }}" alt="{{ v }}"/><![endif]-->`, `<!--[if mso]><v:fill src="https://s.example/a%20b?x=1&amp;y=%3C2%3E" alt="&lt;b&gt;&#34;R&amp;D&#39; /x?y=1#z&lt;/b&gt;"/><![endif]-->`},
		{HTML, `<p style="{% if v %}color:red{% endif %}">`, `<p style="color:red">`},
		{HTML, `<td{% if v %} class="x"{% endif %}>`, ``},
		{HTML, `<td {% if v %}class="x"{% endif %}>`, `<td class="x">`},
		{Plain, `{{ v }}`, v},
		{Plain, URLStart + `{{ u }}` + URLEnd, `https://s.example/a%20b?x=1&y=%3C2%3E`},
		{Line, `{{ v }}`, v},
	}
	data := map[string]any{"v": v, "u": `https://s.example/a b?x=1&y=<2>`, "m": "a@b.example"}
	for _, test := range tests {
		s, err := Scan("body", test.src)
		if strings.Contains(test.src, URLStart) { // only the product writes these marks
			s = &Source{Part: "body"}
			var coded string
			coded, err = s.Add(test.src)
			s.Coded = coded
		}
		if err != nil {
			t.Fatal(err)
		}
		p, err := Compile(s, test.format)
		if err != nil {
			if test.want != "" {
				t.Errorf("%s: %v", test.src, err)
			}
			continue
		}
		got, err := NewRun(LTR, data).Render(p)
		if err != nil || got != test.want {
			t.Errorf("%s\n got %s (%v)\nwant %s", test.src, got, err, test.want)
		}
	}
}

func TestValuesMayNotStandWhereNoEscapingHelps(t *testing.T) {
	for src, want := range map[string]string{
		`<style>p{color:{{ v }}}</style>`:                     "style",
		`<p style="color:{{ v }}">`:                           "style",
		`<script>{{ v }}</script>`:                            "<script> may not stand in a mail",
		`<a href={{ v }}>`:                                    "in no quoted value",
		`<a href=https://s.example/{{ v }}>`:                  "in no quoted value",
		`<p {{ v }}>`:                                         "in no quoted value",
		`<p {{ v }}="x">`:                                     "in no quoted value",
		`<p da{{ v }}ta="x">`:                                 "name of an attribute",
		`<p hr{% if v %}ef{% endif %}="x">`:                   "name of an attribute",
		`<p{{ v }}>`:                                          "name of an HTML tag",
		`<p></p{{ v }}>`:                                      "end tag",
		`<img srcset="{{ v }} 2x">`:                           "srcset",
		`<p onclick="{{ v }}">`:                               "may not carry scripts",
		`<p ONCLICK="x()">`:                                   "may not carry scripts",
		`<iframe srcdoc="{{ v }}"></iframe>`:                  "<iframe>",
		`<form action="https://s.example"></form>`:            "<form>",
		`<svg><a xlink:href="{{ v }}"></svg>`:                 "<svg>",
		`<base href="https://s.example">`:                     "<base>",
		`<meta http-equiv="Refresh" content="0; url=x">`:      "redirect",
		`<noscript><a href="javascript:x"></noscript>`:        "javascript",
		`<xmp>{{ v }}</xmp>`:                                  "<xmp>",
		`<p title="{{ v }}`:                                   "never closed",
		`<!--[if mso]><style>{{ v }}</style><![endif]-->`:     "style",
		`<!--[if mso]><a href={{ v }}><![endif]-->`:           "in no quoted value",
		"<a\nhref=\n{{ v }}>":                                 "in no quoted value",
		`<a href="#x" title=a"{{ v }}">`:                      "in no quoted value",
		`<p style="{% if v %}a{% else %}{{ v }}{% endif %}">`: "style",
	} {
		_, err := rendered(HTML, LTR, src, map[string]any{"v": "https://s.example"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", src, err, want)
		}
	}
}

func TestBlocksHoldWholeElementsOrLieWithinOneValue(t *testing.T) {
	for _, src := range []string{
		`<a title="{% if v %}">x{% endif %}</a>`,
		`{% if v %}<a title="{% else %}<a title="{% endif %}x">`,
		`<a title="{% if v %}x" href="y{% endif %}">`,
		`<p {% if v %}title="x">{% endif %}`,
		`<style>{% if v %}</style>{% endif %}`,
		`<!-- {% if v %} -->{% endif %}`,
		`<!--[if mso]>{% for i in v %}<![endif]-->{% endfor %}`,
		`<a href="{% for i in v %}">{% endfor %}<b>`,
		`{% for i in v %}<a title="{% break %}">{% endfor %}`,
		`{% for i in v %}<a href="{{ i }}{% if i %}{% continue %}{% endif %}">{% endfor %}`,
	} {
		if _, err := compiled(HTML, src); err == nil || !strings.Contains(err.Error(), "another place") {
			t.Errorf("%s: %v", src, err)
		}
	}
	for _, src := range []string{
		`<a title="{% if v %}x{% else %}y{% endif %}">{% if v %}<b>{% endif %}</b></a>`,
		`<style>{% if v %}p{}{% endif %}</style>`,
		`<!--[if mso]>{% for i in l %}<p>{{ i }}</p>{% endfor %}<![endif]-->`,
		`<a href="https://s.example/{% for i in l %}{{ i }}/{% endfor %}">`,
	} {
		if _, err := rendered(HTML, LTR, src, map[string]any{"v": "x", "l": []any{1, 2}}); err != nil {
			t.Errorf("%s: %v", src, err)
		}
	}
}

// hostile are addresses that no link may lead to (E16).
var hostile = []string{
	"javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\tscript:alert(1)", "java\nscript:alert(1)",
	"\x01javascript:alert(1)", "javascript&colon;alert(1)", "javascript&#58;alert(1)", "javascript&#x3a;alert(1)", "&#106;avascript:alert(1)",
	"j&#97;v&#97;script:alert(1)", "java&Tab;script:alert(1)", "java&NewLine;script:alert(1)", "%6aavascript:alert(1)", "javascript%3aalert(1)",
	"data:text/html,<script>alert(1)</script>", "data:text/html;base64,PHNjcmlwdD4=", "DATA:,x", "vbscript:msgbox(1)", "file:///etc/passwd",
	"ftp://s.example/x", "http://s.example/", "http://169.254.169.254/latest/meta-data", "http://localhost.evil.example/", "http://evillocalhost/", "http://127.0.0.1.evil.example/",
	"//evil.example/x", "/relative", "relative", "https:", "https:///x", "https:evil", "mailto:", "tel:", "blob:x", "about:blank", "view-source:x", "\\\\evil", "ws://x.example", "", " ",
}

func TestE16LinksAreHTTPSMailtoOrTelAfterDecoding(t *testing.T) {
	for _, link := range hostile {
		attr := strings.ReplaceAll(link, `"`, "&quot;")
		if _, err := rendered(HTML, LTR, `<a href="`+attr+`">x</a>`, nil); err == nil {
			t.Errorf("in a template: %q was taken", link)
		}
		for _, src := range []string{`<a href="{{ v }}">`, `<img src='{{ v }}'>`, `<a href="{{ v }}{{ w }}">`, `<a href="{% if v %}{{ v }}{% endif %}">`, `<td background="{{ v }}">`, `<a href="{{ v | url_encode }}">`} {
			got, err := rendered(HTML, LTR, src, map[string]any{"v": link, "w": ""})
			if err == nil {
				t.Errorf("as a value in %s: %q became %s", src, link, got)
			}
		}
	}
	split := map[string]any{"a": "java", "b": "script:alert(1)", "c": "https://s.example"}
	for _, src := range []string{`<a href="{{ a }}{{ b }}">`, `<a href="java{{ b }}">`, `<a href="{{ a }}script:x">`, `<a href="{% if a %}javascript:{% endif %}{{ c }}">`} {
		if got, err := rendered(HTML, LTR, src, split); err == nil {
			t.Errorf("%s became %s", src, got)
		}
	}
	for _, link := range []string{
		"https://s.example", "HTTPS://s.example/?a=1&b=2#c", "mailto:a@b.example?subject=x", "tel:+972-3-1234567",
		"http://127.0.0.1:8080/u/x", "http://localhost:8080/", "http://api.localhost:8080/", "http://[::1]:8080/", "https://s.example/javascript:x",
	} {
		if _, err := rendered(HTML, LTR, `<a href="{{ v }}">x</a><a href="`+link+`">y</a>`, map[string]any{"v": link}); err != nil {
			t.Errorf("%s: %v", link, err)
		}
	}
	if _, err := compiled(HTML, `<a href="#top">x</a>`); err != nil {
		t.Errorf("an anchor: %v", err)
	}
}

func TestB16ValuesCantReorderWhatStandsAroundThem(t *testing.T) {
	tests := []struct{ dir, value, want string }{
		{LTR, "Tent", "Tent"},
		{LTR, "אוהל", "\u2068אוהל\u2069"},
		{LTR, "خيمة", "\u2068خيمة\u2069"},
		{LTR, "Tent אוהל 🏕", "\u2068Tent אוהל 🏕\u2069"},
		{LTR, "🏕 90", "🏕 90"},
		{RTL, "אוהל", "אוהל"},
		{RTL, "Tent", "\u2068Tent\u2069"},
		{RTL, "90", "90"},
		{LTR, "a\u202Eb\u202Dc\u202Ad\u202Be\u202Cf\u2066g\u2067h\u2068i\u2069j", "abcdefghij"},
		{RTL, "\u202Eאב\u2069", "אב"},
		{LTR, "a\x00b\x1bc\u0085d", "abcd"},
	}
	for _, test := range tests {
		formats := []Format{HTML, Plain, Line}
		if strings.Contains(test.value, "\x00") { // a header refuses it instead (B13)
			formats = formats[:2]
		}
		for _, format := range formats {
			got, err := rendered(format, test.dir, `{{ v }}`, map[string]any{"v": test.value})
			if err != nil || got != test.want {
				t.Errorf("%s %q: %q (%v), want %q", test.dir, test.value, got, err, test.want)
			}
		}
		got, err := rendered(HTML, test.dir, `<img alt="{{ v }}">`, map[string]any{"v": test.value})
		if err != nil || strings.ContainsAny(got, "\u2068\u2069\u202e") {
			t.Errorf("in an attribute: %q (%v)", got, err)
		}
	}
}

func TestB13LineBreaksInAHeaderAreRefused(t *testing.T) {
	for _, value := range []string{"a\r\nBcc: eve@evil.example", "a\nb", "a\rb", "a\x00b"} {
		if got, err := rendered(Line, LTR, `{{ v }}`, map[string]any{"v": value}); err == nil {
			t.Errorf("%q became %q", value, got)
		}
	}
}

// FuzzValueStaysInItsPlace: no value changes the HTML around it.
func FuzzValueStaysInItsPlace(f *testing.F) {
	const src = `<p title="{{ v }}">{{ v }}</p><!-- {{ v }} --><a href="https://s.example/{{ v }}?q={{ v }}#{{ v }}" data-x='{{ v }}'>x</a><title>{{ v }}</title>`
	program, err := compiled(HTML, src)
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range append(hostile, `"><script>`, `--><b>`, `' onload='x`, "</title><script>", "\xff", "&lt;", "]]>", "<!--", "\u202e") {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		out, err := NewRun(LTR, map[string]any{"v": v}).Render(program)
		if err != nil {
			return
		}
		if !utf8.ValidString(v) {
			return // never comes out of JSON
		}
		var shape []string
		z := xhtml.NewTokenizer(strings.NewReader(out))
		for kind := z.Next(); kind != xhtml.ErrorToken; kind = z.Next() {
			token := z.Token()
			if kind == xhtml.TextToken {
				continue
			}
			names := token.Data
			if kind == xhtml.CommentToken {
				names = "comment"
			}
			for _, a := range token.Attr {
				names += " " + a.Key
				if a.Key == "href" {
					checkLink(t, a.Val, v)
				}
			}
			shape = append(shape, names)
		}
		if got := strings.Join(shape, ","); got != "p title,p,comment,a href data-x,a,title,title" {
			t.Fatalf("%q makes %s\n%s", v, got, out)
		}
	})
}

func checkLink(t *testing.T, href, v string) {
	t.Helper()
	u, err := url.Parse(href)
	if err != nil || u.Scheme != "https" || u.Host != "s.example" {
		t.Fatalf("%q makes the link %q", v, href)
	}
}

func TestTextIsWhatTheValueWas(t *testing.T) {
	const v = `a & b < c > "d" 'e' שלום 🏕`
	out, err := rendered(HTML, LTR, `{{ v }}`, map[string]any{"v": v})
	if err != nil || strings.Trim(html.UnescapeString(out), firstStrongIsolate+popIsolate) != v {
		t.Fatalf("%q (%v)", out, err)
	}
}
