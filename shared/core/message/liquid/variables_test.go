package liquid

import (
	"fmt"
	"strings"
	"testing"
)

func TestVariablesAreListedWithLoopsResolved(t *testing.T) {
	tests := []struct{ src, want string }{
		{`{{ profile.first_name }}`, "profile.first_name!"},
		{`{{ profile.first_name | default: "x" }}`, "profile.first_name!?"},
		{`{{ profile["first_name"] | append: event.x }}`, "profile.first_name! event.x!"},
		{`{{ cart.items[0].name }} {{ cart.items.first.name }} {{ cart.items.size }}`, "cart.items[].name! cart.items[].name! cart.items!"},
		{`{{ profile.first }} {{ profile.size }}`, "profile.first! profile.size!"},
		{`{{ cart.items[event.n].name }}`, "cart.items[].name! event.n!"},
		{`{% for i in cart.items %}{{ i.name }}{{ i }}{{ forloop.index }}{% endfor %}`, "cart.items cart.items[].name! cart.items[]!"},
		{`{% for i in cart.items | where: "a", event.b | reverse limit: 2 %}{{ i.name }}{% endfor %}`, "cart.items event.b cart.items[].name!"},
		{`{% for i in cart.items %}{% for p in i.parts %}{{ p.id }}{% endfor %}{% endfor %}`, "cart.items cart.items[].parts cart.items[].parts[].id!"},
		{`{% for i in (1..event.n) %}{{ i }}{% endfor %}`, "event.n"},
		{`{% for i in cart.items %}{% endfor %}{{ i.name }}`, "cart.items i.name!"},
		{`{% assign first = cart.items | first %}{{ first.name }}`, "cart.items cart.items[].name!"},
		{`{% assign x = cart.items %}{{ x[0].name }}`, "cart.items cart.items[].name!"},
		{`{% assign x = event.a | plus: 1 %}{{ x }}`, "event.a"},
		{`{% capture x %}{{ event.a }}{% endcapture %}{{ x }}`, "event.a!"},
		{`{% if profile.first_name %}{{ profile.first_name }}{% else %}{{ profile.first_name }}{% endif %}`, "profile.first_name profile.first_name!? profile.first_name!"},
		{`{% if profile.a and profile.b != nil %}{{ profile.a }}{{ profile.b }}{{ profile.c }}{% endif %}`, "profile.a profile.b profile.a!? profile.b!? profile.c!"},
		{`{% if profile.a or profile.b %}{{ profile.a }}{% endif %}`, "profile.a profile.b profile.a!"},
		{`{% if profile.a == nil %}{{ profile.a }}{% endif %}`, "profile.a profile.a!"},
		{`{% if profile.a != "x" %}{{ profile.a }}{% endif %}`, "profile.a profile.a!"},
		{`{% if profile.a == "x" %}{{ profile.a }}{% endif %}`, "profile.a profile.a!?"},
		{`{% if event.n > 3 %}{{ event.n }}{% endif %}`, "event.n event.n!?"},
		{`{% if 3 < event.n %}{{ event.n }}{% endif %}`, "event.n event.n!"}, // not seen, so asked for a default
		{`{% unless profile.a %}{{ profile.a }}{% endunless %}`, "profile.a profile.a!"},
		{`{% case profile.a %}{% when "x", event.y %}{{ profile.a }}{% endcase %}`, "profile.a event.y profile.a!"},
		{`{% if cart.items %}{{ cart.items[0].name }}{% endif %}`, "cart.items cart.items[].name!"},
		{`{{ true }}{{ "profile.x" }}{{ 1 }}{{ nil }}`, ""},
		{`{{ kesher_frame.name }}`, ""},
	}
	for _, test := range tests {
		var got []string
		for _, v := range program(t, Plain, test.src).Variables() {
			s := v.Path
			if v.Printed {
				s += "!"
			}
			if v.Guarded {
				s += "?"
			}
			got = append(got, s)
		}
		if s := strings.Join(got, " "); s != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.src, s, test.want)
		}
	}
}

func TestVariablesKnowTheirLine(t *testing.T) {
	got := ""
	for _, v := range program(t, Plain, "{{ a.b }}\n\n{% if c.d %}\n{{ e.f }}{% endif %}").Variables() {
		got += fmt.Sprintf("%s:%d ", v.Path, v.Line)
	}
	if got != "a.b:1 c.d:3 e.f:4 " {
		t.Fatal(got)
	}
}
