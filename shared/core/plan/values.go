package plan

import (
	"fmt"
	"math"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Elem is the type of a list's members; ok is false for anything but a list.
func (t Type) Elem() (Type, bool) {
	inner, ok := strings.CutPrefix(string(t), "list(")
	if !ok || !strings.HasSuffix(inner, ")") {
		return "", false
	}
	return Type(strings.TrimSuffix(inner, ")")), true
}

// checks says, by type, what is wrong with a value as JSON decodes it ("" = fine).
var checks = map[Type]func(any) string{
	"string":    isString(func(string) bool { return true }, "text"),
	"email":     isString(isAddress, "a mail address such as dana@shop.example"),
	"url":       isString(isURL, "an http or https address"),
	"date":      isString(layout("2006-01-02"), "a date such as 2027-03-01"),
	"month-day": isString(isMonthDay, "a month and day such as 03-31"),
	"time":      isString(layout(time.RFC3339Nano), "a time such as 2027-03-01T09:00:00Z"),
	"number":    func(v any) string { return unless(isNumber(v), "a number") },
	"integer":   func(v any) string { return unless(isInteger(v), "a whole number") },
	"boolean": func(v any) string {
		_, ok := v.(bool)
		return unless(ok, "true or false")
	},
	"object": func(v any) string {
		_, ok := v.(map[string]any)
		return unless(ok, "an object")
	},
}

// Known says whether the type exists.
func (t Type) Known() bool {
	if elem, ok := t.Elem(); ok {
		_, nested := elem.Elem()
		return !nested && elem.Known()
	}
	_, ok := checks[t]
	return ok
}

// Accepts says what is wrong with v as a value of this type.
func (t Type) Accepts(v any) error {
	if elem, ok := t.Elem(); ok {
		list, ok := v.([]any)
		if !ok {
			return fmt.Errorf("must be a list")
		}
		for i, member := range list {
			if err := elem.Accepts(member); err != nil {
				return fmt.Errorf("member %d %w", i, err)
			}
		}
		return nil
	}
	check, ok := checks[t]
	if !ok {
		return fmt.Errorf("has the unknown type %q", t)
	}
	if want := check(v); want != "" {
		return fmt.Errorf("must be %s", want)
	}
	return nil
}

// Accepts says what is wrong with v as a value of this trait: its type, and its
// listed values where it has some.
func (t Trait) Accepts(v any) error {
	if err := t.Type.Accepts(v); err != nil || len(t.Values) == 0 {
		return err
	}
	members, ok := v.([]any)
	if !ok {
		members = []any{v}
	}
	for _, m := range members {
		if s, ok := m.(string); !ok || !slices.Contains(t.Values, s) {
			return fmt.Errorf("must be one of %s", strings.Join(t.Values, ", "))
		}
	}
	return nil
}

func unless(ok bool, want string) string {
	if ok {
		return ""
	}
	return want
}

func isString(good func(string) bool, want string) func(any) string {
	return func(v any) string {
		s, ok := v.(string)
		return unless(ok && good(s), want)
	}
}

func layout(l string) func(string) bool {
	return func(s string) bool {
		_, err := time.Parse(l, s)
		return err == nil
	}
}

// isMonthDay takes 02-29: a birthday does not ask for the year.
func isMonthDay(s string) bool { return layout("2006-01-02")("2024-" + s) }

func isAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && len(s) <= 254 // RFC 5321 section 4.5.3.1.3
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

func isNumber(v any) bool {
	switch n := v.(type) {
	case float64:
		return !math.IsNaN(n) && !math.IsInf(n, 0)
	case int, int64:
		return true
	}
	return false
}

func isInteger(v any) bool {
	n, ok := v.(float64)
	return isNumber(v) && (!ok || n == math.Trunc(n))
}

// Types are the names of all types but the lists.
func Types() []string {
	var out []string
	for t := range checks {
		out = append(out, string(t))
	}
	slices.Sort(out)
	return out
}
