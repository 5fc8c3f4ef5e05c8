package stack

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// linter is AWS's cfn-lint, which infra/tools installs.
const linter = "../../.venv/bin/cfn-lint"

// excused are checks that CDK itself does not pass.
var excused = []string{
	"W3005", // CDK says that a function depends on its role where it also refers to it
	"W6001", // the keys are shown beside the address, though they stand in the other stack
}

func TestTheTemplatesPassCfnLint(t *testing.T) {
	if _, err := os.Stat(linter); errors.Is(err, fs.ErrNotExist) {
		if os.Getenv("CI") == "true" {
			t.Fatal("cfn-lint is missing (make tools-python)")
		}
		t.Skip("cfn-lint is missing, so the templates are not checked against AWS's own schemas (make tools-python)")
	}
	for _, b := range []built{synth(t), synth(t, "keys", "customer"), synth(t, "reserved", "on", "alarm-topic", "arn:aws:sns:eu-west-1:111122223333:ops")} {
		for _, in := range b.both() {
			path := filepath.Join(t.TempDir(), in.Stack+".json")
			if err := os.WriteFile(path, []byte(compact(in.raw)), 0o644); err != nil {
				t.Fatal(err)
			}
			args := []string{"--regions", "us-east-1", "eu-west-1"}
			for _, id := range excused {
				args = append(args, "--ignore-checks", id)
			}
			if out, err := exec.Command(linter, append(args, "--", path)...).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", in.Stack, err, out)
			}
		}
	}
}
