package ident_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kesher-io/kesher/shared/core/ident"
)

func TestStampsSortAsTheyArrived(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(0, 9_999_999_999_999)
		seq := rapid.Int64Range(0, 9_999_999_999_999_999)
		a, b := time.UnixMilli(ms.Draw(t, "a")), time.UnixMilli(ms.Draw(t, "b"))
		x, y := seq.Draw(t, "x"), seq.Draw(t, "y")
		first, second := ident.NewStamp(a, x), ident.NewStamp(b, y)
		earlier := a.Before(b) || a.Equal(b) && x < y
		if (first < second) != earlier {
			t.Fatalf("%s < %s is %v", first, second, first < second)
		}
		if first.Milli() != a.UnixMilli() || first >= ident.Until(a) || !first.Time().Equal(a) {
			t.Fatalf("stamp %s of %d", first, a.UnixMilli())
		}
		if own := first.Own(b.UnixMilli()); own != ident.NewStamp(b, x) {
			t.Fatalf("own %s", own)
		}
	})
}

func TestStampsKeepTheirLayout(t *testing.T) {
	// The layout is stored: changing it is a new format.
	if got := ident.NewStamp(time.UnixMilli(1_764_000_000_123), 42); got != "1764000000123.0000000000000042" {
		t.Fatal(got)
	}
	if got := ident.Until(time.UnixMilli(5)); got != "0000000000005.~" {
		t.Fatal(got)
	}
}

func TestIdsDeriveFromTheirCausesAndFromNothingElse(t *testing.T) {
	// Stored for years: these values never change.
	if got := ident.RunID("c", "j", "f", 0); got != ident.RunID("c", "j", "f", 0) || len(got) != 16 {
		t.Fatal(got)
	}
	if ident.Derive("a", "bc") == ident.Derive("ab", "c") {
		t.Fatal("two causes run together")
	}
	id := ident.MessageID("run", "step", 1, 7)
	if epoch, ok := ident.MessageEpoch(id); !ok || epoch != 7 {
		t.Fatalf("epoch of %s is %d %v", id, epoch, ok)
	}
}

func TestKeysOfOneSecretSayNothingToAnother(t *testing.T) {
	a, b := ident.NewKeys([]byte("one")), ident.NewKeys([]byte("two"))
	if a.Customer("dana") == b.Customer("dana") || a.Check() == b.Check() {
		t.Fatal("two secrets, one key")
	}
	if a.Customer("dana") == a.Visitor("dana") || fmt.Sprint(a.Address(" Dana@Shop.example")) != a.Address("dana@shop.example") {
		t.Fatal("kinds must differ, and an address is one whatever its case")
	}
}
