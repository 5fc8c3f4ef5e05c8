package pages

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/kesher-io/kesher/shared/core/survey"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow/preferences"
)

// surveyData is a hosted form.
type surveyData struct {
	Title, Purpose string
	Questions      []questionData
	Notices        []noticeData
	Errors         bool
}

// questionData is one question with its control.
type questionData struct {
	preferences.Question
	Options     []preferences.Option
	Many, Scale bool
	Input       string
	Pattern     string
	Example     string
	Min, Max    string
	// Given is what she posted, shown again when something was wrong.
	Given map[string]bool
	Text  string
	Wrong bool
}

// Help are the ids of what explains the control.
func (q questionData) Help() string {
	var ids []string
	for prefix, shown := range map[string]bool{"example-": q.Example != "", "gives-": q.Gives != "", "wrong-": q.Wrong} {
		if shown {
			ids = append(ids, prefix+q.ID)
		}
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// noticeData is a permission that a box grants.
type noticeData struct{ Value, Text string }

// respondent is who answers: by the token of a mail's link, by a session, or
// nobody we know.
func (p *pages) respondent(r *http.Request) preferences.Respondent {
	query := r.URL.Query()
	who := preferences.Respondent{Token: query.Get("t"), AnonymousID: query.Get("anonymousId")}
	if c, ok := p.cookie(r); ok {
		who.Session = &c
	}
	return who
}

// stopAllOf is stopAll for whom a survey's link names; "" when it names nobody.
func (p *pages) stopAllOf(r *http.Request) string {
	t := r.URL.Query().Get("t")
	if t == "" || len(t) > token.MaxLength {
		return ""
	}
	return p.stopAll(t)
}

func (p *pages) showSurvey(w http.ResponseWriter, r *http.Request) {
	p.survey(w, r, http.StatusOK, nil, nil)
}

// survey shows the form: empty, or with what was posted, and with wrong naming
// the questions to look at again. A permission is never ticked again for her.
func (p *pages) survey(w http.ResponseWriter, r *http.Request, status int, posted map[string][]string, wrong map[string]bool) {
	lang := p.lang(r)
	form, err := p.Flow.Survey(r.Context(), r.PathValue("survey"), lang, p.respondent(r))
	if err != nil {
		p.trouble(w, r, "survey", err)
		return
	}
	if form == nil {
		p.nothing(w, r)
		return
	}
	v := &view{Heading: form.Title, Lang: lang, StopAll: p.stopAllOf(r)}
	data := &surveyData{Title: form.Title, Purpose: form.Purpose, Errors: len(wrong) > 0}
	for _, q := range form.Questions {
		shown := control(v, q)
		shown.Wrong, shown.Text, shown.Given = wrong[q.ID], strings.Join(posted[q.ID], ""), map[string]bool{}
		for _, value := range posted[q.ID] {
			shown.Given[value] = true
		}
		data.Questions = append(data.Questions, shown)
	}
	for _, n := range form.Notices {
		data.Notices = append(data.Notices, noticeData{Value: n.ID + "@" + n.Version, Text: n.Text})
	}
	v.Data = data
	p.show(w, r, status, "survey", v)
}

// control chooses the control of a question. A choice that may be left out has
// a way to say so: a radio button can't be unticked.
func control(v *view, q preferences.Question) questionData {
	out := questionData{Question: q, Options: q.Options}
	switch q.Type {
	case survey.Choices:
		out.Many = true
	case survey.Choice:
		if !q.Required {
			out.Options = append(out.Options, preferences.Option{Title: v.T("s.none")})
		}
	case survey.Scale:
		out.Scale = true
		out.Options = scale(q)
	case survey.Number:
		out.Input, out.Min, out.Max = "number", bound(q.Min), bound(q.Max)
	case survey.Date:
		out.Input = "date"
	case survey.MonthDay:
		out.Input, out.Pattern, out.Example = "text", monthDay, "03-31"
	default:
		out.Input = "textarea"
	}
	return out
}

// maxScale bounds the buttons of a scale.
const maxScale = 21

// scale are the whole numbers of the range, 1 to 5 where none is given.
func scale(q preferences.Question) []preferences.Option {
	from, to := 1, 5
	if q.Min != nil {
		from = int(*q.Min)
	}
	if q.Max != nil {
		to = int(*q.Max)
	}
	var list []preferences.Option
	for n := from; n <= to && len(list) < maxScale; n++ {
		list = append(list, preferences.Option{Value: strconv.Itoa(n), Title: strconv.Itoa(n)})
	}
	return list
}

func bound(n *float64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatFloat(*n, 'f', -1, 64)
}

// answer takes a filled form.
func (p *pages) answer(w http.ResponseWriter, r *http.Request) {
	form, ok := readForm(r)
	if !ok {
		p.survey(w, r, http.StatusBadRequest, nil, nil)
		return
	}
	answers := map[string][]string{}
	for name, values := range form {
		if id, ok := strings.CutPrefix(name, "q."); ok {
			answers[id] = values
		}
	}
	err := p.Flow.Answer(r.Context(), preferences.Answers{
		Survey: r.PathValue("survey"), Lang: p.lang(r), Who: p.respondent(r), Values: answers, Grants: form["grant"],
	})
	var wrong *preferences.WrongAnswers
	switch {
	case errors.As(err, &wrong):
		p.survey(w, r, http.StatusUnprocessableEntity, answers, wrong.Questions)
	case errors.Is(err, preferences.ErrNotPermitted):
		p.show(w, r, http.StatusOK, "notice", &view{Title: "s.off.title", StopAll: p.stopAllOf(r), Data: notice{Lead: "s.off.lead"}})
	case errors.Is(err, preferences.ErrNoSurvey):
		p.nothing(w, r)
	case err != nil:
		p.trouble(w, r, "answer", err)
	default:
		p.show(w, r, http.StatusOK, "notice", &view{Title: "s.done.title", StopAll: p.stopAllOf(r), Data: notice{Lead: "s.done.lead", Done: true}})
	}
}
