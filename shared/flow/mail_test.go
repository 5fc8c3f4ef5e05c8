package flow

import "testing"

func TestCheckEnvelopeTakesOneBareAddressEach(t *testing.T) {
	for address, good := range map[string]bool{
		"dana@shop.example":        true,
		"d.a+n_a'%@mail.shop.test": true,
		"דנה@דואר.example":         true,
		"Dana <dana@shop.example>": false,
		`"a b"@shop.example`:       false,
		"a@b@c":                    false,
		"a@b,c@d":                  false,
		"a@b\r\nX: y":              false,
	} {
		if got := CheckEnvelope(Mail{From: address, To: "a@b"}) == nil; got != good {
			t.Errorf("from %q: taken %v, want %v", address, got, good)
		}
		if got := CheckEnvelope(Mail{From: "a@b", To: address}) == nil; got != good {
			t.Errorf("to %q: taken %v, want %v", address, got, good)
		}
	}
}
