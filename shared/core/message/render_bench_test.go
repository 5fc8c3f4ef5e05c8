package message

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/plan"
)

// BenchmarkRender is one personalised mail of 20 KB as it leaves, from the
// template to MIME.
func BenchmarkRender(b *testing.B) {
	var body strings.Builder
	body.WriteString(`<h1>Hello {{ profile.first_name }}</h1>`)
	for body.Len() < 12<<10 {
		body.WriteString(`<table role="presentation" style="width:100%;border-collapse:collapse;font-family:Arial,sans-serif"><tr><td style="padding:10px 25px">Some lines of text that a shop would write to its customers.</td></tr></table>`)
	}
	body.WriteString(`{% for item in cart.items %}<table role="presentation"><tr><td><a href="{{ item.url }}"><img src="{{ item.image_url }}" alt="{{ item.name }}"></a></td><td>{{ item.name }}</td><td>{{ item.price | decimals: 2 }}</td></tr></table>{% endfor %}`)
	tpl, err := CompileTemplate(TemplateSource{
		Name: "bench", Subject: plan.Text{"en": "You left {{ cart.items[0].name }} behind"}, Preheader: plan.Text{"en": "Still here, {{ profile.first_name }}"},
		HTML: map[string]string{"en": body.String()}, Defaults: map[string]plan.Text{"profile.first_name": {"en": "there"}},
	})
	if err != nil {
		b.Fatal(err)
	}
	var items []any
	for i := range 5 {
		items = append(items, map[string]any{"name": fmt.Sprint("Tent ", i), "price": 90.5, "url": "https://shop.example/p?a=1", "image_url": "https://shop.example/p.png"})
	}
	in := RenderInput{
		Lang: "en", Brand: plan.Brand{Name: "Shop", PostalAddress: "1 Harbour St", Languages: []string{"en"}}, Purpose: "marketing",
		Collections: map[string]any{"cart": map[string]any{"items": items}}, Profile: map[string]any{},
		Links: Links{Preferences: "https://k.example/p/1", Unsubscribe: "https://k.example/u/1"},
	}
	date := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	b.ResetTimer()
	size := 0
	for b.Loop() {
		out, err := tpl.Render(in)
		if err != nil {
			b.Fatal(err)
		}
		raw, err := Compose(Composition{
			From: "Shop <news@shop.example>", To: "dana@shop.example", Subject: out.Subject, Date: date, MessageID: "m1.0",
			HTML: out.HTML, Text: out.Text, UnsubscribeURL: in.Links.Unsubscribe, Marketing: true,
		})
		if err != nil {
			b.Fatal(err)
		}
		size = len(raw)
	}
	b.ReportMetric(float64(size)/1024, "KB")
}
