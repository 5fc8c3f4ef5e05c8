// Package binaries builds the functions as Lambda runs them: one executable
// named `bootstrap` each (Lambda developer guide, "OS-only runtimes"), the same
// bytes from the same sources on any machine. It knows Go's flags and the folders
// of the functions, and nothing of CDK.
package binaries

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/kesher-io/kesher/shared/aws/env"
)

// Functions are all that are built.
var Functions = []env.Function{env.Collect, env.Pages, env.Journey, env.Deliver, env.Feedback, env.Clock, env.Console}

// goarch is Go's name of Lambda's processors.
var goarch = map[string]string{"arm64": "arm64", "x86_64": "amd64"}

// Build builds functions for a processor (arm64 or x86_64) into
// <folder>/<function>/bootstrap, and returns the folder. root is the module's.
func Build(ctx context.Context, root, arch string, functions ...env.Function) (folder string, err error) {
	if goarch[arch] == "" {
		return "", fmt.Errorf("no processor %q on Lambda (arm64 or x86_64)", arch)
	}
	folder = filepath.Join(root, "build", "functions", arch)
	for _, f := range functions {
		if err := build(ctx, root, filepath.Join(folder, string(f)), arch, f); err != nil {
			return "", fmt.Errorf("build function %s: %w", f, err)
		}
	}
	return folder, nil
}

// build leaves out everything that differs from machine to machine or from
// commit to commit (paths, the state of the repository, the build id) and what
// nobody reads there (symbols; the RPC loop that only the go1.x runtime had).
func build(ctx context.Context, root, folder, arch string, f env.Function) error {
	out, err := filepath.Abs(filepath.Join(folder, "bootstrap"))
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build",
		"-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-tags=lambda.norpc",
		"-o", out, "./functions/"+string(f)+"/lambda")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+goarch[arch], "CGO_ENABLED=0", "GOFLAGS=")
	text, err := cmd.CombinedOutput()
	if err != nil {
		return errors.Join(err, errors.New(string(text)))
	}
	return nil
}
