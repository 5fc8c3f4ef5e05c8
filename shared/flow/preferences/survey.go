package preferences

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/survey"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
)

// Respondent is who answers a survey: by a link of a mail, by a session, or as
// a visitor of a site; all may be empty.
type Respondent struct {
	Token       string
	Session     *token.Cookie
	AnonymousID string
}

// Form is a survey as it is shown.
type Form struct {
	Title, Purpose string
	Questions      []Question
	Notices        []Notice // by which it can be permitted, where it is not yet
}

// Question of a form, in her language.
type Question struct {
	ID, Type, Ask, Gives string
	Options              []Option
	Required             bool
	Min, Max             *float64
}

// Answers to a form, as posted.
type Answers struct {
	Survey, Lang string
	Who          Respondent
	Values       map[string][]string
	Grants       []string // notices whose boxes she ticked
}

var (
	// ErrNoSurvey: there is no such survey.
	ErrNoSurvey = errors.New("no such survey")
	// ErrNotPermitted: the survey's purpose is not permitted, so nothing was stored.
	ErrNotPermitted = errors.New("survey not permitted")
)

// WrongAnswers names the questions whose answers do not fit; nothing was stored.
type WrongAnswers struct{ Questions map[string]bool }

func (e *WrongAnswers) Error() string {
	return "answers to " + strings.Join(slices.Sorted(maps.Keys(e.Questions)), ", ") + " do not fit"
}

// Survey is the form; nil when there is none of this name.
func (s *Service) Survey(ctx context.Context, name, lang string, who Respondent) (*Form, error) {
	rel, err := s.Releases.Live(ctx)
	if err != nil {
		return nil, err
	}
	sv, ok := rel.Surveys[name]
	if !ok {
		return nil, nil
	}
	r, err := s.respondent(ctx, name, who)
	if err != nil {
		return nil, err
	}
	form := &Form{
		Title:   text(sv.Title, rel, lang, name),
		Purpose: text(rel.Plan.Purposes[sv.Purpose].Title, rel, lang, sv.Purpose),
	}
	for _, q := range sv.Questions {
		form.Questions = append(form.Questions, question(&q, rel, lang))
	}
	if n := noticeFor(rel, sv.Purpose, ""); n != nil && !r.gate.MayUse(rel.Plan, []string{sv.Purpose}, r.now.UnixMilli()) {
		form.Notices = []Notice{{ID: n.ID, Version: n.Version, Text: text(n.Text, rel, lang, "")}}
	}
	return form, nil
}

func question(q *survey.Question, rel *release.Release, lang string) Question {
	out := Question{
		ID: q.ID, Type: q.Type, Ask: text(q.Ask, rel, lang, q.ID), Gives: text(q.Gives, rel, lang, ""),
		Required: q.Required, Min: q.Min, Max: q.Max,
	}
	for _, o := range q.Options {
		out.Options = append(out.Options, Option{Value: o.Value, Title: text(o.Title, rel, lang, o.Value)})
	}
	return out
}

// respondent is a person, or a visitor, who answers.
type respondent struct {
	*person
	pk      string
	visitor bool
}

// respondent reads who answers. A token of another survey, and a session that is
// over, name nobody.
func (s *Service) respondent(ctx context.Context, name string, who Respondent) (*respondent, error) {
	if t, ok := s.Ring.OpenSurvey(who.Token); ok && t.Survey == name {
		p, err := s.open(ctx, t.Customer)
		if err != nil || p.known() {
			return &respondent{person: p, pk: item.CustomerPK(t.Customer)}, err
		}
	}
	if who.Session != nil {
		p, err := s.session(ctx, *who.Session)
		if err != nil || p != nil {
			return &respondent{person: p, pk: item.CustomerPK(who.Session.Customer)}, err
		}
	}
	id := who.AnonymousID
	if id == "" {
		id = s.Tokens.Token()
	}
	key := s.Keys.Visitor(id)
	return s.visitor(ctx, key)
}

func (s *Service) visitor(ctx context.Context, key string) (*respondent, error) {
	r := &respondent{person: &person{key: key, now: s.Clock.Now(key)}, pk: item.PrefixVisitor + key, visitor: true}
	items, err := s.Store.Get(ctx, flow.Strong, item.Key{Table: item.Customers, PK: r.pk, SK: item.SKGate})
	if err != nil || items[0] == nil {
		return r, err
	}
	r.stored.gate, r.epoch = items[0], items[0].E
	return r, items[0].Decode(&r.gate)
}

// Answer stores a response: first the permissions given with it, then, if its
// purpose is permitted, the answers and the traits they set.
func (s *Service) Answer(ctx context.Context, a Answers) error {
	rel, err := s.Releases.Live(ctx)
	if err != nil {
		return err
	}
	sv, ok := rel.Surveys[a.Survey]
	if !ok {
		return ErrNoSurvey
	}
	values, err := answers(sv, a.Values)
	if err != nil {
		return err
	}
	r, err := s.respondent(ctx, a.Survey, a.Who)
	if err != nil {
		return err
	}
	if err := s.grantWith(ctx, r, rel, sv, a); err != nil {
		return err
	}
	if !r.gate.MayUse(rel.Plan, []string{sv.Purpose}, r.now.UnixMilli()) {
		return ErrNotPermitted
	}
	return s.store(ctx, r, rel, sv, values)
}

