package collection

// Each of these catches a planted bug that every other test let pass.

import (
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/plan"
)

// A late call about an early removal takes nothing out that was added since.
func TestACollectionGoesByWhenItHappenedNotByWhenItCame(t *testing.T) {
	c := plan.Collection{Key: "id", Add: []string{"add"}, Remove: []string{"remove"}, Keep: plan.Duration(time.Hour)}
	now := time.UnixMilli(10_000)
	items := Fold(c, []fact.Event{
		{Name: "add", At: 9000, In: "0000000009000.1", Props: map[string]any{"id": "a"}},
		{Name: "remove", At: 8000, In: "0000000009500.2", Props: map[string]any{"id": "a"}},
	}, now)[Items].([]any)
	if len(items) != 1 {
		t.Fatalf("%v", items)
	}
}
