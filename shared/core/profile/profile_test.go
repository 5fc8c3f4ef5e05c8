package profile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/plan"
)

func testPlan() *plan.Plan {
	return &plan.Plan{
		Purposes: map[string]plan.Purpose{
			"marketing":       {Contact: []string{"email"}, Basis: plan.BasisConsent},
			"personalization": {Basis: plan.BasisConsent},
			"service":         {Contact: []string{"email"}, Basis: plan.BasisContract},
		},
		Traits: map[string]plan.Trait{
			"first_name": {Type: "string", Origin: plan.OriginZero, Purposes: []string{"service", "marketing"}},
			"interests":  {Type: "list(string)", Values: []string{"outdoor", "home"}, Origin: plan.OriginZero, Purposes: []string{"personalization"}, Keep: plan.Duration(24 * time.Hour)},
			"age":        {Type: "integer", Origin: plan.OriginZero, Purposes: []string{"service"}},
		},
	}
}

const marker = "dana@marker.example"

func TestE07PersonalTextRefusesToBePrinted(t *testing.T) {
	p := Profile{Address: marker, UserID: marker, Traits: map[string]Trait{"email": {Value: marker}}}
	for _, v := range []any{Secret(marker), p, &p, struct{ S Secret }{marker}, []Secret{marker}, map[string]Secret{"a": marker}, struct{ P *Profile }{&p}} {
		for _, verb := range "vdsqxXeEfFgGbcoOUtT" {
			for _, flags := range []string{"%", "%+", "%#", "% ", "%0", "%-9"} {
				if got := fmt.Sprintf(flags+string(verb), v); strings.Contains(got, "marker") || strings.Contains(got, "6d61726b6572") || strings.Contains(got, "6D61726B6572") {
					t.Errorf("%s%c of %T prints %s", flags, verb, v, got)
				}
			}
		}
	}
	var logged bytes.Buffer
	for _, log := range []*slog.Logger{slog.New(slog.NewTextHandler(&logged, nil)), slog.New(slog.NewJSONHandler(&logged, nil))} {
		log.Info("profile", "secret", Secret(marker), "profile", p, "pointer", &p)
	}
	if strings.Contains(logged.String(), "marker") {
		t.Errorf("logged %s", logged.String())
	}
}

func TestPersonalTextSurvivesStorage(t *testing.T) {
	text, err := json.Marshal(Profile{Address: marker})
	if err != nil {
		t.Fatal(err)
	}
	var p Profile
	if err := json.Unmarshal(text, &p); err != nil || p.Address.Reveal() != marker {
		t.Fatalf("%v: stored %s", err, text)
	}
}

func TestA27TraitCarriesOriginPurposesTimeAndExpiry(t *testing.T) {
	p, gate := Profile{}, consent.Gate{States: map[string]consent.Permission{"personalization": {State: consent.Granted}}}
	w := Writer{Plan: testPlan(), Gate: &gate, Now: 1000}
	if changed, dropped := w.Write(&p, map[string]any{"interests": []any{"home"}}, 900); !changed || dropped != nil {
		t.Fatal(changed, dropped)
	}
	got := p.Traits["interests"]
	if got.Origin != plan.OriginZero || len(got.Purposes) != 1 || got.At != 900 || got.Expires != 900+24*3600*1000 {
		t.Fatalf("%+v", got)
	}
}

func TestTraitsThatMayNotBeWrittenAreDroppedAndListed(t *testing.T) {
	p := Profile{}
	w := Writer{Plan: testPlan(), Gate: &consent.Gate{}, Now: 1000}
	changed, dropped := w.Write(&p, map[string]any{
		"age": 30.5, "interests": []any{"home"}, "frist_name": "Dana", "first_name": "Dana",
	}, 900)
	if !changed || len(p.Traits) != 1 {
		t.Fatalf("kept %d", len(p.Traits))
	}
	want := []Dropped{
		{"age", WrongType, "must be a whole number"},
		{"frist_name", UnknownTrait, "is not in the plan (did you mean first_name?)"},
		{"interests", NotPermitted, "none of its purposes is permitted"},
	}
	if fmt.Sprint(dropped) != fmt.Sprint(want) {
		t.Fatalf("dropped %v", dropped)
	}
}

