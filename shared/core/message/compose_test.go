package message

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func letterTo(to string) Composition {
	return Composition{
		From: "Shop <news@mail.shop.example>", To: to, ReplyTo: "care@shop.example", Subject: "Hello",
		Date: time.Date(2026, 11, 24, 11, 0, 0, 0, time.FixedZone("IST", 2*3600)), MessageID: "abc.0",
		HTML: "<p>Hello</p>", Text: "Hello\n", UnsubscribeURL: "https://k.example/u/abc", UnsubscribeMailto: "mailto:care@shop.example?subject=unsubscribe%20abc",
		Marketing: true,
	}
}

func compose(t testing.TB, c Composition) []byte {
	t.Helper()
	raw, err := Compose(c)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// parsed is a mail as Python's email package (policy default) reads it.
type parsed struct {
	Headers [][2]string `json:"headers"` // decoded
	From    [][2]string `json:"from"`    // display name, addr-spec
	To      [][2]string `json:"to"`
	Type    string      `json:"type"`
	Parts   []struct {
		Type    string `json:"type"`
		Charset string `json:"charset"`
		Text    string `json:"text"`
	} `json:"parts"`
	Defects []string `json:"defects"`
}

// readByPython parses mails by a parser that nobody here wrote.
func readByPython(t *testing.T, raws ...[]byte) []parsed {
	t.Helper()
	const script = `
import sys, json, email, email.policy
def mailboxes(h): return [[a.display_name, a.addr_spec] for a in h.addresses] if h else []
out = []
for raw in json.load(sys.stdin):
    m = email.message_from_bytes(raw.encode("latin-1"), policy=email.policy.default)
    defects = [repr(d) for p in m.walk() for d in p.defects] + [repr(d) for k, v in m.items() for d in v.defects]
    out.append({"headers": [[k, str(v)] for k, v in m.items()], "from": mailboxes(m["From"]), "to": mailboxes(m["To"]),
      "type": m.get_content_type(), "defects": defects,
      "parts": [{"type": p.get_content_type(), "charset": p.get_content_charset(), "text": p.get_content()} for p in m.iter_parts()]})
json.dump(out, sys.stdout)`
	texts := make([]string, len(raws))
	for i, raw := range raws {
		runes := make([]rune, len(raw)) // bytes as latin-1
		for j, c := range raw {
			runes[j] = rune(c)
		}
		texts[i] = string(runes)
	}
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("python3", "-c", script)
	cmd.Stdin = bytes.NewReader(in)
	cmd.Stderr = &bytes.Buffer{}
	b, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3: %v\n%s", err, cmd.Stderr)
	}
	var out []parsed
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (p parsed) all(name string) (values []string) {
	for _, h := range p.Headers {
		if strings.EqualFold(h[0], name) {
			values = append(values, h[1])
		}
	}
	return values
}

func (p parsed) one(t *testing.T, name string) string {
	t.Helper()
	values := p.all(name)
	if len(values) != 1 {
		t.Fatalf("%d headers %s: %q", len(values), name, values)
	}
	return values[0]
}

// subjects that are easily spoilt (B16).
var subjects = []string{
	"Hello", "שכחת משהו בעגלה", "مرحبا بك", "🏕 Tent weekend 🏕", "You left \u2068אוהל\u2069 behind, Dana",
	strings.Repeat("long ascii words ", 30) + "end", strings.Repeat("מילים ארוכות ", 40) + "סוף", strings.Repeat("x", 500), strings.Repeat("א", 300),
	"=?utf-8?B?ZXZpbA==?=", "a =?x?q?y?= b", "two  spaces", " leading", "trailing ", "colon: semi; comma, <angle> \"quoted\" (paren)", "tab\tno",
	"e\u0301 combining", "👨‍👩‍👧‍👦 family", "ends with =", "100% off?", "日本語の件名", "",
}

func TestB16SubjectsReadBackAsTheyWere(t *testing.T) {
	var raws [][]byte
	var want []string
	for _, subject := range subjects {
		c := letterTo("dana@customer.example")
		c.Subject = subject
		raw, err := Compose(c)
		if strings.Contains(subject, "\t") {
			if err == nil {
				t.Errorf("%q was taken", subject)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%q: %v", subject, err)
		}
		raws, want = append(raws, raw), append(want, subject)
	}
	for i, p := range readByPython(t, raws...) {
		// Parsers take white space off a header's ends; encoding keeps it.
		if got := p.one(t, "Subject"); got != want[i] {
			t.Errorf("Python reads %q, want %q", got, want[i])
		}
		m, err := mail.ReadMessage(bytes.NewReader(raws[i]))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil || got != want[i] {
			t.Errorf("Go reads %q (%v), want %q", got, err, want[i])
		}
	}
}

func TestB12MailIsWhatTheStandardsAskFor(t *testing.T) {
	c := letterTo(`"Dana, \"the\" Great" <dana@customer.example>`)
	c.From = "חנות <news@mail.shop.example>"
	c.Subject = "שכחת משהו בעגלה"
	c.Text = "שלום דנה\n.\n..\nFrom here\nspace at the end \n" + strings.Repeat("ארוך ", 400) + "\n"
	c.HTML = "<p>שלום = דנה</p>\r\n<p>" + strings.Repeat("x", 3000) + "</p>"
	raw := compose(t, c)
	checkLines(t, raw)
	p := readByPython(t, raw)[0]
	if len(p.Defects) > 0 {
		t.Errorf("defects %v", p.Defects)
	}
	for name, want := range map[string]string{
		"Subject": c.Subject, "Date": "Tue, 24 Nov 2026 09:00:00 +0000", "Message-ID": "<abc.0@mail.shop.example>",
		"Reply-To": "care@shop.example", "MIME-Version": "1.0",
	} {
		if got := p.one(t, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if len(p.From) != 1 || p.From[0] != [2]string{"חנות", "news@mail.shop.example"} {
		t.Errorf("from %q", p.From)
	}
	if len(p.To) != 1 || p.To[0] != [2]string{`Dana, "the" Great`, "dana@customer.example"} {
		t.Errorf("to %q", p.To)
	}
	if p.Type != "multipart/alternative" || len(p.Parts) != 2 || p.Parts[0].Type != "text/plain" || p.Parts[1].Type != "text/html" {
		t.Fatalf("%s of %+v", p.Type, p.Parts)
	}
	for i, want := range []string{c.Text, strings.ReplaceAll(c.HTML, "\r\n", "\n")} {
		if got := strings.TrimSuffix(strings.ReplaceAll(p.Parts[i].Text, "\r\n", "\n"), "\n"); got != strings.TrimSuffix(want, "\n") || p.Parts[i].Charset != "utf-8" {
			t.Errorf("part %d (%s) is %.200q, want %.200q", i, p.Parts[i].Charset, got, want)
		}
	}
}

// checkLines: CRLF alone ends a line, no line is longer than 998, header lines
// and quoted-printable not longer than 78 where they can be folded.
func checkLines(t testing.TB, raw []byte) {
	t.Helper()
	if !utf8.Valid(raw) || bytes.IndexFunc(raw, func(r rune) bool { return r > '~' }) >= 0 {
		t.Fatal("the mail is not ASCII")
	}
	for _, line := range bytes.SplitAfter(raw, []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		if !bytes.HasSuffix(line, []byte("\r\n")) || bytes.ContainsRune(line[:len(line)-2], '\r') {
			t.Fatalf("line does not end in CRLF alone: %q", line)
		}
		if len(line) > 998+2 {
			t.Fatalf("line of %d: %.80q...", len(line), line)
		}
		if len(line) > 78+2 && !bytes.HasPrefix(line, []byte("List-Unsubscribe: ")) && !bytes.HasPrefix(line, []byte(" <")) && !bytes.HasPrefix(line, []byte("Message-ID: ")) {
			t.Fatalf("line of %d: %q", len(line), line)
		}
	}
}

func TestB01OneClickHeadersOnEverythingButService(t *testing.T) {
	raw := string(compose(t, letterTo("dana@customer.example")))
	want := "List-Unsubscribe: <https://k.example/u/abc>,\r\n <mailto:care@shop.example?subject=unsubscribe%20abc>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
	if !strings.Contains(raw, want) {
		t.Errorf("the mail lacks\n%s\nin\n%s", want, raw)
	}
	c := letterTo("dana@customer.example")
	c.Marketing = false
	if raw := string(compose(t, c)); strings.Contains(raw, "Unsubscribe") {
		t.Errorf("a service mail offers to unsubscribe:\n%s", raw)
	}
	c = letterTo("dana@customer.example")
	c.UnsubscribeURL = "https://k.example/u/" + strings.Repeat("a", 700)
	c.UnsubscribeMailto = ""
	if raw := string(compose(t, c)); !strings.Contains(raw, "List-Unsubscribe: <"+c.UnsubscribeURL+">\r\n") {
		t.Errorf("a long address was broken:\n%s", raw)
	}
	for _, link := range []string{
		"", "http://k.example/u", "https://k.example/u>,<https://evil.example", "https://k.example/u\r\nBcc: x", "https://k.example/ü", "javascript:x",
		"https://k.example/a b", "mailto:a@b.example", "https://", "https://k.example/" + strings.Repeat("a", 1000), "=?utf-8?q?https?=",
	} {
		c := letterTo("dana@customer.example")
		c.UnsubscribeURL = link
		if _, err := Compose(c); err == nil {
			t.Errorf("%q was taken", link)
		}
	}
	for _, link := range []string{"https://k.example/u", "mailto:a@b.example>\r\nBcc: x", "mailto:a@b.example, mailto:c@d.example"} {
		c := letterTo("dana@customer.example")
		c.UnsubscribeMailto = link
		if _, err := Compose(c); err == nil {
			t.Errorf("%q was taken", link)
		}
	}
	c.UnsubscribeURL, c.Marketing = "http://127.0.0.1:8080/u/abc", true
	compose(t, c) // a local Kesher
}

// injections are what a header input may not hold (B13, E19).
var injections = []string{
	"x\r\nBcc: eve@evil.example", "x\nBcc: eve@evil.example", "x\rBcc: eve@evil.example", "x\x00y", "x\r\n\r\n<script>", "x\r\n y", "x\u0085y",
	"x\u2028y", "x\u2029Bcc: y", "x\x0by", "x\x7fy", "\r\n", "x\xff",
}

func TestE19HeaderInjectionIsRefused(t *testing.T) {
	for _, v := range injections {
		for name, set := range map[string]func(*Composition){
			"Subject":        func(c *Composition) { c.Subject = v },
			"To":             func(c *Composition) { c.To = v + " <dana@customer.example>" },
			"To address":     func(c *Composition) { c.To = "dana@customer.example" + v },
			"From":           func(c *Composition) { c.From = v + " <news@shop.example>" },
			"Reply-To":       func(c *Composition) { c.ReplyTo = "<" + v + "@shop.example>" },
			"Message-ID":     func(c *Composition) { c.MessageID = v },
			"Unsubscribe":    func(c *Composition) { c.UnsubscribeURL = "https://k.example/" + v },
			"Unsubscribe to": func(c *Composition) { c.UnsubscribeMailto = "mailto:" + v },
		} {
			c := letterTo("dana@customer.example")
			set(&c)
			if raw, err := Compose(c); err == nil {
				t.Errorf("%s %q was taken:\n%s", name, v, raw)
			}
		}
	}
}

func TestAddressesAreTakenStrictly(t *testing.T) {
	for in, want := range map[string]Address{
		"dana@customer.example":                      {"", "dana@customer.example"},
		" dana@customer.example ":                    {"", "dana@customer.example"},
		"Shop <news@shop.example>":                   {"Shop", "news@shop.example"},
		`"Shop, Inc." <news@shop.example>`:           {"Shop, Inc.", "news@shop.example"},
		`"a \"b\" \\c" <news@shop.example>`:          {`a "b" \c`, "news@shop.example"},
		"חנות <news@shop.example>":                   {"חנות", "news@shop.example"},
		"<news@shop.example>":                        {"", "news@shop.example"},
		"a+tag@shop.example":                         {"", "a+tag@shop.example"},
		"dana@דוגמה.example":                         {"", "dana@xn--6dbbec0c.example"},
		"Shop <news@Bücher.example>":                 {"Shop", "news@xn--bcher-kva.example"},
		"=?utf-8?q?evil?= <news@shop.example>":       {"=?utf-8?q?evil?=", "news@shop.example"},
		"a@localhost":                                {"", "a@localhost"},
		"a <b@evil.example> <news@shop.example>":     {"a <b@evil.example>", "news@shop.example"},
		"news@evil.example <news@shop.example>":      {"news@evil.example", "news@shop.example"},
		strings.Repeat("a", 64) + "@shop.example":    {"", strings.Repeat("a", 64) + "@shop.example"},
		"o'brien!#$%&*+-/=?^_`{|}~@customer.example": {"", "o'brien!#$%&*+-/=?^_`{|}~@customer.example"},
	} {
		got, err := ParseAddress(in)
		if err != nil || got != want {
			t.Errorf("%q: %+v (%v), want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", "dana", "@customer.example", "dana@", "a@b@c.example", "a b@customer.example", ".a@customer.example", "a.@customer.example", "a..b@customer.example",
		"a@customer", "a@-x.example", "a@x-.example", "a@.example", "a@x..example", "a@[127.0.0.1]", "a@127.0.0.1", `"a b"@customer.example`, "דנה@customer.example",
		"a,b@customer.example", "a@customer.example, b@customer.example", "a;b@customer.example", "a@customer.example>", "Shop <a@customer.example", "<<a@customer.example>>",
		"a(b)@customer.example", "a@customer.example (x)", "undisclosed:;", "group: a@customer.example;", strings.Repeat("a", 65) + "@shop.example", "a@" + strings.Repeat("b", 64) + ".example",
		"a@" + strings.Repeat("b.", 130) + "example", "a@x_y.example", "a@exa\u200bmple.example\u0000",
	} {
		if got, err := ParseAddress(in); err == nil {
			t.Errorf("%q was taken as %+v", in, got)
		}
	}
}

func TestDisplayNamesAreNeverDecodedNorLost(t *testing.T) {
	names := []string{"Shop", "Shop, Inc.", "חנות", "=?utf-8?B?DQpCY2M6IGV2ZQ==?=", `a "b" \c`, "Dr. No", strings.Repeat("name ", 30) + "end", "a@b.example", strings.Repeat("שם", 60), "x <y>"}
	var raws [][]byte
	for _, name := range names {
		c := letterTo("dana@customer.example")
		c.From = name + " <news@shop.example>"
		raw := compose(t, c)
		checkLines(t, raw)
		raws = append(raws, raw)
	}
	for i, p := range readByPython(t, raws...) {
		want := names[i]
		m, err := mail.ReadMessage(bytes.NewReader(raws[i]))
		if err != nil {
			t.Fatal(err)
		}
		list, err := m.Header.AddressList("From")
		if err != nil || len(list) != 1 || list[0].Address != "news@shop.example" || list[0].Name != want && !strings.Contains(want, "=?") {
			t.Errorf("Go reads %q as %v (%v)", want, list, err) // it decodes a quoted =?...?=, which is no encoded word
		}
		if len(p.From) != 1 || p.From[0][1] != "news@shop.example" || len(p.all("Bcc")) > 0 {
			t.Errorf("Python reads %q as %q", want, p.From)
		}
		// Python puts a space between the encoded words of a long name, which RFC
		// 2047 section 6.2 tells it not to.
		if got := p.From[0][0]; got != want && len(want) < 60 {
			t.Errorf("Python reads %q as %q", want, got)
		}
	}
}

func TestComposeIsRepeatable(t *testing.T) {
	a, b := compose(t, letterTo("dana@customer.example")), compose(t, letterTo("dana@customer.example"))
	if !bytes.Equal(a, b) {
		t.Fatal("the same mail has other bytes")
	}
}

// FuzzCompose (B12): whatever comes in, a mail that comes out has one of each header,
// and its subject and bodies read back.
func FuzzCompose(f *testing.F) {
	for _, subject := range append(subjects, injections...) {
		f.Add("Shop", "dana@customer.example", subject, "text", "<p>x</p>", "https://k.example/u")
	}
	f.Add("חנות", "Dana <dana@customer.example>", "x", ".\r\n--=_x--\n\r", "=\t \n", "mailto:x")
	f.Fuzz(func(t *testing.T, name, to, subject, text, html, link string) {
		c := letterTo(to)
		c.From, c.Subject, c.Text, c.HTML, c.UnsubscribeURL = name+" <news@shop.example>", subject, text, html, link
		raw, err := Compose(c)
		if err != nil {
			return
		}
		checkLines(t, raw)
		m, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatalf("%v\n%s", err, raw)
		}
		for _, one := range []string{"From", "To", "Subject", "Date", "Message-Id", "Reply-To", "Content-Type", "List-Unsubscribe"} {
			if len(m.Header[one]) != 1 {
				t.Fatalf("%d headers %s\n%s", len(m.Header[one]), one, raw)
			}
		}
		if len(m.Header) != 10 {
			t.Fatalf("headers %v", m.Header)
		}
		if got, _ := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); got != subject {
			t.Fatalf("subject %q became %q", subject, got)
		}
		_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		r := multipart.NewReader(m.Body, params["boundary"])
		for _, want := range []string{text, html} {
			if want == "" && html == "" && text != "" {
				continue
			}
			part, err := r.NextRawPart()
			if err != nil {
				if want == html && html == "" {
					return
				}
				t.Fatal(err)
			}
			checkQuoted(t, part, want)
		}
	})
}

func checkQuoted(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got, err := io.ReadAll(quotedprintable.NewReader(r))
	if err != nil {
		t.Fatal(err)
	}
	if lines(string(got)) != lines(want) {
		t.Fatalf("%q became %q", want, got)
	}
}

// lines is a text with one kind of line break.
func lines(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// FuzzQuote holds our quoted-printable against the standard library's reader.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "a ", "a \nb\t\r\n", "=", strings.Repeat("x", 200), strings.Repeat("א", 100), strings.Repeat("x", 75) + " ", strings.Repeat("x ", 76), "\r", "a\r\r\nb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var b bytes.Buffer
		b.Write(quote(nil, s))
		for _, line := range strings.Split(b.String(), "\r\n") {
			if len(line) > maxLine || strings.HasSuffix(line, " ") || strings.HasSuffix(line, "\t") || strings.ContainsAny(line, "\r\n") {
				t.Fatalf("line %q", line)
			}
		}
		checkQuoted(t, &b, s)
	})
}
