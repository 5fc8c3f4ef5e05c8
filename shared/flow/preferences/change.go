package preferences

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/agenda"
	"github.com/kesher-io/kesher/shared/flow/collect"
)

// Change is one thing she changes in the centre; exactly one field is set.
type Change struct {
	Grant    *Choice
	Withdraw *Choice
	Topic    *TopicChange
	Pause    *int   // days, 0 ends a pause
	StopAll  bool   // every purpose on e-mail
	Language string // one of the brand's
	Trait    *TraitChange
	Forget   string // name of a trait
	Address  string // a new one, which becomes hers by a link mailed to it
	Erase    bool   // all of her
}

// Choice is a purpose and channel; a grant says which text it rests on.
type Choice struct{ Purpose, Channel, Notice, Version string }

// TopicChange turns a topic on or off.
type TopicChange struct {
	Topic string
	On    bool
}

// TraitChange sets a trait to what she wrote, or adds to or removes from a list.
type TraitChange struct{ Name, Text, Add, Remove string }

var (
	// ErrSession: the session is over; nothing was changed.
	ErrSession = errors.New("session is over")
	// ErrRefused: what she asked for does not exist or does not fit; nothing was
	// changed.
	ErrRefused = errors.New("change refused")
)

// Change carries out one change under a session. lang is what the page spoke:
// part of the evidence of a grant.
func (s *Service) Change(ctx context.Context, c token.Cookie, lang string, change Change) error {
	p, err := s.session(ctx, c)
	if err != nil {
		return err
	}
	if p == nil {
		return ErrSession
	}
	rel, err := s.Releases.Live(ctx)
	if err != nil {
		return err
	}
	switch {
	case change.Grant != nil:
		return s.grant(ctx, p, rel, *change.Grant, lang)
	case change.Withdraw != nil:
		return s.withdrawChoice(ctx, p, rel, *change.Withdraw)
	case change.StopAll:
		return s.withdraw(ctx, p, rel, nil, refusable(p, contactable(rel.Plan)))
	case change.Topic != nil:
		if _, ok := rel.Plan.Topics[change.Topic.Topic]; !ok {
			return ErrRefused
		}
		return s.setTopic(ctx, p, change.Topic.Topic, change.Topic.On)
	case change.Pause != nil:
		return s.pause(ctx, p, *change.Pause)
	case change.Language != "":
		if !slices.Contains(rel.Settings.Brand.Languages, change.Language) {
			return ErrRefused
		}
		return s.editProfile(ctx, p, func(doc *profile.Profile) error {
			doc.Locale, doc.Chosen = change.Language, true
			return nil
		})
	case change.Trait != nil:
		return s.setTrait(ctx, p, rel.Plan, *change.Trait)
	case change.Forget != "":
		return s.forget(ctx, p, change.Forget)
	case change.Address != "":
		return s.setAddress(ctx, p, rel.Plan, strings.TrimSpace(change.Address))
	case change.Erase:
		return s.erase(ctx, p, rel)
	}
	return ErrRefused
}

// setAddress asks at a new address whether it is hers.
func (s *Service) setAddress(ctx context.Context, p *person, pl *plan.Plan, address string) error {
	if decl, ok := pl.Traits[profile.TraitEmail]; !ok || decl.Accepts(address) != nil {
		return ErrRefused
	}
	err := s.Collect.Address(ctx, p.key, p.Epoch, profile.Secret(address))
	if errors.Is(err, collect.ErrManyAsked) {
		return ErrRefused
	}
	return err
}

// erase has her forgotten by the clock, within a minute: pages may delete nothing.
// Whatever needs her permission stops at once.
func (s *Service) erase(ctx context.Context, p *person, rel *release.Release) error {
	if err := s.withdraw(ctx, p, rel, nil, refusable(p, contactable(rel.Plan))); err != nil {
		return err
	}
	due := agenda.Writer{Store: s.Store, Tokens: s.Tokens}
	return due.Remind(ctx, p.key, p.Epoch, agenda.Erase, p.now)
}

// setTrait stores what she says about herself: its origin is zero now, whatever
// it was before.
func (s *Service) setTrait(ctx context.Context, p *person, pl *plan.Plan, change TraitChange) error {
	spec, ok := pl.Traits[change.Name]
	if !ok || spec.Type == "email" { // an address changes by a mail to the new one
		return ErrRefused
	}
	return s.editProfile(ctx, p, func(doc *profile.Profile) error {
		value := written(spec.Type, change.Text)
		if change.Add != "" || change.Remove != "" {
			value = member(doc.Traits[change.Name].Value, change.Add, change.Remove)
		}
		if err := spec.Accepts(value); err != nil {
			return fmt.Errorf("%w: %s %w", ErrRefused, change.Name, err)
		}
		t := profile.NewTrait(spec, value, p.now.UnixMilli())
		t.Origin = plan.OriginZero
		doc.Set(change.Name, t)
		return nil
	})
}

// written is what a form's text means as a value of a type, or the text itself,
// which the type then refuses.
func written(t plan.Type, text string) any {
	text = strings.TrimSpace(text)
	switch t {
	case "number", "integer":
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			return n
		}
	case "boolean":
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	}
	return text
}

// member is the list with one member more or less.
func member(list any, add, remove string) []any {
	old, _ := list.([]any)
	next := slices.DeleteFunc(slices.Clone(old), func(v any) bool { return v == any(add) || v == any(remove) })
	if add != "" {
		next = append(next, add)
	}
	return next
}

// forget deletes a trait for good. Her address goes with her, by erasure.
func (s *Service) forget(ctx context.Context, p *person, name string) error {
	return s.editProfile(ctx, p, func(doc *profile.Profile) error {
		if _, ok := doc.Traits[name]; !ok || name == profile.TraitEmail {
			return ErrRefused
		}
		delete(doc.Traits, name)
		return nil
	})
}

// editProfile changes PROFILE, in one conditional write, and tries again when
// somebody else was faster.
func (s *Service) editProfile(ctx context.Context, p *person, edit func(*profile.Profile) error) error {
	for range attempts {
		doc := &profile.Profile{}
		if p.Profile != nil {
			doc = p.Profile
		}
		if err := edit(doc); err != nil {
			return err
		}
		put, err := s.putProfile(p, doc)
		if err != nil {
			return err
		}
		err = s.Store.Write(ctx, put)
		if _, conflict := flow.AsConflict(err); !conflict {
			return err
		}
		epoch := p.Epoch
		if p, err = s.open(ctx, p.key); err != nil {
			return err
		}
		if p.Epoch != epoch {
			return ErrSession // she was erased meanwhile, and may have come back
		}
	}
	return flow.ErrThrottled
}

// putProfile writes PROFILE over what was read: a change of hers, that no
// journey made.
func (s *Service) putProfile(p *person, doc *profile.Profile) (flow.Op, error) {
	doc.At, doc.In, doc.By, doc.Hops, doc.Imported = p.now.UnixMilli(), string(s.stamp(p)), "", 0, false
	put, err := s.put(p.Stored.Profile, item.C(p.key, item.SKProfile), p.Epoch, doc)
	if p.Stored.Profile == nil {
		put.Item.IK, put.Item.IS = item.AllList(item.Shard(p.key)), p.key
	}
	if err == nil && put.Item.Size() > profile.MaxSize {
		return flow.Op{}, ErrRefused
	}
	return put, err
}