// grantWith gives the survey's purpose for the notice whose box was ticked.
func (s *Service) grantWith(ctx context.Context, r *respondent, rel *release.Release, sv *survey.Survey, a Answers) error {
	n := noticeFor(rel, sv.Purpose, "")
	if n == nil || !slices.Contains(a.Grants, n.ID+"@"+n.Version) || r.gate.MayUse(rel.Plan, []string{sv.Purpose}, r.now.UnixMilli()) {
		return nil
	}
	st := consent.Statement{
		ID: ident.Derive("survey", r.key, s.Tokens.Token()), Purpose: sv.Purpose, State: consent.Granted, At: r.now.UnixMilli(),
		Notice: &consent.Notice{ID: n.ID, Version: n.Version, Lang: a.Lang}, By: consent.Person,
		Surface: "survey " + sv.Name, Mechanism: "checkbox", Answered: true,
	}
	apply := s.Consents.Apply
	if r.visitor {
		st.By, apply = consent.Public, s.Consents.ApplyVisitor
	}
	res, err := apply(ctx, r.key, rel, []consent.Statement{st})
	r.gate = res.Gate
	return err
}

// store writes RESPONSE, and for a customer PROFILE with it, unless her gate
// changed since it was judged.
func (s *Service) store(ctx context.Context, r *respondent, rel *release.Release, sv *survey.Survey, values map[string]any) error {
	id := ident.Derive("response", r.key, s.Tokens.Token())
	doc := fact.Response{ID: id, Survey: sv.Name, At: r.now.UnixMilli(), In: s.stamp(r.person), Answers: values}
	key := item.Key{Table: item.Customers, PK: r.pk, SK: item.ResponseSK(sv.Name, r.now, id)}
	for range attempts {
		var w writes
		w.add(s.put(nil, key, r.epoch, doc))
		w.ops[0].Item.TTL = r.now.Add(keepEvents).Unix()
		if set := s.traitsOf(r, rel, sv, values); set != nil {
			w.add(s.putProfile(r.person, set))
		}
		if w.err != nil {
			return w.err
		}
		err := s.Store.Write(ctx, w.ops...)
		if _, conflict := flow.AsConflict(err); !conflict {
			return err
		}
		p, err := s.open(ctx, r.key)
		if err != nil {
			return err
		}
		if p.erased() {
			return ErrNotPermitted
		}
		r.person = p
	}
	return flow.ErrThrottled
}

// traitsOf is the profile with the traits that the answers set; nil when they
// set none, or belong to a visitor, who has no profile.
func (s *Service) traitsOf(r *respondent, rel *release.Release, sv *survey.Survey, values map[string]any) *profile.Profile {
	if r.visitor {
		return nil
	}
	traits := map[string]any{}
	for _, q := range sv.Questions {
		if v, answered := values[q.ID]; answered && q.Trait != "" {
			traits[q.Trait] = v
		}
	}
	doc := profile.Profile{}
	if r.profile != nil {
		doc = *r.profile
		doc.Traits = maps.Clone(doc.Traits)
	}
	w := profile.Writer{Plan: rel.Plan, Gate: &r.gate, Now: r.now.UnixMilli()}
	if changed, _ := w.Write(&doc, traits, r.now.UnixMilli()); !changed {
		return nil
	}
	return &doc
}

// answers are the values of a form as JSON would carry them; what was left empty
// is absent.
func answers(sv *survey.Survey, posted map[string][]string) (map[string]any, error) {
	values, wrong := map[string]any{}, map[string]bool{}
	for i := range sv.Questions {
		q := &sv.Questions[i]
		value, given := answer(q, posted[q.ID])
		switch {
		case !given && q.Required, given && q.Accepts(value) != nil:
			wrong[q.ID] = true
		case given:
			values[q.ID] = value
		}
	}
	if len(wrong) > 0 {
		return nil, &WrongAnswers{wrong}
	}
	return values, nil
}

func answer(q *survey.Question, posted []string) (value any, given bool) {
	posted = slices.DeleteFunc(slices.Clone(posted), func(s string) bool { return strings.TrimSpace(s) == "" })
	if len(posted) == 0 {
		return nil, false
	}
	switch q.Type {
	case survey.Choices:
		list := make([]any, len(posted))
		for i, s := range posted {
			list[i] = s
		}
		return list, true
	case survey.Number, survey.Scale:
		if n, err := strconv.ParseFloat(posted[0], 64); err == nil {
			return n, true
		}
	}
	return posted[0], true
}
