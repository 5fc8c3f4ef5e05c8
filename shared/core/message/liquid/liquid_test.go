package liquid

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// program compiles a source or fails the test.
func program(t testing.TB, format Format, src string) *Program {
	t.Helper()
	p, err := compiled(format, src)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return p
}

func compiled(format Format, src string) (*Program, error) {
	s, err := Scan("body", src)
	if err != nil {
		return nil, err
	}
	return Compile(s, format)
}

// rendered compiles and renders.
func rendered(format Format, dir, src string, bindings map[string]any) (string, error) {
	p, err := compiled(format, src)
	if err != nil {
		return "", err
	}
	return NewRun(dir, bindings).Render(p)
}

func shop() map[string]any {
	return map[string]any{
		"profile": map[string]any{"first_name": "Dana", "interests": []any{"outdoor", "home"}, "empty": "", "size": "M"},
		"event":   map[string]any{"price": 90.0, "quantity": 2, "at": "2026-11-24T09:30:00+02:00"},
		"cart": map[string]any{"items": []any{
			map[string]any{"name": "Tent & co", "price": 90.0, "url": "https://shop.example/t?a=1&b=2"},
			map[string]any{"name": "Lamp", "price": 4.5, "url": "https://shop.example/l"},
		}},
	}
}

func TestRenderSpeaksLiquid(t *testing.T) {
	tests := []struct{ src, want string }{
		{`Hi {{ profile.first_name }}`, "Hi Dana"},
		{`{{ profile["first_name"] }} {{ cart.items[1].name }} {{ cart.items.first.name }} {{ cart.items.size }}`, "Dana Lamp Tent & co 2"},
		{`{% for i in cart.items %}{{ forloop.index }}{{ i.name }}{% unless forloop.last %}, {% endunless %}{% endfor %}`, "1Tent & co, 2Lamp"},
		{`{% for i in cart.items limit:1 offset:1 %}{{ i.name }}{% endfor %}`, "Lamp"},
		{`{% for i in cart.items reversed %}{{ i.name }} {% endfor %}`, "Lamp Tent & co "},
		{`{% for i in (1..3) %}{{ i }}{% if i == 2 %}{% break %}{% endif %}{% endfor %}`, "12"},
		{`{% for i in (1..3) %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}`, "13"},
		{`{% for i in profile.none %}x{% else %}none{% endfor %}`, ""}, // as the library has it: no list, no else
		{`{% for i in profile.interests %}{{ i }};{% else %}none{% endfor %}`, "outdoor;home;"},
		{`{% if event.price >= 20 and profile.interests contains "home" %}a{% elsif profile.none %}b{% else %}c{% endif %}`, "a"},
		{`{% if profile.none == nil %}a{% endif %}{% if profile.none == null %}b{% endif %}{% unless profile.none %}c{% endunless %}`, "abc"},
		{`{% case profile.size %}{% when "S", "M" %}small{% else %}large{% endcase %}`, "small"},
		{`{% assign n = event.price | times: event.quantity %}{{ n }} {{ n | decimals: 2 }} {{ 4.5 | decimals }}`, "180 180.00 4.50"},
		{`{% capture x %}{{ profile.first_name }} & co{% endcapture %}{{ x | upcase }}`, "DANA & CO"},
		{`{{ profile.none | default: "there" }} {{ profile.empty | default: "-" }} {{ profile.empty }}|`, "there - |"},
		{`{{ profile.interests }} {{ profile.interests | join: " / " }}`, "outdoor, home outdoor / home"},
		{`{{ event.at | date: "%d/%m/%Y %H:%M" }}`, "24/11/2026 09:30"},
		{`{{ "2026-11-24" | date: "%A" }} {{ 0 | date: "%Y" }}`, "Tuesday 1970"},
		{`{{ "a b" | url_encode }} {{ "<b>" | escape }}`, "a+b <b>"},
		{`{{ cart.items | map: "name" | join: "," }} {{ cart.items | where: "name", "Lamp" | map: "price" | first }}`, "Tent & co,Lamp 4.5"},
		{"a {%- if true -%} b {%- endif -%} c", "abc"},
		{"a\n{{- profile.first_name -}}\nb", "aDanab"},
		{"{% comment %}{{ nothing.at_all }} {% if %}{% endcomment %}{% # it's a note %}x", "x"},
		{`{% raw %}{{ x }} {% if %}{% endraw %}`, "{{ x }} {% if %}"},
		{"{{ profile.first_name\n  | downcase\n}}", "dana"},
		{`{{ "}}" }} {{ "%}" }} {{ 'it''s' }}`, ""},
		{`{% for pair in profile %}{{ pair[0] }} {% endfor %}`, "empty first_name interests size "},
		{`a { b } {c{{ profile.size }}}`, "a { b } {cM}"},
	}
	for _, test := range tests {
		got, err := rendered(Plain, LTR, test.src, shop())
		if test.want == "" && err != nil {
			continue
		}
		if err != nil || got != test.want {
			t.Errorf("%s\n got %q (%v)\nwant %q", test.src, got, err, test.want)
		}
	}
}

