package token

import (
	"encoding/base64"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const (
	customer = "00112233445566778899aabbccddeeff"
	address  = "ffeeddccbbaa99887766554433221100"
)

func key(fill byte) []byte { return []byte(strings.Repeat(string(rune('A'+fill)), 32)) }

func ring(t interface{ Fatal(...any) }, current string, keys map[string][]byte) Keyring {
	k, err := NewKeyring(current, keys)
	if err != nil {
		t.Fatal(err)
	}
	return k.ForStack("stack-1")
}

func oneKey(t interface{ Fatal(...any) }) Keyring {
	return ring(t, "k1", map[string][]byte{"k1": key(1)})
}

// mints is every kind of token about one customer, by name.
func mints(k Keyring) map[string]string {
	return map[string]string{
		"unsubscribe": k.MintUnsubscribe(Unsubscribe{Customer: customer, Address: address, Message: "abcdefghijklmnop-0", Purpose: "marketing", Topic: "cart"}),
		"confirm":     k.MintConfirm(Confirm{Customer: customer, Address: address, Purpose: "marketing", Channel: "email", Notice: "newsletter", Version: "0a1b"}),
		"session":     k.MintSession(Session{Customer: customer, Nonce: "n", Expires: 1_800_000}),
		"preferences": k.MintPreferences(Preferences{Customer: customer}),
		"link":        k.MintLink(Link{Target: "https://shop.example/a?b=c", Journey: "cart", Step: "send-a"}),
		"open":        k.MintOpen(Open{Customer: customer, Message: "m-0", Journey: "cart"}),
		"survey":      k.MintSurvey(Survey{Customer: customer, Survey: "style"}),
		"cookie":      k.MintCookie(Cookie{Customer: customer, Nonce: "n", Epoch: 3, Expires: 7}),
		"form":        k.MintForm(Cookie{Customer: customer, Nonce: "n"}),
	}
}

// opens says which kinds accept the token.
func opens(k Keyring, s string) map[string]bool {
	accepted := map[string]bool{}
	note := func(kind string, ok bool) {
		if ok {
			accepted[kind] = true
		}
	}
	_, ok := k.OpenUnsubscribe(s)
	note("unsubscribe", ok)
	_, ok = k.OpenConfirm(s)
	note("confirm", ok)
	_, ok = k.OpenSession(s)
	note("session", ok)
	_, ok = k.OpenPreferences(s)
	note("preferences", ok)
	_, ok = k.OpenLink(s)
	note("link", ok)
	_, ok = k.OpenOpen(s)
	note("open", ok)
	_, ok = k.OpenSurvey(s)
	note("survey", ok)
	_, ok = k.OpenCookie(s)
	note("cookie", ok)
	note("form", k.ChecksForm(Cookie{Customer: customer, Nonce: "n"}, s))
	return accepted
}

// E02: no kind acts as another.
func TestEveryKindOpensOnlyAsItself(t *testing.T) {
	k := oneKey(t)
	for kind, s := range mints(k) {
		if got, want := opens(k, s), map[string]bool{kind: true}; !reflect.DeepEqual(got, want) {
			t.Errorf("%s token opens as %v, want only as itself", kind, got)
		}
	}
}

func TestOpenGivesBackWhatWasMinted(t *testing.T) {
	k := oneKey(t)
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.OneOf(rapid.String(), rapid.StringMatching(`[0-9a-f]{0,40}`), rapid.StringMatching(`[0-9A-F]{2,8}`))
		want := Unsubscribe{word.Draw(t, "customer"), word.Draw(t, "address"), word.Draw(t, "message"), word.Draw(t, "purpose"), word.Draw(t, "topic")}
		if got, ok := k.OpenUnsubscribe(k.MintUnsubscribe(want)); !ok || got != want {
			t.Fatalf("opened %+v (%v), want %+v", got, ok, want)
		}
		cookie := Cookie{word.Draw(t, "c"), word.Draw(t, "n"), rapid.Int64().Draw(t, "epoch"), rapid.Int64().Draw(t, "expires")}
		if got, ok := k.OpenCookie(k.MintCookie(cookie)); !ok || got != cookie {
			t.Fatalf("opened %+v (%v), want %+v", got, ok, cookie)
		}
	})
}

