// Package releases finds published releases and compiles them: what every function
// works with. It reads what flow/publish has stored and knows nothing of YAML or
// MJML, which are behind publish alone.
package releases

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
)

var _ flow.Releases = (*Releases)(nil)

const (
	// liveFor is how long the pointer is believed (ARCHITECTURE section 3).
	liveFor = 60 * time.Second
	// maxCached releases are kept compiled: runs finish on the release they
	// started, few are older than the last handful.
	maxCached = 8
	// maxGet is how many parts one read asks for: DynamoDB takes 100 keys and
	// answers 16 MB (BatchGetItem).
	maxGet = 40
)

// Releases finds compiled releases in the store and keeps them. It is safe for
// concurrent use; one caller loads while the others wait for it.
type Releases struct {
	store flow.Store
	keys  ident.Keys
	real  func() time.Time

	mu     sync.Mutex
	live   string
	readAt time.Time
	byID   map[string]*release.Release
	order  []string // oldest first
}

// New returns the releases of a store. Every function asks it before it
// does anything, so here a wrong secret stops them all (J17). real is real time.
func New(store flow.Store, keys ident.Keys, real func() time.Time) *Releases {
	return &Releases{store: store, keys: keys, real: real, byID: map[string]*release.Release{}}
}

// Live is the live release, as of at most 60 s ago. The error is
// flow.ErrNoRelease when nothing was published, ErrWrongSecret under another
// secret than the data's.
func (r *Releases) Live(ctx context.Context) (*release.Release, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.real(); r.live == "" || now.Sub(r.readAt) >= liveFor {
		read, p, err := ReadPointer(ctx, r.store, flow.Eventual)
		switch {
		case err != nil:
			return nil, err
		case read == nil:
			return nil, flow.ErrNoRelease
		case p.Check != r.keys.Check():
			return nil, ErrWrongSecret
		}
		r.live, r.readAt = p.Release, now
	}
	return r.get(ctx, r.live)
}

// Get is the release with this id.
func (r *Releases) Get(ctx context.Context, id string) (*release.Release, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.get(ctx, id)
}

func (r *Releases) get(ctx context.Context, id string) (*release.Release, error) {
	if found, ok := r.byID[id]; ok {
		return found, nil
	}
	parts, err := readParts(ctx, r.store, id, func(part string) bool { return !isSource(part) })
	if err != nil {
		return nil, err
	}
	c, err := Decode(parts)
	if err != nil {
		return nil, fmt.Errorf("release %s: %w", id, err)
	}
	rel, err := c.Assemble(id)
	if err != nil {
		return nil, fmt.Errorf("release %s: %w", id, err)
	}
	r.keep(rel)
	return rel, nil
}

func (r *Releases) keep(rel *release.Release) {
	if len(r.order) == maxCached {
		delete(r.byID, r.order[0])
		r.order = r.order[1:]
	}
	r.byID[rel.ID] = rel
	r.order = append(r.order, rel.ID)
}

// Sources are the catalog's files as they were published with a release.
func Sources(ctx context.Context, store flow.Store, id string) (map[string][]byte, error) {
	parts, err := readParts(ctx, store, id, isSource)
	if err != nil {
		return nil, err
	}
	c, err := Decode(parts)
	if err != nil {
		return nil, err
	}
	return c.Sources, nil
}

func isSource(part string) bool { return strings.HasPrefix(part, PartSource+"/") }

// readParts reads the wanted parts of a release by name.
func readParts(ctx context.Context, store flow.Store, id string, wanted func(string) bool) (map[string][]byte, error) {
	rec, err := ReadRecord(ctx, store, id)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, part := range slices.Sorted(maps.Keys(rec.Parts)) {
		if wanted(part) {
			names = append(names, part)
		}
	}
	byHash := map[string][]byte{}
	if err := readBodies(ctx, store, hashesOf(rec, names), byHash); err != nil {
		return nil, fmt.Errorf("release %s: %w", id, err)
	}
	parts := map[string][]byte{}
	for _, part := range names {
		parts[part] = byHash[rec.Parts[part]]
	}
	return parts, nil
}

// hashesOf are the hashes of these parts, each once: two parts that say the same
// are one item.
func hashesOf(rec Record, names []string) []string {
	var hashes []string
	for _, part := range names {
		hashes = append(hashes, rec.Parts[part])
	}
	slices.Sort(hashes)
	return slices.Compact(hashes)
}

func readBodies(ctx context.Context, store flow.Store, hashes []string, into map[string][]byte) error {
	for batch := range slices.Chunk(hashes, maxGet) {
		var keys []item.Key
		for _, h := range batch {
			keys = append(keys, Key(item.PrefixPart+h))
		}
		// Strong: parts are written just before the pointer that leads to them.
		items, err := store.Get(ctx, flow.Strong, keys...)
		if err != nil {
			return fmt.Errorf("read parts: %w", err)
		}
		for i, it := range items {
			if it == nil {
				return fmt.Errorf("its part %s is gone (restore the catalog table, or publish again)", batch[i])
			}
			into[batch[i]] = []byte(it.Body)
		}
	}
	return nil
}
