package source_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/source"
)

// with is the contracts' catalog with one file replaced.
func with(t *testing.T, file, text string) fstest.MapFS {
	t.Helper()
	files := contracts(t)
	files[file] = &fstest.MapFile{Data: []byte(text)}
	return files
}

func onlyIn(file string, problems []source.Problem) string {
	var here []source.Problem
	for _, p := range problems {
		if p.File == file {
			here = append(here, p)
		}
	}
	return lines(here)
}

const hour = plan.Duration(time.Hour)

func theJourney(t *testing.T, text string) (journey.Definition, string) {
	t.Helper()
	c, problems := source.Read(with(t, "journeys/cart-abandonment.yaml", text))
	return c.Journeys[0].Def, onlyIn("journeys/cart-abandonment.yaml", problems)
}

// bare takes the places out of a definition, to compare what it says.
func bare(steps []journey.Step) []journey.Step {
	for i := range steps {
		s := &steps[i]
		s.At, s.Keys = journey.Pos{}, nil
		if s.WaitFor != nil {
			bare(s.WaitFor.Then)
			bare(s.WaitFor.Else)
		}
		for b := range s.Choose {
			s.Choose[b].At = journey.Pos{}
			bare(s.Choose[b].Do)
		}
	}
	return steps
}

func TestTheJourneyOfTheContractsIsReadWhole(t *testing.T) {
	c, _ := source.Read(contracts(t))
	got := c.Journeys[0].Def
	entry := got.Entry
	entry.At, entry.Keys = journey.Pos{}, nil
	if want := (journey.Entry{Event: "Product Added", Where: "event.price >= 20", Again: journey.Again{After: 7 * 24 * hour, From: "end"}}); !reflect.DeepEqual(entry, want) {
		t.Errorf("entry %+v", entry)
	}
	if got.Name != "cart-abandonment" || got.Purpose != "marketing" || got.Topic != "cart" || got.Holdout != 0.05 ||
		fmt.Sprint(got.Uses, got.UnlessIn) != "[personalization] [checkout-abandonment]" || got.Exit[0].Event != "Order Completed" {
		t.Errorf("journey %+v", got)
	}
	if g := got.Goal; g.Event != "Order Completed" || g.Within != 3*24*hour || g.From != "entry" {
		t.Errorf("goal %+v", g)
	}
	want := []journey.Step{
		{Wait: &journey.Wait{For: hour}},
		{Send: &journey.Send{Template: "cart-reminder", Late: &journey.Late{Kind: "drop", After: 6 * hour}}},
		{ID: "bought", WaitFor: &journey.WaitFor{Event: "Order Completed", UpTo: 24 * hour, Else: []journey.Step{{Choose: []journey.Branch{
			{When: `"outdoor" in profile.interests and count("Order Completed", "365d") > 0`, Do: []journey.Step{
				{Offer: &journey.Offer{From: "offers", Match: "profile.interests", Take: 3}},
				{Send: &journey.Send{Template: "cart-offer"}},
			}},
			{Do: []journey.Step{{Other: "split"}}},
		}}}}},
	}
	if steps := bare(got.Steps); !reflect.DeepEqual(steps, want) {
		t.Errorf("steps %+v", steps)
	}
}

