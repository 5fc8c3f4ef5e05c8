package profile

import (
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/item"
)

// Owner is the document of A#<hash>: the one customer who may be mailed at an
// address, and the reductions that hold for the address whoever owns it. Every
// write that lowers it writes the owner's GATE in the same transaction.
type Owner struct {
	// Customer is "" while the address is nobody's: she was erased, or moved.
	Customer string `json:"c,omitempty"`
	// Suppressed by a bounce or complaint.
	Suppressed *consent.Suppression `json:"x,omitempty"`
	// Withdrawn permissions to contact, by consent.Name, with the time (ms).
	Withdrawn map[string]int64 `json:"w,omitempty"`
	// Asked is when a mail last asked to confirm here (ms), by the permission it
	// was about ("" = the address alone): one mail, not one per call (A13, E09).
	Asked map[string]int64 `json:"q,omitempty"`
}

// OwnerKey is the key of an address by its hash.
func OwnerKey(hash string) item.Key {
	return item.Key{Table: item.Customers, PK: item.PrefixAddress + hash, SK: item.SKOwner}
}

// Lower records that permission to contact was withdrawn here at a time.
func (o *Owner) Lower(name string, at int64) {
	if o.Withdrawn == nil {
		o.Withdrawn = map[string]int64{}
	}
	o.Withdrawn[name] = max(o.Withdrawn[name], at)
}

// Lift strikes a withdrawal off, if the grant came after it.
func (o *Owner) Lift(name string, at int64) {
	if o.Withdrawn[name] < at {
		delete(o.Withdrawn, name)
	}
}

// Ask records that a mail asks to confirm; false while an earlier one still may
// be answered.
func (o *Owner) Ask(name string, now int64) bool {
	if at, asked := o.Asked[name]; asked && answerable(at, now) {
		return false
	}
	if o.Asked == nil {
		o.Asked = map[string]int64{}
	}
	o.Asked[name] = now
	return true
}

// Waits says whether anything that was asked here still may be answered.
func (o *Owner) Waits(now int64) bool {
	for _, at := range o.Asked {
		if answerable(at, now) {
			return true
		}
	}
	return false
}

func answerable(at, now int64) bool { return now < at+consent.ConfirmFor.Milliseconds() }

// Answered: what that mail asks has its answer; whoever needs one again asks again.
func (o *Owner) Answered(name string) { delete(o.Asked, name) }
