package catalog_test

import (
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/catalog"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow/publish"
)

func exampleRelease(t *testing.T) *release.Release {
	t.Helper()
	c, problems := publish.Compile(catalog.Example())
	if c == nil {
		t.Fatal(problems)
	}
	return c.Release
}

// input is what a template gets for somebody of whom everything, or nothing, is known.
func input(r *release.Release, lang string, everything bool) message.RenderInput {
	in := message.RenderInput{
		Lang: lang, Brand: r.Settings.Brand, Purpose: "marketing", PurposeTitle: r.Plan.Purposes["marketing"].Title,
		Sender: r.Settings.Sender["marketing"], ReplyTo: r.Settings.ReplyTo(),
		Links:       message.Links{Preferences: "https://api.shop.example/p/x", Unsubscribe: "https://api.shop.example/u/x"},
		Collections: map[string]any{"cart": map[string]any{"items": []any{}}},
	}
	if !everything {
		return in
	}
	in.Profile = map[string]any{"first_name": "Dana <3", "interests": []any{"outdoor", "home"}}
	in.Collections["cart"] = map[string]any{"items": []any{map[string]any{"product_id": "tent-2", "name": "Tent & lamp", "price": 490.5, "quantity": 2.0}}}
	for _, o := range r.Offers {
		in.Offer = append(in.Offer, map[string]any{"id": o.ID, "title": o.Title.In(lang), "text": o.Text.In(lang), "url": o.URL})
	}
	return in
}

// B14, B17, B18: every template, in every language, for whom all or nothing is known.
func TestEveryMailOfTheExampleIsWrittenForEverybody(t *testing.T) {
	r := exampleRelease(t)
	for name, template := range r.Templates {
		if strings.HasPrefix(name, "kesher-") {
			continue // the product's own, tested where they are written
		}
		for _, lang := range r.Settings.Brand.Languages {
			for _, everything := range []bool{false, true} {
				out, err := template.Render(input(r, lang, everything))
				if err != nil {
					t.Errorf("%s in %s: %v", name, lang, err)
					continue
				}
				if out.Lang != lang || len(out.HTML) > message.MaxHTML || out.Subject == "" || strings.Contains(out.Text, "{{") {
					t.Errorf("%s in %s: %d bytes in %s, subject %q", name, lang, len(out.HTML), out.Lang, out.Subject)
				}
				for _, finding := range message.Audit(out.HTML) {
					t.Errorf("%s in %s: %s", name, lang, finding)
				}
				for _, in := range []string{out.HTML, out.Text} {
					for _, part := range []string{"https://api.shop.example/u/x", "https://api.shop.example/p/x", r.Settings.Brand.PostalAddress} {
						if !strings.Contains(in, part) {
							t.Errorf("%s in %s lacks %s:\n%s", name, lang, part, in)
						}
					}
				}
				// Israel's Communications Law, section 30A(e)(1)(a): an advertisement says
				// so at the beginning of its subject.
				if lang == "he" && !strings.HasPrefix(out.Subject, "פרסומת") {
					t.Errorf("%s: the subject %q does not say that it is an advertisement", name, out.Subject)
				}
			}
		}
	}
}

func TestTheExampleSaysEverythingInAllItsLanguages(t *testing.T) {
	r := exampleRelease(t)
	whole := func(what string, text map[string]string) {
		for _, lang := range r.Settings.Brand.Languages {
			if text[lang] == "" {
				t.Errorf("%s has no text in %s", what, lang)
			}
		}
	}
	for name, p := range r.Plan.Purposes {
		whole("purpose "+name, p.Title)
	}
	for name, trait := range r.Plan.Traits {
		whole("trait "+name, trait.Title)
	}
	for name, title := range r.Plan.Topics {
		whole("topic "+name, title)
	}
	for _, o := range r.Offers {
		whole("offer "+o.ID, o.Title)
		whole("offer "+o.ID, o.Text)
	}
	for name, n := range r.Notices {
		whole("notice "+name, n.Text)
	}
	for name, s := range r.Surveys {
		for _, q := range s.Questions {
			whole("survey "+name, q.Ask)
			whole("survey "+name, q.Gives)
			for _, o := range q.Options {
				whole("option "+o.Value, o.Title)
			}
		}
	}
}
