package mjml

import "testing"

func TestSmoke(t *testing.T) {
	for _, src := range []string{
		`<mjml><mj-body><mj-section><mj-column><mj-text>Hi {{ profile.first_name }} &lt;b&gt; &nbsp;</mj-text></mj-column></mj-section>
{% for item in cart.items %}<mj-section><mj-column><mj-text>{{ item.name }}</mj-text></mj-column></mj-section>{% endfor %}
<mj-section><mj-column><mj-text>end</mj-text></mj-column></mj-section></mj-body></mjml>`,
		`<mjml><mj-body><mj-section>{% for item in cart.items limit:3 %}<mj-column width="33%"><mj-image src="{{ item.image_url }}" alt="{{ item.name }}" href="https://x.example/?a=1&b={{ item.id }}" /><mj-text>{{ item.name }}</mj-text></mj-column>{% endfor %}</mj-section></mj-body></mjml>`,
		`<mjml><mj-body><mj-section>{% if a.b %}<mj-column><mj-text>A</mj-text></mj-column>{% else %}<mj-column><mj-text>B</mj-text></mj-column>{% endif %}<mj-column><mj-text>C</mj-text></mj-column></mj-section></mj-body></mjml>`,
		`<mjml><mj-body><mj-section><mj-column><mj-table>{% for i in cart.items %}<tr><td>{{ i.name }}</td><td><b>x</b> y</td></tr>{% endfor %}</mj-table>{% if x.y %}<mj-button href="{{ x.y }}">Go <b>now</b></mj-button>{% endif %}</mj-column></mj-section></mj-body></mjml>`,
		`<mjml><mj-body><mj-wrapper>{% for i in cart.items %}<mj-section><mj-column><mj-text>{{ i.name }}</mj-text></mj-column></mj-section>{% endfor %}</mj-wrapper></mj-body></mjml>`,
		`<mjml><mj-body><mj-section><mj-group>{% for i in cart.items %}<mj-column><mj-text>{{ i.name }}</mj-text></mj-column>{% endfor %}</mj-group></mj-section></mj-body></mjml>`,
		"<mjml>\n <mj-body>\n  <mj-sektion></mj-sektion></mj-body></mjml>",
		"<mjml>\n <mj-body>\n  <mj-section foo=\"x\"></mj-section></mj-body></mjml>",
		"<mjml>\n <mj-body>\n  <mj-section><mj-text>x</mj-text></mj-section></mj-body></mjml>",
		"<mjml>\n <mj-body>\n  {% if a %}<mj-section>{% endif %}</mj-section></mj-body></mjml>",
	} {
		out, err := Compile(src)
		t.Logf("%s\n=> %s\n   %v", src, out, err)
	}
}