func TestTheOtherFilesOfTheContractsAreReadWhole(t *testing.T) {
	c, _ := source.Read(contracts(t))
	s := c.Settings
	if s.Caps != (plan.Caps{PerDay: 1, PerWeek: 3}) || s.QuietHours != (plan.QuietHours{From: "21:00", To: "08:00", Then: "hold"}) ||
		s.Late != (plan.Late{Kind: "drop", After: 24 * hour}) || s.Fresh != hour || s.ReplyTo() != "care@shop.example" ||
		s.Sources["web"].Origins[0] != "https://shop.example" || s.Brand.PostalAddress != "1 Harbour St" {
		t.Errorf("settings %+v", s)
	}
	if cart := c.Plan.Collections["cart"]; cart.Key != "product_id" || cart.Add[0] != "Product Added" || cart.Keep != 30*24*hour {
		t.Errorf("cart %+v", cart)
	}
	if c.Plan.Events["Order Completed"].Properties["products"] != "list(object)" || c.Plan.UnknownEvents != "refuse" {
		t.Errorf("plan %+v", c.Plan)
	}
	if q := c.Surveys[0].Def.Questions[0]; fmt.Sprint(q.Values()) != "[outdoor home]" || q.Options[0].Title["he"] != "טיולים" {
		t.Errorf("question %+v", q)
	}
	if o := c.Offers[0]; o.ID != "tent-weekend" || o.Until != "2027-03-01" || o.For[0] != "outdoor" {
		t.Errorf("offer %+v", o)
	}
	if m := c.Templates[0].Meta; m.Subject["en"] != "You left {{ cart.items[0].name }} behind" || m.Defaults["profile.first_name"]["he"] != "שלום" {
		t.Errorf("template %+v", m)
	}
	if b := c.Broadcasts[0].Def; b.Audience.Except.Segment != "recent-buyers" || b.At != "2027-03-01 09:00 customer" || b.Expires != 24*hour {
		t.Errorf("broadcast %+v", b)
	}
	given := c.Tests[0].Def.Tests[0].Given
	if given[2].Properties["price"] != 90.0 || given[0].Consent.State != "granted" || given[3].At != plan.Duration(30*time.Minute) {
		t.Errorf("test %+v", given)
	}
}

const head = "purpose: marketing\nentry: {event: Product Added}\n"

func TestFormsOfSteps(t *testing.T) {
	for _, c := range []struct {
		step string
		want journey.Step
	}{
		{`{wait: 1d12h}`, journey.Step{Wait: &journey.Wait{For: 36 * hour}}},
		{`{wait: {for: 2h}}`, journey.Step{Wait: &journey.Wait{For: 2 * hour}}},
		{`{wait: {for: event.hours default 30d}}`, journey.Step{Other: "wait for"}},
		{`{wait: {until: "09:00", on: [sun, mon]}}`, journey.Step{Other: "wait until"}},
		{`{wait: until profile.renewal_date offset -7d}`, journey.Step{Other: "wait until"}},
		{`{wait: {quiet: 30m, of: Product Viewed}}`, journey.Step{Other: "wait quiet"}},
		{`{send: hello, late: send}`, journey.Step{Send: &journey.Send{Template: "hello", Late: &journey.Late{Kind: "send"}}}},
		{`{late: recheck len(cart.items) > 0, send: hello, cap: wait}`, journey.Step{Send: &journey.Send{Template: "hello", CapWait: true, Late: &journey.Late{Kind: "recheck", Recheck: "len(cart.items) > 0"}}}},
		{`{send: receipt, resend: true}`, journey.Step{Send: &journey.Send{Template: "receipt", Resend: true}}},
		{`{set: {vip: true, level: 3, brand: {from: event.brand}}}`, journey.Step{Set: map[string]journey.Set{"vip": {Value: true}, "level": {Value: 3.0}, "brand": {From: "event.brand"}}}},
		{`{offer: {from: offers}}`, journey.Step{Offer: &journey.Offer{From: "offers"}}},
		{`{end: }`, journey.Step{End: &journey.End{}}},
		{`{end: kept quiet}`, journey.Step{End: &journey.End{Reason: "kept quiet"}}},
		{`{id: x, emit: Something}`, journey.Step{ID: "x", Other: "emit"}},
		{`{call: {function: price}}`, journey.Step{Other: "call"}},
		{`{repeat: 3, do: [{wait: 1d}, {send: hello}]}`, journey.Step{Other: "repeat"}},
		{`{each: event.products, do: {send: hello}}`, journey.Step{Other: "each"}},
		{`{wait-for: {event: A, where: event.x == 1, up to: 1h}, then: {end: a}, else: [{end: b}]}`, journey.Step{WaitFor: &journey.WaitFor{
			Event: "A", Where: "event.x == 1", UpTo: hour,
			Then: []journey.Step{{End: &journey.End{Reason: "a"}}}, Else: []journey.Step{{End: &journey.End{Reason: "b"}}},
		}}},
	} {
		def, problems := theJourney(t, head+"steps:\n  - "+c.step+"\n")
		if problems != "" {
			t.Errorf("%s: %s", c.step, problems)
		}
		if got := bare(def.Steps)[0]; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s\n got %+v\nwant %+v", c.step, got, c.want)
		}
	}
}

