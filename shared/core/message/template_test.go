package message

import (
	"testing"

	"github.com/kesher-io/kesher/shared/core/plan"
)

func TestSmokeTemplate(t *testing.T) {
	tpl, err := CompileTemplate(TemplateSource{
		Name:      "cart",
		Subject:   plan.Text{"en": "You left {{ cart.items[0].name }} behind, {{ profile.first_name }}"},
		Preheader: plan.Text{"en": "Still here"},
		HTML: map[string]string{"en": `<h1>Hello {{ profile.first_name }}</h1>
<table role="presentation">{% for item in cart.items %}<tr><td><a href="{{ item.url }}"><img src="{{ item.image }}" alt="{{ item.name }}"></a></td><td>{{ item.name }}</td><td>{{ item.price | decimals: 2 }}</td></tr>{% endfor %}</table>
<p>Bye{% if profile.x %} dear{% endif %}.</p><ul><li>a</li><li>b</li></ul>`},
		Defaults: map[string]plan.Text{"profile.first_name": {"en": "there"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := tpl.Render(RenderInput{
		Lang:  "en-US",
		Brand: plan.Brand{Name: "Shop", PostalAddress: "1 Harbour St", Languages: []string{"en"}},
		Collections: map[string]any{"cart": map[string]any{"items": []any{
			map[string]any{"name": "Tent", "price": 90.0, "url": "https://x.example/?a=1&b=2", "image": "https://x.example/t.png"},
			map[string]any{"name": "אוהל", "price": 1.5, "url": "https://x.example/2", "image": "https://x.example/u.png"}}}},
		Links: Links{Preferences: "https://k.example/p", Unsubscribe: "https://k.example/u"}, ReplyTo: "care@shop.example", Purpose: "marketing",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(out.Subject)
	t.Log(out.HTML)
	t.Log(out.Text)
	for _, v := range tpl.Variables() {
		t.Logf("%+v", v)
	}
}
