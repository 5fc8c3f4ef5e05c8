package collect

import (
	"context"
	"slices"
	"strings"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow"
)

// Consent takes one statement about one permission. A public key may withdraw,
// and ask: what it asks for waits for a link mailed to the customer.
func (s *Service) Consent(ctx context.Context, c *events.ConsentCall, src Source) (Outcome, error) {
	rel, err := s.Releases.Live(ctx)
	if err != nil {
		return Outcome{}, err
	}
	out, err := s.consent(ctx, rel, c, src)
	return s.ended(events.TypeConsent, out, err)
}

func (s *Service) consent(ctx context.Context, rel *release.Release, c *events.ConsentCall, src Source) (Outcome, error) {
	if c.UserID.Reveal() != "" && !s.proven(c.UserID.Reveal(), c.Context, src) {
		return refused(unproven), nil // a withdrawal for a visitor would look like one for her
	}
	who, r := s.who(c.UserID, c.AnonymousID, c.Context, src)
	if r != nil {
		return refused(r), nil
	}
	w := &work{Service: s, rel: rel, src: src, c: &events.Call{}, id: c.MessageID}
	if w.id == "" {
		w.id = s.Tokens.Token()
	}
	var err error
	if w.st, err = s.open(ctx, who); err != nil {
		return Outcome{}, err
	}
	w.m = s.moment(said{own: c.Time.Time, id: c.MessageID != ""}, src, w.st.now)
	if r := w.st.refuses(w.m.at); r != nil {
		return refused(r), nil
	}
	st, r := w.statement(c)
	if r != nil {
		return refused(r), nil
	}
	err = w.state(ctx, st)
	return w.told("time"), err
}

// statement is the call in the words of core/consent.
func (w *work) statement(c *events.ConsentCall) (consent.Statement, *events.Refusal) {
	st := consent.Statement{
		ID: w.id, Purpose: c.Purpose, Channel: c.Channel, State: consent.State(c.State), At: w.m.at,
		By: authority(w.src.Kind), Surface: "api", Mechanism: "call",
	}
	if w.src.Import {
		st.Mechanism = "import"
	}
	if !c.Expires.IsZero() {
		st.Expires = c.Expires.UnixMilli()
	}
	if c.Notice != "" {
		st.Notice = &consent.Notice{ID: c.Notice, Lang: w.language(c.Language)}
	}
	if e := c.Evidence; e != nil {
		if !slices.Contains(consent.Bases, e.Basis) {
			return st, events.Refuse(events.InvalidField, "evidence.basis", "must be one of %s", strings.Join(consent.Bases, ", "))
		}
		st.Evidence = &consent.Evidence{Basis: e.Basis, Source: e.Source, Text: e.Text}
	}
	return st, nil
}

// state writes the statement, and with it the guard of a messageId whose time
// does not make its key.
func (w *work) state(ctx context.Context, st consent.Statement) error {
	guards, err := w.consentGuards()
	if err != nil {
		return err
	}
	said := []consent.Statement{st}
	res, err := w.st.apply(ctx, w.consents(), w.rel, said, guards...)
	if conflict, ok := flow.AsConflict(err); ok && conflict.Key.SK == item.IDSK(w.id) {
		w.out.Duplicate = true
		return nil
	}
	if r := refusalOf(err); r != nil {
		w.out = refused(r)
		return nil
	}
	if err != nil {
		return err
	}
	return w.askFor(ctx, w.st, said, res)
}

// consentGuards remember the messageId of a statement without a time; one with a
// time is recognised by it.
func (w *work) consentGuards() ([]flow.Op, error) {
	if !w.m.guard {
		return nil, nil
	}
	put, err := w.put(item.IDSK(w.id), struct{}{}, w.st.now.Add(keepID))
	return []flow.Op{put}, err
}
