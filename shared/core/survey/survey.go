// Package survey knows typed forms and their answers: zero-party data. Pure.
package survey

import "github.com/kesher-io/kesher/shared/core/plan"

// Survey is surveys/<name>.yaml.
type Survey struct {
	Name      string     `json:"name"`
	Title     plan.Text  `json:"title"`
	Purpose   string     `json:"purpose"`
	Questions []Question `json:"questions"`
}

// Question types.
const (
	Choice   = "choice"
	Choices  = "choices"
	Text     = "text"
	Number   = "number"
	Scale    = "scale"
	Date     = "date"
	MonthDay = "month-day"
)

// Question is one question; its answer may set a trait.
type Question struct {
	ID       string    `json:"id"`
	Ask      plan.Text `json:"ask"`
	Type     string    `json:"type"`
	Options  []Option  `json:"options,omitempty"` // in file order
	Trait    string    `json:"trait,omitempty"`
	Gives    plan.Text `json:"gives,omitempty"`
	Required bool      `json:"required,omitempty"`
	Min      *float64  `json:"min,omitempty"`
	Max      *float64  `json:"max,omitempty"`
}

// Option of a choice.
type Option struct {
	Value string    `json:"value"`
	Title plan.Text `json:"title"`
}