func TestFormsOfEntriesAndExits(t *testing.T) {
	for _, c := range []struct {
		text  string
		entry journey.Entry
		exits int
	}{
		{"entry: {consent: marketing}", journey.Entry{Consent: &journey.ConsentEntry{Purpose: "marketing"}}, 0},
		{"entry: {consent: {purpose: marketing, channel: email, state: withdrawn}}", journey.Entry{Consent: &journey.ConsentEntry{Purpose: "marketing", Channel: "email", State: "withdrawn"}}, 0},
		{"entry: {profile: profile.age > 18, again: never}", journey.Entry{Profile: "profile.age > 18", Again: journey.Again{Never: true}}, 0},
		{"entry: {response: style, again: always, fresh: 2d, key: entry.x}", journey.Entry{Response: "style", Fresh: 48 * hour, Key: "entry.x"}, 0},
		{"entry: {event: A, again: after 7d from entry}\nexit: B", journey.Entry{Event: "A", Again: journey.Again{After: 168 * hour, From: "entry"}}, 1},
		{"entry: {segment: buyers}\nexit: {event: B}", journey.Entry{Other: "segment"}, 1},
		{"entry: {date: profile.birthday}\nexit: [B, {event: C, where: event.x == entry.x}]", journey.Entry{Other: "date"}, 2},
		{"entry: {schedule: every monday}", journey.Entry{Other: "schedule"}, 0},
		{"entry: {item: back in stock}", journey.Entry{Other: "item"}, 0},
		{"entry: {api: true}", journey.Entry{Other: "api"}, 0},
	} {
		def, problems := theJourney(t, "purpose: marketing\n"+c.text+"\nsteps: [{wait: 1h}]\n")
		if problems != "" {
			t.Errorf("%s: %s", c.text, problems)
		}
		def.Entry.At, def.Entry.Keys = journey.Pos{}, nil
		if !reflect.DeepEqual(def.Entry, c.entry) || len(def.Exit) != c.exits {
			t.Errorf("%s: %+v with %d exits", c.text, def.Entry, len(def.Exit))
		}
	}
}

func TestPlacesOfWhatConditionsSay(t *testing.T) {
	def, _ := theJourney(t, `purpose: marketing
entry:
  event: Product Added
  where: "event.price >= 20"
exit: {event: B, where: event.x == 1}
steps:
  - choose:
      - when: 'profile.a == 1'
        do: []
      - otherwise: [{end: }]
  - offer: {from: offers, match: profile.interests}
  - {wait-for: {event: C, up to: 1h}}
`)
	for what, c := range map[string][2]journey.Pos{
		"entry":   {def.Entry.At, {Line: 2, Col: 1}},
		"where":   {def.Entry.Keys["where"], {Line: 4, Col: 11}},
		"exit":    {def.Exit[0].Keys["where"], {Line: 5, Col: 25}},
		"when":    {def.Steps[0].Choose[0].At, {Line: 8, Col: 16}},
		"match":   {def.Steps[1].Keys["match"], {Line: 11, Col: 34}},
		"awaited": {def.Steps[2].Keys["event"], {Line: 12, Col: 24}},
		"step":    {def.Steps[2].At, {Line: 12, Col: 5}},
	} {
		if c[0] != c[1] {
			t.Errorf("%s stands at %v, want %v", what, c[0], c[1])
		}
	}
}

