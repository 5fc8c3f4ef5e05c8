package secrets

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/token"
)

// document is the stack's secret as it stands in Secrets Manager. A deploy
// makes it with Secret alone; an operator rotates link keys by adding to it.
type document struct {
	// Secret keys all customers; it is never rotated.
	Secret string `json:"secret"`
	// TokenKey names the key that signs new links; "" is the first one.
	TokenKey string `json:"token_key"`
	// TokenKeys are the keys that open links, beside the first one, which follows
	// from Secret. An empty key is retired, the first one too.
	TokenKeys map[string]string `json:"token_keys"`
}

// firstKey is the id of the link key that every stack has from its first deploy.
const firstKey = "1"

// minSecret is the least length of a secret; a deploy makes 64 characters.
const minSecret = 32

// parse gives the keys of customers and of links.
func parse(text string) (ident.Keys, token.Keyring, error) {
	var d document
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		// The error of encoding/json may quote the text.
		return ident.Keys{}, token.Keyring{}, errors.New(`not JSON of the form {"secret": "..."}`)
	}
	if len(d.Secret) < minSecret {
		return ident.Keys{}, token.Keyring{}, fmt.Errorf(`"secret" has %d characters, at least %d are needed`, len(d.Secret), minSecret)
	}
	keys := ident.NewKeys([]byte(d.Secret))
	ring, err := d.ring()
	if err != nil {
		return ident.Keys{}, token.Keyring{}, err
	}
	return keys, ring.ForStack(keys.Check()), nil
}

func (d *document) ring() (token.Keyring, error) {
	first, err := hkdf.Key(sha256.New, []byte(d.Secret), nil, "kesher link key 1", sha256.Size)
	if err != nil {
		return token.Keyring{}, err
	}
	keys := map[string][]byte{firstKey: first}
	for id, key := range d.TokenKeys {
		keys[id] = []byte(key)
		if key == "" {
			delete(keys, id)
		}
	}
	current := d.TokenKey
	if current == "" {
		current = firstKey
	}
	return token.NewKeyring(current, keys)
}
