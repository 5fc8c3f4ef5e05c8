package preferences

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/owner"
)

// Scope of an unsubscribe.
type Scope string

const (
	ScopePurpose Scope = ""      // the message's purpose on e-mail: what RFC 8058 means
	ScopeTopic   Scope = "topic" // its topic alone
	ScopeAll     Scope = "all"   // every purpose on e-mail (A05)
)

// Unsubscribe carries out a /u/ token. It can only reduce permission (E03), and
// doing it again changes and stores nothing (B05).
func (s *Service) Unsubscribe(ctx context.Context, text string, scope Scope) error {
	u, genuine := s.Ring.OpenUnsubscribe(text)
	if !genuine {
		u.Customer, u.Address = s.nobody(text), s.nobody(text)
	}
	p, err := s.open(ctx, u.Customer)
	if err != nil {
		return err
	}
	at, err := owner.Read(ctx, s.Store, u.Address)
	if err != nil || !genuine || !p.known() {
		return err
	}
	rel, err := s.Releases.Live(ctx)
	if err != nil {
		return err
	}
	if scope == ScopeTopic && u.Topic != "" {
		return s.setTopic(ctx, p, u.Topic, false)
	}
	purposes := []string{u.Purpose}
	if scope == ScopeAll || rel.Plan.Purposes[u.Purpose].Basis != plan.BasisConsent {
		purposes = contactable(rel.Plan) // a service mail's own purpose can't be stopped
	}
	return s.withdraw(ctx, p, rel, &u, unheard(p, at, purposes))
}

// contactable are the purposes that need her permission to mail her.
func contactable(p *plan.Plan) []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(p.Purposes)) {
		if purpose := p.Purposes[name]; purpose.Basis == plan.BasisConsent && slices.Contains(purpose.Contact, plan.ChannelEmail) {
			list = append(list, name)
		}
	}
	return list
}

// unheard are the purposes whose withdrawal is not known yet, by her or at the
// address.
func unheard(p *person, at *owner.Address, purposes []string) []string {
	var list []string
	for _, purpose := range purposes {
		name := consent.Name(purpose, plan.ChannelEmail)
		_, lowered := at.Withdrawn[name]
		if at.Hash != "" && !lowered || !p.Gate.States[name].State.Refused() {
			list = append(list, purpose)
		}
	}
	return list
}

// withdraw takes back the permission to mail her for these purposes. u is the
// link she used; nil in the centre.
func (s *Service) withdraw(ctx context.Context, p *person, rel *release.Release, u *token.Unsubscribe, purposes []string) error {
	if len(purposes) == 0 {
		return nil
	}
	base := consent.Statement{
		Channel: plan.ChannelEmail, State: consent.Withdrawn, At: p.now.UnixMilli(),
		By: consent.Person, Surface: "preferences", Mechanism: "button",
	}
	causes := []string{"unsubscribe", p.key}
	for _, purpose := range purposes {
		held := p.Gate.States[consent.Name(purpose, plan.ChannelEmail)]
		causes = append(causes, purpose, strconv.FormatInt(held.At, 10), held.Ledger)
	}
	props := map[string]any{}
	if u != nil {
		base.Address, base.Surface, base.Mechanism = u.Address, "unsubscribe", "one-click"
		props["email_id"] = u.Message
	}
	id := ident.Derive(causes...)
	var statements []consent.Statement
	for _, purpose := range purposes {
		st := base
		st.Purpose, st.ID = purpose, id+"-"+purpose
		statements = append(statements, st)
	}
	also, err := s.once(p, id, fact.Unsubscribed, props)
	if err != nil {
		return err
	}
	_, err = s.Consents.Apply(ctx, p.key, rel, statements, also...)
	if c, conflict := flow.AsConflict(err); conflict && c.Key == also[0].Item.Key {
		return nil // the same press, by a worker beside this one
	}
	return err
}

// keepOnce is how long a repeated request may be under way.
const keepOnce = 7 * 24 * time.Hour

// once is an event and the guard that lets only one of many who read the same
// state store it.
func (s *Service) once(p *person, id, name string, props map[string]any) ([]flow.Op, error) {
	guard := (*item.Item)(nil).Next(item.C(p.key, item.IDSK(id)), s.Tokens.Token(), p.Epoch)
	guard.TTL = p.now.Add(keepOnce).Unix()
	if err := guard.Encode(struct{}{}); err != nil {
		return nil, err
	}
	event, err := s.event(p, name, id, p.now, props)
	return []flow.Op{flow.Put(guard, flow.Absent), event}, err
}

// StopToken is an /u/ token for whoever a link names, so that every page can
// offer to stop everything (A05); for a forged link it names nobody.
func (s *Service) StopToken(text string) string {
	customer := s.nobody(text)
	if t, ok := s.Ring.OpenPreferences(text); ok {
		customer = t.Customer
	} else if t, ok := s.Ring.OpenConfirm(text); ok {
		customer = t.Customer
	} else if t, ok := s.Ring.OpenSurvey(text); ok {
		customer = t.Customer
	} else if t, ok := s.Ring.OpenSession(text); ok {
		customer = t.Customer
	}
	return s.Ring.MintUnsubscribe(token.Unsubscribe{Customer: customer})
}