func TestE01FlippingAnyBitOfAnyByteIsRefused(t *testing.T) {
	k := oneKey(t)
	for kind, s := range mints(k) {
		raw, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		for i := range raw {
			for bit := range 8 {
				raw[i] ^= 1 << bit
				if got := opens(k, base64.RawURLEncoding.EncodeToString(raw)); len(got) > 0 {
					t.Fatalf("%s token with bit %d of byte %d flipped opens as %v", kind, bit, i, got)
				}
				raw[i] ^= 1 << bit
			}
		}
		for i := range len(s) { // and as text: also the unused bits of the last character
			for _, c := range []byte("Aa0-_=\n") {
				if s[i] == c {
					continue
				}
				if got := opens(k, s[:i]+string(c)+s[i+1:]); len(got) > 0 {
					t.Fatalf("%s token with character %d replaced by %q opens as %v", kind, i, c, got)
				}
			}
		}
	}
}

func TestATokenHasOneSpelling(t *testing.T) {
	k := oneKey(t)
	s := k.MintPreferences(Preferences{Customer: customer})
	for _, other := range []string{s + "\n", s[:4] + "\r\n" + s[4:], s + "=", " " + s, s + "A", s[:len(s)-1], "", strings.Repeat("A", 10_000)} {
		if got := opens(k, other); len(got) > 0 {
			t.Errorf("%.40q opens as %v", other, got)
		}
	}
}

func TestE02ATokenOfOneStackKindOrSubjectNeverActsOnAnother(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hexes := rapid.StringMatching(`[0-9a-f]{32}`)
		a := Unsubscribe{Customer: hexes.Draw(t, "a"), Address: address, Message: "m-0", Purpose: rapid.SampledFrom([]string{"marketing", "service"}).Draw(t, "pa")}
		b := Unsubscribe{Customer: hexes.Draw(t, "b"), Address: address, Message: "m-0", Purpose: rapid.SampledFrom([]string{"marketing", "service"}).Draw(t, "pb")}
		k := oneKey(t)
		tokenA, tokenB := k.MintUnsubscribe(a), k.MintUnsubscribe(b)
		if a != b && tokenA == tokenB {
			t.Fatalf("%+v and %+v share a token", a, b)
		}
		// Splicing A's tag to B's body, at any point, acts on neither.
		rawA, _ := base64.RawURLEncoding.DecodeString(tokenA)
		rawB, _ := base64.RawURLEncoding.DecodeString(tokenB)
		cut := rapid.IntRange(1, min(len(rawA), len(rawB))-1).Draw(t, "cut")
		spliced := base64.RawURLEncoding.EncodeToString(append(append([]byte{}, rawA[:cut]...), rawB[cut:]...))
		if got, ok := k.OpenUnsubscribe(spliced); ok && got != a && got != b {
			t.Fatalf("a splice of two tokens opened as %+v", got)
		}
		// The same key in another stack, and another key under the same id.
		if _, ok := k.ForStack("stack-2").OpenUnsubscribe(tokenA); ok {
			t.Fatal("another stack accepted the token")
		}
		if _, ok := ring(t, "k1", map[string][]byte{"k1": key(2)}).OpenUnsubscribe(tokenA); ok {
			t.Fatal("another secret accepted the token")
		}
	})
}

func TestFieldsCanNotSlideIntoEachOther(t *testing.T) {
	k := oneKey(t)
	a := k.MintUnsubscribe(Unsubscribe{Customer: "ab", Address: "c"})
	b := k.MintUnsubscribe(Unsubscribe{Customer: "a", Address: "bc"})
	if a == b {
		t.Fatal("fields are joined without their lengths")
	}
}

func TestE05OldLinksWorkAcrossRotationAndARetiredKeyFails(t *testing.T) {
	old := ring(t, "k1", map[string][]byte{"k1": key(1)})
	link := old.MintUnsubscribe(Unsubscribe{Customer: customer, Purpose: "marketing"})

	rotated := ring(t, "k2", map[string][]byte{"k1": key(1), "k2": key(2)})
	if _, ok := rotated.OpenUnsubscribe(link); !ok {
		t.Fatal("a link from before the rotation no longer works")
	}
	fresh := rotated.MintUnsubscribe(Unsubscribe{Customer: customer, Purpose: "marketing"})
	if _, ok := old.OpenUnsubscribe(fresh); ok {
		t.Fatal("the rotated ring still signs with the old key")
	}

	retired := ring(t, "k2", map[string][]byte{"k2": key(2)})
	if _, ok := retired.OpenUnsubscribe(link); ok {
		t.Fatal("a retired key still opens")
	}
	if _, ok := retired.OpenUnsubscribe(fresh); !ok {
		t.Fatal("retiring the old key broke the new one")
	}
}

