package engine

import (
	"fmt"
	"time"

	"github.com/kesher-io/kesher/shared/core/condition"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/release"
)

// Input is all that a decision may depend on. It can be written down and
// decided again (J12).
type Input struct {
	Customer string
	Epoch    int64
	Run      *Run // nil: none under this journey and key
	Key      string

	// Walk is the version the run walks; Live the version new entries take, nil
	// when the journey is no longer in the live release. Each with what the
	// customer lets it see.
	Walk, Live Version

	// Exactly one of these is the input.
	Fact  *fact.Fact
	Msg   *MsgInput
	Timer bool // the run's due has come
	Done  bool // the outbox has been carried out
	// Look: the run's command has been outstanding for long; Clock is when.
	Look bool

	// Clock is the handler's business clock: it bounds how old a fact may be that
	// starts a run, and dates a look. Nothing else depends on it.
	Clock time.Time
}

// MsgInput is a message's stored state, with the version of its item.
type MsgInput struct {
	message.Msg
	V int64
	W string
}

// Version is one version of the journey and what the customer lets it see.
type Version struct {
	Journey *journey.Journey
	Release *release.Release
	View    View
}

// View is what one journey may see of the customer now.
type View struct {
	// Visible: the input fact may be seen by this journey.
	Visible bool
	Profile map[string]any
	Old     map[string]any // before the change, for entries by profile
	Zone    *time.Location
	// Events that have been fetched so far, by name, newest first; Reach says how
	// far back.
	Events map[string][]condition.Event
	Reach  map[string]time.Duration
	// Collections fetched so far: folds of the visible events (the cart).
	Collections map[string]any
}

// Result is what a decision wants written: Run, after Past where one is given.
type Result struct {
	Run  *Run // nil: nothing to write
	Past *Run // the ended passage that Run replaces
	// Made are the decisions in order, also those that led to no write. Past's come
	// first, Run's begin at Own.
	Made []Decision
	Own  int
}

// Need: the decision reads stored events that Input does not hold yet. Fetch
// them into the View of this journey's version and decide again.
type Need struct {
	Journey     *journey.Journey
	Windows     []condition.Window
	Collections []string
}

func (n *Need) Error() string { return fmt.Sprintf("needs %v %v", n.Windows, n.Collections) }
