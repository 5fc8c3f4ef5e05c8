package sim_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// edit plants one bug in a file of the product. MUTANT in New says whether the
// mutant is the one under test.
type edit struct{ File, Old, New string }

// mutant is one planted bug. The product's code holds none of them: they are laid
// over its files (go build -overlay) into one binary, which is told which to be.
type mutant struct {
	Name  string
	Edits []edit
}

// planted is the package that only the overlay has.
const planted = `package planted

import "os"

var name = os.Getenv("KESHER_MUTANT")

// Is says whether this mutant is under test.
func Is(mutant string) bool { return name == mutant }
`

const module = "github.com/kesher-io/kesher/"

// mostSeeds a mutant may survive.
const mostSeeds = 3000

// TestEveryMutantIsCaught: a simulator that finds nothing proves something only if
// it finds what is there to be found.
func TestEveryMutantIsCaught(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the product once more")
	}
	binary := buildMutants(t)
	for _, m := range mutants {
		t.Run(m.Name, func(t *testing.T) {
			cmd := exec.Command(binary, "-first", "1", "-seeds", fmt.Sprint(mostSeeds), "-until-broken")
			cmd.Env = append(os.Environ(), "KESHER_MUTANT="+m.Name)
			out, err := cmd.Output()
			if err == nil {
				t.Fatalf("survived %d histories", mostSeeds)
			}
			t.Logf("%s", out)
			_, seed, _ := strings.Cut(string(out), "by seed ")
			seed, _, _ = strings.Cut(seed, ":")
			if itself, err := exec.Command(binary, "-seed", seed).CombinedOutput(); err != nil {
				t.Fatalf("the product itself fails on seed %s, without the mutant: %s", seed, itself)
			}
		})
	}
}

func buildMutants(t *testing.T) (binary string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	replace := map[string]string{filepath.Join(root, "infra/sim/planted/planted.go"): write(t, dir, "planted.go", planted)}
	for name, text := range mutated(t, root) {
		replace[filepath.Join(root, name)] = write(t, dir, strings.ReplaceAll(name, "/", "_"), text)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(dir, "sim")
	build := exec.Command("go", "build", "-o", binary, "-overlay", write(t, dir, "overlay.json", string(overlay)), "./infra/sim/cmd")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build with mutants: %v\n%s", err, out)
	}
	return binary
}

// mutated are the files with every bug planted, none of them awake.
func mutated(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, m := range mutants {
		for _, e := range m.Edits {
			text, ok := files[e.File]
			if !ok {
				read, err := os.ReadFile(filepath.Join(root, e.File))
				if err != nil {
					t.Fatal(err)
				}
				text = strings.Replace(string(read), "import (\n", "import (\n\t\""+module+"infra/sim/planted\"\n", 1)
			}
			if n := strings.Count(text, e.Old); n != 1 {
				t.Errorf("mutant %q: %s has %d times\n%s", m.Name, e.File, n, e.Old)
				continue
			}
			files[e.File] = strings.Replace(text, e.Old, strings.ReplaceAll(e.New, "MUTANT", fmt.Sprintf("planted.Is(%q)", m.Name)), 1)
		}
	}
	return files
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
