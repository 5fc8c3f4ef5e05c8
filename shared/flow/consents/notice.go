package consents

import (
	"context"
	"slices"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
)

// Served is the record of a text that somebody saw when she granted something:
// one per notice, version and language, kept with the ledger (A11).
type Served struct {
	consent.Notice
	Text string `json:"text"`
}

// ServedKey is where it stands.
func ServedKey(n consent.Notice) item.Key {
	return item.Key{Table: item.Ledger, PK: "NOTICE#" + item.Part(n.ID), SK: item.Part(n.Version) + "#" + item.Part(n.Lang)}
}

// serve completes the statement's notice from the release, and records the text.
// A grant may only name a text that speaks of this very permission (A06).
func (w Writer) serve(ctx context.Context, rel *release.Release, s *consent.Statement) error {
	n, ok := rel.Notices[s.Notice.ID]
	if !ok || s.Notice.Version != "" && s.Notice.Version != n.Version {
		return ErrNotice
	}
	if !slices.Contains(n.Grants, release.Grant{Purpose: s.Purpose, Channel: s.Channel}) {
		return ErrNotice
	}
	lang := s.Notice.Lang
	if _, ok := n.Text[lang]; !ok {
		lang = rel.Settings.Brand.Language(lang)
	}
	text := n.Text[lang]
	s.Notice = &consent.Notice{ID: n.ID, Version: n.Version, Hash: consent.TextHash(text), Lang: lang}
	it := (*item.Item)(nil).Next(ServedKey(*s.Notice), w.Tokens.Token(), 0)
	if err := it.Encode(Served{*s.Notice, text}); err != nil {
		return err
	}
	err := w.Store.Write(ctx, flow.Put(it, flow.Absent))
	if _, conflict := flow.AsConflict(err); conflict {
		return nil // the very same text was seen before
	}
	return err
}