func TestCapsAndQuietHoursMayBeNone(t *testing.T) {
	const brand = "brand: {name: Shop}\n"
	for text, want := range map[string]plan.Settings{
		"caps: none\nquiet hours: none\n":                                {},
		"caps: {per day: none, per week: 3}\n":                           {Caps: plan.Caps{PerWeek: 3}},
		"caps: {per day: 2}\nquiet hours: {from: none, to: \"08:00\"}\n": {Caps: plan.Caps{PerDay: 2}},
		"quiet hours: {from: \"21:00\", to: \"08:00\"}\n":                {QuietHours: plan.QuietHours{From: "21:00", To: "08:00", Then: "hold"}},
		"quiet hours: {from: 22:30, to: 07:00, then: drop}\n":            {QuietHours: plan.QuietHours{From: "22:30", To: "07:00", Then: "drop"}},
		"late: send\n":             {Late: plan.Late{Kind: "send"}},
		"late: drop after 1h30m\n": {Late: plan.Late{Kind: "drop", After: hour + hour/2}},
	} {
		c, problems := source.Read(with(t, "settings.yaml", brand+text))
		if here := onlyIn("settings.yaml", problems); here != "" {
			t.Errorf("%q: %s", text, here)
		}
		if want.Late.Kind == "" {
			want.Late = plan.Late{Kind: "drop", After: 24 * hour}
		}
		if s := c.Settings; s.Caps != want.Caps || s.QuietHours != want.QuietHours || s.Late != want.Late || s.Fresh != hour || s.Brand.Zone != "UTC" {
			t.Errorf("%q: %+v", text, s)
		}
	}
}

func TestUnknownEventsMayBeKeptUnderAPurpose(t *testing.T) {
	for text, want := range map[string]string{"refuse": "", "{keep: analytics}": "analytics", `"keep: analytics"`: "analytics"} {
		c, problems := source.Read(with(t, "plan.yaml", "purposes: {analytics: {title: {en: A}, basis: consent}}\nunknown events: "+text+"\n"))
		if here := onlyIn("plan.yaml", problems); here != "" {
			t.Errorf("%s: %s", text, here)
		}
		if got, _ := c.Plan.KeepsUnknown(); got != want {
			t.Errorf("%s keeps under %q", text, got)
		}
	}
}

