package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/console"
	"github.com/kesher-io/kesher/shared/flow/explain"
)

func TestTailTellsEachDecisionOnceAlsoOneThatComesLateBetweenOthers(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	line := func(minute int) explain.Told {
		return explain.Told{Customer: "c0ffee", UserID: "dana", Line: explain.Line{
			At: at.Add(time.Duration(minute) * time.Minute), Journey: "cart", Step: "wait-1h", Decision: "sent", Values: map[string]any{},
		}}
	}
	answer := func(partial bool, lines ...explain.Told) json.RawMessage {
		text, err := json.Marshal(console.Tail{Lines: lines, Partial: partial})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var out, diag bytes.Buffer
	s := &session{Context: t.Context(), out: &out, err: &diag}
	v := &tailVerb{Lines: 2}
	told, err := v.tell(s, answer(true, line(1), line(2), line(4)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.tell(s, answer(true, line(1), line(2), line(3), line(4), line(5)), told); err != nil {
		t.Fatal(err)
	}
	var minutes []string
	heading, lines, _ := strings.Cut(strings.TrimSpace(out.String()), "\n")
	if !strings.HasPrefix(heading, "TIME (UTC)") {
		t.Fatalf("the columns are headed %q", heading)
	}
	for _, l := range strings.Split(lines, "\n") {
		minutes = append(minutes, l[14:16])
	}
	if got := strings.Join(minutes, " "); got != "02 04 03 05" {
		t.Fatalf("told %s", got)
	}
	if strings.Count(diag.String(), "more customers") != 1 {
		t.Fatalf("diagnostics %q", diag.String())
	}
}
