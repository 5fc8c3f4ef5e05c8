// Package collect takes in what reaches Kesher about customers: tracking calls,
// consent, survey responses, requests for messages, items for sale (CONTRACTS
// section 2). Every kind of call, whatever brought it here (HTTP, a played file,
// an AWS user's own write), goes through the same few functions; what is accepted
// becomes an item in the customer's or visitor's partition, and nothing else
// happens here: journeys read it from there. It knows no HTTP.
package collect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/address"
	"github.com/kesher-io/kesher/shared/flow/agenda"
	"github.com/kesher-io/kesher/shared/flow/consents"
)

// Service collects.
type Service struct {
	Store    flow.Store
	Clock    flow.Clock
	Tokens   flow.Tokens
	Releases flow.Releases
	Keys     flow.Keys
	Metrics  flow.Metrics
	// Identity is the secret under which a site proves to a browser's key whose
	// userId it sends (KESHER_IDENTITY_SECRET).
	Identity []byte
	// Ring opens the links by which customers answer surveys.
	Ring token.Keyring
}

// Kind of key that a call came with.
type Kind string

const (
	Public Kind = "public" // stands in browsers: anybody can have it
	Server Kind = "server"
)

// Source is where a call came from.
type Source struct {
	Kind Kind
	Name string // of settings.sources, or of the surface
	// Import: history, which counts but enters no journey.
	Import bool
	// Played: the customer's clock was set to this very call, so there is no skew
	// to correct.
	Played bool
}

// Outcome of a call.
type Outcome struct {
	// Refused says why nothing was kept; nil when it was.
	Refused *events.Refusal
	// Dropped are parts of a kept call that were not.
	Dropped []events.Refusal
	// Adjusted says that its time was not taken as given; nil when it was, or when
	// there was none.
	Adjusted *events.Adjusted
	// Duplicate: it had been kept before.
	Duplicate bool
}

func refused(r *events.Refusal) Outcome { return Outcome{Refused: r} }

// Names of metrics.
const (
	metricAccepted = "CallsAccepted" // by type; a repeated one once
	metricRefused  = "CallsRefused"  // by code (I05)
	metricDropped  = "TraitsDropped" // by code
	metricUnproven = "UsersUnproven"
	metricTimes    = "TimesCorrected"   // by what was wrong with them
	metricLeft     = "VisitorFactsLeft" // too many to become the customer's
)

// maxAttempts bounds the rounds of read and write under contention.
const maxAttempts = 16

var errContended = fmt.Errorf("customer is written by others all the time: %w", flow.ErrThrottled)

func (s *Service) consents() consents.Writer {
	return consents.Writer{Store: s.Store, Clock: s.Clock, Tokens: s.Tokens, Keys: s.Keys}
}

func (s *Service) mover() address.Mover {
	return address.Mover{Store: s.Store, Clock: s.Clock, Tokens: s.Tokens, Keys: s.Keys, Consents: s.consents()}
}

func (s *Service) agenda() agenda.Writer { return agenda.Writer{Store: s.Store, Tokens: s.Tokens} }

// Collect works one tracking call.
func (s *Service) Collect(ctx context.Context, c *events.Call, src Source) (Outcome, error) {
	rel, err := s.Releases.Live(ctx)
	if err != nil {
		return Outcome{}, err
	}
	out, err := s.call(ctx, rel, c, src)
	return s.ended(c.Type, out, err)
}

// Refuse counts what was refused before it could be worked.
func (s *Service) Refuse(r *events.Refusal) Outcome { return s.counted("", refused(r)) }

// ended is the end of a call: one that failed comes again, and is counted then.
func (s *Service) ended(typ string, out Outcome, err error) (Outcome, error) {
	if errors.Is(err, errErased) {
		out, err = refused(beforeErasure), nil
	}
	if err != nil {
		return out, err
	}
	return s.counted(typ, out), nil
}

// counted counts an outcome by its reason.
func (s *Service) counted(typ string, out Outcome) Outcome {
	switch {
	case out.Refused != nil:
		s.Metrics.Count(metricRefused, 1, flow.Dim{Name: "code", Value: string(out.Refused.Code)})
	case !out.Duplicate:
		s.Metrics.Count(metricAccepted, 1, flow.Dim{Name: "type", Value: typ})
	}
	for _, d := range out.Dropped {
		s.Metrics.Count(metricDropped, 1, flow.Dim{Name: "code", Value: string(d.Code)})
	}
	return out
}

// work is one tracking call being worked.
type work struct {
	*Service
	rel *release.Release
	src Source
	c   *events.Call
	id  string // messageId, or a fresh one
	st  *state
	m   moment
	out Outcome
}