func TestFilesOfATemplate(t *testing.T) {
	files := contracts(t)
	for name, text := range map[string]string{
		"body.mjml": "<mjml></mjml>", "body.he.html": "<p></p>", "body.txt": "hello", "subject.he.txt": "נושא\n",
		"body.html": "<p></p>", "bodi.mjml": "x", "readme": "nothing",
	} {
		files["templates/cart-reminder/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	files["templates/stray.mjml"] = &fstest.MapFile{Data: []byte("x")}
	files["templates/empty/body.mjml"] = &fstest.MapFile{Data: []byte("x")}
	c, problems := source.Read(files)
	t1 := c.Templates[0]
	if fmt.Sprint(t1.Languages()) != "[en he]" || t1.Bodies["he"].MJML || t1.Texts["en"].Source != "hello" || t1.Meta.Subject["he"] != "נושא" {
		t.Errorf("template %+v", t1)
	}
	var got []string
	for _, p := range problems {
		if strings.HasPrefix(p.File, "templates/") {
			got = append(got, p.String())
		}
	}
	want := []string{
		`templates/cart-reminder/bodi.mjml:1:1: nothing reads "bodi.mjml" (a template has meta.yaml, body.mjml or body.html, body.txt, and body.<language>.mjml)`,
		`templates/cart-reminder/body.mjml:1:1: there is a second body in en: templates/cart-reminder/body.html (delete one of them)`,
		`templates/empty/meta.yaml:1:1: the template "empty" has no meta.yaml (write it: subject, preheader)`,
		`templates/stray.mjml:1:1: this does not belong here (a template is a folder: templates/<name>/meta.yaml and body.mjml)`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestBoundsOfACatalog(t *testing.T) {
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	for _, c := range []struct{ name, file, text, want string }{
		{"a large file", "offers.yaml", strings.Repeat("#", 257<<10), "offers.yaml:1:1: the file is 257 KB large (a catalog's files have 256 KB at most)\n"},
		{"a deep one", "offers.yaml", "a: " + deep, "offers.yaml:1:68: this is nested too deeply (at most 64 levels)\n"},
		{"two documents", "offers.yaml", "a: 1\n---\nb: 2\n", "offers.yaml:1:1: the file holds several documents (keep one, without a line of ---)\n"},
		{"an empty one", "offers.yaml", "# nothing\n", "offers.yaml:1:1: the file is empty (write something into it or delete it)\n"},
		{"a tag", "offers.yaml", "a: !!binary aGk=\n", "offers.yaml:1:4: the tag !!binary is not read (leave it out; quote a text that begins with !)\n"},
		{"an alias", "offers.yaml", "a: &x {b: *x}\n", "offers.yaml:1:4: anchors and aliases (& and *) are not read (write the value out; quote a text that begins with & or *)\n"},
		{"a merge key", "segments/outdoor-buyers.yaml", "where: a\n<<: {title: x}\n", "segments/outdoor-buyers.yaml:2:1: unknown key \"<<\" (known here: title, uses, where)\n"},
		{"a map as key", "offers.yaml", "{a: b}: c\n", "offers.yaml:1:1: a key must be one word or phrase (quote it if it holds brackets)\n"},
		{"a binary file", "offers.yaml", "\xff\xfe\x00", "offers.yaml:1:1: this is no YAML: "},
	} {
		_, problems := source.Read(with(t, c.file, c.text))
		if got := onlyIn(c.file, problems); got != c.want && !(strings.HasSuffix(c.want, ": ") && strings.HasPrefix(got, c.want)) {
			t.Errorf("%s: got\n%swant\n%s", c.name, got, c.want)
		}
	}
}

func TestACatalogOfTooManyFilesIsRefused(t *testing.T) {
	files := contracts(t)
	for i := range source.MaxFiles {
		files[fmt.Sprintf("assets/%d", i)] = &fstest.MapFile{Data: []byte("x")}
	}
	_, problems := source.Read(files)
	if got := onlyIn(".", problems); !strings.HasPrefix(got, ".:1:1: this folder is too large for a catalog") {
		t.Errorf("got %s", got)
	}
}

func TestHiddenAndForeignFilesAreLeftAlone(t *testing.T) {
	files := contracts(t)
	for _, name := range []string{".git/config.yaml", "README.md", "journeys/.swp.yaml", "assets/logo.svg", "docs/notes.txt"} {
		files[name] = &fstest.MapFile{Data: []byte("{{{")}
	}
	c, problems := source.Read(files)
	if len(problems) != 2 {
		t.Errorf("problems %s", lines(problems))
	}
	if _, ok := c.Files[".git/config.yaml"]; ok {
		t.Error("took in a hidden file")
	}
}

// FuzzRead: whatever a file holds, reading ends, and every problem names a file
// and something to read.
func FuzzRead(f *testing.F) {
	kinds := []string{
		"plan.yaml", "settings.yaml", "offers.yaml", "journeys/a.yaml", "journeys/a.test.yaml", "surveys/a.yaml", "notices/a.yaml",
		"templates/a/meta.yaml", "segments/a.yaml", "personas/a.yaml", "broadcasts/a.yaml",
	}
	for kind := range kinds {
		for _, text := range []string{"a: b", "- a", "a", "", "null", "a: [b, {c: d}]", "steps: [{choose: [{when: x, do: [{wait: {for: 1h}}]}]}]", "title: {en: x}\nquestions: [{id: a}]", "&a [*a]"} {
			f.Add(kind, text)
		}
	}
	f.Fuzz(func(t *testing.T, kind int, text string) {
		file := kinds[(kind%len(kinds)+len(kinds))%len(kinds)]
		_, problems := source.Read(fstest.MapFS{file: &fstest.MapFile{Data: []byte(text)}})
		for _, p := range problems {
			if p.File == "" || p.What == "" {
				t.Fatalf("%s: an empty problem: %+v", file, p)
			}
		}
	})
}
