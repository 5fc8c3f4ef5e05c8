package profile

import (
	"slices"
	"time"
)

// Limit is the document of a LIMIT# item: when something was done that is allowed so
// often a day, newest last (E09).
type Limit struct {
	At []int64 `json:"a"`
}

// Day is how long each time counts, and so how long the item stays.
const Day = 24 * time.Hour

// Today are the times that count now.
func (l Limit) Today(now time.Time) []int64 {
	return slices.DeleteFunc(slices.Clone(l.At), func(ms int64) bool { return ms <= now.Add(-Day).UnixMilli() })
}
