package token

// Each of these catches a planted bug that every other test let pass.

import "testing"

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
