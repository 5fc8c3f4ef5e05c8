// Package ministack starts MiniStack, an AWS emulator that nobody here wrote,
// for tests. It comes from PyPI (infra/tools) and needs no docker and no
// account. For tests only.
package ministack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// ready bounds a start; it takes 0.6 s on an idle machine.
const ready = 60 * time.Second

// program runs MiniStack in the foreground, and ends with its standard input,
// so that a test that is killed leaves no server behind.
const program = `
import os, sys, threading
def follow():
    sys.stdin.buffer.read()
    os._exit(0)
threading.Thread(target=follow, daemon=True).start()
sys.argv = ["ministack"]
from ministack.app import main
main()
`

// Python is the interpreter with the pinned tools. A test that needs it is
// skipped where they are not installed, but never on CI.
func Python(t testing.TB) string {
	t.Helper()
	python := filepath.Join(root(), ".venv", "bin", "python")
	if _, err := os.Stat(python); err == nil {
		return python
	}
	const message = "the Python tools are not installed: make tools-python"
	if os.Getenv("CI") == "true" {
		t.Fatal(message)
	}
	t.Skip("SKIPPED: " + message)
	return ""
}

// root is the top folder of the repository, seen from this file.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
}

// Start starts an instance on a free port of 127.0.0.1 and stops it when the
// test ends. environment (NAME=value) is added to this process's. It returns
// the endpoint that serves every AWS service.
func Start(t testing.TB, environment ...string) string {
	t.Helper()
	python := Python(t)
	var err error
	for range 3 { // a free port may be taken before MiniStack binds it
		var endpoint string
		if endpoint, err = start(t, python, environment); err == nil {
			return endpoint
		}
	}
	t.Fatalf("ministack: %v", err)
	return ""
}

func start(t testing.TB, python string, environment []string) (string, error) {
	port, err := freePort()
	if err != nil {
		return "", err
	}
	log, err := os.CreateTemp(t.TempDir(), "ministack-*.log")
	if err != nil {
		return "", err
	}
	defer log.Close()
	endpoint := "http://127.0.0.1:" + port
	cmd := exec.Command(python, "-c", program)
	cmd.Env = append(os.Environ(),
		"AWS_ENDPOINT_URL="+endpoint, // by which the functions that it runs find it
		"BIND_HOST=127.0.0.1", "GATEWAY_PORT="+port, "TMPDIR="+t.TempDir(), "LOG_LEVEL=WARNING", "PYTHONUNBUFFERED=1")
	cmd.Env = append(cmd.Env, environment...)
	cmd.Stdout, cmd.Stderr = log, log
	leash, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	gone := make(chan struct{})
	go func() {
		cmd.Wait() // how it ended is of no interest; the log says why
		close(gone)
	}()
	stop := func() {
		leash.Close()
		<-gone
	}
	if err := await(endpoint, gone); err != nil {
		stop()
		said, _ := os.ReadFile(log.Name())
		return "", fmt.Errorf("%w\n%s", err, said)
	}
	t.Cleanup(stop)
	return endpoint, nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// await polls the health page, the only signal that MiniStack gives.
func await(endpoint string, gone <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), ready)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if healthy(ctx, endpoint) {
			return nil
		}
		select {
		case <-gone:
			return errors.New("ended while starting")
		case <-ctx.Done():
			return fmt.Errorf("not ready within %s", ready)
		case <-tick.C:
		}
	}
}

func healthy(ctx context.Context, endpoint string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/_ministack/health", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode == http.StatusOK && strings.Contains(string(body), "services")
}
