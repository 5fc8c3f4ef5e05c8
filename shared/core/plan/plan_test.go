package plan_test

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kesher-io/kesher/shared/core/plan"
)

func TestDurationsAreReadAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30s": 30 * time.Second, "5m": 5 * time.Minute, "1h": time.Hour, "1d": 24 * time.Hour, "2w": 14 * 24 * time.Hour,
		"1d12h": 36 * time.Hour, "0m": 0, " 7d ": 7 * 24 * time.Hour,
	} {
		if got, err := plan.ParseDuration(text); err != nil || time.Duration(got) != want {
			t.Errorf("%q is %v, %v; want %v", text, time.Duration(got), err, want)
		}
	}
	for _, text := range []string{"", "1", "h", "1y", "-1h", "1.5h", "1h 30m", "99999999999w", "100w9000w", "9999999999999999999999s"} {
		if got, err := plan.ParseDuration(text); err == nil {
			t.Errorf("%q is %v, want an error", text, got)
		}
	}
}

func TestADurationSurvivesBeingWritten(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := plan.Duration(time.Duration(rapid.Int64Range(0, 3_000_000_000).Draw(rt, "seconds")) * time.Second)
		text, err := json.Marshal(d)
		if err != nil {
			rt.Fatal(err)
		}
		var back plan.Duration
		if err := json.Unmarshal(text, &back); err != nil || back != d {
			rt.Fatalf("%s became %s, %v", d, back, err)
		}
	})
}

func FuzzParseDuration(f *testing.F) {
	for _, text := range []string{"1d12h", "0s", "", "1", "9223372036854775807w"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := plan.ParseDuration(text)
		if err != nil {
			return
		}
		if d < 0 {
			t.Fatalf("%q is below zero: %v", text, time.Duration(d))
		}
		if again, err := plan.ParseDuration(d.String()); err != nil || again != d {
			t.Fatalf("%q is %s, which is %v, %v", text, d, again, err)
		}
	})
}

func TestTheNearestNameIsTheLikelyOne(t *testing.T) {
	known := []string{"wait", "wait-for", "send", "set", "purposes", "origin"}
	for misspelt, want := range map[string]string{
		"wiat": "wait", "sned": "send", "purpose": "purposes", "orign": "origin", "wait_for": "wait-for",
		"x": "", "elephant": "", "": "",
	} {
		if got, _ := plan.Nearest(misspelt, known); got != want {
			t.Errorf("%q: got %q, want %q", misspelt, got, want)
		}
	}
}

func TestValuesOfTypes(t *testing.T) {
	for _, c := range []struct {
		typ  plan.Type
		good []any
		bad  []any
	}{
		{"string", []any{"", "x"}, []any{1.0, nil, true}},
		{"number", []any{1.5, 0.0}, []any{"1", nil}},
		{"integer", []any{2.0}, []any{2.5, "2"}},
		{"boolean", []any{true, false}, []any{"true", 1.0}},
		{"email", []any{"a@b.example"}, []any{"a", "A <a@b.example>", "a@b.example\n", ""}},
		{"url", []any{"https://shop.example/a?b=c"}, []any{"javascript:alert(1)", "shop.example", "//x"}},
		{"date", []any{"2027-02-28"}, []any{"2027-02-29", "1.3.2027"}},
		{"month-day", []any{"02-29", "12-31"}, []any{"02-30", "2-3"}},
		{"time", []any{"2027-03-01T09:00:00Z", "2027-03-01T09:00:00.5+02:00"}, []any{"2027-03-01"}},
		{"object", []any{map[string]any{}}, []any{[]any{}}},
		{"list(string)", []any{[]any{}, []any{"a", "b"}}, []any{"a", []any{1.0}}},
		{"list(object)", []any{[]any{map[string]any{"a": 1.0}}}, []any{[]any{"a"}}},
		{"list(list(string))", nil, []any{[]any{}}},
		{"colour", nil, []any{"red"}},
	} {
		for _, v := range c.good {
			if err := c.typ.Accepts(v); err != nil {
				t.Errorf("%s refuses %v: %v", c.typ, v, err)
			}
		}
		for _, v := range c.bad {
			if c.typ.Known() && c.typ.Accepts(v) == nil {
				t.Errorf("%s takes %v", c.typ, v)
			}
		}
		if want := c.good != nil; c.typ.Known() != want {
			t.Errorf("%s known: %v", c.typ, !want)
		}
	}
}

func TestATraitTakesOnlyItsValues(t *testing.T) {
	trait := plan.Trait{Type: "list(string)", Values: []string{"outdoor", "home"}}
	if err := trait.Accepts([]any{"home", "outdoor"}); err != nil {
		t.Error(err)
	}
	if trait.Accepts([]any{"home", "garden"}) == nil {
		t.Error("it takes garden")
	}
}

func TestTheLanguageOfALocale(t *testing.T) {
	brand := plan.Brand{Languages: []string{"en", "he", "pt-BR"}}
	for locale, want := range map[string]string{
		"he-IL": "he", "he": "he", "iw_IL": "he", "HE": "he", "en-GB": "en", "pt-BR": "pt-BR", "fr": "en", "": "en",
	} {
		if got := brand.Language(locale); got != want {
			t.Errorf("%q speaks %q, want %q", locale, got, want)
		}
	}
	if got := (plan.Brand{}).Language("he"); got != "en" {
		t.Errorf("a brand without languages speaks %q", got)
	}
}

func TestWhatIsNotDeclaredIsRefusedUnlessThePlanKeepsIt(t *testing.T) {
	if _, ok := (&plan.Plan{UnknownEvents: "refuse"}).KeepsUnknown(); ok {
		t.Error("refuse keeps")
	}
	if _, ok := (&plan.Plan{}).KeepsUnknown(); ok {
		t.Error("nothing said keeps")
	}
	if purpose, ok := (&plan.Plan{UnknownEvents: plan.KeepUnknown("analytics")}).KeepsUnknown(); !ok || purpose != "analytics" {
		t.Errorf("kept under %q, %v", purpose, ok)
	}
}
