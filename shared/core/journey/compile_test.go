package journey_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/survey"
)

var names = journey.Names{
	Plan: &plan.Plan{
		Traits: map[string]plan.Trait{
			"vip":    {Type: "boolean", Purposes: []string{"marketing"}},
			"health": {Type: "string", Purposes: []string{"marketing"}, Sensitive: true},
			"taste":  {Type: "string", Purposes: []string{"personalization"}},
		},
		Events: map[string]plan.Event{
			"Product Added":   {Purposes: []string{"marketing"}, Properties: map[string]plan.Type{"price": "number", "cart_id": "string"}},
			"Product Viewed":  {Purposes: []string{"personalization"}},
			"Order Completed": {Purposes: []string{"marketing"}, Keep: plan.Duration(24 * time.Hour), Properties: map[string]plan.Type{"revenue": "number"}},
			"Email Opened":    {Purposes: []string{"marketing"}},

			"Email Link Clicked": {Purposes: []string{"marketing"}},
		},
		Collections: map[string]plan.Collection{
			"cart":    {Key: "cart_id", Add: plan.StringList{"Product Added"}},
			"opened":  {Key: "email_id", Add: plan.StringList{"Email Opened"}},
			"ignored": {Key: "email_id", Add: plan.StringList{"Product Added"}, Clear: plan.StringList{"Email Link Clicked"}},
		},
	},
	Surveys: map[string]*survey.Survey{"style": {Purpose: "marketing", Questions: []survey.Question{{ID: "size", Type: survey.Number}}}},
}

func definition(change func(*journey.Definition)) journey.Definition {
	def := journey.Definition{
		Name: "j", Purpose: "marketing", Entry: journey.Entry{Event: "Product Added"},
		Steps: []journey.Step{{Send: &journey.Send{Template: "hello"}}},
	}
	if change != nil {
		change(&def)
	}
	return def
}

func hour(n int) plan.Duration { return plan.Duration(time.Duration(n) * time.Hour) }

// Each fault is found, and said with what to do.
func TestFaultsAreNamed(t *testing.T) {
	step := func(s journey.Step) func(*journey.Definition) {
		return func(d *journey.Definition) { d.Steps = []journey.Step{s, {Wait: &journey.Wait{For: hour(1)}}} }
	}
	for _, c := range []struct {
		name   string
		change func(*journey.Definition)
		want   string
	}{
		{"no steps", func(d *journey.Definition) { d.Steps = nil }, "has no steps"},
		{"no entry", func(d *journey.Definition) { d.Entry = journey.Entry{} }, "names no fact"},
		{"entry of later", func(d *journey.Definition) { d.Entry = journey.Entry{Other: "segment"} }, "not built yet"},
		{"unknown event", func(d *journey.Definition) { d.Entry.Event = "Product Aded" }, `did you mean Product Added`},
		{"unknown survey", func(d *journey.Definition) { d.Entry = journey.Entry{Response: "stile"} }, "did you mean style"},
		{"hidden event", func(d *journey.Definition) { d.Entry.Event = "Product Viewed" }, "may not see"},
		{"A28 hidden trait", func(d *journey.Definition) { d.Entry.Where = `profile.taste == "x"` }, "purposes (personalization)"},
		{"A30 sensitive trait", func(d *journey.Definition) { d.Entry.Where = `profile.health == "x"` }, "sensitive"},
		{"A24 entry by an open", func(d *journey.Definition) { d.Entry.Event = "Email Opened" }, "never branch on"},
		{"A24 exit by an open", func(d *journey.Definition) { d.Exit = []journey.Exit{{Event: "Email Opened"}} }, "never branch on"},
		{"A24 wait for an open", step(journey.Step{WaitFor: &journey.WaitFor{Event: "Email Opened", UpTo: hour(1)}}), "never branch on"},
		{"J14 window", func(d *journey.Definition) { d.Entry.Where = `count("Order Completed", "2d") > 0` }, "kept"},
		{"key of the profile", func(d *journey.Definition) { d.Entry.Key = "profile.vip" }, "entry fact alone"},
		{"unreached step", step(journey.Step{End: &journey.End{}}), "never reached"},
		{"unreached after all branches end", step(journey.Step{Choose: []journey.Branch{
			{When: "event.price > 1", Do: []journey.Step{{End: &journey.End{}}}}, {Do: []journey.Step{{End: &journey.End{}}}}}}), "never reached"},
		{"endless wait-for", step(journey.Step{WaitFor: &journey.WaitFor{Event: "Order Completed"}}), "can't end without"},
		{"otherwise first", step(journey.Step{Choose: []journey.Branch{{}, {When: "event.price > 1"}}}), "must be the last"},
		{"no verb", step(journey.Step{}), "has no verb"},
		{"verb of later", step(journey.Step{Other: "split"}), `"split" is not built yet`},
		{"twice the same id", func(d *journey.Definition) {
			d.Steps = []journey.Step{{ID: "a", Wait: &journey.Wait{For: hour(1)}}, {ID: "a", Wait: &journey.Wait{For: hour(1)}}}
		}, `the id "a"`},
		{"set of no trait", step(journey.Step{Set: map[string]journey.Set{"vipp": {Value: true}}}), `no trait "vipp"`},
		{"set of a wrong type", step(journey.Step{Set: map[string]journey.Set{"vip": {Value: "yes"}}}), "must be true or false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, problems := journey.Compile(definition(c.change), names)
			if j != nil || !strings.Contains(fmt.Sprint(problems), c.want) {
				t.Fatalf("problems %v, want %q", problems, c.want)
			}
		})
	}
}

