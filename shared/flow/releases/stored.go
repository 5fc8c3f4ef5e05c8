package releases

import (
	"context"
	"errors"
	"fmt"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/flow"
)

// Pointer is the document of LIVE.
type Pointer struct {
	Release string `json:"r"`
	At      int64  `json:"a"` // ms
	// Check tells a wrong secret, under which every key would be another (J17).
	Check string `json:"c"`
	// Notices are the versions of all notices ever published, by id: the text that
	// a customer granted by never changes, also when its file was gone meanwhile.
	Notices map[string]string `json:"n,omitempty"`
}

// Record is the document of RELEASE#<id>.
type Record struct {
	At    int64             `json:"a"`
	Base  string            `json:"b,omitempty"`
	Parts map[string]string `json:"p"` // part name -> content hash
}

// ErrWrongSecret: this function holds another secret than the one under which
// the data was written. Nothing may run.
var ErrWrongSecret = errors.New("the secret is not the one this data was written under (restore the secret; it is never rotated)")

// ReadPointer reads which release is live; nil on a fresh stack.
func ReadPointer(ctx context.Context, store flow.Store, c flow.Consistency) (*item.Item, Pointer, error) {
	var p Pointer
	items, err := store.Get(ctx, c, Key(item.SKLive))
	if err != nil {
		return nil, p, fmt.Errorf("read the live release: %w", err)
	}
	if items[0] == nil {
		return nil, p, nil
	}
	return items[0], p, items[0].Decode(&p)
}

// Key is the key of an item of the catalog.
func Key(sk string) item.Key {
	return item.Key{Table: item.Catalog, PK: item.PKCatalog, SK: sk}
}

// ReadRecord reads what a release consists of.
func ReadRecord(ctx context.Context, store flow.Store, id string) (Record, error) {
	var rec Record
	items, err := store.Get(ctx, flow.Strong, Key(item.PrefixRelease+id))
	if err != nil {
		return rec, fmt.Errorf("read release %s: %w", id, err)
	}
	if items[0] == nil {
		return rec, fmt.Errorf("release %s: %w", id, flow.ErrNoRelease)
	}
	return rec, items[0].Decode(&rec)
}
