package message

import (
	"math"
	"strings"
	"testing"
)

const goodMail = `<!doctype html><html lang="en" dir="ltr"><head><meta charset="utf-8"><meta name="viewport" content="x"><title>T</title>
<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark"></head>
<body style="color:#1f2937;background-color:#ffffff"><h1>A</h1><h2>B</h2><table role="presentation"><tr><td><a href="https://s.example"><img src="x" alt="Tent"></a></td></tr></table>
<table><tr><th>Name</th></tr></table><div style="display:none;color:#ffffff">hidden</div><p>x</p></body></html>`

func TestB17B18AuditFindsWhatIsWrong(t *testing.T) {
	if found := Audit(goodMail); len(found) > 0 {
		t.Fatalf("findings on a good mail: %v", found)
	}
	tests := []struct{ old, new, rule string }{
		{` lang="en"`, ``, "language"},
		{` dir="ltr"`, ` dir="auto"`, "language"},
		{`<title>T</title>`, `<title> </title>`, "title"},
		{`<meta charset="utf-8">`, ``, "document"},
		{`<meta name="viewport" content="x">`, ``, "document"},
		{`<p>x</p>`, `<img src="x">`, "image"},
		{` alt="Tent"`, ` alt=""`, "link"},
		{` role="presentation"`, ``, "table"},
		{`<th>Name</th>`, `<td>Name</td>`, "table"},
		{`<h1>A</h1>`, ``, "heading"},
		{`<h2>B</h2>`, `<h3>B</h3>`, "heading"},
		{`name="color-scheme" content="light dark"`, `name="color-scheme" content="light"`, "dark mode"},
		{`<meta name="supported-color-schemes" content="light dark">`, ``, "dark mode"},
		{`;background-color:#ffffff`, ``, "dark mode"},
		{`<p>x</p>`, `<p style="color:#777777">x</p>`, "contrast"}, // 4.48:1
		{`<p>x</p>`, `<div style="background:#444 url(x)"><p>x</p></div>`, "contrast"},
		{`<p>x</p>`, `<div style="background-color:rgb(0,0,0)"><p style="color:white"><a href="https://s.example">blue on black</a></p></div>`, "contrast"},
		{`<p>x</p>`, `<table role="presentation" bgcolor="black"><tr><td>x</td></tr></table>`, "contrast"},
	}
	for _, test := range tests {
		mail := strings.Replace(goodMail, test.old, test.new, 1)
		found := Audit(mail)
		if mail == goodMail || len(found) == 0 || found[0].Rule != test.rule {
			t.Errorf("%s -> %s: %v", test.old, test.new, found)
		}
	}
	for _, fine := range []string{`<p style="color:#767676">4.54:1</p>`, `<p style="background:#000;color:#fff">x</p>`, `<p style="color:inherit">x</p>`} {
		if found := Audit(strings.Replace(goodMail, `<p>x</p>`, fine, 1)); len(found) > 0 {
			t.Errorf("%s: %v", fine, found)
		}
	}
}

// A body is judged in all its branches, with its outputs as they were written and
// without what the frame adds; Near is what its author can look for.
func TestB17AuditOfABodySeesEveryBranchAndSaysWhere(t *testing.T) {
	const body = `<h2>Tents</h2>
<table><tr><th>Name</th></tr>{% for i in cart.items %}<tr><td>{{ i.name | default: "a tent" }}</td></tr>{% endfor %}</table>
{% if profile.vip %}<p style="color:#aaaaaa">Dear{% if profile.first_name %} {{ profile.first_name }}{% endif %}, for you alone</p>{% else %}<img src="https://s.example/a.png">{% endif %}
<a href="{{ offer[0].url }}">{% if offer %}{% endif %}</a><table><tr><td>6 left</td></tr></table>
<div style="background-color:#000000"><p>{{ profile.first_name }}</p></div>`
	want := []Finding{
		{"contrast", `"Dear {{ profile.first_name }}," is #aaaaaa on #ffffff, 2.3:1 (at least 4.5:1)`, "{{ profile.first_name }}"},
		{"image", `<img src="https://s.example/a.png"> has no alt (alt="" where it only decorates)`, "https://s.example/a.png"},
		{"link", `the link to "{{ offer[0].url }}" has no words and no alt`, "{{ offer[0].url }}"},
		{"table", `a <table> has neither role="presentation" nor <th>`, "6 left"},
		{"contrast", `"{{ profile.first_name }}" is #1f2937 on #000000, 1.4:1 (at least 4.5:1)`, "{{ profile.first_name }}"},
		{"heading", "the first heading is h2, not h1", "Tents"},
	}
	got, err := AuditBody(body)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d findings %v (%v)", len(got), got, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %+v\nwant %+v", got[i], want[i])
		}
	}
}

func TestContrastIsWCAGs(t *testing.T) {
	tests := []struct {
		a, b rgb
		want float64
	}{
		{black, white, 21},
		{white, white, 1},
		{rgb{0x77, 0x77, 0x77}, white, 4.48},
		{rgb{0x76, 0x76, 0x76}, white, 4.54},
		{white, rgb{0x1d, 0x4e, 0xd8}, 6.70}, // the button of the built-in mails
		{footerInk, footerGround, 6.87},
	}
	for _, test := range tests {
		if got := contrast(test.a, test.b); math.Abs(got-test.want) > 0.01 {
			t.Errorf("%s on %s: %.2f, want %.2f", test.a, test.b, got, test.want)
		}
	}
}

func TestFooterStandsOnTheBodysColourWhereItCanBeRead(t *testing.T) {
	for body, want := range map[string]rgb{
		`<body>`: footerGround,
		`<body style="background-color:#f4f1ea;">`:             {0xf4, 0xf1, 0xea},
		`<body style="color:red;background: white url(x)">`:    white,
		`<body style="background-color:#333333">`:              footerGround,
		`<body style="background-color:transparent">`:          footerGround,
		`<body style="background:#000;background-color:#fff">`: white,
	} {
		if got := groundOf(body); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}

// TestFooterIsReadableInTheDark holds the colours that the frame sets for dark
// mode, which Audit can't see since they stand in a style sheet.
func TestFooterIsReadableInTheDark(t *testing.T) {
	ground := rgb{0x1f, 0x1f, 0x1f}
	for _, color := range []rgb{{0xc9, 0xd1, 0xd9}, {0x8a, 0xb4, 0xf8}} {
		if !strings.Contains(frameHead, color.String()) || !strings.Contains(frameHead, ground.String()) {
			t.Fatalf("the frame does not set %s on %s", color, ground)
		}
		if ratio := contrast(color, ground); ratio < minContrast {
			t.Errorf("%s on %s is %.1f:1", color, ground, ratio)
		}
	}
}
