package collect

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/profile"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/survey"
	"github.com/kesher-io/kesher/shared/flow"
)

// Respond takes one customer's or visitor's answers to a survey: first the
// permissions given in the same form, then, if its purpose is permitted, traits,
// answers and the event `Survey Answered` in one transaction.
func (s *Service) Respond(ctx context.Context, r *events.SurveyResponse, src Source) (Outcome, error) {
	rel, err := s.Releases.Live(ctx)
	if err != nil {
		return Outcome{}, err
	}
	out, err := s.respond(ctx, rel, r, src)
	return s.ended(events.TypeSurvey, out, err)
}

func (s *Service) respond(ctx context.Context, rel *release.Release, r *events.SurveyResponse, src Source) (Outcome, error) {
	sv, ok := rel.Surveys[r.Survey]
	if !ok {
		return refused(events.Refuse(events.NotFound, "survey", "is not in the catalog")), nil
	}
	if bad := answersFit(sv, r.Answers); bad != nil {
		return refused(bad), nil
	}
	who, by, bad := s.respondent(r, src)
	if bad != nil {
		return refused(bad), nil
	}
	w := &work{Service: s, rel: rel, src: src, c: &events.Call{}, id: r.ResponseID}
	if w.id == "" {
		w.id = s.Tokens.Token()
	}
	var err error
	if w.st, err = s.open(ctx, who); err != nil {
		return Outcome{}, err
	}
	w.m = s.moment(said{own: r.Time.Time, id: r.ResponseID != ""}, src, w.st.now)
	if bad := w.st.refuses(w.m.at); bad != nil {
		return refused(bad), nil
	}
	if bad, err := w.grants(ctx, r, by); bad != nil || err != nil {
		return refused(bad), err
	}
	err = w.response(ctx, sv, r.Answers)
	return w.told("time"), err
}

// respondent is who answers, and with what authority she speaks: by a link that
// was mailed to her, it is she herself.
func (s *Service) respondent(r *events.SurveyResponse, src Source) (subject, consent.Authority, *events.Refusal) {
	if r.Token == "" {
		who, bad := s.who(r.UserID, r.AnonymousID, r.Context, src)
		return who, authority(src.Kind), bad
	}
	t, ok := s.Ring.OpenSurvey(r.Token)
	if !ok || t.Survey != r.Survey {
		return subject{}, "", events.Refuse(events.UserUnproven, "token", "is none of this survey's")
	}
	return subject{key: t.Customer, pk: item.CustomerPK(t.Customer)}, consent.Person, nil
}

// answersFit checks every answer against its question.
func answersFit(sv *survey.Survey, answers map[string]any) *events.Refusal {
	for _, id := range slices.Sorted(maps.Keys(answers)) {
		q, ok := sv.Question(id)
		if !ok {
			return events.Refuse(events.InvalidField, "answers."+id, "answers no question of this survey")
		}
		if err := q.Accepts(answers[id]); err != nil {
			return events.Refuse(events.InvalidField, "answers."+id, "%v", err)
		}
	}
	for _, q := range sv.Questions {
		if _, given := answers[q.ID]; q.Required && !given {
			return events.Refuse(events.InvalidField, "answers."+q.ID, "is missing")
		}
	}
	return nil
}

// grants writes what the form said about permissions.
func (w *work) grants(ctx context.Context, r *events.SurveyResponse, by consent.Authority) (*events.Refusal, error) {
	if len(r.Consent) == 0 {
		return nil, nil
	}
	said := make([]consent.Statement, 0, len(r.Consent))
	for _, g := range r.Consent {
		st := consent.Statement{
			ID: w.id + "/" + consent.Name(g.Purpose, g.Channel), Purpose: g.Purpose, Channel: g.Channel,
			State: consent.State(g.State), At: w.m.at, By: by, Answered: true,
			Surface: "survey " + r.Survey, Mechanism: "form",
		}
		if g.Notice != "" {
			st.Notice = &consent.Notice{ID: g.Notice, Lang: w.language(r.Language)}
		}
		said = append(said, st)
	}
	res, err := w.st.apply(ctx, w.consents(), w.rel, said)
	if err != nil {
		if bad := refusalOf(err); bad != nil {
			return bad, nil
		}
		return nil, err
	}
	if err := w.askFor(ctx, w.st, said, res); err != nil {
		return nil, err
	}
	return nil, w.reopen(ctx)
}

