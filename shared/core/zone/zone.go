// Package zone finds time zones by name. A zone is read from the database only
// once: reading one costs more than deciding what depends on it. It knows
// nothing of whose zone it is.
package zone

import (
	"sync"
	"time"
)

// known are the zones that were asked for; there are some 600 names.
var known sync.Map // string -> *time.Location

// Load is time.LoadLocation, remembered.
func Load(name string) (*time.Location, error) {
	if z, ok := known.Load(name); ok {
		return z.(*time.Location), nil
	}
	z, err := time.LoadLocation(name)
	if err == nil {
		known.Store(name, z)
	}
	return z, err
}

// Or is the zone of that name, or otherwise where there is none: nobody is left
// out for a wrong name.
func Or(name string, otherwise *time.Location) *time.Location {
	if z, err := Load(name); err == nil {
		return z
	}
	return otherwise
}
