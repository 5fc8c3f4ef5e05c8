package survey

import "github.com/kesher-io/kesher/shared/core/plan"

// answerTypes: what an answer of each question type is, as a property.
var answerTypes = map[string]plan.Type{
	Choice: "string", Choices: "list(string)", Text: "string", Number: "number",
	Scale: "number", Date: "date", MonthDay: "month-day",
}

// AnswerType is the type of the question's answer.
func (q Question) AnswerType() plan.Type { return answerTypes[q.Type] }

// AnswerTypes are the answers as conditions see them: entry.<question>.
func (s *Survey) AnswerTypes() map[string]plan.Type {
	types := make(map[string]plan.Type, len(s.Questions))
	for _, q := range s.Questions {
		types[q.ID] = q.AnswerType()
	}
	return types
}