// A24: nothing moves a customer by opens and clicks, which machines cause as well,
// wherever it stands and also where a plan declares them.
func TestA24NoJourneyBranchesOnOpens(t *testing.T) {
	compiles := func(change func(*journey.Definition)) bool {
		_, problems := journey.Compile(definition(change), names)
		return problems == nil
	}
	if !compiles(func(d *journey.Definition) { d.Entry.Where = `len(cart.items) > 0 and count("Product Added") > 0` }) {
		t.Fatal("nothing compiles, so this test shows nothing")
	}
	steps := func(s ...journey.Step) func(*journey.Definition) {
		return func(d *journey.Definition) { d.Steps = append(s, d.Steps...) }
	}
	for _, event := range []string{"Email Opened", "Email Link Clicked"} {
		ever := fmt.Sprintf("count(%q) > 0", event)
		for name, change := range map[string]func(*journey.Definition){
			"entry":                func(d *journey.Definition) { d.Entry.Event = event },
			"exit":                 func(d *journey.Definition) { d.Exit = []journey.Exit{{Event: event}} },
			"wait-for":             steps(journey.Step{WaitFor: &journey.WaitFor{Event: event, UpTo: hour(1)}}),
			"where of the entry":   func(d *journey.Definition) { d.Entry.Where = ever },
			"entry by the profile": func(d *journey.Definition) { d.Entry = journey.Entry{Profile: ever} },
			"where of an exit":     func(d *journey.Definition) { d.Exit = []journey.Exit{{Event: "Order Completed", Where: ever}} },
			"where of a wait-for":  steps(journey.Step{WaitFor: &journey.WaitFor{Event: "Order Completed", Where: ever, UpTo: hour(1)}}),
			"choose": steps(journey.Step{Choose: []journey.Branch{{
				When: fmt.Sprintf("last(%q) != null", event), Do: []journey.Step{{Wait: &journey.Wait{For: hour(1)}}}}}}),
			"a collection": func(d *journey.Definition) {
				d.Entry.Where = map[string]string{"Email Opened": "len(opened.items) > 0", "Email Link Clicked": "len(ignored.items) > 0"}[event]
			},
			"recheck": func(d *journey.Definition) {
				d.Steps[0].Send.Late = &journey.Late{Kind: "recheck", Recheck: ever}
			},
		} {
			if compiles(change) {
				t.Errorf("%s by %s passes", name, event)
			}
		}
	}
}

