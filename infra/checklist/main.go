// Command checklist tells which lines of CHECKLISTS.md are covered by a test,
// by which, and which are not. A test covers a line by carrying its number in
// its name (TestA07...) or in a comment above it. It reads text and judges
// nothing: whether a test deserves its number is for a reader to say.
package main

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

//go:embed CHECKLISTS.md
var checklists string

func main() {
	if err := run(os.DirFS("."), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "checklist:", err)
		os.Exit(1)
	}
}

var (
	lineOf   = regexp.MustCompile(`(?m)^- ([A-Z]\d\d) (.*)$`)
	also     = regexp.MustCompile(`(; )([A-Z]\d\d) `) // "J12 ...; J13 ..." on one line
	testName = regexp.MustCompile(`^func (Test|Fuzz|Benchmark)(\w+)\(`)
	number   = regexp.MustCompile(`[A-Z]\d\d`)
)

// run lists every line with the tests that carry its number.
func run(tree fs.FS, out io.Writer) error {
	tests, err := covered(tree)
	if err != nil {
		return err
	}
	have, all := 0, 0
	for _, m := range lineOf.FindAllStringSubmatch(also.ReplaceAllString(checklists, "\n- $2 "), -1) {
		all++
		by := "not covered"
		if names := tests[m[1]]; len(names) > 0 {
			have++
			by = strings.Join(names, ", ")
		}
		fmt.Fprintf(out, "%s %s\n    %s\n", m[1], m[2], by)
	}
	fmt.Fprintf(out, "%d of %d lines are covered\n", have, all)
	return nil
}

func covered(tree fs.FS) (map[string][]string, error) {
	tests := map[string][]string{}
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || len(d.Name()) > 1 && strings.HasPrefix(d.Name(), ".")) {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		return scan(tree, path, tests)
	})
	return tests, err
}

// scan adds the tests of one file under the numbers in their names and in the
// comments right above them.
func scan(tree fs.FS, path string, tests map[string][]string) error {
	f, err := tree.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	comment := ""
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "//") {
			comment += line
			continue
		}
		if m := testName.FindStringSubmatch(line); m != nil {
			name := filepath.Dir(path) + "." + m[1] + m[2]
			for _, n := range number.FindAllString(m[2]+" "+comment, -1) {
				if !slices.Contains(tests[n], name) {
					tests[n] = append(tests[n], name)
				}
			}
		}
		comment = ""
	}
	return lines.Err()
}