// language of a text she saw: as the call says, or hers.
func (w *work) language(given string) string {
	if given == "" && w.st.Profile != nil {
		return w.st.Profile.Locale
	}
	return given
}

// response stores the answers.
func (w *work) response(ctx context.Context, sv *survey.Survey, answers map[string]any) error {
	traits := traitsOf(sv, answers)
	email, hasEmail := traits[profile.TraitEmail]
	delete(traits, profile.TraitEmail)
	var dropped []profile.Dropped
	sk := func(at time.Time) string { return item.ResponseSK(sv.Name, at, w.id) }
	err := w.storing(ctx, sk, func() ([]flow.Op, *events.Refusal, error) {
		if !w.st.mayUse(w.rel, []string{sv.Purpose}) {
			return nil, events.Refuse(events.NotPermitted, "survey", "asks for a purpose that is not permitted"), nil
		}
		ops, err := w.responseOps(sv.Name, answers)
		if err != nil || w.st.visitor {
			return ops, nil, err
		}
		p := w.profile()
		var changed bool
		if changed, dropped = w.writer().Write(&p, traits, w.m.at); !changed {
			return ops, nil, nil
		}
		put, err := w.putProfile(p)
		return append(ops, put), nil, err
	})
	w.dropped(dropped)
	if err != nil || w.out.Refused != nil || w.st.visitor || !hasEmail {
		return err
	}
	if w.out.Duplicate && w.m.own.IsZero() {
		return nil // she may have given another since, and nothing tells when this was said
	}
	return w.traits(ctx, map[string]any{profile.TraitEmail: email})
}

// responseOps are the answers and the event that tells of them.
func (w *work) responseOps(name string, answers map[string]any) ([]flow.Op, error) {
	ttl := w.st.now.Add(keepFor)
	r := fact.Response{ID: w.id, Survey: name, At: w.m.at, In: w.st.stamp(w.Tokens), Answers: answers, Imported: w.src.Import}
	e := fact.Event{
		ID: w.id, Name: fact.SurveyAnswered, At: w.m.at, In: w.st.stamp(w.Tokens), Imported: w.src.Import,
		Props: map[string]any{"survey": name, "response_id": w.id},
	}
	first, err1 := w.put(item.ResponseSK(name, w.m.key, w.id), r, ttl)
	second, err2 := w.put(item.EventSK(fact.SurveyAnswered, w.m.key, w.id), e, ttl)
	guards, err3 := w.guards(func(at time.Time) string { return item.ResponseSK(name, at, w.id) })
	return append([]flow.Op{first, second}, guards...), errors.Join(err1, err2, err3)
}

// answered sets the traits of a response that came over from a visitor.
func (w *work) answered(ctx context.Context, r *fact.Response) error {
	sv, ok := w.rel.Surveys[r.Survey]
	if !ok {
		return nil
	}
	traits := traitsOf(sv, r.Answers)
	delete(traits, profile.TraitEmail) // a visitor proved no address
	return w.writeProfile(ctx, func(p *profile.Profile, _ *consent.Gate) bool {
		changed, _ := w.writer().Write(p, traits, r.At)
		return changed
	})
}

// traitsOf are the traits that answers set.
func traitsOf(sv *survey.Survey, answers map[string]any) map[string]any {
	traits := map[string]any{}
	for _, q := range sv.Questions {
		if v, given := answers[q.ID]; given && q.Trait != "" {
			traits[q.Trait] = v
		}
	}
	return traits
}

func (w *work) writer() profile.Writer {
	return profile.Writer{Plan: w.rel.Plan, Gate: &w.st.Gate, Now: w.st.now.UnixMilli()}
}

func (w *work) dropped(all []profile.Dropped) {
	for _, d := range all {
		w.drop(events.Code(d.Reason), d.Trait, d.Why)
	}
}
