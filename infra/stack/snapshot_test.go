package stack

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var update = flag.Bool("update", false, "write the snapshots anew")

// blank is what differs from build to build: hashes of assets.
var blank = regexp.MustCompile(`\b[0-9a-f]{64}\b`)

// The snapshots show a reviewer what a change means for AWS. They say nothing
// of whether it is right: the other tests do.
func TestTheStacksAreAsInTheirSnapshots(t *testing.T) {
	for _, in := range synth(t).both() {
		text, err := json.MarshalIndent(in.raw, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		text = append(blank.ReplaceAll(text, []byte("HASH")), '\n')
		path := filepath.Join("testdata", in.Stack+".json")
		if *update {
			if err := os.WriteFile(path, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(text, want) {
			t.Errorf("%s is not as in %s, from line %d on (look at the change, then: go test ./infra/stack -run Snapshots -update)",
				in.Stack, path, differsFrom(text, want))
		}
	}
}

func differsFrom(a, b []byte) int {
	line := 1
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			break
		}
		if a[i] == '\n' {
			line++
		}
	}
	return line
}
