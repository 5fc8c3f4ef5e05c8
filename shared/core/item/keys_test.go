package item

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestAPartOfAKeyReachesIntoNoOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		foreign := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-c#%\x00-\x1f]{0,300}`))
		a, b := foreign.Draw(t, "a"), foreign.Draw(t, "b")
		part := Part(a)
		if strings.ContainsRune(part, '#') || strings.IndexFunc(part, func(r rune) bool { return r < 0x20 || r == 0x7f }) >= 0 || len(part) > maxPart {
			t.Fatalf("%q is the part %q", a, part)
		}
		if (Part(b) == part) != (a == b) {
			t.Fatalf("%q and %q are the part %q", a, b, part)
		}
		if !strings.HasPrefix(part, "%%") && Unpart(part) != a {
			t.Fatalf("%q comes back as %q", a, Unpart(part))
		}
	})
}

// One prefix reads the events of one name, whatever other names there are.
func TestAnEventsPrefixIsOfItsNameAlone(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	for _, other := range []string{"Order", "Order Completed#2027", "Order Completed%23", "order completed", ""} {
		if strings.HasPrefix(EventSK(other, at, "m1"), EventPrefix("Order Completed")) {
			t.Errorf("events of %q are read as Order Completed", other)
		}
	}
}

func TestARunWithoutAKeyIsNoRunUnderAnyKey(t *testing.T) {
	for _, key := range []string{"-", "=", "#-", "a"} {
		if RunSK("cart", key) == RunSK("cart", "") || RunSK("cart#"+key, "") == RunSK("cart", key) {
			t.Errorf("key %q", key)
		}
	}
}
