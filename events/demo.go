package events

import _ "embed"

//go:embed demo.ndjson
var demo []byte

// Demo is a shop's days as tracking calls, one a line in the order of time: what
// `make run` plays. The times are those it was written with.
func Demo() []byte { return demo }
