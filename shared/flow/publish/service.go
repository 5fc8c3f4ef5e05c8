package publish

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/source"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/releases"
)

// MovedError: another release has been published since this one was begun.
type MovedError struct{ Base, Live string }

func (e *MovedError) Error() string {
	return fmt.Sprintf("the live release is %s, not %s that this catalog was made from (export it, bring your changes in, publish again)", name(e.Live), name(e.Base))
}

func name(id string) string {
	if id == "" {
		return "none"
	}
	return id
}

// RefusedError: the catalog is fine by itself, but may not follow what is live.
type RefusedError struct{ Problems []Problem }

func (e *RefusedError) Error() string { return e.Problems[0].String() }

// Service publishes.
type Service struct {
	Store  flow.Store
	Clock  flow.Clock
	Tokens flow.Tokens
	Keys   ident.Keys
}

// Live is the id of the live release; empty on a fresh stack.
func (s *Service) Live(ctx context.Context) (string, error) {
	_, live, err := s.live(ctx)
	return live.Release, err
}

// Publish makes the candidate live. base is the release it was made from (empty:
// none yet); it is refused when another one is live (*MovedError). Publishing
// what is live already changes nothing and answers false. It may be repeated
// after any failure.
func (s *Service) Publish(ctx context.Context, c *Candidate, base string) (changed bool, err error) {
	read, live, err := s.live(ctx)
	switch {
	case err != nil:
		return false, err
	case live.Release == c.ID():
		return false, nil
	case live.Release != base:
		return false, &MovedError{Base: base, Live: live.Release}
	}
	notices, problems := c.notices(live.Notices)
	if len(problems) > 0 {
		return false, &RefusedError{Problems: problems}
	}
	if err := s.putParts(ctx, c, base); err != nil {
		return false, err
	}
	at := s.Clock.Now("").UnixMilli()
	next := releases.Pointer{Release: c.ID(), At: at, Check: s.Keys.Check(), Notices: notices}
	return s.move(ctx, read, next, releases.Record{At: at, Base: base, Parts: c.hashes})
}

// live reads the releases.Pointer, and refuses to go on under a wrong secret.
func (s *Service) live(ctx context.Context) (*item.Item, releases.Pointer, error) {
	read, live, err := releases.ReadPointer(ctx, s.Store, flow.Strong)
	if err == nil && read != nil && live.Check != s.Keys.Check() {
		err = releases.ErrWrongSecret
	}
	return read, live, err
}

// notices are all versions after this release; a notice whose text changes is refused.
func (c *Candidate) notices(before map[string]string) (map[string]string, []Problem) {
	after := map[string]string{}
	maps.Copy(after, before)
	var problems []Problem
	for id, n := range c.Release.Notices {
		if old, ok := before[id]; ok && old != n.Version {
			file := "notices/" + id + ".yaml"
			at := c.catalog.At(file, "text")
			problems = append(problems, Problem{
				File: file, Line: at.Line, Col: at.Col, Severity: source.Error,
				What: fmt.Sprintf("the notice %q has been published with another text or other grants", id),
				Do:   "customers agreed to that one: give the new text an id of its own",
			})
		}
		after[id] = n.Version
	}
	return after, source.Sort(problems)
}

// putParts stores the parts that the base does not have. They are named by their
// content, so one that stands there already is the same.
func (s *Service) putParts(ctx context.Context, c *Candidate, base string) error {
	known := map[string]bool{}
	if base != "" {
		rec, err := releases.ReadRecord(ctx, s.Store, base)
		if err != nil {
			return err
		}
		for _, h := range rec.Parts {
			known[h] = true
		}
	}
	for _, part := range slices.Sorted(maps.Keys(c.parts)) {
		h := c.hashes[part]
		if known[h] {
			continue
		}
		known[h] = true
		if err := s.putPart(ctx, h, c.parts[part]); err != nil {
			return fmt.Errorf("store %s: %w", part, err)
		}
	}
	return nil
}

func (s *Service) putPart(ctx context.Context, h string, text []byte) error {
	it := (*item.Item)(nil).Next(releases.Key(item.PrefixPart+h), s.Tokens.Token(), 0)
	it.Body = string(text)
	err := s.Store.Write(ctx, flow.Put(it, flow.Absent))
	if _, exists := flow.AsConflict(err); exists {
		return nil
	}
	return err
}

// move writes the release's record and the pointer together.
func (s *Service) move(ctx context.Context, read *item.Item, next releases.Pointer, rec releases.Record) (bool, error) {
	live := read.Next(releases.Key(item.SKLive), s.Tokens.Token(), 0)
	made := (*item.Item)(nil).Next(releases.Key(item.PrefixRelease+next.Release), s.Tokens.Token(), 0)
	if err := errors.Join(live.Encode(next), made.Encode(rec)); err != nil {
		return false, err
	}
	// A release that was live before has its record already: the same content.
	err := s.Store.Write(ctx, flow.Put(live, flow.Is(read)), flow.Put(made, flow.Any))
	conflict, ok := flow.AsConflict(err)
	if !ok {
		return err == nil, err
	}
	var now releases.Pointer
	if conflict.Current != nil {
		if err := conflict.Current.Decode(&now); err != nil {
			return false, err
		}
	}
	return false, &MovedError{Base: rec.Base, Live: now.Release}
}
