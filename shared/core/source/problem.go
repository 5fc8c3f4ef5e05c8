package source

import (
	"cmp"
	"fmt"
	"slices"
)

// Problem is something wrong with a catalog: where it stands, what is wrong,
// what to do about it.
type Problem struct {
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Col      int      `json:"col"`
	What     string   `json:"what"`
	Do       string   `json:"do,omitempty"`
	Severity Severity `json:"severity"`
}

// Severity of a problem.
type Severity string

const (
	Error   Severity = "error"   // the catalog can't be published
	Warning Severity = "warning" // it can, but somebody should look
)

// String is the line a person reads: file:line:col: what is wrong (what to do).
func (p Problem) String() string {
	s := fmt.Sprintf("%s:%d:%d: ", p.File, max(p.Line, 1), max(p.Col, 1))
	if p.Severity == Warning {
		s += "warning: "
	}
	s += p.What
	if p.Do != "" {
		s += " (" + p.Do + ")"
	}
	return s
}

func (p Problem) Error() string { return p.String() }

// Sort orders problems as they stand in the files, and drops repetitions.
func Sort(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col),
			cmp.Compare(a.What, b.What))
	})
	return slices.Compact(problems)
}

// AnyError says whether one of the problems keeps the catalog from being published.
func AnyError(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == Error })
}
