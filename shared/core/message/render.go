package message

import (
	"strings"

	"github.com/kesher-io/kesher/shared/core/message/liquid"
	"github.com/kesher-io/kesher/shared/core/plan"
)

// RenderInput is everything a mail is made of. Render changes none of it.
type RenderInput struct {
	Lang        string // the customer's, BCP 47; the template's own where it has no such body
	Brand       plan.Brand
	Profile     map[string]any
	Entry       map[string]any   // the fact that began the run
	Event       map[string]any   // the fact at hand
	Collections map[string]any   // by name: {"cart": {"items": [...]}}
	Offer       []map[string]any // what the last offer step took
	Run         map[string]any
	Links       Links
	Sender      string // From, as in settings.yaml
	ReplyTo     string
	Purpose     string
	// PurposeTitle is the purpose in the mail's language, for the line that says
	// why this mail came; without it that line is general.
	PurposeTitle plan.Text
}

// Links of one customer and one message. An empty one is not written.
type Links struct{ Preferences, Unsubscribe string }

// Rendered is one mail before MIME.
type Rendered struct {
	Lang, Dir           string
	Subject, HTML, Text string
}

// Dir is the direction of a language.
func Dir(lang string) string {
	switch base(lang) {
	case "he", "iw", "ar", "fa", "ur", "yi", "dv", "ps", "sd", "ug", "ckb":
		return liquid.RTL
	default:
		return liquid.LTR
	}
}

// Render makes one mail. Errors are *TemplateError: the mail will not be better
// another time.
func (t *Template) Render(in RenderInput) (Rendered, error) {
	key, l := t.choose(in.Lang, in.Brand.Languages)
	lang := key
	if lang == "" {
		lang = first(in.Brand.Languages, "en")
	}
	out := Rendered{Lang: lang, Dir: Dir(lang)}
	bindings := in.bindings()
	t.fill(bindings, lang)
	r := renderer{run: liquid.NewRun(out.Dir, bindings)}
	out.Subject = r.render(l.subject)
	preheader := r.render(l.preheader)
	r.run.Bind(frameName, frameValues(in, out, preheader))
	out.HTML = r.render(l.html)
	out.Text = tidy(r.render(l.text))
	if r.err != nil {
		return Rendered{}, t.errorIn(key, r.err)
	}
	out.Subject = strings.TrimSpace(out.Subject)
	return out, nil
}

// renderer renders the parts of one mail and keeps the first error.
type renderer struct {
	run *liquid.Run
	err error
}

func (r *renderer) render(p *liquid.Program) string {
	if p == nil || r.err != nil {
		return ""
	}
	text, err := r.run.Render(p)
	r.err = err
	return text
}

// choose finds the body for a language: the very one, the one without region,
// the brand's first, the one that names none, the first there is.
func (t *Template) choose(lang string, brand []string) (string, *language) {
	for _, candidate := range []string{lang, base(lang), first(brand, ""), base(first(brand, "")), ""} {
		if l, ok := t.languages[candidate]; ok {
			return candidate, l
		}
	}
	langs := t.Languages()
	return langs[0], t.languages[langs[0]]
}

func first(list []string, otherwise string) string {
	if len(list) == 0 {
		return otherwise
	}
	return list[0]
}

// bindings are the names a template may use (CONTRACTS section 4).
func (in *RenderInput) bindings() map[string]any {
	offers := make([]any, len(in.Offer))
	for i, o := range in.Offer {
		offers[i] = o
	}
	b := map[string]any{
		"profile": orEmpty(in.Profile), "entry": orEmpty(in.Entry), "event": orEmpty(in.Event),
		"run": orEmpty(in.Run), "offer": offers, "brand": brandValues(in.Brand),
		"preferences_url": orNil(in.Links.Preferences), "unsubscribe_url": orNil(in.Links.Unsubscribe),
	}
	for name, collection := range in.Collections {
		b[name] = collection
	}
	return b
}

func brandValues(b plan.Brand) map[string]any {
	return map[string]any{
		"name": orNil(b.Name), "url": orNil(b.URL), "postal_address": orNil(b.PostalAddress),
		"postal address": orNil(b.PostalAddress), "logo": orNil(b.Logo), "zone": orNil(b.Zone),
	}
}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// orNil makes an empty text nothing: Liquid holds every text for true.
func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}