func TestRenderChangesNothingItWasGiven(t *testing.T) {
	data := shop()
	p := program(t, Plain, `{% assign profile = "x" %}{% for cart in cart.items %}{% assign y = cart %}{% endfor %}{{ profile }}`)
	for range 2 {
		if got, err := NewRun(LTR, data).Render(p); err != nil || got != "x" {
			t.Fatalf("%q %v", got, err)
		}
	}
	if _, ok := data["profile"].(map[string]any); !ok || len(data) != 3 {
		t.Fatalf("bindings are now %v", data)
	}
}

func TestProgramIsSafeForConcurrentUse(t *testing.T) {
	p := program(t, HTML, `{% for i in cart.items %}<a href="https://x.example/{{ i.name }}">{{ i.price | decimals: 2 }}</a>{% endfor %}`)
	done := make(chan string)
	for range 8 {
		go func() {
			text, err := NewRun(LTR, shop()).Render(p)
			if err != nil {
				text = err.Error()
			}
			done <- text
		}()
	}
	first := <-done
	for range 7 {
		if next := <-done; next != first {
			t.Errorf("%q, and %q", first, next)
		}
	}
}

func TestErrorsNameVariablePartAndLine(t *testing.T) {
	tests := []struct {
		src     string
		line    int
		message string
	}{
		{"a\nb {{ profile.frist_name }}", 2, "profile.frist_name: has no value and no default"},
		{"\n\n{{ profile.none | upcase }}", 3, "profile.none | upcase: has no value"},
		{"\n{{ basket.items }}", 2, "basket is not known here"},
		{"\n{% if basket %}x{% endif %}", 2, "basket is not known here"},
		{"\n{{ profile }}", 2, "is an object, not a text"},
		{"{% if true %}\n{{ cart.items[7].name }}{% endif %}", 2, "cart.items[7].name: has no value"},
		{"\n{{ profile.first_name | frobnicate }}", 2, `uses the filter "frobnicate"`},
		{"\n{% frobnicate %}", 2, "is not known here"},
		{"\n{% if profile.first_name %}", 2, "is never closed"},
		{"\n{% endif %}", 2, "closes nothing"},
		{"{% for i in cart.items %}\n{% endif %}", 2, "does not fit"},
		{"{% for i in cart.items %}\n{% elsif x %}{% endfor %}", 2, "does not fit"},
		{"\n{{ profile.first_name", 2, "is never closed"},
		{"\n{{ }}", 2, "is empty"},
		{"\n{{ profile.x y }}", 2, "can't be read"},
		{"\n{{ (1..3) }}", 2, "range"},
		{"\n{{ 99999999999999999999 }}", 2, "can't be read"},
		{"\n{% for i cart.items %}{% endfor %}", 2, "can't be read"},
		{"\n{% assign x %}", 2, "can't be read"},
		{"\n{% assign a.b = 1 %}", 2, "dot notation"},
		{"\n{% break %}", 2, "stands in no loop"},
		{"\n{% for i in cart.items %}{% capture x %}{% break %}{% endcapture %}{% endfor %}", 2, "may not leave"},
		{"\n{% for i in cart.items limit: 'x' %}{% endfor %}", 2, "must be an integer"},
		{"\n{% capture a b %}{% endcapture %}", 2, "can't be read"},
		{"\n{{ profile.first_name | decimals: 2 }}", 2, "work on this value"},
		{"\n{% assign x = profile.first_name | decimals %}", 2, "work on this value"},
		{"\n{{ event.at | date: '%999999d' }}", 2, "pads too far"},
		{"\n{% raw %}", 2, "endraw"},
		{"\n{% comment %}", 2, "endcomment"},
		{"x\x00y", 1, "U+0000"},
		{"x\xff", 1, "UTF-8"},
		{"x\U000F0001", 1, "U+F0001"},
	}
	for _, test := range tests {
		_, err := rendered(Plain, LTR, test.src, shop())
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%q: error %v", test.src, err)
			continue
		}
		if e.Part != "body" || e.Line != test.line || !strings.Contains(e.Message, test.message) {
			t.Errorf("%q: %v, want line %d: %s", test.src, err, test.line, test.message)
		}
	}
}

func TestErrorsHoldNoValueOfTheCustomer(t *testing.T) {
	secret := "javascript:dana-the-secret"
	for _, src := range []string{
		`<a href="{{ v }}">`, `<a href="{{ v }}x">`, `{{ v | decimals }}`, `{{ v | date }}`, `{% for i in (1..v) %}{% endfor %}`,
		`{% assign x = v | abs %}`, `{{ v | times: v | divided_by: v }}`,
	} {
		_, err := rendered(HTML, LTR, src, map[string]any{"v": secret})
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", src, err)
		}
	}
}