func TestEnumeratedTraitTakesItsValuesOnly(t *testing.T) {
	p, gate := Profile{}, consent.Gate{States: map[string]consent.Permission{"personalization": {State: consent.Granted}}}
	w := Writer{Plan: testPlan(), Gate: &gate, Now: 1}
	if changed, dropped := w.Write(&p, map[string]any{"interests": []any{"home", "boats"}}, 1); changed || len(dropped) != 1 {
		t.Fatal(changed, dropped)
	}
}

func TestWhatWasSaidLaterStands(t *testing.T) {
	p := Profile{}
	w := Writer{Plan: testPlan(), Gate: &consent.Gate{}, Now: 10}
	w.Write(&p, map[string]any{"first_name": "Dana"}, 5)
	if changed, _ := w.Write(&p, map[string]any{"first_name": "Diana"}, 4); changed {
		t.Fatal("an older value replaced a newer one")
	}
	if changed, _ := w.Write(&p, map[string]any{"first_name": "Dana"}, 5); changed {
		t.Fatal("the same call again is a change")
	}
	if changed, _ := w.Write(&p, map[string]any{"first_name": nil}, 6); !changed || len(p.Traits) != 0 {
		t.Fatal("null does not delete")
	}
}

func TestVisibleTraitIsAllowedPermittedAndUnexpired(t *testing.T) {
	pl := testPlan()
	p := &Profile{Traits: map[string]Trait{
		"first_name": {Value: "Dana", Purposes: []string{"service", "marketing"}},
		"interests":  {Value: []any{"home"}, Purposes: []string{"personalization"}, Expires: 50},
	}}
	agreed := &consent.Gate{States: map[string]consent.Permission{"personalization": {State: consent.Granted}}}
	tests := []struct {
		name    string
		gate    *consent.Gate
		allowed []string
		now     int64
		want    string
	}{
		{"by contract", &consent.Gate{}, []string{"service"}, 10, "map[first_name:Dana]"},
		{"not permitted", &consent.Gate{}, []string{"marketing", "personalization"}, 10, "map[]"},
		{"permitted", agreed, []string{"marketing", "personalization"}, 10, "map[interests:[home]]"},
		{"permitted, but the journey does not use it", agreed, []string{"marketing"}, 10, "map[]"},
		{"expired", agreed, []string{"personalization"}, 50, "map[]"},
	}
	for _, tt := range tests {
		if got := fmt.Sprint(Visible(p, pl, tt.gate, tt.allowed, tt.now)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	if got := Visible(nil, pl, agreed, []string{"service"}, 1); len(got) != 0 {
		t.Error("nobody's traits are visible")
	}
}

func TestLocaleIsTheLanguage(t *testing.T) {
	for tag, want := range map[string]string{"he-IL": "he", "iw_IL": "he", "EN": "en", "fil-PH": "fil", "zh-Hant-TW": "zh"} {
		if got, ok := Locale(tag); !ok || got != want {
			t.Errorf("%s: %s, %v", tag, got, ok)
		}
	}
	for _, tag := range []string{"", "x", "english", "12-34", "e\n", "ע"} {
		if got, ok := Locale(tag); ok {
			t.Errorf("%q is %s", tag, got)
		}
	}
}

func TestOwnerRemembersTheLatestWithdrawal(t *testing.T) {
	var o Owner
	o.Lower("marketing/email", 5)
	o.Lower("marketing/email", 3)
	o.Lift("marketing/email", 5)
	if o.Withdrawn["marketing/email"] != 5 {
		t.Fatalf("%+v", o)
	}
	o.Lift("marketing/email", 6)
	if len(o.Withdrawn) != 0 {
		t.Fatalf("%+v", o)
	}
}

func TestA13AddressIsAskedOncePerPermission(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var o Owner
		now, asked := int64(1), 0
		for range rapid.IntRange(1, 50).Draw(rt, "calls") {
			if o.Ask("marketing/email", now) {
				asked++
			}
			now += rapid.Int64Range(0, consent.ConfirmFor.Milliseconds()/100).Draw(rt, "pause")
		}
		if asked != 1 {
			rt.Fatalf("asked %d times", asked)
		}
	})
}
