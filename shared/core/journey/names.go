package journey

import (
	"slices"

	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/plan"
)

// ownEvents are written by Kesher itself: a plan need not declare them.
var ownEvents = []string{
	fact.EmailDelivered, fact.EmailBounced, fact.EmailMarkedAsSpam, fact.Unsubscribed,
	fact.ConsentGranted, fact.ConsentWithdrawn, fact.SurveyAnswered, fact.MessageSkipped,
}

// isOpen: events that machines cause as well as people (A24, ARCHITECTURE
// section 7).
func isOpen(event string) bool {
	return slices.Contains([]string{fact.EmailOpened, fact.EmailLinkClicked}, event)
}

// didYouMean suggests the nearest known name.
func didYouMean(name string, known []string) string {
	if near, ok := plan.Nearest(name, known); ok {
		return "did you mean " + near + "?"
	}
	return "declare it, or correct the name"
}