// B07 needs tokens of years ago: this one was minted by the first release.
// If it fails the layout changed, and links in sent mails are dead.
func TestB07ATokenOfTheFirstReleaseStillOpens(t *testing.T) {
	const minted = "AQRrMSEAESIzRFVmd4iZqrvM3e7_If_u3cy7qpmId2ZVRDMiEQAkYWJjZGVmZ2hpamtsbW5vcC0wEm1hcmtldGluZwhjYXJ0pGAY7RwObAUABTRUwymYJQ"
	want := Unsubscribe{Customer: customer, Address: address, Message: "abcdefghijklmnop-0", Purpose: "marketing", Topic: "cart"}
	if got, ok := oneKey(t).OpenUnsubscribe(minted); !ok || got != want {
		t.Fatalf("opened %+v (%v), want %+v; today's is %s", got, ok, want, mints(oneKey(t))["unsubscribe"])
	}
}

func TestAKeyringRefusesWhatCanNotBeSafe(t *testing.T) {
	for name, c := range map[string]struct {
		current string
		keys    map[string][]byte
	}{
		"no current key": {"k2", map[string][]byte{"k1": key(1)}},
		"short key":      {"k1", map[string][]byte{"k1": key(1)[:31]}},
		"empty id":       {"", map[string][]byte{"": key(1)}},
		"long id":        {strings.Repeat("k", 17), map[string][]byte{strings.Repeat("k", 17): key(1)}},
	} {
		if _, err := NewKeyring(c.current, c.keys); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	var none Keyring
	if s := none.MintPreferences(Preferences{Customer: customer}); s != "" {
		t.Errorf("the zero keyring signed %q", s)
	}
	if got := opens(none, mints(oneKey(t))["preferences"]); len(got) > 0 {
		t.Errorf("the zero keyring opened %v", got)
	}
}

func TestARedirectTargetIsAWebAddress(t *testing.T) {
	k := oneKey(t)
	for _, target := range []string{"javascript:alert(1)", "data:text/html,x", "//evil.example", "/here", "https://", "https://user:pw@shop.example/", "ftp://a.example", "ht\ttps://x"} {
		if s := k.MintLink(Link{Target: target}); s != "" {
			t.Errorf("signed a link to %q", target)
		}
	}
	if got := NewLinks("https://m.example", k).Link(Link{Target: "mailto:care@shop.example"}); got != "mailto:care@shop.example" {
		t.Errorf("a mailto link became %q", got)
	}
}

func TestLinksAreAbsoluteAndShort(t *testing.T) {
	k := oneKey(t)
	l := NewLinks("https://mail.example.com/", k)
	for got, prefix := range map[string]string{
		l.Unsubscribe(Unsubscribe{Customer: customer, Address: address, Message: "abcdefghijklmnop-0", Purpose: "marketing", Topic: "cart"}): "https://mail.example.com/u/",
		l.Confirm(Confirm{Customer: customer}):                "https://mail.example.com/c/",
		l.Session(Session{Customer: customer}):                "https://mail.example.com/p/",
		l.Preferences(Preferences{Customer: customer}):        "https://mail.example.com/p/",
		l.Link(Link{Target: "https://shop.example/"}):         "https://mail.example.com/l/",
		l.Open(Open{Customer: customer}):                      "https://mail.example.com/o/",
		l.Survey(Survey{Customer: customer, Survey: "style"}): "https://mail.example.com/s/style?t=",
	} {
		if !strings.HasPrefix(got, prefix) || len(got) == len(prefix) {
			t.Errorf("%s does not begin with %s", got, prefix)
		}
		if len(got) > 200 { // List-Unsubscribe should fit in a folded header line or two
			t.Errorf("%s has %d bytes", got, len(got))
		}
	}
}

func FuzzOpen(f *testing.F) {
	k := oneKey(f)
	for _, s := range mints(k) {
		f.Add(s)
	}
	f.Add("")
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, s string) {
		if len(opens(k, s)) == 0 {
			return
		}
		raw, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil || base64.RawURLEncoding.EncodeToString(raw) != s {
			t.Fatalf("accepted %q, which is not the one spelling of a token", s)
		}
	})
}

func TestAFormIsOfOneSession(t *testing.T) {
	k, err := NewKeyring("k", map[string][]byte{"k": []byte("0123456789abcdef0123456789abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	form := k.MintForm(Cookie{Customer: "c", Nonce: "n"})
	for c, want := range map[Cookie]bool{{Customer: "c", Nonce: "n"}: true, {Customer: "c", Nonce: "m"}: false, {Customer: "d", Nonce: "n"}: false} {
		if k.ChecksForm(c, form) != want {
			t.Errorf("%+v: %v", c, !want)
		}
	}
}
