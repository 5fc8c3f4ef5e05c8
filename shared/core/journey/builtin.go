package journey

import (
	"fmt"

	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/plan"
)

// Names of the built-in journeys: one step each, for messages that no
// marketer's journey causes. They begin with the fact `Message Requested` whose
// property `kind` is their name, run under the key of its message id, and go
// through the same gate as everything else.
const (
	API     = "api"     // POST /v1/messages
	Confirm = "confirm" // double opt-in: the only one that may mail a pending address
	Link    = "link"    // a fresh link to the preference page
)

// EntryTemplate, as a send's template, stands for the one the entry fact names.
const EntryTemplate = "{entry.template}"

// Builtins are the built-in journeys. Every release has them.
func Builtins() map[string]*Journey {
	names := Names{Plan: &plan.Plan{
		Purposes: map[string]plan.Purpose{plan.PurposeService: {Contact: []string{plan.ChannelEmail}, Basis: plan.BasisContract}},
		Events: map[string]plan.Event{fact.MessageRequested: {
			Purposes:   []string{plan.PurposeService},
			Properties: map[string]plan.Type{"kind": "string", "message_id": "string", "template": "string"},
		}},
	}}
	all := map[string]*Journey{}
	for name, template := range map[string]string{API: EntryTemplate, Confirm: "kesher-confirm", Link: "kesher-link"} {
		j, problems := Compile(Definition{
			Name: name, Purpose: plan.PurposeService,
			Entry: Entry{Event: fact.MessageRequested, Where: fmt.Sprintf("event.kind == %q", name), Key: "event.message_id"},
			Steps: []Step{{ID: "send", Send: &Send{Template: template}}},
		}, names)
		if problems != nil {
			panic(problems[0]) // the text above is at fault
		}
		all[name] = j
	}
	return all
}

// IsBuiltin says whether the name belongs to a built-in journey.
func IsBuiltin(name string) bool { return name == API || name == Confirm || name == Link }
