package mailbox

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// View is a mail as the mailbox shows it (CONTRACTS section 5).
type View struct {
	Message
	Subject string            `json:"subject"`
	Headers map[string]string `json:"headers"` // unfolded, as they were sent: nothing is decoded
	Text    string            `json:"text"`
	HTML    string            `json:"html"`
	Links   []string          `json:"links"` // of the HTML, in order, each once
}

// view reads a mail. What can't be read stays empty: the .eml shows it all.
func view(msg Message) View {
	v := View{Message: msg, Headers: map[string]string{}, Links: []string{}}
	m, err := mail.ReadMessage(bytes.NewReader(msg.Raw))
	if err != nil {
		return v
	}
	for name, values := range m.Header {
		v.Headers[name] = strings.Join(values, ", ")
	}
	v.Subject = m.Header.Get("Subject")
	if decoded, err := new(mime.WordDecoder).DecodeHeader(v.Subject); err == nil {
		v.Subject = decoded
	}
	v.read(m.Header, m.Body)
	v.Links = links(v.HTML, v.Text)
	return v
}

// header is what mail.Header and textproto.MIMEHeader have in common.
type header interface{ Get(name string) string }

// read takes the bodies out of a part and the parts inside it.
func (v *View) read(h header, body io.Reader) {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			part, err := parts.NextRawPart()
			if err != nil {
				return
			}
			v.read(part.Header, part)
		}
	}
	content, err := io.ReadAll(decode(h.Get("Content-Transfer-Encoding"), body))
	if err != nil {
		return
	}
	text := strings.ReplaceAll(string(content), "\r\n", "\n")
	switch {
	case kind == "text/html" && v.HTML == "":
		v.HTML = text
	case kind == "text/plain" && v.Text == "":
		v.Text = text
	}
}

func decode(encoding string, body io.Reader) io.Reader {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "quoted-printable":
		return quotedprintable.NewReader(body)
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, body)
	default:
		return body
	}
}

var address = regexp.MustCompile(`https?://[^\s<>"]+`)

// links lists the addresses that a reader can follow.
func links(body, text string) []string {
	found := []string{}
	seen := map[string]bool{}
	add := func(link string) {
		if link != "" && !seen[link] {
			seen[link] = true
			found = append(found, link)
		}
	}
	z := html.NewTokenizer(strings.NewReader(body))
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		if token := z.Token(); token.Data == "a" {
			for _, a := range token.Attr {
				if a.Key == "href" {
					add(a.Val)
				}
			}
		}
	}
	if body == "" {
		for _, link := range address.FindAllString(text, -1) {
			add(link)
		}
	}
	return found
}
