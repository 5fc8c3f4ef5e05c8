package survey

import (
	"fmt"
	"slices"
	"strings"
)

// Types are the names of all question types.
var Types = []string{Choice, Choices, Text, Number, Scale, Date, MonthDay}

// Question finds a question by its id.
func (s *Survey) Question(id string) (*Question, bool) {
	for i := range s.Questions {
		if s.Questions[i].ID == id {
			return &s.Questions[i], true
		}
	}
	return nil, false
}

// Values are what a choice can be answered with, in file order.
func (q *Question) Values() []string {
	values := make([]string, len(q.Options))
	for i, o := range q.Options {
		values[i] = o.Value
	}
	return values
}

// Accepts says what is wrong with answer, a value as JSON decodes it.
func (q *Question) Accepts(answer any) error {
	if err := q.AnswerType().Accepts(answer); err != nil {
		return err
	}
	switch v := answer.(type) {
	case string:
		return q.acceptsOption(v)
	case []any:
		for _, member := range v {
			if err := q.acceptsOption(member.(string)); err != nil {
				return err
			}
		}
	case float64:
		return q.acceptsRange(v)
	}
	return nil
}

func (q *Question) acceptsOption(value string) error {
	if len(q.Options) > 0 && !slices.Contains(q.Values(), value) {
		return fmt.Errorf("must be one of %s", strings.Join(q.Values(), ", "))
	}
	return nil
}

func (q *Question) acceptsRange(n float64) error {
	if q.Min != nil && n < *q.Min || q.Max != nil && n > *q.Max {
		return fmt.Errorf("must lie in the question's range")
	}
	return nil
}
