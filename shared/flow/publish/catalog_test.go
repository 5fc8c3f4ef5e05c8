package publish_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kesher-io/kesher/shared/flow/publish"
)

// base is a small catalog without problems; tests change one place of it.
var base = map[string]string{
	"plan.yaml": `purposes:
  marketing: {title: {en: Offers}, contact: [email], basis: consent}
  personalization: {title: {en: Fit}, basis: consent}
  service: {title: {en: Orders}, contact: [email], basis: contract}
traits:
  email: {type: email, origin: first, purposes: [service, marketing]}
  first_name: {type: string, origin: zero, purposes: [service, marketing]}
  interests: {type: list(string), values: [outdoor, home], origin: zero, purposes: [personalization]}
  illness: {type: string, origin: zero, purposes: [marketing], sensitive: true}
events:
  Product Added: {purposes: [personalization], keep: 400d, properties: {product_id: string, name: string, price: number}}
  Product Removed: {purposes: [personalization], keep: 400d, properties: {product_id: string}}
  Order Completed: {purposes: [service, marketing], keep: 730d, properties: {order_id: string, revenue: number}}
  Email Opened: {purposes: [marketing], properties: {}}
topics: {cart: {en: Your cart}}
collections:
  cart: {key: product_id, add: Product Added, remove: Product Removed, clear: Order Completed, keep: 30d}
`,
	"settings.yaml": `brand: {name: Shop, postal address: 1 Harbour St, languages: [en, he], zone: Asia/Jerusalem}
sender: {marketing: Shop <news@shop.example>, service: Shop <orders@shop.example>}
caps: {per day: 1, per week: 3}
`,
	"offers.yaml": `tent: {title: {en: Tents}, text: {en: All of them}, url: "https://shop.example/tents", for: [outdoor]}
`,
	"surveys/style.yaml": `title: {en: Style}
purpose: personalization
questions:
  - id: interests
    ask: {en: Which}
    type: choices
    options: {outdoor: {en: Outdoor}, home: {en: Home}}
    trait: interests
`,
	"notices/newsletter.yaml": `grants: [{purpose: marketing, channel: email}, {purpose: personalization}]
text: {en: Send me offers.}
`,
	"templates/reminder/meta.yaml": `subject: {en: Your cart, he: העגלה}
defaults: {profile.first_name: {en: there, he: שלום}}
`,
	"templates/reminder/body.html":    "<p>Hello {{ profile.first_name }}</p>\n",
	"templates/reminder/body.he.html": "<p>{{ profile.first_name }}</p>\n",
	"journeys/cart.yaml": `name: cart
purpose: marketing
uses: [personalization]
topic: cart
entry:
  event: Product Added
  where: event.price >= 20
  again: after 7d from end
exit:
  - event: Order Completed
steps:
  - wait: 1h
  - send: reminder
  - wait: 1d
  - offer: {from: offers, match: profile.interests}
  - send: reminder
`,
}

// change is one replacement in a file of base; an empty old one replaces all.
type change struct{ file, old, new string }

func catalogWith(t *testing.T, changes ...change) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	for name, text := range base {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	for _, c := range changes {
		text := c.new
		if c.old != "" {
			before := string(files[c.file].Data)
			if !strings.Contains(before, c.old) {
				t.Fatalf("%s does not hold %q", c.file, c.old)
			}
			text = strings.Replace(before, c.old, c.new, 1)
		}
		files[c.file] = &fstest.MapFile{Data: []byte(text)}
		if text == "" {
			delete(files, c.file)
		}
	}
	return files
}

func compiled(t *testing.T, changes ...change) *publish.Candidate {
	t.Helper()
	c, problems := publish.Compile(catalogWith(t, changes...))
	if c == nil {
		t.Fatalf("problems: %v", problems)
	}
	return c
}
