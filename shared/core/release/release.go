// Package release is one immutable published state of a catalog, compiled: what
// every function works with. Pure; publishing is flow/publish, loading flow/releases.
package release

import (
	"time"

	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/survey"
)

// Release is one published state of the catalog.
type Release struct {
	ID        string // content hash of the manifest
	Plan      *plan.Plan
	Settings  *plan.Settings
	Journeys  map[string]*journey.Journey
	Templates map[string]*message.Template
	Surveys   map[string]*survey.Survey
	Notices   map[string]*Notice
	Offers    []Offer // in file order
}

// Notice is a text that a customer saw when she granted something. Its text
// never changes under its id; Version is the hash of all of it.
type Notice struct {
	ID      string    `json:"id"`
	Version string    `json:"version"`
	Grants  []Grant   `json:"grants"`
	Text    plan.Text `json:"text"`
}

// Grant is one permission a notice speaks of; no channel = data use.
type Grant struct {
	Purpose string `json:"purpose"`
	Channel string `json:"channel,omitempty"`
}

// Offer is one entry of offers.yaml.
type Offer struct {
	ID    string    `json:"id"`
	Title plan.Text `json:"title"`
	Text  plan.Text `json:"text"`
	URL   string    `json:"url"`
	Image string    `json:"image,omitempty"`
	For   []string  `json:"for,omitempty"`
	Until string    `json:"until,omitempty"` // date, inclusive, in the brand's zone
	Item  string    `json:"item,omitempty"`  // product_id: never offered when just bought
}

// Stands says whether the offer still stands: until the end of its last day, in
// the brand's zone.
func (o Offer) Stands(now time.Time, brand *time.Location) bool {
	return o.Until == "" || now.In(brand).Format(time.DateOnly) <= o.Until
}
