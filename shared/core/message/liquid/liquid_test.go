package liquid

import "testing"

func renderText(t *testing.T, format Format, dir, src string, bindings map[string]any) (string, error) {
	t.Helper()
	s, err := Scan("body", src)
	if err != nil {
		return "", err
	}
	p, err := Compile(s, format)
	if err != nil {
		return "", err
	}
	return NewRun(dir, bindings).Render(p)
}

func TestSmoke(t *testing.T) {
	data := map[string]any{
		"profile": map[string]any{"first_name": "<Dana>", "interests": []any{"a", "b"}},
		"cart":    map[string]any{"items": []any{map[string]any{"name": "Tent & co", "price": 90.0, "url": "https://x.example/?a=1&b=2"}, map[string]any{"name": "אוהל", "price": 1.5, "url": "https://x.example/2"}}},
	}
	for _, src := range []string{
		`<p>Hi {{ profile.first_name }}</p>`,
		`<a href="{{ cart.items[0].url }}" title="{{ profile.first_name }}">x</a>`,
		`{% for item in cart.items %}<p>{{ forloop.index }} {{ item.name }} {{ item.price | decimals: 2 }}</p>{% endfor %}`,
		`{% for item in cart.items limit:1 reversed %}{{ item.name }}{% endfor %}`,
		`{{ profile.nope }}`,
		`{% if profile.nope %}x{% else %}y{% endif %}`,
		`<a href="https://shop.example/{{ profile.first_name }}?q={{ cart.items[0].name }}">`,
		`<style>{{ profile.first_name }}</style>`,
		`{% for a in (1..1000000) %}{% for b in (1..1000000) %}{% endfor %}{% endfor %}`,
		`{% assign s = "x" %}{% for a in (1..40) %}{% assign s = s | append: s %}{% endfor %}`,
		`{{ "now" | date: "%Y" }}`, `{% assign n = "now" %}{{ n | date }}`,
		`{% include "x" %}`, `{{ profile.interests }} {{ unknown.x }}`,
		"{%- if profile.first_name -%}\n x \n{%- endif -%}",
		"a {{\n profile.first_name\n | upcase }} {% raw %}{{ x }}{% endraw %}",
		`{% capture x %}<b>{{ profile.first_name }}</b>{% endcapture %}{{ x }}`,
	} {
		got, err := renderText(t, HTML, LTR, src, data)
		t.Logf("%s\n   => %q %v", src, got, err)
	}
}
