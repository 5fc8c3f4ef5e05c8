package liquid

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/osteele/liquid/filters"
	"github.com/osteele/liquid/values"
)

// encoded is a text that is already percent-encoded.
type encoded string

// standard are the library's own filters that a mail may use. Left out: json,
// inspect and type (they show what the template does not name) and
// newline_to_br (the escaping would show it as text).
var standard = collect(
	"default", "compact", "concat", "join", "map", "reverse", "sort", "sort_natural", "first", "last", "uniq",
	"where", "sum", "abs", "ceil", "floor", "modulo", "minus", "plus", "times", "divided_by", "round", "at_least",
	"at_most", "size", "pluralize", "handleize", "handle", "append", "capitalize", "downcase", "prepend", "remove",
	"remove_first", "remove_last", "replace", "replace_first", "replace_last", "slice", "split", "strip_html",
	"strip_newlines", "strip", "lstrip", "rstrip", "truncate", "truncatewords", "upcase", "url_decode", "date",
)

// own are ours, some in place of the library's.
var own = map[string]filter{
	"date":        date,
	"decimals":    decimals,
	"escape":      same, // every value is escaped for its place anyway
	"escape_once": same,
	"list":        list,
	"url_encode":  encode,
}

type dictionary map[string]any

func (d dictionary) AddFilter(name string, fn any) { d[name] = fn }

func collect(names ...string) map[string]any {
	all := dictionary{}
	filters.AddStandardFilters(all)
	kept := make(map[string]any, len(names))
	for _, name := range names {
		kept[name] = all[name]
	}
	return kept
}

// filter is a filter as we call it: its input, and its arguments.
type filter func(in any, args []any) (any, error)

// filterTable is every filter a template may call.
var filterTable = func() map[string]filter {
	table := make(map[string]filter, len(standard)+len(own))
	for name, fn := range standard {
		table[name] = adapted(fn)
	}
	for name, fn := range own {
		table[name] = fn
	}
	return table
}()

// adapted calls a filter of the library, which converts its arguments. What it
// says of a value that does not fit quotes the value, which may be personal.
func adapted(fn any) filter {
	value := reflect.ValueOf(fn)
	return func(in any, args []any) (any, error) {
		out, err := values.Call(value, append([]any{in}, args...))
		var parity *values.CallParityError
		if err != nil && !errors.As(err, &parity) {
			err = errWrongValue
		}
		return out, err
	}
}

var errWrongValue = errors.New("can't work on this value")

// argument is the first argument, or what stands for it.
func argument[T any](args []any, otherwise T) T {
	if len(args) == 0 {
		return otherwise
	}
	if v, ok := args[0].(T); ok {
		return v
	}
	return otherwise
}

// takesNothing are the filters that give something for nothing.
var takesNothing = map[string]bool{"default": true, "size": true}

// limited wraps a filter so that it counts against the budget, before it runs
// for the few that can make much out of little.
func limited(b *budget, name string, fn filter) any {
	return func(in any, args ...any) (any, error) {
		if in == nil && !takesNothing[name] {
			return nil, nil // what is missing stays missing, and is noticed where it would be printed
		}
		if err := b.admit(name, in, args); err != nil {
			return nil, err
		}
		out, err := fn(in, args)
		if err != nil {
			return nil, err
		}
		if text, ok := out.([]byte); ok {
			out = string(text)
		}
		return out, b.made(out)
	}
}

// admit counts what goes into a filter.
func (b *budget) admit(name string, in any, args []any) error {
	n := 64 + weight(in)
	for _, arg := range args {
		n += weight(arg)
	}
	if _, ok := in.(values.Range); ok && name != "list" {
		return errors.New("a range is for {% for %} only")
	}
	if err := b.filterBytes(n * factor(name, in)); err != nil {
		return err
	}
	if grown(name, in, args) > maxValue {
		return errValue
	}
	return nil
}

