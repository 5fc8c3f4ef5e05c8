package plan

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Units of a duration; d is 24 h exactly, local days exist only through `until`.
var units = []struct {
	name string
	size time.Duration
}{
	{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second},
}

// ParseDuration reads 30m, 1h, 7d, 1d12h.
func ParseDuration(text string) (Duration, error) {
	rest, total := strings.TrimSpace(text), time.Duration(0)
	if rest == "" {
		return 0, fmt.Errorf("a duration is missing: write a number and s, m, h, d or w, for example 1h")
	}
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, err := strconv.ParseInt(rest[:digits], 10, 32)
		if err != nil || digits == len(rest) {
			return 0, fmt.Errorf("%q is no duration: write a number and s, m, h, d or w, for example 1h", text)
		}
		size, ok := unit(rest[digits : digits+1])
		if !ok {
			return 0, fmt.Errorf("%q is no duration: write a number and s, m, h, d or w, for example 1h", text)
		}
		if n > int64((maxDuration-total)/size) {
			return 0, fmt.Errorf("%q is longer than %s: nobody waits so long", text, Duration(maxDuration))
		}
		total += time.Duration(n) * size
		rest = rest[digits+1:]
	}
	return Duration(total), nil
}

// maxDuration keeps sums of a few durations far from overflow: 100 years.
const maxDuration = 100 * 365 * 24 * time.Hour

func unit(name string) (time.Duration, bool) {
	for _, u := range units {
		if u.name == name {
			return u.size, true
		}
	}
	return 0, false
}

// String writes the duration as it is written in a catalog: 1h, 1d12h.
func (d Duration) String() string {
	if d == 0 {
		return "0s"
	}
	var b strings.Builder
	rest := time.Duration(d)
	for _, u := range units {
		if u.name == "w" {
			continue // 7d reads as well, and 10d better than 1w3d
		}
		if n := rest / u.size; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			rest -= n * u.size
		}
	}
	return b.String()
}

// MarshalText makes JSON carry the written form.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the written form.
func (d *Duration) UnmarshalText(text []byte) error {
	if string(text) == "0s" {
		*d = 0
		return nil
	}
	parsed, err := ParseDuration(string(text))
	*d = parsed
	return err
}
