package engine

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Trace is what a run remembers of its decisions, the last 20, newest last: a
// line of JSON for each. It lies beside the run's document, for people to ask
// about: no decision reads it, so no step has to.
type Trace string

// maxTrace is how many decisions a run remembers.
const maxTrace = 20

// With is the trace after some more decisions.
func (t Trace) With(made []Decision) (Trace, error) {
	var b strings.Builder
	b.WriteString(string(t))
	for i := range made {
		line, err := json.Marshal(&made[i])
		if err != nil {
			return "", fmt.Errorf("trace: %w", err)
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.Write(line)
	}
	return Trace(b.String()).Last(maxTrace), nil
}

// Last are the n newest decisions.
func (t Trace) Last(n int) Trace {
	from := len(t)
	for ; n > 0 && from >= 0; n-- {
		from = strings.LastIndexByte(string(t[:from]), '\n')
	}
	return t[from+1:]
}

// Read are the decisions themselves.
func (t Trace) Read() ([]Decision, error) {
	if t == "" {
		return nil, nil
	}
	var made []Decision
	for line := range strings.SplitSeq(string(t), "\n") {
		var d Decision
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			return nil, fmt.Errorf("trace: %w", err)
		}
		made = append(made, d)
	}
	return made, nil
}
