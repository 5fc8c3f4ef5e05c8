package consent

import (
	"testing"
)

func history(n int) ([]Entry, Head) {
	var all []Entry
	head := Head{}
	for i := range n {
		s := Statement{
			ID: "m", Purpose: "marketing", Channel: "email", State: Granted, At: int64(i+1) * 1000, By: Person,
			Notice: &Notice{ID: "newsletter", Version: "v", Hash: TextHash("yes"), Lang: "en"}, Surface: "form", Mechanism: "checkbox",
		}
		e := NewEntry(&s, Unknown, Granted, s.At+5)
		head = e.Follow(head)
		all = append(all, e)
	}
	return all, head
}

func TestA10HashChainShowsEveryTampering(t *testing.T) {
	all, head := history(4)
	if err := Verify(all, head); err != nil {
		t.Fatal(err)
	}
	tamper := map[string]func([]Entry) []Entry{
		"altered":        func(h []Entry) []Entry { h[1].Said = Withdrawn; return h },
		"notice altered": func(h []Entry) []Entry { n := *h[2].Notice; n.Lang = "he"; h[2].Notice = &n; return h },
		"removed":        func(h []Entry) []Entry { return append(h[:1], h[2:]...) },
		"last removed":   func(h []Entry) []Entry { return h[:3] },
		"first removed":  func(h []Entry) []Entry { return h[1:] },
		"swapped":        func(h []Entry) []Entry { h[1], h[2] = h[2], h[1]; return h },
		"altered and rehashed": func(h []Entry) []Entry {
			h[1].Said = Withdrawn
			h[1].Hash = h[1].digest()
			return h
		},
		"appended": func(h []Entry) []Entry {
			e := h[3]
			e.Follow(Head{N: 4, Hash: h[3].Hash})
			return append(h, e)
		},
	}
	for name, change := range tamper {
		h, _ := history(4)
		if Verify(change(h), head) == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}

func TestA08EntrySaysWhatSheSawWhereHowAndWhen(t *testing.T) {
	all, _ := history(1)
	e := all[0]
	if e.Time != "1970-01-01T00:00:01.000Z" || e.In != "1970-01-01T00:00:01.005Z" {
		t.Errorf("times %s, %s", e.Time, e.In)
	}
	if e.Notice.ID == "" || e.Notice.Version == "" || e.Notice.Hash == "" || e.Notice.Lang == "" || e.Surface == "" || e.Mechanism == "" {
		t.Errorf("%+v", e)
	}
}

func TestLedgerKeysSortByNumber(t *testing.T) {
	if LedgerSK(9) >= LedgerSK(10) || LedgerSK(10) != "CONSENT#0000000010" {
		t.Fatal(LedgerSK(9), LedgerSK(10))
	}
}
