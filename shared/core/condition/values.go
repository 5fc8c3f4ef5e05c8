package condition

import (
	"cmp"
	"math"
	"strings"
	"time"
)

// Everything in this file reads values of unknown shape: what has not the type
// that is asked for is reported as such, and the caller makes it null.

func truth(v any) Truth {
	b, ok := v.(bool)
	switch {
	case !ok:
		return Unknown
	case b:
		return True
	}
	return False
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, !math.IsNaN(n)
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	}
	return 0, false
}

// known is a number as a value: one too large, or divided by zero, is null.
func known(n float64) any {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return nil
	}
	return n
}

func list(v any) ([]any, bool) {
	l, ok := v.([]any)
	return l, ok
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

const dateLayout = "2006-01-02"

// moment reads a time, or a date as the beginning of that day in the customer's
// zone.
func moment(in *Input, v any) (time.Time, bool) {
	switch v := v.(type) {
	case time.Time:
		return v, true
	case string:
		if len(v) != len(dateLayout) {
			t, err := time.Parse(time.RFC3339, v)
			return t, err == nil
		}
		zone := in.Zone
		if zone == nil {
			zone = time.UTC
		}
		t, err := time.ParseInLocation(dateLayout, v, zone)
		return t, err == nil
	}
	return time.Time{}, false
}

// order compares two values that are not null: negative, zero, positive; ok is
// false when they can't be compared.
type order func(in *Input, a, b any) (c int, ok bool)

// orders, by the type as which the values are compared.
var orders = [...]order{
	kindAny: orderAny, kindNull: orderAny, kindBoolean: orderBooleans, kindNumber: orderNumbers,
	kindText: orderTexts, kindMonthDay: orderTexts, kindDate: orderMoments, kindTime: orderMoments,
	kindDuration: orderDurations,
}

func orderNumbers(_ *Input, a, b any) (int, bool) {
	x, okX := number(a)
	y, okY := number(b)
	return cmp.Compare(x, y), okX && okY
}

func orderTexts(_ *Input, a, b any) (int, bool) {
	x, okX := a.(string)
	y, okY := b.(string)
	return strings.Compare(x, y), okX && okY
}

func orderMoments(in *Input, a, b any) (int, bool) {
	x, okX := moment(in, a)
	y, okY := moment(in, b)
	return x.Compare(y), okX && okY
}

func orderDurations(_ *Input, a, b any) (int, bool) {
	x, okX := a.(time.Duration)
	y, okY := b.(time.Duration)
	return cmp.Compare(x, y), okX && okY
}

// orderBooleans only tells equal from not equal: the compiler refuses < and the
// like.
func orderBooleans(_ *Input, a, b any) (int, bool) {
	x, okX := a.(bool)
	y, okY := b.(bool)
	if x == y {
		return 0, okX && okY
	}
	return 1, okX && okY
}

// orderAny compares what the plan does not declare, as the data has it.
func orderAny(in *Input, a, b any) (int, bool) {
	switch a.(type) {
	case string:
		return orderTexts(in, a, b)
	case bool:
		return orderBooleans(in, a, b)
	}
	return orderNumbers(in, a, b)
}
