package flow

import (
	"fmt"

	"github.com/kesher-io/kesher/shared/core/item"
)

// Limits that every Store keeps, so that what one accepts all accept. They are
// DynamoDB's (developer guide, "Quotas in Amazon DynamoDB"), but for MaxOps,
// which is ours.
const (
	MaxOps      = 25          // ops in one transaction
	MaxItemSize = 400 * 1024  // bytes of one item
	MaxPage     = 1024 * 1024 // bytes of the items of one page
	maxPK       = 2048
	maxSK       = 1024
)

// Validate refuses ops that no Store may carry out; every adapter calls it
// first. The error is ErrTooLarge for an item above the limit, else a mistake in
// the caller.
func Validate(ops []Op) error {
	if len(ops) == 0 || len(ops) > MaxOps {
		return fmt.Errorf("write of %d ops: one to %d are possible", len(ops), MaxOps)
	}
	for i := range ops {
		if err := ops[i].validate(len(ops) > 1); err != nil {
			return err
		}
		for j := range i {
			if ops[j].Item.Key == ops[i].Item.Key {
				return fmt.Errorf("two ops on %s in one write", ops[i].Item.Key)
			}
		}
	}
	return nil
}

func (op *Op) validate(inTransaction bool) error {
	it := &op.Item
	switch {
	case it.Table == "" || it.PK == "" || it.SK == "":
		return fmt.Errorf("key %s is incomplete", it.Key)
	case len(it.PK) > maxPK || len(it.SK) > maxSK:
		return fmt.Errorf("key of %d and %d bytes: %d and %d are possible", len(it.PK), len(it.SK), maxPK, maxSK)
	case op.Kind == OpAdd && inTransaction:
		return fmt.Errorf("add to %s inside a transaction", it.Key)
	case op.Kind == OpPut:
		return validateItem(it)
	}
	return nil
}

func validateItem(it *item.Item) error {
	switch {
	case (it.IK == "") != (it.IS == ""):
		return fmt.Errorf("item %s: a list needs an order and an order a list", it.Key)
	case it.IK != "" && it.Table != item.Customers:
		return fmt.Errorf("item %s: only %s has an index", it.Key, item.Customers)
	case it.Counters != nil && it.Body != "":
		return fmt.Errorf("item %s has both a document and counters", it.Key)
	case it.Size() > MaxItemSize:
		return fmt.Errorf("item %s of %d bytes: %w", it.Key, it.Size(), ErrTooLarge)
	}
	return nil
}

// Met says whether the item as it stands (nil: absent, or expired) meets c.
func (c Condition) Met(current *item.Item) bool {
	switch c.Kind {
	case AbsentKind:
		return current == nil
	case IsKind:
		return current != nil && current.V == c.V && current.W == c.W
	default:
		return true
	}
}
