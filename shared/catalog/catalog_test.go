package catalog_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/kesher-io/kesher/shared/catalog"
	"github.com/kesher-io/kesher/shared/core/source"
	"github.com/kesher-io/kesher/shared/flow/publish"
)

var update = flag.Bool("update", false, "write schemas and demo anew")

func TestTheExampleIsWithoutAnyProblem(t *testing.T) {
	candidate, problems := publish.Compile(catalog.Example())
	for _, p := range problems {
		t.Error(p)
	}
	if candidate == nil {
		t.Fatal("no candidate")
	}
	if got, want := candidate.Bound.String(), "at most 1 message a day and 3 a week for one customer"; got != want {
		t.Errorf("bound: %s, want %s", got, want)
	}
}

func TestSchemasAreThoseOfTheShapes(t *testing.T) {
	for name, want := range source.Schemas() {
		file := filepath.Join("schema", name)
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not current: go test ./shared/catalog -update", file)
		}
	}
}
