package engine_test

import (
	"fmt"
	"testing"

	"github.com/kesher-io/kesher/shared/core/engine"
)

func TestATraceKeepsTheNewest(t *testing.T) {
	var trace engine.Trace
	for n := range 25 {
		var err error
		trace, err = trace.With([]engine.Decision{{At: int64(n), Kind: engine.KindSet, Values: map[string]any{"note": "a\nb"}}})
		if err != nil {
			t.Fatal(err)
		}
		made := read(t, trace)
		if len(made) != min(n+1, 20) || made[0].At != int64(max(0, n-19)) || made[len(made)-1].At != int64(n) {
			t.Fatalf("after %d: %+v", n+1, made)
		}
	}
	if made := read(t, trace.Last(3)); fmt.Sprint(made[0].At, len(made), made[2].Values) != "22 3 map[note:a\nb]" {
		t.Fatalf("the last three: %+v", made)
	}
	if made := read(t, ""); made != nil {
		t.Fatalf("nothing was decided: %+v", made)
	}
	if _, err := engine.Trace("{").Read(); err == nil {
		t.Fatal("half a line was read")
	}
}

func read(t *testing.T, trace engine.Trace) []engine.Decision {
	t.Helper()
	made, err := trace.Read()
	if err != nil {
		t.Fatal(err)
	}
	return made
}
