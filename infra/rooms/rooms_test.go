// Package rooms holds the tree to ARCHITECTURE section 6: imports go one way
// only, and each fence says why it stands.
package rooms

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/kesher-io/kesher/"

// order of the rooms: a package may import its own room and those before it.
var order = []string{"events", "shared/core", "shared/flow", "shared", "functions", "infra"}

// fence keeps an import out of every package below room, but for the packages
// named in except.
type fence struct {
	room     string
	imports  string // itself or below
	except   []string
	because  string
	withTest bool // tests are held to it, too
}

var fences = []fence{
	{room: "shared/core", imports: "net/http", because: "the core decides and never talks to anybody"},
	{room: "shared/core", imports: "os", because: "the core reads no environment and no file"},
	{room: "shared/core", imports: "math/rand", because: "the same input gives the same bytes: chance comes through ports"},
	{room: "shared/flow", imports: "net/http", because: "use cases know no HTTP types: handlers translate"},
	{room: "shared/flow", imports: "os", because: "use cases read no environment: mains do"},
	{room: "", imports: "github.com/aws/aws-sdk-go-v2", except: []string{"shared/aws", "infra/e2e"}, because: "one package per AWS service is the only importer of its SDK"},
	{room: "", imports: "github.com/aws/aws-cdk-go", except: []string{"infra/stack", "infra/cdk", "infra/e2e"}, because: "compiling it takes minutes, and nothing that runs needs it"},
	{room: "", imports: module + "infra/stack", except: []string{"infra/stack", "infra/cdk", "infra/e2e"}, because: "nothing imports the stacks"},
	{room: "", imports: "github.com/expr-lang/expr", except: []string{"shared/core/condition"}, because: "conditions are the only expressions"},
	{room: "", imports: "github.com/go-json-experiment/json", except: []string{"shared/core/item"}, because: "documents are read in one place, and all else is Go's own until Go has it"},
	{room: "", imports: "go.yaml.in/yaml/v3", except: []string{"shared/core/source"}, because: "functions never read YAML: publish does"},
	{room: "", imports: "github.com/preslavrachev/gomjml", except: []string{"shared/core/mjml"}, because: "MJML is compiled at publish"},
	{room: "", imports: "github.com/cockroachdb/pebble", except: []string{"shared/local"}, because: "the engine is one machine's"},
	{room: "", imports: module + "shared/testkit", except: []string{"shared/testkit", "infra/sim"}, because: "test helpers never reach a shipped binary"},
	{room: "", imports: module + "infra/sim", except: []string{"infra/sim"}, because: "the simulator watches everybody and is part of nobody"},
	{room: "", imports: "github.com/chromedp", except: []string{"shared/testkit"}, because: "a browser is for tests"},
	{room: "functions", imports: module + "shared/local", because: "a function runs on Lambda, too", withTest: true},
}

// thirdParties are what core may use of other people's code.
var thirdParties = []string{
	"github.com/expr-lang/expr", "github.com/go-json-experiment/json", "github.com/osteele/liquid", "github.com/preslavrachev/gomjml", "go.yaml.in/yaml/v3",
	"golang.org/x/net", "golang.org/x/text",
}

type pkg struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 30 {
		t.Fatalf("go list names %d packages", len(all))
	}
	return all
}

func below(path, room string) bool {
	return room == "" || path == room || strings.HasPrefix(path, strings.TrimSuffix(room, "/")+"/")
}

func room(path string) int {
	for i, r := range order {
		if below(path, r) {
			return i
		}
	}
	return len(order)
}

func TestImportsGoOneWay(t *testing.T) {
	for _, p := range packages(t) {
		own := strings.TrimPrefix(p.ImportPath, module)
		for _, imported := range p.Imports {
			other, ours := strings.CutPrefix(imported, module)
			if ours && room(other) > room(own) {
				t.Errorf("%s imports %s: rooms are entered in the order %s", own, other, strings.Join(order, ", "))
			}
			if ours && below(own, "shared/core") && !below(other, "shared/core") && other != "events" {
				t.Errorf("%s imports %s: the core imports the core", own, other)
			}
		}
	}
}

func TestFencesHold(t *testing.T) {
	for _, p := range packages(t) {
		own := strings.TrimPrefix(p.ImportPath, module)
		for _, f := range fences {
			if !below(own, f.room) || slices.ContainsFunc(f.except, func(e string) bool { return below(own, e) }) {
				continue
			}
			imports := p.Imports
			if f.withTest {
				imports = slices.Concat(p.Imports, p.TestImports, p.XTestImports)
			}
			for _, imported := range imports {
				if below(imported, f.imports) {
					t.Errorf("%s imports %s: %s", own, imported, f.because)
				}
			}
		}
	}
}

func TestCoreUsesOnlyTheListedLibraries(t *testing.T) {
	for _, p := range packages(t) {
		if !below(strings.TrimPrefix(p.ImportPath, module), "shared/core") {
			continue
		}
		for _, imported := range p.Imports {
			first, _, _ := strings.Cut(imported, "/")
			if !strings.Contains(first, ".") || strings.HasPrefix(imported, module) {
				continue
			}
			if !slices.ContainsFunc(thirdParties, func(lib string) bool { return below(imported, lib) }) {
				t.Errorf("%s imports %s, which is not on the list of ARCHITECTURE section 6", p.ImportPath, imported)
			}
		}
	}
}

// What only publishing needs costs every cold start and megabytes, so no other
// function links it, not even at second hand.
func TestOnlyTheConsoleLinksWhatPublishingNeeds(t *testing.T) {
	for _, fn := range []string{"collect", "pages", "journey", "deliver", "feedback", "clock"} {
		out, err := exec.Command("go", "list", "-deps", module+"functions/"+fn+"/lambda").Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		for dep := range strings.Lines(string(out)) {
			for _, heavy := range []string{module + "shared/core/source", module + "shared/core/mjml", "go.yaml.in/yaml"} {
				if below(strings.TrimSpace(dep), heavy) {
					t.Errorf("%s links %s", fn, strings.TrimSpace(dep))
				}
			}
		}
	}
}
