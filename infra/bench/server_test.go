package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kesher-io/kesher/infra/onebox"
)

// serveEnv makes the test binary a server on a data folder, so that the load
// comes from another process than the one it is put on.
const serveEnv = "KESHER_BENCH_SERVE"

func TestMain(m *testing.M) {
	data := os.Getenv(serveEnv)
	if data == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := onebox.Run(ctx, onebox.Config{Data: data, Catalog: filepath.Join(data, "catalog")}, os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// server is one that runs on a data folder.
type server struct {
	b     *testing.B
	base  string
	pid   int
	ready time.Duration // from exec to the ready line
	stop  func()
}

// serve starts a server on the folder.
func serve(b *testing.B, data string) *server {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveEnv+"="+data)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	s := &server{b: b, pid: cmd.Process.Pid}
	ended := make(chan error, 1)
	found := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if base, ok := strings.CutPrefix(lines.Text(), "kesher: ready "); ok {
				found <- base
			}
		}
		ended <- cmd.Wait()
	}()
	select {
	case s.base = <-found:
		s.ready = time.Since(begun)
	case err := <-ended:
		b.Fatalf("the server ended: %v\n%s", err, errs.String())
	}
	s.stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		if err := <-ended; err != nil {
			b.Errorf("the server ended: %v\n%s", err, errs.String())
		}
	}
	return s
}

// client keeps its connections: a load generator that dials anew measures dials.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}, Timeout: time.Minute}

// post hands one call in with the server's key.
func (s *server) post(path, body string, values ...any) {
	r, err := http.NewRequest(http.MethodPost, s.base+path, strings.NewReader(fmt.Sprintf(body, values...)))
	if err != nil {
		s.b.Fatal(err)
	}
	r.SetBasicAuth(onebox.DefaultServerKey, "")
	r.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		s.b.Error(err)
		return
	}
	defer answer.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(answer.Body); err != nil || answer.StatusCode != http.StatusOK || strings.Contains(text.String(), "rejected") {
		s.b.Errorf("%s: %s %s %v", path, answer.Status, text.String(), err)
	}
}

// cpu is the processor time that the server has used.
func (s *server) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.pid))
	if err != nil {
		s.b.Skip(err) // not Linux
	}
	_, rest, _ := strings.Cut(string(text), ") ") // behind the name, which may hold anything
	fields := strings.Fields(rest)
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		s.b.Fatal(err)
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux (proc(5))
	return time.Duration(user+system) * tick
}

// catalog writes the shop's catalog, with its wait or without one, where a server
// on the folder publishes it from.
func catalog(b *testing.B, data string, wait bool) {
	folder := filepath.Join(data, "catalog")
	if err := os.CopyFS(folder, os.DirFS(filepath.Join(root, "infra/onebox/testdata/cart"))); err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(folder, "journeys", "cart.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	if wait {
		return
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte("  - wait: 1h\n"), nil, 1), 0o600); err != nil {
		b.Fatal(err)
	}
}
