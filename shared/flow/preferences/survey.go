package preferences

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/survey"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow/collect"
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
	p, err := s.respondent(ctx, name, who)
	if err != nil {
		return nil, err
	}
	form := &Form{
		Title:   text(sv.Title, rel, lang, name),
		Purpose: text(rel.Plan.Purposes[sv.Purpose].Title, rel, lang, sv.Purpose),
	}
	for i := range sv.Questions {
		form.Questions = append(form.Questions, question(&sv.Questions[i], rel, lang))
	}
	if n := noticeFor(rel, sv.Purpose, ""); n != nil && (p == nil || !p.Gate.MayUse(rel.Plan, []string{sv.Purpose}, p.now.UnixMilli())) {
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

// respondent is the customer who answers; nil for a visitor. A token of another
// survey, and a session that is over, name nobody.
func (s *Service) respondent(ctx context.Context, name string, who Respondent) (*person, error) {
	if t, ok := s.Ring.OpenSurvey(who.Token); ok && t.Survey == name {
		p, err := s.open(ctx, t.Customer)
		if err != nil || p.known() {
			return p, err
		}
	}
	if who.Session == nil {
		return nil, nil
	}
	return s.session(ctx, *who.Session)
}

// Answer takes a filled form to where all answers go: flow/collect.
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
	p, err := s.respondent(ctx, a.Survey, a.Who)
	if err != nil {
		return err
	}
	r := &events.SurveyResponse{Survey: a.Survey, Answers: values, Language: a.Lang}
	switch {
	case p != nil: // by a link of ours, which is what a session came from
		r.Token = s.Ring.MintSurvey(token.Survey{Customer: p.key, Survey: a.Survey})
	case a.Who.AnonymousID != "":
		r.AnonymousID = events.NewPersonal(a.Who.AnonymousID)
	default:
		r.AnonymousID = events.NewPersonal(s.Tokens.Token())
	}
	if n := noticeFor(rel, sv.Purpose, ""); n != nil && slices.Contains(a.Grants, n.ID+"@"+n.Version) {
		r.Consent = []events.ResponseGrant{{Purpose: sv.Purpose, State: string(consent.Granted), Notice: n.ID}}
	}
	out, err := s.Collect.Respond(ctx, r, collect.Source{Kind: collect.Public, Name: "survey"})
	if err == nil && out.Refused != nil {
		err = ErrNotPermitted
	}
	return err
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
