package liquid

import (
	"errors"
	"fmt"
	"html"
	"net/netip"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// place is where a value is written, which decides how it is escaped (B19).
type place int

const (
	inText      place = iota // between HTML tags
	inAttribute              // in a quoted attribute that is no URL
	inWholeURL               // alone in a URL attribute
	inURL                    // first in a URL: may bring its scheme
	inPlainURL               // the same in text/plain
	inPath                   // behind the start of a URL
	inQuery                  // behind ? or #
	inPlain                  // text/plain
	inHeader                 // one line of a header: subject
	inCapture                // collected, and escaped when it is written
)

// Directions of a mail.
const (
	LTR = "ltr"
	RTL = "rtl"
)

const (
	firstStrongIsolate = "\u2068"
	popIsolate         = "\u2069"
)

// escape writes value for its place.
func escape(value string, at place, dir string) (string, error) {
	if at == inHeader && strings.ContainsAny(value, "\r\n\x00") {
		return "", fmt.Errorf("holds a line break, which no header may hold")
	}
	value = clean(value)
	switch at {
	case inText:
		return isolate(html.EscapeString(value), dir), nil
	case inAttribute:
		return html.EscapeString(value), nil
	case inPlain, inHeader:
		return isolate(value, dir), nil
	case inWholeURL:
		value = encodeURL(value)
		return html.EscapeString(value), checkURL(value)
	case inURL:
		return html.EscapeString(encodeURL(value)), nil
	case inPlainURL:
		return encodeURL(value), nil
	case inPath:
		return pathEscaper.Replace(url.PathEscape(value)), nil
	case inQuery:
		return url.QueryEscape(value), nil
	default:
		return value, nil
	}
}

// pathEscaper leaves slashes, and no ampersand, which HTML would read as well.
var pathEscaper = strings.NewReplacer("%2F", "/", "&", "%26")

// Rendered is a text that was rendered before, like the subject in <title>: its
// values have been cleaned and isolated, only its place asks for escaping.
type Rendered string

// clean takes out what no text of a customer may bring into a mail: control
// characters, and the bidirectional overrides, embeddings and isolates by which
// a text could reorder what stands around it (Unicode TR 36 section 2.3, B16).
func clean(s string) string {
	if strings.IndexFunc(s, unwanted) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unwanted(r) {
			return -1
		}
		return r
	}, s)
}

func unwanted(r rune) bool {
	switch {
	case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
		return true
	case r == '\n', r == '\r', r == '\t':
		return false
	default:
		return unicode.IsControl(r) || r == unicode.ReplacementChar
	}
}

// isolate fences a value whose own direction differs from the mail's, so that
// it can't reorder the words around it (UAX 9 section 2.4.2). A value that runs
// the same way needs no fence and gets none: a subject that is ASCII stays so.
func isolate(value, dir string) string {
	if !runsAgainst(value, dir) {
		return value
	}
	return firstStrongIsolate + value + popIsolate
}

func runsAgainst(value, dir string) bool {
	if dir != RTL && isASCII(value) {
		return false
	}
	for _, r := range value {
		if unicode.IsLetter(r) && unicode.In(r, rightToLeft...) != (dir == RTL) {
			return true
		}
	}
	return false
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// rightToLeft are the scripts of living languages that are written that way.
var rightToLeft = []*unicode.RangeTable{
	unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko, unicode.Adlam,
}

// encodeURL percent-encodes what may not stand in a URL and keeps the rest,
// above all its own percent signs and separators.
func encodeURL(s string) string {
	const upper = "0123456789ABCDEF"
	s = strings.TrimSpace(s)
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}'", c) >= 0 {
			b.WriteByte('%')
			b.WriteByte(upper[c>>4])
			b.WriteByte(upper[c&15])
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// Errors of CheckURL. They do not show the address: it may be personal.
var (
	errURL   = errors.New("is not taken as a link (a link is https, mailto or tel)")
	errNoURL = errors.New("is empty, where a link must stand")
)

// CheckURL refuses every address but https, mailto and tel, and http to the
// loopback address, which is where a local Kesher serves (E16). raw is as it
// stands in an attribute: it is decoded first, as a reader's program would.
func CheckURL(raw string) error {
	return checkURL(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1 // the WHATWG URL parser drops these before it looks at the scheme
		}
		return r
	}, strings.TrimSpace(html.UnescapeString(raw))))
}

// checkURL is CheckURL for an address that is decoded.
func checkURL(address string) error {
	if address == "" {
		return errNoURL
	}
	if strings.HasPrefix(address, "#") {
		return nil // an anchor within the mail
	}
	u, err := url.Parse(address)
	if err != nil {
		return errURL
	}
	switch scheme := strings.ToLower(u.Scheme); {
	case scheme == "https" && u.Host != "", scheme == "mailto" && u.Opaque != "", scheme == "tel" && u.Opaque != "":
		return nil
	case scheme == "http" && isLoopback(u.Hostname()):
		return nil
	default:
		return errURL
	}
}

// isLoopback: localhost and what lies below it are this machine (RFC 6761
// section 6.3).
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// format is how a value is printed. ok is false when there is nothing to print.
func format(value any) (text string, ok bool, err error) {
	switch v := value.(type) {
	case nil:
		return "", false, nil
	case string:
		return v, true, nil
	case encoded:
		return string(v), true, nil
	case Rendered:
		return string(v), true, nil
	case bool:
		return strconv.FormatBool(v), true, nil
	case int:
		return strconv.Itoa(v), true, nil
	case int64:
		return strconv.FormatInt(v, 10), true, nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true, nil
	case time.Time:
		return v.UTC().Format(time.RFC3339), true, nil
	case []any:
		return formatList(v)
	case []string:
		return strings.Join(v, ", "), true, nil
	case map[string]any:
		return "", false, fmt.Errorf("is an object, not a text (name one of its properties)")
	default:
		return formatOther(v)
	}
}

// formatOther prints the other kinds of numbers and texts, and nothing else.
func formatOther(v any) (string, bool, error) {
	switch reflect.ValueOf(v).Kind() {
	case reflect.String, reflect.Float32, reflect.Int8, reflect.Int16, reflect.Int32,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fmt.Sprint(v), true, nil
	default:
		return "", false, errors.New("is not a text or a number")
	}
}

func formatList(list []any) (string, bool, error) {
	parts := make([]string, 0, len(list))
	for _, item := range list {
		text, ok, err := format(item)
		if err != nil {
			return "", false, err
		}
		if ok {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, ", "), true, nil
}
