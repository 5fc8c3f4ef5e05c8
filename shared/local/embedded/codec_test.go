package embedded

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kesher-io/kesher/shared/core/item"
)

func TestKeysSortAsTheirPartsAndReadBack(t *testing.T) {
	part := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.RuneFrom([]rune{0, 1, 'a'}), 0, 4, -1))
	rapid.Check(t, func(t *rapid.T) {
		a := item.Key{Table: item.Customers, PK: part.Draw(t, "pk"), SK: part.Draw(t, "sk")}
		b := item.Key{Table: item.Customers, PK: part.Draw(t, "pk"), SK: part.Draw(t, "sk")}
		keyA, _ := itemKey(a)
		keyB, _ := itemKey(b)
		want := strings.Compare(a.PK, b.PK)
		if want == 0 {
			want = strings.Compare(a.SK, b.SK)
		}
		if got := bytes.Compare(keyA, keyB); got != want {
			t.Fatalf("%q and %q compare %d, their keys %d", a, b, want, got)
		}
		if back, err := parseItemKey(item.Customers, keyA); err != nil || back != a {
			t.Fatalf("%q reads back as %q, %v", a, back, err)
		}
	})
}

func TestEntriesReadBack(t *testing.T) {
	want := item.Item{Key: item.C("a\x00b", "RUN#\x01"), IK: "due#\x00", IS: "\x00\xff"}
	got, err := parseEntryKey(entryKey(headerOf(&want), want.Key))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func FuzzItemsReadBackOrAreRefused(f *testing.F) {
	k := item.C("a", "RUN#cart#-")
	full := item.Item{Key: k, V: 3, W: "w", E: 1, F: 1, IK: "due#a", IS: "1", TTL: 9, Due: "m", Trace: "{}\n{}", Body: "{}"}
	f.Add(encodeItem(&full))
	f.Add(encodeItem(&item.Item{Key: k, Counters: map[string]int64{"sent": 2, "held": -1}}))
	f.Add([]byte{})
	f.Add([]byte{valueFormat, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		it, err := decodeItem(k, b)
		if err != nil {
			return
		}
		again, err := decodeItem(k, encodeItem(it))
		if err != nil || !reflect.DeepEqual(again, it) {
			t.Fatalf("%+v reads back as %+v, %v", it, again, err)
		}
	})
}

func FuzzChangesReadBackOrAreRefused(f *testing.F) {
	k, at := item.C("a", "GATE"), time.UnixMilli(1_700_000_000_000)
	image := encodeItem(&item.Item{Key: k, V: 1, Body: "{}"})
	f.Add(encodeChange(at, k, nil, image))
	f.Add(encodeChange(at, k, image, nil))
	f.Add([]byte{valueFormat, 1, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		rec, err := decodeChange(7, b)
		if err != nil {
			return
		}
		if pk, err := changePK(b); err != nil || pk != rec.Key.PK {
			t.Fatalf("partition %q, %v, want %q", pk, err, rec.Key.PK)
		}
	})
}
