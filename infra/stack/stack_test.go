package stack

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/kesher-io/kesher/infra/binaries"
)

// resource is one of a template.
type resource struct {
	Type           string
	Properties     map[string]any
	DeletionPolicy string
	Metadata       map[string]any
}

// template is a synthesized stack.
type template struct {
	Stack     string
	Resources map[string]resource
	Outputs   map[string]struct {
		Value  any
		Export map[string]any
	}
	raw map[string]any
}

// of are the resources of a type, by logical id.
func (t template) of(kind string) map[string]resource {
	found := map[string]resource{}
	for id, r := range t.Resources {
		if r.Type == kind {
			found[id] = r
		}
	}
	return found
}

// built are a stage's two templates. Each set of settings is synthesized once.
type built struct{ data, app template }

func (b built) both() []template { return []template{b.data, b.app} }

var (
	builds   = map[string]func() built{}
	buildsMu sync.Mutex
)

// synth gives the templates of a deploy with `-c name=value` for each pair.
func synth(t *testing.T, context ...string) built {
	t.Helper()
	given := map[string]any{"domain": "mail.example.com"}
	for i := 0; i+1 < len(context); i += 2 {
		given[context[i]] = context[i+1]
	}
	settings, err := ReadSettings(given)
	if err != nil {
		t.Fatal(err)
	}
	buildsMu.Lock()
	once, ok := builds[fmt.Sprint(given)]
	if !ok {
		once = sync.OnceValue(func() built { return synthesize(settings, nil) })
		builds[fmt.Sprint(given)] = once
	}
	buildsMu.Unlock()
	return once()
}

// folder holds small files in the place of the functions: what the stacks say
// does not depend on what they do.
var folder = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "kesher-stack")
	if err != nil {
		panic(err)
	}
	for _, f := range binaries.Functions {
		if err := os.MkdirAll(filepath.Join(dir, "in", string(f)), 0o755); err != nil {
			panic(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "in", string(f), "bootstrap"), []byte(f), 0o755); err != nil {
			panic(err)
		}
	}
	return dir
})

// synthesize makes the stacks; look sees the app before it is synthesized.
func synthesize(s Settings, look func(awscdk.App, Stacks)) built {
	out, err := os.MkdirTemp(folder(), "out")
	if err != nil {
		panic(err)
	}
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: &out, PostCliContext: &Context, AnalyticsReporting: jsii.Bool(false)})
	stacks := New(app, Props{Settings: s, Bootstraps: filepath.Join(folder(), "in")})
	if look != nil {
		look(app, stacks)
	}
	app.Synth(nil)
	return built{data: read(out, *stacks.Data.StackName()), app: read(out, *stacks.App.StackName())}
}

func read(out, stack string) template {
	text, err := os.ReadFile(filepath.Join(out, stack+".template.json"))
	if err != nil {
		panic(err)
	}
	t := template{Stack: stack}
	if err := json.Unmarshal(text, &t); err == nil {
		err = json.Unmarshal(text, &t.raw)
	}
	if err != nil {
		panic(err)
	}
	return t
}

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(folder())
	jsii.Close()
	os.Exit(code)
}

// walk shows every text of a template with the way that leads to it.
func walk(v any, path string, see func(path, text string)) {
	switch v := v.(type) {
	case string:
		see(path, v)
	case []any:
		for i, member := range v {
			walk(member, fmt.Sprintf("%s[%d]", path, i), see)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			walk(v[name], path+"."+name, see)
		}
	}
}

// get is the value at a way of names and places.
func get(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := v.(map[string]any)
			v = object[step]
		case int:
			list, _ := v.([]any)
			if step >= len(list) {
				return nil
			}
			v = list[step]
		}
	}
	return v
}

// compact is a value in one line, for comparing and for messages.
func compact(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// refers says whether a value points to the resource, here or through an export.
func refers(v any, logicalID string) bool {
	found := false
	walk(v, "", func(_, text string) {
		found = found || text == logicalID || strings.Contains(text, "Ref"+logicalID) || strings.Contains(text, "GetAtt"+logicalID)
	})
	return found
}

// one is the only resource of a type, or the only one whose id begins so.
func one(t *testing.T, in template, kind, begins string) (string, resource) {
	t.Helper()
	var ids []string
	for id := range in.of(kind) {
		if strings.HasPrefix(id, begins) {
			ids = append(ids, id)
		}
	}
	if len(ids) != 1 {
		t.Fatalf("%s has %d of %s%s: %v", in.Stack, len(ids), kind, begins, ids)
	}
	return ids[0], in.Resources[ids[0]]
}
