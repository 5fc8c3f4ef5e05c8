package survey_test

import (
	"testing"

	"github.com/kesher-io/kesher/shared/core/survey"
)

func TestAnswersFitTheirQuestions(t *testing.T) {
	one, five := 1.0, 5.0
	options := []survey.Option{{Value: "outdoor"}, {Value: "home"}}
	for _, c := range []struct {
		question  survey.Question
		good, bad []any
	}{
		{survey.Question{Type: survey.Choice, Options: options}, []any{"home"}, []any{"kids", []any{"home"}, nil}},
		{survey.Question{Type: survey.Choices, Options: options}, []any{[]any{}, []any{"home", "outdoor"}}, []any{"home", []any{"kids"}, []any{1.0}}},
		{survey.Question{Type: survey.Text}, []any{"anything"}, []any{1.0}},
		{survey.Question{Type: survey.Number}, []any{1.5}, []any{"1.5"}},
		{survey.Question{Type: survey.Scale, Min: &one, Max: &five}, []any{1.0, 5.0}, []any{0.0, 6.0, "3"}},
		{survey.Question{Type: survey.Date}, []any{"2027-03-01"}, []any{"soon"}},
		{survey.Question{Type: survey.MonthDay}, []any{"02-29"}, []any{"2027-03-01"}},
	} {
		for _, v := range c.good {
			if err := c.question.Accepts(v); err != nil {
				t.Errorf("%s refuses %v: %v", c.question.Type, v, err)
			}
		}
		for _, v := range c.bad {
			if c.question.Accepts(v) == nil {
				t.Errorf("%s takes %v", c.question.Type, v)
			}
		}
	}
}

func TestAQuestionIsFoundByItsID(t *testing.T) {
	s := survey.Survey{Questions: []survey.Question{{ID: "a"}, {ID: "b", Type: survey.Choices}}}
	if q, ok := s.Question("b"); !ok || q.ID != "b" {
		t.Errorf("got %v, %v", q, ok)
	}
	if _, ok := s.Question("c"); ok {
		t.Error("found what is not there")
	}
	if types := s.AnswerTypes(); types["b"] != "list(string)" {
		t.Errorf("types %v", types)
	}
}
