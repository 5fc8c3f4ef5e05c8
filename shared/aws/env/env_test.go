package env

import (
	"maps"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/core/item"
)

func complete(f Function) map[string]string {
	set := map[string]string{}
	for _, v := range Variables(f) {
		if !v.Optional {
			set[string(v.Name)] = "value-of-" + string(v.Name)
		}
	}
	return set
}

func lookup(set map[string]string) func(string) string {
	return func(name string) string { return set[name] }
}

func TestReadNamesEveryMissingVariable(t *testing.T) {
	for f := range own {
		set := complete(f)
		if _, err := Read(f, lookup(set)); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		for name := range set {
			lacking := maps.Clone(set)
			delete(lacking, name)
			if _, err := Read(f, lookup(lacking)); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s without %s: error %v does not name it", f, name, err)
			}
		}
		_, err := Read(f, lookup(nil))
		if got := strings.Count(err.Error(), "is not set"); got != len(set) {
			t.Errorf("%s without anything: %d of %d variables named", f, got, len(set))
		}
	}
}

func TestReadRefusesUnknownFunction(t *testing.T) {
	if _, err := Read("colect", lookup(nil)); err == nil {
		t.Fatal("no error")
	}
}

func TestReadRefusesWhatCannotBeRead(t *testing.T) {
	set := complete(Journey)
	set[string(PublicURL)] = "https://mail.example.com/"
	if _, err := Read(Journey, lookup(set)); err == nil || !strings.Contains(err.Error(), string(PublicURL)) {
		t.Errorf("error %v does not name it", err)
	}
}

func TestConfigHoldsWhatWasSet(t *testing.T) {
	set := complete(Journey)
	set[string(Stage)] = "prod"
	c, err := Read(Journey, lookup(set))
	if err != nil {
		t.Fatal(err)
	}
	if !c.Prod() {
		t.Error("stage prod is not prod")
	}
	if got := c.Tables()[item.Ledger]; got != "value-of-KESHER_LEDGER_TABLE" {
		t.Errorf("ledger table %q", got)
	}
}

// A deliver that could not name the ledger could not write it either.
func TestFunctionsGetOnlyWhatTheirRightsUse(t *testing.T) {
	set := complete(Collect)
	for _, n := range []Name{ServiceConfigurationSet, MarketingConfigurationSet, BusName} {
		set[string(n)] = "x"
	}
	c, err := Read(Deliver, lookup(set))
	if err != nil {
		t.Fatal(err)
	}
	if c.Tables()[item.Ledger] != "" || c.Get(ServerKeyID) != "" {
		t.Error("deliver reads the ledger's name or a key's")
	}
}
