package message

import (
	"fmt"
	"net/mail"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

// Address is a mailbox: a display name and an addr-spec whose domain is ASCII.
type Address struct{ Name, Addr string }

// ParseAddress reads `Name <address>`, `"Name" <address>` or `address`. The name
// is taken as it stands: an RFC 2047 word in it is not decoded, since what it
// decodes to was never checked. The domain may be international; it comes out in
// ASCII (RFC 5891). The local part is a dot-atom of ASCII: SES takes no other.
func ParseAddress(s string) (Address, error) {
	if err := checkHeader("address", s); err != nil {
		return Address{}, err
	}
	name, addr := "", strings.TrimSpace(s)
	if i := strings.LastIndexByte(addr, '<'); i >= 0 && strings.HasSuffix(addr, ">") {
		name, addr = strings.TrimSpace(addr[:i]), addr[i+1:len(addr)-1]
	}
	local, domain, ok := cutLast(addr, '@')
	if !ok || !isDotAtom(local) || len(local) > 64 {
		return Address{}, fmt.Errorf("%q is no mail address", s)
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil || !isDomain(ascii) {
		return Address{}, fmt.Errorf("%q has no valid domain", s)
	}
	a := Address{Name: unquote(name), Addr: local + "@" + ascii}
	if _, err := mail.ParseAddress(a.Addr); err != nil {
		return Address{}, fmt.Errorf("%q is no mail address", s)
	}
	return a, nil
}

func parseAddress(header, s string) (Address, error) {
	a, err := ParseAddress(s)
	if err != nil {
		return Address{}, fmt.Errorf("%s: %w", header, err)
	}
	return a, nil
}

func cutLast(s string, sep byte) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// isDotAtom: RFC 5322 section 3.2.3.
func isDotAtom(s string) bool {
	for _, atom := range strings.Split(s, ".") {
		if atom == "" || strings.IndexFunc(atom, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r))
		}) >= 0 {
			return false
		}
	}
	return true
}

func isDomain(s string) bool {
	if len(s) > 253 || !strings.Contains(s, ".") && s != "localhost" {
		return false
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return false
	}
	for _, label := range strings.Split(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}

// unquote takes a quoted-string's quotes and backslashes off.
func unquote(name string) string {
	if len(name) < 2 || name[0] != '"' || name[len(name)-1] != '"' {
		return name
	}
	var b strings.Builder
	inner := name[1 : len(name)-1]
	for i := 0; i < len(inner); i++ {
		if inner[i] == '\\' && i+1 < len(inner) {
			i++
		}
		b.WriteByte(inner[i])
	}
	return b.String()
}

func (a Address) domain() string {
	_, domain, _ := cutLast(a.Addr, '@')
	return domain
}

// header writes the address for a header field.
func (a Address) header(field string) string {
	switch {
	case a.Name == "":
		return a.Addr
	case !isPlain(a.Name) || len(field)+len(a.Name) > 60:
		return encodeWords(field, a.Name) + "\r\n <" + a.Addr + ">"
	case len(field)+len(a.Name)+len(a.Addr) > 70:
		return quoteName(a.Name) + "\r\n <" + a.Addr + ">"
	default:
		return quoteName(a.Name) + " <" + a.Addr + ">"
	}
}

// quoteName writes an ASCII display name, quoted unless it is plain words.
func quoteName(name string) string {
	if isWords(name) {
		return name
	}
	return `"` + quotedPairs.Replace(name) + `"`
}

var quotedPairs = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func isWords(s string) bool {
	for _, word := range strings.Split(s, " ") {
		if strings.Contains(word, ".") || !isDotAtom(word) {
			return false
		}
	}
	return true
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
