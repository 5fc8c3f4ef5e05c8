package dynamo

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kesher-io/kesher/shared/flow"
)

// TestBetweenMeansWhatTheQuerySays holds the clause that DynamoDB is given,
// and what Query leaves out after it, against the port's words.
func TestBetweenMeansWhatTheQuerySays(t *testing.T) {
	keys := rapid.StringOfN(rapid.RuneFrom([]rune("ab#\uD7FF\uE000\U0010FFFF")), 0, 4, -1)
	rapid.Check(t, func(t *rapid.T) {
		q := flow.Query{Prefix: keys.Draw(t, "prefix"), From: keys.Draw(t, "from"), To: keys.Draw(t, "to")}
		key := keys.Draw(t, "key")
		want := strings.HasPrefix(key, q.Prefix) && key >= q.From && (q.To == "" || key <= q.To)
		clause, values, empty := between(q)
		got := !empty && holds(clause, values, key) && strings.HasPrefix(key, q.Prefix)
		if got != want {
			t.Fatalf("%q in %+v: got %v, want %v (clause %q %q)", key, q, got, want, clause, values)
		}
	})
}

// holds reads the clauses as DynamoDB does.
func holds(clause string, values map[string]string, key string) bool {
	switch {
	case clause == "":
		return true
	case strings.Contains(clause, "begins_with"):
		return strings.HasPrefix(key, values[":prefix"])
	case strings.Contains(clause, "BETWEEN"):
		return key >= values[":low"] && key <= values[":high"]
	case strings.Contains(clause, ">="):
		return key >= values[":low"]
	default:
		return key <= values[":high"]
	}
}

// Cursors go through the admin API and come back from outside.
func FuzzCursor(f *testing.F) {
	valid, err := encodeCursor(row{"pk": text("C#a"), "sk": text("GATE")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(valid)
	f.Add("")
	f.Add("e30")
	f.Fuzz(func(t *testing.T, cursor string) {
		key, err := decodeCursor(cursor)
		if err != nil {
			return
		}
		again, err := encodeCursor(key)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeCursor(again)
		if err != nil || len(back) != len(key) {
			t.Fatalf("%q became %q: %v", cursor, again, err)
		}
	})
}
