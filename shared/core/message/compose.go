package message

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kesher-io/kesher/shared/core/ident"
)

// Composition is one mail as its headers and two bodies.
type Composition struct {
	From, To, ReplyTo string // "Name <address>" or an address; ReplyTo may be empty
	Subject           string
	Date              time.Time
	MessageID         string // of the message; the domain of From is put behind it where it has none
	HTML, Text        string
	UnsubscribeURL    string // https (or http on the loopback address); answers POST (RFC 8058)
	UnsubscribeMailto string // mailto:...; optional
	Marketing         bool   // everything that is not service: carries List-Unsubscribe
}

// Compose builds the bytes of a mail: RFC 5322 with CRLF, multipart/alternative
// with the plain text first (RFC 2046 section 5.1.4: the last part is the best).
// The same composition gives the same bytes.
//
// Every header input is checked before it is encoded: encoding would hide a line
// break, not remove it (B13, E19).
func Compose(c Composition) ([]byte, error) {
	h := headers{}
	from, err := parseAddress("From", c.From)
	if err != nil {
		return nil, err
	}
	h.address("From", c.From)
	h.address("To", c.To)
	if c.ReplyTo != "" {
		h.address("Reply-To", c.ReplyTo)
	}
	h.text("Subject", c.Subject)
	h.add("Date", c.Date.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	h.messageID(c.MessageID, from.domain())
	if c.Marketing {
		h.unsubscribe(c.UnsubscribeURL, c.UnsubscribeMailto)
	}
	// "=_" can't occur in quoted-printable, so no body can hold the boundary
	// (RFC 2045 section 6.7).
	boundary := "=_" + ident.Derive("boundary", c.MessageID)
	h.add("MIME-Version", "1.0")
	h.add("Content-Type", `multipart/alternative; boundary="`+boundary+`"`)
	if h.err != nil {
		return nil, h.err
	}
	if !utf8.ValidString(c.Text) || !utf8.ValidString(c.HTML) {
		return nil, fmt.Errorf("a body is not UTF-8")
	}
	return h.with(boundary, c.Text, c.HTML), nil
}

// headers collects header fields and keeps the first error.
type headers struct {
	b   bytes.Buffer
	err error
}

// with returns the whole mail.
func (h *headers) with(boundary, text, html string) []byte {
	b := &h.b
	b.Grow(len(text) + len(html) + (len(text)+len(html))/8 + 512)
	b.WriteString("\r\n")
	for _, part := range []struct{ kind, content string }{{"plain", text}, {"html", html}} {
		if part.kind == "html" && html == "" {
			continue
		}
		fmt.Fprintf(b, "--%s\r\nContent-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", boundary, part.kind)
		b.Write(quote(b.AvailableBuffer(), part.content))
		b.WriteString("\r\n")
	}
	fmt.Fprintf(b, "--%s--\r\n", boundary)
	return b.Bytes()
}

// add writes a field whose value is ours.
func (h *headers) add(name, value string) {
	h.b.WriteString(name + ": " + value + "\r\n")
}

func (h *headers) fail(err error) {
	if h.err == nil {
		h.err = err
	}
}

// foreign checks a value that comes from outside.
func (h *headers) foreign(name, value string) bool {
	if err := checkHeader(name, value); err != nil {
		h.fail(err)
		return false
	}
	return true
}

func checkHeader(name, value string) error {
	if !utf8.ValidString(value) {
		return fmt.Errorf("%s is not UTF-8", name)
	}
	for _, r := range value {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
			return fmt.Errorf("%s holds the control character U+%04X (a header is one line)", name, r)
		}
	}
	return nil
}

func (h *headers) text(name, value string) {
	if h.foreign(name, value) {
		h.add(name, encodeText(name, value))
	}
}

func (h *headers) address(name, value string) {
	a, err := parseAddress(name, value)
	if err != nil {
		h.fail(err)
		return
	}
	h.add(name, a.header(name))
}

