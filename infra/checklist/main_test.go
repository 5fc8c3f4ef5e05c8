package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"
)

func TestLinesAreCoveredByNameOrComment(t *testing.T) {
	tree := fstest.MapFS{
		"a/b_test.go":            {Data: []byte("package b\n\nfunc TestA07NoTick(t *testing.T) {}\n\n// J13: the same twice.\nfunc TestReplay(t *testing.T) {}\n")},
		"a/b.go":                 {Data: []byte("// A08 is no test\nfunc TestA09() {}\n")},
		"node_modules/x_test.go": {Data: []byte("func TestA10(t *testing.T) {}\n")},
	}
	var out bytes.Buffer
	if err := run(tree, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"A07 No pre-ticked control in any shipped form (HTML scan).\n    a.TestA07NoTick\n",
		"    a.TestReplay\n", "A08 ", "not covered\n", "\n2 of ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in the list", want)
		}
	}
	if strings.Contains(out.String(), "TestA10") {
		t.Error("node_modules is read")
	}
}
