package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/address"
	"github.com/kesher-io/kesher/shared/flow/owner"
)

// identify works identify and alias: first whatever was the visitor's becomes
// the customer's, then what she is told to be is written.
func (w *work) identify(ctx context.Context) error {
	if w.st.visitor {
		for _, name := range slices.Sorted(maps.Keys(w.c.Traits)) {
			w.drop(events.NotPermitted, name, "is kept of known customers only")
		}
		return nil
	}
	visitor := w.st.companion
	if w.c.Type == events.TypeAlias {
		visitor = w.Keys.Visitor(w.c.PreviousID.Reveal())
	}
	if visitor != "" {
		if err := w.alias(ctx, visitor); err != nil {
			return err
		}
	}
	return w.traits(ctx, w.c.Traits)
}

func (w *work) drop(code events.Code, trait, why string) {
	w.out.Dropped = append(w.out.Dropped, *events.Refuse(code, "traits."+trait, "%s", why))
}

// traits writes what the call says of the customer. The address, which decides
// where her mail goes, has rules of its own.
func (w *work) traits(ctx context.Context, given map[string]any) error {
	traits := maps.Clone(given)
	move, err := w.address(ctx, traits)
	if err != nil {
		return err
	}
	if move.ask != "" {
		delete(traits, profile.TraitEmail) // not hers until she confirms it
	}
	gate := &w.st.Gate
	var dropped []profile.Dropped
	edit := func(p *profile.Profile, gate *consent.Gate) bool {
		var changed bool
		writer := profile.Writer{Plan: w.rel.Plan, Gate: gate, Now: w.st.now.UnixMilli()}
		changed, dropped = writer.Write(p, traits, w.m.at)
		if w.st.userID != "" {
			p.UserID = w.st.userID
		}
		return w.place(p) || changed
	}
	switch {
	case move.to != nil:
		gate, err = w.mover().Move(ctx, w.rel, address.Move{
			Customer: w.st.key, Known: w.st.Person, To: *move.to, Imported: w.src.Import,
			Edit: func(p *profile.Profile, gate *consent.Gate) { edit(p, gate) },
		})
		if errors.Is(err, address.ErrErased) {
			return errErased
		}
	case move.ask != "":
		err = w.ask(ctx, move.ask, edit)
		if errors.Is(err, ErrManyAsked) {
			w.drop(events.RateLimited, profile.TraitEmail, fmt.Sprintf("is asked about no more today: a browser may name %d addresses a day for one user (a server may name any)", MaxAsked))
			err = w.writeProfile(ctx, edit)
		}
	default:
		err = w.writeProfile(ctx, edit)
	}
	hers := move.to != nil || move.settled
	if err == nil && hers && !w.src.Import && len(gate.Asked(plan.ChannelEmail, w.st.now.UnixMilli())) > 0 {
		err = w.Waiting(ctx, w.st.key) // what she asked for before there was an address
	}
	for _, d := range dropped {
		w.drop(events.Code(d.Reason), d.Trait, d.Why)
	}
	if errors.Is(err, flow.ErrTooLarge) {
		w.out = refused(events.Refuse(events.TooLarge, "traits."+largest(traits), "makes the profile larger than %d bytes", profile.MaxSize))
		return nil
	}
	return err
}

// largest names the trait that takes most room.
func largest(traits map[string]any) string {
	name, most := "", -1
	for _, n := range slices.Sorted(maps.Keys(traits)) {
		if text, _ := json.Marshal(traits[n]); len(text) > most {
			name, most = n, len(text)
		}
	}
	return name
}

// writeProfile writes the profile as edit changes it; nothing when it does not.
func (w *work) writeProfile(ctx context.Context, edit func(*profile.Profile, *consent.Gate) bool) error {
	for range maxAttempts {
		p := w.profile()
		if changed := edit(&p, &w.st.Gate); !changed && w.st.Profile != nil {
			return nil
		}
		put, err := w.putProfile(p)
		if err != nil {
			return err
		}
		ops, err := w.born([]flow.Op{put})
		if err != nil {
			return err
		}
		err = w.Store.Write(ctx, ops...)
		if _, conflict := flow.AsConflict(err); !conflict {
			return err
		}
		if err := w.reopen(ctx); err != nil {
			return err
		}
	}
	return errContended
}

// profile is a copy of what is stored, for editing.
func (w *work) profile() profile.Profile {
	if w.st.Profile == nil {
		return profile.Profile{}
	}
	return w.st.Profile.Clone()
}

// place takes the customer's language and zone from the call's context, unless
// she has chosen them herself.
func (w *work) place(p *profile.Profile) (changed bool) {
	if w.c.Context == nil || p.Chosen || w.m.at < p.Placed {
		return false
	}
	before := [2]string{p.Locale, p.Zone}
	if lang, ok := profile.Locale(w.c.Context.Locale); ok {
		p.Locale = lang
	}
	if zone := w.c.Context.Timezone; zone != "" && zone != "Local" {
		if _, err := time.LoadLocation(zone); err == nil {
			p.Zone = zone
		}
	}
	if before == [2]string{p.Locale, p.Zone} {
		return false
	}
	p.Placed = w.m.at
	return true
}

// move is what a call means for where her mail goes: to is a new address ("" =
// none any more), ask one that she must confirm first; settled says that it is hers
// already.
type move struct {
	to      *profile.Secret
	ask     profile.Secret
	settled bool
}

// address judges the trait that is an address. The public key never replaces one.
func (w *work) address(ctx context.Context, traits map[string]any) (move, error) {
	given, has := traits[profile.TraitEmail]
	decl, known := w.rel.Plan.Traits[profile.TraitEmail]
	p := w.profile()
	if !has || !known || p.Traits[profile.TraitEmail].At > w.m.at {
		return move{}, nil
	}
	if given == nil {
		if w.src.Kind == Public {
			delete(traits, profile.TraitEmail)
			w.drop(events.NotPermitted, profile.TraitEmail, "is not a public key's to remove")
			return move{}, nil
		}
		if p.AddressHash == "" {
			return move{}, nil
		}
		return move{to: new(profile.Secret)}, nil
	}
	text, ok := given.(string)
	if !ok || decl.Accepts(given) != nil {
		return move{}, nil // refused as any other trait of a wrong type
	}
	hash := w.Keys.Address(text)
	settled, err := w.settled(ctx, &p, hash)
	if err != nil || settled {
		return move{settled: settled}, err
	}
	to := profile.Secret(text)
	if w.src.Kind == Public {
		return move{ask: to}, nil
	}
	return move{to: &to}, nil
}

// settled: her mail goes there already, and she could not own the address any
// more than she does.
func (w *work) settled(ctx context.Context, p *profile.Profile, hash string) (bool, error) {
	if p.AddressHash != hash {
		return false, nil
	}
	if !p.Shared {
		return true, nil
	}
	o, err := owner.Read(ctx, w.Store, hash)
	others := o.Customer != "" && o.Customer != w.st.key
	return others && w.rel.Settings.Identity.SameAddress != address.Merge, err
}
