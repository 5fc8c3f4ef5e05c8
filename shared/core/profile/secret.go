package profile

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is personal text. It refuses to be printed: fmt shows [personal] for
// every verb, and so does slog; Reveal is the one way to its value, so every use
// can be found. It does marshal, since items hold it.
type Secret string

const redacted = "[personal]"

func (s Secret) String() string   { return redacted }
func (s Secret) GoString() string { return redacted }

// Format takes every verb: a Stringer alone is passed over by %d, which then
// prints the value inside its complaint.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is what slog shows.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Reveal returns the value for the few places that need it.
func (s Secret) Reveal() string { return string(s) }
