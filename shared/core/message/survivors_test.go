package message

// Each of these catches a planted bug that every other test let pass.

import (
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
)

// A claim is kept for as long as a cap looks back, and a record may come again.
func TestAClaimStaysForFifteenDays(t *testing.T) {
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	for days, kept := range map[int]bool{4: true, 15: true, 16: false} {
		g := &consent.Gate{Claims: []consent.Claim{{Message: "old", At: now.AddDate(0, 0, -days).UnixMilli(), Capped: true}}}
		if got := ClaimOf(Claim(g, consent.Claim{Message: "new"}, now), "old") != nil; got != kept {
			t.Errorf("after %d days: kept %v", days, got)
		}
	}
}
