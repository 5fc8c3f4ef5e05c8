package publish_test

import (
	"os"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/flow/publish"
)

func TestTheBaseCatalogHasNoProblems(t *testing.T) {
	_, problems := publish.Compile(catalogWith(t))
	for _, p := range problems {
		t.Error(p)
	}
}

// The catalog printed in CONTRACTS says more than this release runs, and lacks the
// bodies of its templates; all that is said of it is this.
func TestTheCatalogOfTheContractsAndWhatIsNotBuiltYet(t *testing.T) {
	_, problems := publish.Compile(os.DirFS("../../core/source/testdata/contracts"))
	var got strings.Builder
	for _, p := range problems {
		got.WriteString(p.String() + "\n")
	}
	const want = `broadcasts/spring.yaml:6:7: "broadcasts" is not built yet (nobody would be mailed: delete the file for now)
journeys/cart-abandonment.yaml:13:1: warning: the goal is not counted yet (it is kept with the release)
journeys/cart-abandonment.yaml:14:10: "holdout" is not built yet (delete it: everybody who enters gets the mails)
journeys/cart-abandonment.yaml:15:1: "unless in" is not built yet (delete it, or say it as a condition in entry where)
journeys/cart-abandonment.yaml:27:23: there is no template "cart-offer" (known: cart-reminder)
journeys/cart-abandonment.yaml:29:17: "split" is not built yet (this release runs wait, wait-for, choose, send, set, offer and end)
plan.yaml:23:55: warning: plan.yaml declares no event "Product Removed", so it never comes (known: Order Completed, Product Added)
templates/cart-reminder/meta.yaml:2:1: the template "cart-reminder" has no body in en, the brand's first language (write body.mjml)
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

// Each case changes the base catalog in one place and expects exactly these
// lines. The number of a checklist item stands where a case covers it: TestA24,
// TestA27, TestA28, TestA30, TestB15, TestI04 and TestJ14 are among them.
var mistakes = []struct {
	name    string
	changes []change
	want    string
}{
	// What can't be read.
	{"a misspelt key", []change{{"plan.yaml", "origin: first", "orign: first"}},
		"plan.yaml:6:3: `origin` is missing (add it)\n" +
			"plan.yaml:6:24: unknown key \"orign\" (did you mean origin?)"},
	{"a misspelt verb", []change{{"journeys/cart.yaml", "  - wait: 1h", "  - wiat: 1h"}},
		`journeys/cart.yaml:12:5: unknown key "wiat" (did you mean wait?)`},
	{"two verbs", []change{{"journeys/cart.yaml", "  - wait: 1h", "  - wait: 1h\n    send: reminder"}},
		"journeys/cart.yaml:13:5: a step has one verb, not wait and send (write two steps, each with its own -)"},
	{"a key beside the wrong verb", []change{{"journeys/cart.yaml", "  - wait: 1h", "  - wait: 1h\n    late: send"}},
		`journeys/cart.yaml:13:11: "late" does not belong beside "wait" (look at its indentation)`},
	{"no duration", []change{{"journeys/cart.yaml", "wait: 1h", "wait: an hour"}},
		`journeys/cart.yaml:12:11: "an hour" is no duration (write a number and s, m, h, d or w, for example 1h)`},
	{"a key twice", []change{{"journeys/cart.yaml", "topic: cart", "topic: cart\ntopic: cart"}},
		`journeys/cart.yaml:5:1: the key "topic" stands here twice (keep one of them)`},
	{"an anchor", []change{{"offers.yaml", "[outdoor]", "&all [outdoor]"}},
		"offers.yaml:1:93: anchors and aliases (& and *) are not read (write the value out; quote a text that begins with & or *)"},
	{"no YAML", []change{{"offers.yaml", "", "tent: {title: [\n"}},
		"offers.yaml:1:1: this is no YAML: did not find expected node content (check the indentation, the quotes and the colons)"},
	{"an unknown folder", []change{{"journey/x.yaml", "", "name: x\n"}},
		`journey/x.yaml:1:1: nothing reads the folder "journey" (did you mean journeys?)`},
	{"a misspelt file", []change{{"setings.yaml", "", "brand: {}\n"}},
		"setings.yaml:1:1: nothing reads this file (did you mean settings.yaml?)"},
	{"no settings", []change{{"settings.yaml", "", ""}},
		"settings.yaml:1:1: the catalog has no settings.yaml (write it: brand, sender, caps)"},
	{"bad values in settings", []change{{"settings.yaml", "", `brand: {name: Shop, postal address: x, languages: [en, he], zone: Asia/Jerusalm}
sender: {marketing: news at shop, service: o@shop.example}
caps: {per day: 0}
quiet hours: {from: 9pm, to: "08:00"}
late: drop 24h
`}},
		`settings.yaml:1:67: "Asia/Jerusalm" is no time zone (write its IANA name, like Asia/Jerusalem)
settings.yaml:2:21: "news at shop" is no sender (write it like Shop <news@mail.shop.example>)
settings.yaml:3:17: "0" is no count (write a whole number from 1 on)
settings.yaml:4:21: "9pm" is no time of day (write it like "21:00")
settings.yaml:5:7: "drop 24h" is no rule for late messages (write send, or drop after 24h)`},

	{"an event that Kesher does not tell", []change{{"settings.yaml", "caps:", "emit: [Email Deliverd, Order Completed]\ncaps:"}},
		"settings.yaml:3:8: \"Email Deliverd\" is not known here (did you mean Email Delivered?)\n" +
			"settings.yaml:3:24: \"Order Completed\" is not known here (known here: Email Delivered, Email Opened, Email Link Clicked, Email Bounced, " +
			"Email Marked as Spam, Unsubscribed, Consent Granted, Consent Withdrawn, Survey Answered, Customer Erased, Message Skipped)"},

	// The plan.
	{"A27 a trait without purposes", []change{{"plan.yaml", "origin: zero, purposes: [service, marketing]", "origin: zero, purposes: []"}},
		`plan.yaml:7:3: "first_name" has no purposes (say what it may be used for)` + "\n" +
			`templates/reminder/body.he.html:1:1: cart may not read profile.first_name: its purposes are [] (add one of them to the journey's ` + "`uses`)\n" +
			`templates/reminder/body.html:1:1: cart may not read profile.first_name: its purposes are [] (add one of them to the journey's ` + "`uses`)"},
	{"a misspelt purpose", []change{{"plan.yaml", "Order Completed: {purposes: [service, marketing]", "Order Completed: {purposes: [service, marketting]"}},
		`plan.yaml:13:41: plan.yaml declares no purpose "marketting" (did you mean marketing?)`},
	{"I04 a banner's category for contact", []change{{"plan.yaml", "topics:", "consent categories: {Advertising: marketing}\ntopics:"}},
		`plan.yaml:15:35: a banner's category can't stand for "marketing", which contacts people (map it to a purpose without contact: permission to contact needs a notice)`},
	{"a cart without its key", []change{{"plan.yaml", "key: product_id", "key: sku"}},
		`plan.yaml:17:15: Product Added has no property "sku" (known: name, price, product_id)`},
	{"a cart that looks back too far", []change{{"plan.yaml", "keep: 30d", "keep: 500d"}},
		"plan.yaml:17:102: it looks back 500d, but Product Added is kept for 400d (keep the event longer, or look back less far)"},
	{"an unknown type", []change{{"plan.yaml", "price: number", "price: nubmer"}},
		`plan.yaml:11:114: there is no type "nubmer" (did you mean number?)`},

	{"what the shop sells, in a template", []change{{"templates/reminder/body.html", "{{ profile.first_name }}", "{{ items.p1.title }}"}},
		`templates/reminder/body.html:1:1: "items" is not built yet in templates (print what the fact or a collection holds, such as cart.items)`},

	// Journeys.
	{"a second try for what may be left out", []change{{"journeys/cart.yaml", "  - send: reminder\n  - wait: 1d", "  - send: reminder\n    resend: true\n  - wait: 1d"}},
		`journeys/cart.yaml:14:13: only a service mail may leave a second time, and this journey's purpose is marketing (delete resend)`},
	{"no word for a second try", []change{{"journeys/cart.yaml", "  - send: reminder\n  - wait: 1d", "  - send: reminder\n    resend: once\n  - wait: 1d"}},
		`journeys/cart.yaml:14:13: "once" is neither true nor false`},
	{"no purpose, no publish", []change{{"journeys/cart.yaml", "purpose: marketing\n", ""}},
		"journeys/cart.yaml:1:1: `purpose` is missing (add it)"},
	{"an unknown purpose", []change{{"journeys/cart.yaml", "purpose: marketing", "purpose: marketin"}},
		`journeys/cart.yaml:2:10: plan.yaml declares no purpose "marketin" (did you mean marketing?)`},
	{"a misspelt event is told once", []change{{"journeys/cart.yaml", "event: Product Added", "event: Product Aded"}},
		`journeys/cart.yaml:6:10: plan.yaml declares no event "Product Aded" (did you mean Product Added?)`},
	{"a purpose that contacts nobody", []change{{"journeys/cart.yaml", "purpose: marketing\nuses: [personalization]", "purpose: personalization\nuses: [marketing]"}},
		`journeys/cart.yaml:2:10: the purpose "personalization" contacts nobody, but the journey sends mails (choose a purpose with contact: [email]; name this one in ` + "`uses`)\n" +
			`settings.yaml:2:1: there is no sender for "personalization", and journeys/cart.yaml sends for it (add personalization: Shop <address>)`},
	{"no sender", []change{{"settings.yaml", "marketing: Shop <news@shop.example>, ", ""}},
		`settings.yaml:2:1: there is no sender for "marketing", and journeys/cart.yaml sends for it (add marketing: Shop <address>)`},
	{"an unknown topic", []change{{"journeys/cart.yaml", "topic: cart", "topic: carts"}},
		`journeys/cart.yaml:4:8: plan.yaml declares no topic "carts" (did you mean cart?)`},
	{"an unknown event", []change{{"journeys/cart.yaml", "event: Product Added", "event: Product Aded"}, {"journeys/cart.yaml", "  where: event.price >= 20\n", ""}},
		`journeys/cart.yaml:6:10: plan.yaml declares no event "Product Aded" (did you mean Product Added?)`},
	{"an unknown template", []change{{"journeys/cart.yaml", "send: reminder", "send: remindr"}},
		`journeys/cart.yaml:13:11: there is no template "remindr" (did you mean reminder?)`},
	{"the name of a built-in journey", []change{{"journeys/cart.yaml", "name: cart", "name: confirm"}},
		`journeys/cart.yaml:1:7: a journey can't be called "confirm" (Kesher has one of that name)`},
	{"A24 a condition on opens", []change{{"journeys/cart.yaml", "event: Order Completed", "event: Email Opened"}},
		"journeys/cart.yaml:10:12: journeys never branch on Email Opened (mail programs open and click by themselves)"},
	{"A24 a condition that counts opens", []change{{"journeys/cart.yaml", "where: event.price >= 20", "where: count(\"Email Opened\", \"7d\") > 0"}},
		`journeys/cart.yaml:7:16: no event "Email Opened" can be seen here (declare it in plan.yaml, or add one of its purposes to uses)`},
	{"A28 a condition on a trait of another purpose", []change{{"journeys/cart.yaml", "uses: [personalization]\n", ""}, {"journeys/cart.yaml", "event: Product Added\n  where: event.price >= 20", "event: Order Completed"}},
		"journeys/cart.yaml:13:42: profile.interests can't be read here: its purposes (personalization) are neither this journey's purpose nor in its uses"},
	{"A30 a condition on a sensitive trait", []change{{"journeys/cart.yaml", "where: event.price >= 20", "where: profile.illness == \"flu\""}},
		"journeys/cart.yaml:7:18: profile.illness can't be read here: it is sensitive and never used in conditions"},
	{"J14 a window longer than retention", []change{{"journeys/cart.yaml", "where: event.price >= 20", "where: count(\"Product Added\", \"500d\") > 1"}},
		`journeys/cart.yaml:7:33: "Product Added" is kept for 400d, and this looks back 500d (look back less far, or let plan.yaml keep it longer)`},
	{"a list compared with a number", []change{{"journeys/cart.yaml", "where: event.price >= 20", "where: profile.interests >= 20"}},
		`journeys/cart.yaml:7:28: a list can't be compared with a number (ask "x" in the list, or compare len(...) with a number)`},
	{"I05 an exit that can't be stored for everyone", []change{{"plan.yaml", "Order Completed: {purposes: [service, marketing]", "Order Completed: {purposes: [marketing]"}},
		`journeys/cart.yaml:10:12: "Order Completed" can't be stored for everyone who can enter: somebody who permits only personalization (add personalization, or a purpose with basis: contract, to the event's purposes in plan.yaml)`},
	{"steps behind the end", []change{{"journeys/cart.yaml", "  - wait: 1h\n", "  - end:\n  - wait: 1h\n"}},
		"journeys/cart.yaml:13:5: this step is never reached (the run has ended above it: move it up or delete it)"},
	{"an id twice", []change{{"journeys/cart.yaml", "  - wait: 1h\n", "  - {id: a, wait: 1h}\n  - {id: a, wait: 2h}\n"}},
		`journeys/cart.yaml:13:10: a second step has the id "a" (ids are counted and reported by: give each step its own)`},
	{"offers that nobody wrote", []change{{"offers.yaml", "", ""}},
		"journeys/cart.yaml:15:5: there are no offers to take (write offers.yaml)"},
	{"two journeys of one name", []change{{"journeys/other.yaml", "", "name: cart\npurpose: marketing\nentry: {event: Order Completed}\nsteps: [{wait: 1h}]\n"}},
		`journeys/other.yaml:1:7: journeys/cart.yaml has the name "cart" too (give each journey its own)`},
	{"a split", []change{{"journeys/cart.yaml", "  - wait: 1d\n", "  - split: {arms: {a: {weight: 1, do: [{end: x}]}, b: {weight: 1}}}\n"}},
		`journeys/cart.yaml:14:5: "split" is not built yet (this release runs wait, wait-for, choose, send, set, offer and end)`},
	{"a quiet wait", []change{{"journeys/cart.yaml", "wait: 1d", "wait: {quiet: 30m, of: Product Added}"}},
		`journeys/cart.yaml:14:5: "wait quiet" is not built yet (this release runs wait, wait-for, choose, send, set, offer and end)`},
	{"an entry by date", []change{{"journeys/cart.yaml", "event: Product Added\n  where: event.price >= 20", "date: profile.birthday"}},
		"journeys/cart.yaml:5:1: entry by date is not built yet (this release enters by event, profile, response or consent)"},
	{"J05 journeys that start each other by their mails", []change{
		{"journeys/a.yaml", "", "purpose: marketing\nentry: {event: Email Delivered}\nsteps: [{send: reminder}]\n"},
		{"journeys/b.yaml", "", "purpose: marketing\nentry: {event: Message Skipped}\nsteps: [{send: reminder}]\n"}},
		`journeys/a.yaml:3:16: warning: a and b can start each other round and round (let one of them enter by something else; a chain of 8 is parked)` + "\n" +
			`journeys/b.yaml:3:16: warning: b and a can start each other round and round (let one of them enter by something else; a chain of 8 is parked)`},
	{"J05 journeys that start each other", []change{
		{"plan.yaml", "  illness:", "  tier: {type: string, origin: derived, purposes: [marketing]}\n  illness:"},
		{"journeys/a.yaml", "", "purpose: marketing\nentry: {profile: profile.tier == \"silver\"}\nsteps: [{set: {tier: gold}}]\n"},
		{"journeys/b.yaml", "", "purpose: marketing\nentry: {profile: profile.tier == \"gold\"}\nsteps: [{set: {tier: silver}}]\n"}},
		`journeys/a.yaml:3:22: warning: a and b can start each other round and round (let one of them enter by something else; a chain of 8 is parked)` + "\n" +
			`journeys/b.yaml:3:22: warning: b and a can start each other round and round (let one of them enter by something else; a chain of 8 is parked)`},
	{"a journey that starts only another", []change{
		{"plan.yaml", "  illness:", "  tier: {type: string, origin: derived, purposes: [marketing]}\n  illness:"},
		{"journeys/a.yaml", "", "purpose: marketing\nentry: {profile: profile.tier == \"silver\"}\nsteps: [{wait: 1h}]\n"},
		{"journeys/b.yaml", "", "purpose: marketing\nentry: {event: Order Completed}\nsteps: [{set: {tier: silver}}]\n"}},
		""},

	// Templates.
	{"a variable without a default", []change{{"templates/reminder/meta.yaml", "defaults: {profile.first_name: {en: there, he: שלום}}\n", ""}},
		`templates/reminder/body.he.html:1:1: profile.first_name prints nothing for a customer without it (give a default: in meta.yaml defaults: {profile.first_name: {en: ...}}, or {{ profile.first_name | default: "..." }})` + "\n" +
			`templates/reminder/body.html:1:1: profile.first_name prints nothing for a customer without it (give a default: in meta.yaml defaults: {profile.first_name: {en: ...}}, or {{ profile.first_name | default: "..." }})`},
	{"a misspelt trait", []change{{"templates/reminder/body.html", "profile.first_name", "profile.frist_name"}},
		`templates/reminder/body.html:1:1: plan.yaml declares no trait "frist_name" (did you mean first_name?)`},
	{"A28 a trait the journey may not read", []change{{"templates/reminder/body.html", "Hello", "{{ profile.interests | join: ', ' | default: '' }}"}, {"journeys/cart.yaml", "uses: [personalization]\n", ""}, {"journeys/cart.yaml", "event: Product Added\n  where: event.price >= 20", "event: Order Completed"}, {"journeys/cart.yaml", "match: profile.interests", "take: 1"}},
		"templates/reminder/body.html:1:1: cart may not read profile.interests: its purposes are [personalization] (add one of them to the journey's `uses`)"},
	{"an unknown name", []change{{"templates/reminder/body.html", "Hello", "{{ profil.first_name }}"}},
		`templates/reminder/body.html:1:1: templates know no "profil" (did you mean profile?)`},
	{"a property the entry does not have", []change{{"templates/reminder/body.html", "Hello", "{{ entry.nmae }}"}},
		`templates/reminder/body.html:1:1: entry.nmae: the fact that starts cart has no "nmae" (did you mean name?)`},
	{"a property the cart does not have", []change{{"templates/reminder/body.html", "Hello", "\n{% for i in cart.items %}{{ i.nmae }}{% endfor %}"}},
		`templates/reminder/body.html:2:1: cart.items[].nmae: its events have no property "nmae" (did you mean name?)`},
	{"no body in the first language", []change{{"templates/reminder/body.html", "", ""}},
		`templates/reminder/meta.yaml:1:1: the template "reminder" has no body in en, the brand's first language (write body.mjml)`},
	{"no body in another language", []change{{"templates/reminder/body.he.html", "", ""}},
		`templates/reminder/meta.yaml:1:1: warning: the template "reminder" has no body in he (write body.he.mjml; until then it is sent in en)`},
	{"no subject", []change{{"templates/reminder/meta.yaml", "subject: {en: Your cart, he: העגלה}\n", ""}},
		"templates/reminder/meta.yaml:1:1: `subject` is missing (add it)"},
	{"B15 a body too large", []change{{"templates/reminder/body.html", "Hello", strings.Repeat("Hello ", 20_000)}},
		"templates/reminder/body.html:1:1: the body makes 117 KB of HTML (mail programs cut off what is larger than 100 KB: shorten it)"},
	{"an open block", []change{{"templates/reminder/body.html", "Hello", "{% if profile.first_name %}"}},
		"templates/reminder/body.html:1:1: body {% if profile.first_name %} is never closed (write {% endif %})"},
	{"B17 a mail that not everybody can read", []change{{"templates/reminder/body.html", "<p>Hello", "<p>\n  <img src=\"https://shop.example/a?b=1&amp;c=2\"></p>\n<p style=\"color:#999\">Hello"}},
		`templates/reminder/body.html:2:13: warning: image: <img src="https://shop.example/a?b=1&c=2"> has no alt (alt="" where it only decorates)` + "\n" +
			`templates/reminder/body.html:3:23: warning: contrast: "Hello {{ profile.first_name }}" is #999999 on #ffffff, 2.8:1 (at least 4.5:1)`},
	{"B17 the same in MJML", []change{{"templates/reminder/body.html", "", ""}, {"templates/reminder/body.mjml", "", `<mjml>
  <mj-body>
    <mj-section><mj-column>
      <mj-text color="#999999">Hello{% if profile.first_name %} {{ profile.first_name }}{% endif %}, your cart</mj-text>
      <mj-image src="https://shop.example/a.png" href="https://shop.example/a" />
    </mj-column></mj-section>
  </mj-body>
</mjml>
`}},
		`templates/reminder/body.mjml:4:65: warning: contrast: "Hello {{ profile.first_name }}" is #999999 on #ffffff, 2.8:1 (at least 4.5:1)` + "\n" +
			`templates/reminder/body.mjml:5:22: warning: link: the link to "https://shop.example/a" has no words and no alt`},

	// Surveys, notices, offers.
	{"a survey for no known purpose", []change{{"surveys/style.yaml", "purpose: personalization", "purpose: personalisation"}},
		`surveys/style.yaml:2:10: plan.yaml declares no purpose "personalisation" (did you mean personalization?)` + "\n" +
			`surveys/style.yaml:8:12: answers are given for personalisation, which the trait "interests" may not be used for (add it to the trait's purposes, or use another trait)`},
	{"a choice without options", []change{{"surveys/style.yaml", "    options: {outdoor: {en: Outdoor}, home: {en: Home}}\n", ""}},
		"surveys/style.yaml:4:5: the question \"interests\" has no options (add `options`: a choice needs something to choose from)"},
	{"an option the trait can't have", []change{{"surveys/style.yaml", "outdoor: {en: Outdoor}", "outdor: {en: Outdoor}"}},
		`surveys/style.yaml:7:15: the trait "interests" can't have the value "outdor" (did you mean outdoor?)`},
	{"an answer that does not fit", []change{{"surveys/style.yaml", "trait: interests", "trait: first_name"}},
		`surveys/style.yaml:8:12: an answer of type choices (list(string)) does not fit the trait "first_name" (string) (change the question's type or the trait's)` + "\n" +
			`surveys/style.yaml:8:12: answers are given for personalization, which the trait "first_name" may not be used for (add it to the trait's purposes, or use another trait)`},
	{"a notice for a channel the purpose has not", []change{{"notices/newsletter.yaml", "{purpose: personalization}", "{purpose: personalization, channel: email}"}},
		"notices/newsletter.yaml:1:84: the purpose \"personalization\" does not contact by email (add the channel to the purpose's `contact`, or delete it here)"},
	{"an offer that leads nowhere", []change{{"offers.yaml", "https://shop.example/tents", "shop.example/tents"}},
		`offers.yaml:1:59: "shop.example/tents" is no web address (write it in full, with https://)`},
	{"an offer for nobody", []change{{"offers.yaml", "for: [outdoor]", "for: [outdor]"}},
		`offers.yaml:1:94: nobody can declare "outdor", so nobody gets this for it (did you mean outdoor?)`},
	{"an offer matched by what nobody lists the values of", []change{{"offers.yaml", "for: [outdoor]", "for: [outdor]"}, {"journeys/cart.yaml", "match: profile.interests", "match: entry.name"}},
		`offers.yaml:1:94: warning: no trait lists the value "outdor", so perhaps nobody gets this (did you mean outdoor?)`},
	{"a text only in the second language", []change{{"notices/newsletter.yaml", "{en: Send me offers.}", "{he: כן}"}},
		"notices/newsletter.yaml:2:1: there is no text in en, the brand's first language (add en: ...)"},
	{"a language that Kesher does not speak", []change{{"settings.yaml", "languages: [en, he]", "languages: [en, he, fr-CA]"}},
		`settings.yaml:1:71: warning: Kesher has no words of its own in "fr-CA": footers, pages and confirmations are in English there (see that your customers, and the law, accept that)` + "\n" +
			`templates/reminder/meta.yaml:1:1: warning: the template "reminder" has no body in fr-CA (write body.fr-CA.mjml; until then it is sent in en)`},
	{"a language that the brand does not speak", []change{{"notices/newsletter.yaml", "{en: Send me offers.}", "{en: Yes, fr: Oui}"}},
		`notices/newsletter.yaml:2:21: warning: nobody reads this: the brand does not speak "fr" (known: en, he)`},
}

// Among them J14, and I05: no exit may be refused for somebody who can enter, so a
// refusal causes no mail.
func TestCheckSaysWhereWhatAndWhatToDo(t *testing.T) {
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			_, problems := publish.Compile(catalogWith(t, m.changes...))
			var got []string
			for _, p := range problems {
				got = append(got, p.String())
			}
			if all := strings.Join(got, "\n"); all != m.want {
				t.Errorf("got\n%s\nwant\n%s", all, m.want)
			}
		})
	}
}
