package source

import (
	"go.yaml.in/yaml/v3"

	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/survey"
)

// Meta is templates/<name>/meta.yaml.
type Meta struct {
	Title     string
	Subject   plan.Text
	Preheader plan.Text
	Defaults  map[string]plan.Text // by variable: profile.first_name
}

var metaShape = record(
	key("title", "what colleagues read", titleShape, func(m *Meta) *string { return &m.Title }),
	key("subject", "the subject, per language", texts, func(m *Meta) *plan.Text { return &m.Subject }),
	key("preheader", "what inboxes show beside the subject", texts, func(m *Meta) *plan.Text { return &m.Preheader }),
	key("defaults", "what stands in for a variable that has no value", dict(text, texts), func(m *Meta) *map[string]plan.Text { return &m.Defaults }),
)

var surveyShape = record(
	must("title", "what customers read", texts, func(s *survey.Survey) *plan.Text { return &s.Title }),
	must("purpose", "what the answers may be used for; no purpose, no question", id, func(s *survey.Survey) *string { return &s.Purpose }),
	must("questions", "the questions", list(questionShape), func(s *survey.Survey) *[]survey.Question { return &s.Questions }),
)

var questionShape = record(
	must("id", "its name: conditions read the answer as entry.<id>", identifier, func(q *survey.Question) *string { return &q.ID }),
	must("ask", "the question", texts, func(q *survey.Question) *plan.Text { return &q.Ask }),
	must("type", "what kind of answer", enum(survey.Types...), func(q *survey.Question) *string { return &q.Type }),
	key("options", "what can be chosen", ordered(text, optionShape, func(o *survey.Option, v string) { o.Value = v }),
		func(q *survey.Question) *[]survey.Option { return &q.Options }),
	key("trait", "the trait that the answer sets", identifier, func(q *survey.Question) *string { return &q.Trait }),
	key("gives", "what she gets for answering", texts, func(q *survey.Question) *plan.Text { return &q.Gives }),
	key("required", "it can't be left out", boolean, func(q *survey.Question) *bool { return &q.Required }),
	key("min", "the least number", pointer(number), func(q *survey.Question) **float64 { return &q.Min }),
	key("max", "the greatest number", pointer(number), func(q *survey.Question) **float64 { return &q.Max }),
)

var optionShape = as(texts, func(_ *reader, _ *yaml.Node, t plan.Text) survey.Option { return survey.Option{Title: t} })

var noticeShape = record(
	must("grants", "the permissions it speaks of", list(grantShape), func(n *release.Notice) *[]release.Grant { return &n.Grants }),
	must("text", "what the customer reads; it never changes under its id", texts, func(n *release.Notice) *plan.Text { return &n.Text }),
)

var grantShape = record(
	must("purpose", "the purpose", id, func(g *release.Grant) *string { return &g.Purpose }),
	key("channel", "the channel; none = data use", enum(plan.ChannelEmail), func(g *release.Grant) *string { return &g.Channel }),
)

var offersShape = ordered(id, offerEntryShape, func(o *release.Offer, name string) { o.ID = name })

var offerEntryShape = record(
	must("title", "its headline", texts, func(o *release.Offer) *plan.Text { return &o.Title }),
	must("text", "what it offers", texts, func(o *release.Offer) *plan.Text { return &o.Text }),
	must("url", "where it leads", webAddress, func(o *release.Offer) *string { return &o.URL }),
	key("image", "web address of a picture", webAddress, func(o *release.Offer) *string { return &o.Image }),
	key("for", "values of a trait that it fits; none = everybody", some(text), func(o *release.Offer) *[]string { return &o.For }),
	key("until", "its last day, in the brand's zone", date, func(o *release.Offer) *string { return &o.Until }),
	key("item", "the product_id it sells: never offered when just bought", text, func(o *release.Offer) *string { return &o.Item }),
)
