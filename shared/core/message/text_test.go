package message

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTextOfHTML(t *testing.T) {
	tests := []struct{ html, want string }{
		{"plain  words\n here", "plain words here\n"},
		{"<h1>Title</h1><p>One.</p><p>Two<br>lines</p>", "Title\n\nOne.\n\nTwo\nlines\n"},
		{"<ul><li>a</li><li>b <b>bold</b></li></ul><ol><li>x</li><li>y</li></ol>", "- a\n- b bold\n\n1. x\n2. y\n"},
		{`<a href="https://s.example">Shop</a>, <a href="https://s.example">https://s.example</a> <a href="#top">up</a>`, "Shop <https://s.example>, https://s.example up\n"},
		{`<a href="https://s.example"><img src="x" alt="The shop"></a><img src="y" alt="decoration">`, "The shop <https://s.example>\n"},
		{`<a href="https://s.example"><img src="x" alt=""></a>`, "https://s.example\n"},
		{`<a href="https://s.example/?a=1&amp;b=2"><span>two</span> <i>words</i></a>.`, "two words <https://s.example/?a=1&b=2>.\n"},
		{"<table><tr><td>Tent</td><td>90</td></tr><tr><td>Lamp</td><td>4</td></tr></table>", "Tent 90\nLamp 4\n"},
		{"<head><title>t</title><style>p{}</style></head><body>x<script>y()</script></body>", "x\n"},
		{`a<div style="display: none">hidden<p>more</p></div>b`, "ab\n"},
		{"<!-- note -->a<!--[if mso]><p>outlook</p><![endif]-->", "a\n"},
		{"a<hr>b", "a\n---\nb\n"},
		{"&lt;b&gt; &amp; &nbsp;&copy;", "<b> & \u00a0©\n"},
		{"<div><div><div>a</div></div></div><div>b</div>", "a\nb\n"},
		{"<p>unclosed<p>next</div></p></a></ul>", "unclosed\n\nnext\n"},
		{"", ""},
	}
	for _, test := range tests {
		if got := Text(test.html); got != test.want {
			t.Errorf("%s\n got %q\nwant %q", test.html, got, test.want)
		}
	}
}

// FuzzText: whatever the HTML, the text is tidy.
func FuzzText(f *testing.F) {
	f.Add(`<ol><li><a href="x"><a href="y">z</ol></li>`)
	f.Add("<p>\u2028<br><br><br><td>x</td></p></a></ul></ol>")
	f.Fuzz(func(t *testing.T, html string) {
		text := Text(html)
		if strings.Contains(text, "\n\n\n") || strings.Contains(text, " \n") || utf8.ValidString(html) && !utf8.ValidString(text) {
			t.Fatalf("%q", text)
		}
	})
}