func (s *Service) call(ctx context.Context, rel *release.Release, c *events.Call, src Source) (Outcome, error) {
	if src.Import && src.Kind != Server {
		return refused(events.Refuse(events.Forbidden, "", "importing needs the server key")), nil
	}
	who, r := s.who(c.UserID, c.AnonymousID, c.Context, src)
	if r != nil {
		return refused(r), nil
	}
	if c.Type == events.TypeAlias && who.visitor {
		return refused(unproven), nil
	}
	w := &work{Service: s, rel: rel, src: src, c: c, id: c.MessageID}
	if w.id == "" {
		w.id = s.Tokens.Token()
	}
	var err error
	if w.st, err = s.open(ctx, who); err != nil {
		return Outcome{}, err
	}
	w.m = s.moment(saidBy(c), src, w.st.now)
	if r := w.st.refuses(w.m.at); r != nil {
		return refused(r), nil
	}
	if err := w.snapshot(ctx); err != nil {
		return Outcome{}, err
	}
	err = w.work(ctx)
	return w.told("timestamp"), err
}

// told is the outcome, with what was done to the time that stood in this field.
func (w *work) told(field string) Outcome {
	if w.out.Refused == nil && w.m.wrong != "" && w.m.wrong != absent {
		at := events.Time{Time: time.UnixMilli(w.m.at).UTC()}
		w.out.Adjusted = &events.Adjusted{Field: field, Reason: w.m.wrong, At: at}
	}
	return w.out
}

func (w *work) work(ctx context.Context) error {
	switch w.c.Type {
	case events.TypeIdentify, events.TypeAlias:
		return w.identify(ctx)
	case events.TypeTrack:
		return w.track(ctx, w.c.Event, w.c.Properties)
	case events.TypePage:
		return w.track(ctx, events.PageViewed, w.named())
	case events.TypeScreen:
		return w.track(ctx, events.ScreenViewed, w.named())
	}
	return nil // group: accepted, and not stored
}

// named are the properties of a page or screen call, with its name.
func (w *work) named() map[string]any {
	props := map[string]any{}
	for name, v := range w.c.Properties {
		props[name] = v
	}
	for name, v := range map[string]string{"name": w.c.Name, "category": w.c.Category} {
		if _, given := props[name]; !given && v != "" {
			props[name] = v
		}
	}
	return props
}

// snapshot takes in the cookie banner's state that the call carries. Most say
// what is known already, and cost nothing.
func (w *work) snapshot(ctx context.Context) error {
	if w.c.Context == nil || w.c.Context.Consent == nil {
		return nil
	}
	status := w.c.Context.Consent
	base := consent.Statement{
		ID: w.id, At: w.m.at, By: authority(w.src.Kind), Surface: "banner", Mechanism: "snapshot",
	}
	if !status.UpdatedAt.IsZero() {
		base.Updated = min(status.UpdatedAt.UnixMilli(), w.st.now.UnixMilli())
	}
	var news []consent.Statement
	for _, st := range consent.Snapshot(w.rel.Plan, status.CategoryPreferences, base) {
		if _, effect := st.Decide(w.st.Gate.States[st.Name()]); effect {
			news = append(news, st)
		}
	}
	if len(news) == 0 {
		return nil
	}
	if _, err := w.st.apply(ctx, w.consents(), w.rel, news); err != nil {
		return err
	}
	return w.reopen(ctx)
}

// reopen reads the subject anew, after somebody wrote of her. A call that read her
// before she was erased tells of who is forgotten, whatever its time.
func (w *work) reopen(ctx context.Context) error {
	epoch := w.st.Epoch
	if err := w.st.read(ctx, w.Store); err != nil {
		return err
	}
	if w.st.Epoch != epoch {
		return errErased
	}
	return nil
}

// errErased: she was erased while the call was worked.
var errErased = errors.New("the customer was erased meanwhile")

func authority(k Kind) consent.Authority {
	if k == Server {
		return consent.Server
	}
	return consent.Public
}

// refusalOf turns errors of the flows below into what the caller did wrong; nil
// when it is nothing of the caller's.
func refusalOf(err error) *events.Refusal {
	switch {
	case errors.Is(err, consent.ErrNoEvidence):
		return events.Refuse(events.NoEvidence, "notice", "or evidence with basis and source must be given with a grant")
	case errors.Is(err, consents.ErrNotice):
		return events.Refuse(events.InvalidField, "notice", "names no text that speaks of this purpose and channel")
	case errors.Is(err, consent.ErrPurpose):
		return events.Refuse(events.InvalidField, "purpose", "and channel are not in the plan")
	case errors.Is(err, consent.ErrState):
		return events.Refuse(events.InvalidField, "state", "must be granted, denied or withdrawn")
	}
	return nil
}

// keepFor is how long something is kept that the plan gives no time for.
const keepFor = 400 * 24 * time.Hour