func TestLineMarksGiveTheLinesOfTheFileItWasMadeFrom(t *testing.T) {
	_, err := rendered(HTML, LTR, "<p>"+LineMark(17)+"{{ nothing }}</p>", nil)
	var e *Error
	if !errors.As(err, &e) || e.Line != 17 {
		t.Fatalf("error %v", err)
	}
	_, err = rendered(HTML, LTR, LineMark(17)+"{% if true %}\n{% endif %}{{ nothing }}", nil)
	if !errors.As(err, &e) || e.Line != 2 {
		t.Fatalf("error %v: a mark is for the next tag only", err)
	}
}

// attacks are templates, each of which would cost time, memory or more than its
// data without a limit (E13).
var attacks = map[string]string{
	"nested loop of millions":      `{% for a in (1..3000) %}{% for b in (1..3000) %}{% endfor %}{% endfor %}`,
	"one endless loop":             `{% for a in (1..1000000000000) %}{% endfor %}`,
	"loops in a row":               strings.Repeat(`{% for a in (1..9000) %}{% endfor %}`, 2),
	"nested captures":              `{% for a in (1..9999) %}{% capture x %}{{ x }}{{ x }}` + strings.Repeat("y", 1000) + `{% endcapture %}{% endfor %}`,
	"doubling by append":           `{% assign s = "xx" %}{% for a in (1..60) %}{% assign s = s | append: s %}{% endfor %}`,
	"doubling by prepend":          `{% assign s = "xx" %}{% for a in (1..60) %}{% assign s = s | prepend: s %}{% endfor %}`,
	"doubling by replace":          `{% assign s = "x" %}{% for a in (1..60) %}{% assign s = s | replace: "x", "xx" %}{% endfor %}`,
	"replace of nothing":           `{% assign s = "x" %}{% for a in (1..60) %}{% assign s = s | replace: "", s %}{% endfor %}`,
	"doubling by concat":           `{% assign l = cart.items %}{% for a in (1..60) %}{% assign l = l | concat: l %}{% endfor %}`,
	"doubling by join":             `{% assign s = "a,b" %}{% for a in (1..60) %}{% assign s = s | split: "," | join: s %}{% endfor %}`,
	"much text in a loop":          `{% for a in (1..9999) %}` + strings.Repeat("text ", 5000) + `{% endfor %}`,
	"much text out of a value":     `{% assign s = big %}{% for a in (1..9999) %}{{ s }}{% endfor %}`,
	"range through a filter":       `{% assign r = (1..1000000000) %}{{ r | join }}`,
	"range in a loop, filtered":    `{% for a in (1..1000000000) | reverse %}x{% endfor %}`,
	"range from data":              `{% for a in (1..event.n) %}{% for b in (1..event.n) %}{{ b }}{% endfor %}{% endfor %}`,
	"heavy condition":              `{% for a in (1..9999) %}{% if ` + strings.Repeat(`big contains "zzzz" or `, 30) + `big contains "q" %}{% endif %}{% endfor %}`,
	"heavy comparison":             `{% for a in (1..9999) %}{% if ` + strings.Repeat(`cart.items == cart.items and `, 20) + `true %}{% endif %}{% endfor %}`,
	"heavy filters":                `{% for a in (1..9999) %}{% assign x = big | upcase | downcase | reverse | strip_html | split: "" | sort | join: "" %}{% endfor %}`,
	"unique of many":               `{% assign l = big | split: "" %}{% for a in (1..100) %}{% assign m = l | uniq %}{% endfor %}`,
	"padding dates":                `{{ event.at | date: "%1000000Y%1000000Y%1000000Y" }}`,
	"padding dates in small steps": `{% for a in (1..9999) %}{{ event.at | date: "%99Y%99Y%99Y%99Y%99Y%99Y%99Y%99Y%99Y" }}{% endfor %}`,
	"deep nesting":                 strings.Repeat(`{% if true %}`, 3000) + strings.Repeat(`{% endif %}`, 3000),
	"long expression":              `{{ ` + strings.Repeat("a.", 100_000) + `b }}`,
	"many tags":                    strings.Repeat(`{{ 1 }}`, 100_000),
	"many rounds of decimals":      `{{ 1 | round: 2147483647 }}{{ 1 | decimals: 1000000000 }}`,
	"a file":                       `{% include "/etc/passwd" %}`,
	"a file by render":             `{% render "/etc/passwd" %}`,
	"a file by layout":             `{% layout "/etc/passwd" %}`,
	"a file by extends":            `{% extends "/etc/passwd" %}`,
	"the wall clock":               `{{ "now" | date: "%s" }}`,
	"the wall clock by a variable": `{% assign n = "now" %}{{ n | date: "%s" }}`,
	"the wall clock of today":      `{{ "today" | date: "%s" }}`,
	"the run itself":               `{{ kesher_run }}`,
	"the run by assign":            `{% assign kesher_run = 1 %}{{ 1 }}`,
	"the run by a loop":            `{% for kesher_run in cart.items %}{{ 1 }}{% endfor %}`,
	"the run by capture":           `{% capture kesher_run %}{% endcapture %}{{ 1 }}`,
	"the run behind the frame":     `{{ kesher_frame.x | append: kesher_run }}`,
	"our tags":                     `{% kesher_step 1 1 %}{% kesher_out 0 %}{% kesher_text 0 %}`,
	"what a value is made of":      `{{ event | inspect }}{{ event | json }}{{ event | type }}`,
	"methods of values":            `{{ when.Year }}{{ when.Local }}{{ when.Zone }}`,
	"environment":                  `{{ ENV }}{{ env.HOME }}{{ self }}{{ this }}`,
}