// unsubscribe writes both fields of RFC 8058: the https address first. They are
// plain ASCII and are folded between the two, never inside one, never encoded.
func (h *headers) unsubscribe(link, mailto string) {
	if err := checkUnsubscribe(link); err != nil {
		h.fail(err)
		return
	}
	value := "<" + link + ">"
	if mailto != "" {
		if !strings.HasPrefix(mailto, "mailto:") || !isHeaderURL(mailto) {
			h.fail(fmt.Errorf("List-Unsubscribe: %q is no mailto address", mailto))
			return
		}
		value += ",\r\n <" + mailto + ">"
	}
	h.add("List-Unsubscribe", value)
	h.add("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
}

func checkUnsubscribe(link string) error {
	u, err := url.Parse(link)
	switch {
	case link == "":
		return fmt.Errorf("List-Unsubscribe: a mail that is not service needs an address to unsubscribe at")
	case err != nil || u.Host == "" || !isHeaderURL(link):
		return fmt.Errorf("List-Unsubscribe: %q is no https address", link)
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	default:
		return fmt.Errorf("List-Unsubscribe: %q is no https address (RFC 8058 section 3.1)", link)
	}
}

// isHeaderURL: printable ASCII without what ends it, and short enough for a line.
func isHeaderURL(s string) bool {
	return len(s) <= 900 && strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || r == '<' || r == '>' || r == ','
	}) < 0
}

// messageID writes RFC 5322 section 3.6.4: an id of ours and behind it the sender's
// domain, or a whole one.
func (h *headers) messageID(id, domain string) {
	if left, right, ok := strings.Cut(strings.Trim(id, "<>"), "@"); ok {
		id, domain = left, right
	}
	if !isDotAtom(id) || !isDotAtom(domain) || len(id)+len(domain) > 900 {
		h.fail(fmt.Errorf("Message-ID: %q is no id (letters, digits and dots)", id))
		return
	}
	h.add("Message-ID", "<"+id+"@"+domain+">")
}

// An encoded word has 12 characters around its base64, is at most 75 long, and
// its line at most 76 (RFC 2047 section 2).
const (
	wordFrame = len("=?UTF-8?B??=")
	wordLine  = 76
)

// encodeText writes an unstructured field: as it is when it is short ASCII that
// can't be taken for an encoded word, else as encoded words, one a line.
func encodeText(name, value string) string {
	switch {
	case !isPlain(value) || strings.TrimSpace(value) != value:
		return encodeWords(name, value)
	case len(name)+2+len(value) <= 78:
		return value
	default:
		return fold(name, value)
	}
}

func isPlain(s string) bool {
	return !strings.Contains(s, "=?") && strings.IndexFunc(s, func(r rune) bool { return r > '~' }) < 0
}

// fold breaks a long ASCII value at spaces (RFC 5322 section 2.2.3). A value
// that has a word too long for a line, or spaces that folding could lose, is
// encoded instead.
func fold(name, value string) string {
	if strings.Contains(value, "  ") {
		return encodeWords(name, value)
	}
	var b strings.Builder
	length := len(name) + 1
	for i, word := range strings.Split(value, " ") {
		if len(word) > 70 {
			return encodeWords(name, value)
		}
		if i > 0 && length+1+len(word) > 76 {
			b.WriteString("\r\n")
			length = 0
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word)
		length += 1 + len(word)
	}
	return b.String()
}

// encodeWords writes RFC 2047 words, one a line, with whole characters in each.
func encodeWords(field, s string) string {
	var words []string
	room := wordLine - len(field+": ") - wordFrame
	for s != "" {
		n := wholeCharacters(s, room/4*3)
		words = append(words, "=?UTF-8?B?"+base64.StdEncoding.EncodeToString([]byte(s[:n]))+"?=")
		s = s[n:]
		room = wordLine - len(" ") - wordFrame
	}
	return strings.Join(words, "\r\n ")
}

// wholeCharacters is the length of as many characters as fit into limit bytes.
func wholeCharacters(s string, limit int) int {
	n := 0
	for n < len(s) {
		_, size := utf8.DecodeRuneInString(s[n:])
		if n+size > limit {
			break
		}
		n += size
	}
	return n
}
