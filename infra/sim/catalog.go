package sim

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing/fstest"

	exampleCatalog "github.com/kesher-io/kesher/shared/catalog"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/flow/publish"
)

//go:embed catalog
var catalog embed.FS

// versions are the two releases of a history: the catalog, and one that a
// marketer publishes while runs are under way, with the cart's waits changed and
// a step put before its last.
var versions = sync.OnceValue(func() [2]*release.Release {
	first, err := fs.Sub(catalog, "catalog")
	if err != nil {
		panic(err)
	}
	second := fstest.MapFS{}
	err = fs.WalkDir(first, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(first, name)
		if name == "journeys/cart.yaml" {
			text = []byte(edit(string(text)))
		}
		second[name] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		panic(err)
	}
	return [2]*release.Release{compile(first), compile(second)}
})

// example is the shipped catalog, for its templates.
var example = sync.OnceValue(func() *release.Release { return compile(exampleCatalog.Example()) })

func edit(cart string) string {
	for _, change := range [][2]string{{"- wait: 1h", "- wait: 2h"}, {"up to: 4h}", "up to: 3h}"}, {"    else:\n", "    else:\n      - {id: pause, wait: 20m}\n"}} {
		if !strings.Contains(cart, change[0]) {
			panic("sim: journeys/cart.yaml has no " + change[0])
		}
		cart = strings.Replace(cart, change[0], change[1], 1)
	}
	return cart
}

func compile(files fs.FS) *release.Release {
	c, problems := publish.Compile(files)
	if c == nil {
		panic(fmt.Sprint("sim: catalog: ", problems))
	}
	return c.Release
}

// choose gives a history a part of the catalog's journeys: one, or in a busy one
// about half of them. The built-in ones are always there.
func (w *World) choose(names []string) [2]*release.Release {
	first := versions()[0]
	var own []string
	for name := range first.Journeys {
		if !journey.IsBuiltin(name) {
			own = append(own, name)
		}
	}
	slices.Sort(own)
	for len(names) == 0 {
		if !w.busy {
			names = own[w.rng.IntN(len(own)):][:1]
			break
		}
		for _, name := range own {
			if w.rng.IntN(2) == 0 {
				names = append(names, name)
			}
		}
	}
	var chosen [2]*release.Release
	for i, full := range versions() {
		part := *full
		if w.bytes {
			part.Templates = maps.Clone(full.Templates)
			part.Templates["nudge"] = example().Templates["win-back"]
		}
		part.Journeys = map[string]*journey.Journey{}
		for name, j := range full.Journeys {
			if journey.IsBuiltin(name) || slices.Contains(names, name) {
				part.Journeys[name] = j
			}
		}
		chosen[i] = &part
	}
	return chosen
}