// factor is how often a filter walks over its input.
func factor(name string, in any) int {
	if list, ok := in.([]any); ok && name == "uniq" {
		return 1 + len(list) // compares every pair
	}
	return 1
}

// grown is an upper bound for the text a multiplying filter makes.
func grown(name string, in any, args []any) int {
	switch name {
	case "replace":
		if len(args) == 2 {
			return weight(in) + occurrences(in, args[0])*weight(args[1])
		}
	case "join":
		if items, ok := in.([]any); ok && len(args) == 1 {
			return weight(in) + len(items)*weight(args[0])
		}
	}
	return 0
}

func occurrences(in, of any) int {
	s, _ := in.(string)
	sub, _ := of.(string)
	return strings.Count(s, sub)
}

func (b *budget) made(out any) error {
	n := weight(out)
	if _, isList := out.([]any); !isList && n > maxValue {
		return errValue
	}
	if items, ok := out.([]any); ok && len(items) > maxList {
		return errList
	}
	if items, ok := out.([]string); ok && len(items) > maxList {
		return errList
	}
	return b.filterBytes(n)
}

// weight is the size of a value as filters walk over it, shallow in maps.
func weight(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case encoded:
		return len(v)
	case []string:
		n := 16 * len(v)
		for _, s := range v {
			n += len(s)
		}
		return n
	case []any:
		n := 16 * len(v)
		for _, item := range v {
			n += weight(item)
		}
		return n
	case map[string]any:
		return 32 * len(v)
	default:
		return 8
	}
}

func same(v any, _ []any) (any, error) { return v, nil }

// encode percent-encodes for good: the place of the value does not do it again.
func encode(v any, _ []any) (any, error) {
	text, _, err := format(v)
	return encoded(url.QueryEscape(text)), err
}

// list is put behind the collection of every loop: a map becomes its pairs in
// the order of their keys, where the library's order is random.
func list(v any, _ []any) (any, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return v, nil
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	pairs := make([]any, len(keys))
	for i, k := range keys {
		pairs[i] = []any{k, m[k]}
	}
	return pairs, nil
}

// decimals writes a number with exactly n decimals: {{ item.price | decimals: 2 }}.
func decimals(v any, args []any) (any, error) {
	n := argument(args, 2)
	if n < 0 || n > 10 {
		return nil, fmt.Errorf("%d is not between 0 and 10", n)
	}
	f, err := values.Convert(v, reflect.TypeFor[float64]())
	if err != nil {
		return nil, errWrongValue
	}
	return strconv.FormatFloat(f.(float64), 'f', n, 64), nil
}

var (
	standardDate = adapted(standard["date"])
	wideField    = regexp.MustCompile(`%[-_^#0]*\d{3,}`)
)

// date formats a time by strftime. The library's own would take "now" from the
// wall clock and read times in the machine's zone.
func date(v any, args []any) (any, error) {
	at, err := moment(v)
	if err != nil {
		return nil, err
	}
	layout := argument(args, "%Y-%m-%d")
	if wideField.MatchString(layout) {
		return nil, fmt.Errorf("%q pads too far", layout)
	}
	return standardDate(at, []any{layout})
}

// moment reads RFC 3339, a date, or Unix seconds: in the zone that is written
// there, else in UTC.
func moment(v any) (time.Time, error) {
	switch v := v.(type) {
	case time.Time:
		return v, nil
	case int:
		return time.Unix(int64(v), 0).UTC(), nil
	case int64:
		return time.Unix(v, 0).UTC(), nil
	case float64:
		return time.Unix(int64(v), 0).UTC(), nil
	case string:
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly, "2006-01-02T15:04Z07:00"} {
			if t, err := time.ParseInLocation(layout, strings.TrimSpace(v), time.UTC); err == nil {
				return t, nil
			}
		}
		if v == "now" || v == "today" {
			return time.Time{}, errors.New(`a mail has no "now": it may leave later than it is written (use a time of the event or the run)`)
		}
	}
	return time.Time{}, errors.New("the value is no time (RFC 3339, a date, or Unix seconds)")
}
