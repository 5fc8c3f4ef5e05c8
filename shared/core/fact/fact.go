// Package fact is anything that happened to a customer and is stored: the
// documents of EVENT# and RESPONSE# items, and the one form in which the engine
// sees every kind of fact. Pure.
package fact

import "github.com/kesher-io/kesher/shared/core/ident"

// Event is the document of an EVENT# item.
type Event struct {
	ID       string         `json:"i"` // messageId
	Name     string         `json:"n"`
	At       int64          `json:"at"` // ms, own time, corrected for skew
	In       ident.Stamp    `json:"in"` // arrival
	Props    map[string]any `json:"p,omitempty"`
	Imported bool           `json:"im,omitempty"` // counts and segments only: enters no journey
	Copied   bool           `json:"cp,omitempty"` // came over from a visitor
	By       string         `json:"by,omitempty"` // journey that caused it, which it never enters
	Hops     int            `json:"hp,omitempty"`
}

// FactID is the event's id as a fact: Fact.ID.
func (e Event) FactID() string { return e.Name + "#" + e.ID }

// Response is the document of a RESPONSE# item: one customer's answers.
type Response struct {
	ID      string         `json:"i"`
	Survey  string         `json:"s"`
	At      int64          `json:"at"`
	In      ident.Stamp    `json:"in"`
	Answers map[string]any `json:"p,omitempty"`
	// Imported as for events.
	Imported bool `json:"im,omitempty"`
}

// Names of events that Kesher writes itself (Segment's e-mail spec, and ours).
const (
	EmailDelivered    = "Email Delivered"
	EmailOpened       = "Email Opened"
	EmailLinkClicked  = "Email Link Clicked"
	EmailBounced      = "Email Bounced"
	EmailMarkedAsSpam = "Email Marked as Spam"
	Unsubscribed      = "Unsubscribed"
	ConsentGranted    = "Consent Granted"
	ConsentWithdrawn  = "Consent Withdrawn"
	SurveyAnswered    = "Survey Answered"
	CustomerErased    = "Customer Erased"
	MessageSkipped    = "Message Skipped"
	MessageRequested  = "Message Requested"
	SignalReceived    = "Signal Received" // Sec-GPC and the like
)

// Outward are the events that a catalog may opt in for the outside bus (CONTRACTS
// section 6).
var Outward = []string{
	EmailDelivered, EmailOpened, EmailLinkClicked, EmailBounced, EmailMarkedAsSpam, Unsubscribed,
	ConsentGranted, ConsentWithdrawn, SurveyAnswered, CustomerErased, MessageSkipped,
}

// Kind of a fact as the engine sees it.
type Kind string

const (
	KindEvent    Kind = "event"
	KindResponse Kind = "response"
	KindProfile  Kind = "profile"
	KindConsent  Kind = "consent" // the events Consent Granted and Consent Withdrawn
)

// Fact is one fact as the engine sees it.
type Fact struct {
	Kind     Kind           `json:"k"`
	ID       string         `json:"i"`           // sort key of the item (with version, for profile)
	Name     string         `json:"n,omitempty"` // event name, survey, ""
	At       int64          `json:"at"`
	In       ident.Stamp    `json:"in"`
	Props    map[string]any `json:"p,omitempty"`
	Imported bool           `json:"im,omitempty"`
	By       string         `json:"by,omitempty"`
	Hops     int            `json:"hp,omitempty"`
}

// Own is the fact's place in the order of own time, then arrival.
func (f Fact) Own() ident.Stamp { return f.In.Own(f.At) }

// OrderCompleted is Segment's name for a purchase.
const OrderCompleted = "Order Completed"

// Bought are the products that were bought, if the fact is a purchase.
func (f *Fact) Bought() []string {
	if f.Name != OrderCompleted {
		return nil
	}
	return Products(f.Props)
}

// Products are the product ids that the properties of an order name.
func Products(props map[string]any) []string {
	var ids []string
	list, _ := props["products"].([]any)
	for _, p := range list {
		m, _ := p.(map[string]any)
		if id, _ := m["product_id"].(string); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}
