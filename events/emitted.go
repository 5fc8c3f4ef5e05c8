package events

import "time"

// Emitted is the detail of an event that Kesher puts on the EventBridge bus.
// Its detail-type is the event's name (CONTRACTS section 6), its source
// EmittedSource and the stage. Nothing in it is personal: Customer is opaque.
type Emitted struct {
	ID         string         `json:"id"` // the same again when an event comes twice
	Customer   string         `json:"customer"`
	At         time.Time      `json:"at"`
	Properties map[string]any `json:"properties,omitempty"`
}

// EmittedSource begins the source of every emitted event; ".<stage>" follows,
// so that the stacks of one account can share a bus.
const EmittedSource = "kesher"