func TestStepsGetIdsInTheOrderOfTheText(t *testing.T) {
	send := journey.Step{Send: &journey.Send{Template: "hello"}}
	j, problems := journey.Compile(definition(func(d *journey.Definition) {
		d.Steps = []journey.Step{
			{WaitFor: &journey.WaitFor{Event: "Order Completed", UpTo: hour(24), Then: []journey.Step{send}}},
			send, {ID: "mine", Send: send.Send}, {Wait: &journey.Wait{For: hour(24 * 7)}},
		}
	}), names)
	if problems != nil {
		t.Fatal(problems)
	}
	for _, id := range []string{"wait-for-order-completed", "send-hello", "send-hello-2", "mine", "wait-7d"} {
		if _, ok := j.Node(id); !ok {
			t.Errorf("no step %s", id)
		}
	}
	if then, _ := j.Node("wait-for-order-completed"); j.Nodes[then.Then].ID != "send-hello" {
		t.Error("the step inside then is not the first of its name")
	}
}

func TestVersionFollowsTheTextAndNothingElse(t *testing.T) {
	version := func(change func(*journey.Definition)) string {
		j, problems := journey.Compile(definition(change), names)
		if problems != nil {
			t.Fatal(problems)
		}
		return j.Version
	}
	same := version(func(d *journey.Definition) { d.At, d.Keys = journey.Pos{Line: 7}, map[string]journey.Pos{"a": {}} })
	if version(nil) != same {
		t.Error("where the text stands changed the version")
	}
	if version(nil) == version(func(d *journey.Definition) { d.Steps[0].Send = &journey.Send{Template: "bye"} }) {
		t.Error("another text has the same version")
	}
}

// What event.* may hold after two ways met is what either may have brought.
func TestEventAfterAWaitForHoldsWhatEitherBrought(t *testing.T) {
	_, problems := journey.Compile(definition(func(d *journey.Definition) {
		d.Steps = []journey.Step{
			{WaitFor: &journey.WaitFor{Event: "Order Completed", UpTo: hour(1)}},
			{Choose: []journey.Branch{{When: "event.revenue > 1 or event.price > 1", Do: d.Steps}}},
		}
	}), names)
	if problems != nil {
		t.Fatal(problems)
	}
}

func TestConsentEntryMatchesItsPurposeChannelAndState(t *testing.T) {
	for _, c := range []struct {
		entry journey.ConsentEntry
		name  string
		props map[string]any
		want  bool
	}{
		{journey.ConsentEntry{Purpose: "marketing"}, fact.ConsentGranted, map[string]any{"purpose": "marketing", "channel": "email"}, true},
		{journey.ConsentEntry{Purpose: "marketing"}, fact.ConsentWithdrawn, map[string]any{"purpose": "marketing"}, false},
		{journey.ConsentEntry{Purpose: "marketing", State: "withdrawn"}, fact.ConsentWithdrawn, map[string]any{"purpose": "marketing"}, true},
		{journey.ConsentEntry{Purpose: "marketing", Channel: "email"}, fact.ConsentGranted, map[string]any{"purpose": "marketing"}, false},
		{journey.ConsentEntry{Purpose: "other"}, fact.ConsentGranted, map[string]any{"purpose": "marketing"}, false},
	} {
		j, problems := journey.Compile(definition(func(d *journey.Definition) { d.Entry = journey.Entry{Consent: &c.entry} }), names)
		if problems != nil {
			t.Fatal(problems)
		}
		if got := j.Enters(fact.Fact{Kind: fact.KindConsent, Name: c.name, Props: c.props}); got != c.want {
			t.Errorf("%+v %s %v: %v", c.entry, c.name, c.props, got)
		}
	}
}

func TestBuiltinJourneysCompileAndAnswerToTheirKind(t *testing.T) {
	for name, j := range journey.Builtins() {
		if j.Name != name || !journey.IsBuiltin(name) || j.EntryKey == nil || j.EntryWhere == nil {
			t.Errorf("%s: %+v", name, j)
		}
	}
}
