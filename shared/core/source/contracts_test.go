package source_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kesher-io/kesher/shared/core/source"
)

// Every file printed in CONTRACTS sections 4 and 8 stands in testdata/contracts
// as it is printed there.
func contracts(t *testing.T) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	root := os.DirFS("testdata/contracts")
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, name)
		files[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func lines(problems []source.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(p.String() + "\n")
	}
	return b.String()
}

func TestEveryFilePrintedInTheContractsIsRead(t *testing.T) {
	c, problems := source.Read(contracts(t))
	got := lines(problems)
	want := `journeys/cart-abandonment.yaml:14:10: "holdout" is not built yet (delete it: everybody who enters gets the mails)
journeys/cart-abandonment.yaml:15:1: "unless in" is not built yet (delete it, or say it as a condition in entry where)
`
	if got != want {
		t.Fatalf("problems:\n%s\nwant:\n%s", got, want)
	}
	for _, file := range []string{"journeys/cart-abandonment.yaml", "plan.yaml", "settings.yaml"} {
		if c.Broken(file) {
			t.Errorf("%s counts as broken", file)
		}
	}
}