func TestE13AttacksStopWithinTimeAndMemory(t *testing.T) {
	data := shop()
	data["big"] = strings.Repeat("y", 32<<10)
	data["when"] = time.Unix(0, 0)
	data["event"].(map[string]any)["n"] = 1_000_000
	for name, src := range attacks {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			text, err := rendered(HTML, LTR, src, data)
			if took := time.Since(start); took > 5*time.Second { // 1 s on an idle core; the test shares its own
				t.Errorf("took %v", took)
			}
			if err == nil {
				t.Errorf("made %d bytes: %.200s", len(text), text)
			}
		})
	}
}

func TestLoopsMayTakeTenThousandStepsInOneMail(t *testing.T) {
	run := NewRun(LTR, nil)
	half := program(t, Plain, `{% for a in (1..100) %}{% for b in (1..49) %}{% endfor %}{% endfor %}`)
	for part := range 2 { // 100 + 4900 each: together exactly the limit
		if _, err := run.Render(half); err != nil {
			t.Fatalf("part %d: %v", part, err)
		}
	}
	if _, err := run.Render(program(t, Plain, `{% for a in (1..1) %}{% endfor %}`)); err == nil || !strings.Contains(err.Error(), "10000 steps") {
		t.Fatalf("error %v", err)
	}
}

func TestOutputEndsAtOneMegabyte(t *testing.T) {
	src := `{% for a in (1..1000) %}{{ v }}{% endfor %}`
	if _, err := rendered(Plain, LTR, src, map[string]any{"v": strings.Repeat("x", 1000)}); err != nil {
		t.Fatal(err)
	}
	if _, err := rendered(Plain, LTR, src, map[string]any{"v": strings.Repeat("x", 1100)}); err == nil {
		t.Fatal("more than 1 MB came out")
	}
}

// FuzzCompile: whatever the source, compiling and rendering end, and soon.
func FuzzCompile(f *testing.F) {
	for _, src := range attacks {
		if len(src) < 2000 {
			f.Add(src)
		}
	}
	f.Add(`<a href="{{ profile.first_name }}" title='{% if event.price > 1 %}x{% endif %}'>{{ cart.items[0].name | upcase }}</a>`)
	f.Add("<!--[if mso]><v:rect href=\"{{ event.at }}\"><![endif]--><style>{% if true %}a{% endif %}</style>")
	f.Add(`{% assign x = y | %}{% for z in w | %}{% endfor %}`)
	f.Fuzz(func(t *testing.T, src string) {
		for _, format := range []Format{HTML, Plain, Line} {
			p, err := compiled(format, src)
			if err != nil {
				var e *Error
				if !errors.As(err, &e) {
					t.Fatalf("error %T", err)
				}
				continue
			}
			if _, err := NewRun(RTL, shop()).Render(p); err != nil {
				var e *Error
				if !errors.As(err, &e) {
					t.Fatalf("error %T", err)
				}
			}
		}
	})
}

// uncode puts the tags back as they were written.
func (s *Source) uncode() string {
	var b strings.Builder
	for _, r := range s.Coded {
		if tag, ok := s.Decode(r); ok {
			b.WriteString(tag.Raw)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// FuzzScan: coding and decoding give back what was written.
func FuzzScan(f *testing.F) {
	f.Add("a {{ b }} {%- if c -%} \n {{ 'd}}' }} {% endif %}")
	f.Add("{{{ x }}}")
	f.Fuzz(func(t *testing.T, src string) {
		s, err := Scan("body", src)
		if err != nil || strings.Contains(src, "#") || strings.Contains(src, "comment") || strings.Contains(src, "raw") {
			return
		}
		if got := s.uncode(); got != src {
			t.Fatalf("%q came back as %q", src, got)
		}
	})
}
