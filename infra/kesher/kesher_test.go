package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kesher-io/kesher/shared/catalog"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"kesher": main}) }

// TestScripts runs the command as a user does. Besides testscript's own words the
// scripts know those below.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata",
		Setup: setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "edit": edit, "last": last, "start": start, "stop": stop, "post": post, "occupy": occupy,
		},
	})
}

// setup lays the example catalog into the folder catalog.
func setup(e *testscript.Env) error {
	e.Setenv("PORT", "0")
	e.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	e.Values["running"] = map[string]*instance{}
	return os.CopyFS(filepath.Join(e.WorkDir, "catalog"), catalog.Example())
}

// exits CODE VERB ARGS...: the command ends with this code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec("kesher", args[1:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("kesher %v: %v", args[1:], err)
	}
	if strconv.Itoa(code) != args[0] != neg {
		ts.Fatalf("kesher %s exits %d, want %s", strings.Join(args[1:], " "), code, args[0])
	}
}

// edit FILE OLD NEW replaces a text that must stand there.
func edit(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s lacks %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
}

// last FILE: the last line of stdout is what the file says.
func last(ts *testscript.TestScript, neg bool, args []string) {
	lines := strings.Split(strings.TrimSpace(ts.ReadFile("stdout")), "\n")
	got, want := lines[len(lines)-1], strings.TrimSpace(ts.ReadFile(args[0]))
	if (got == want) == neg {
		ts.Fatalf("last line\n%s\nwant\n%s", got, want)
	}
}

// instance is a command that serves.
type instance struct {
	cmd  *exec.Cmd
	base string
	done chan error
}

func running(ts *testscript.TestScript) map[string]*instance {
	return ts.Value("running").(map[string]*instance)
}

// start NAME ARGS... starts a serving command, and goes on when it is ready.
func start(ts *testscript.TestScript, _ bool, args []string) {
	path, err := exec.LookPath("kesher")
	ts.Check(err)
	cmd := exec.Command(path, args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "PORT=0")
	cmd.Stderr = ts.Stderr()
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	i := &instance{cmd: cmd, done: make(chan error, 1)}
	ts.Defer(func() { _ = cmd.Process.Kill() }) // one that was stopped has ended already
	lines := bufio.NewScanner(out)
	for i.base == "" && lines.Scan() {
		i.base, _ = strings.CutPrefix(lines.Text(), "kesher: ready ")
		if i.base == lines.Text() {
			i.base = ""
		}
	}
	if i.base == "" {
		ts.Fatalf("kesher %v ended before it was ready: %v", args[1:], cmd.Wait())
	}
	go func() {
		_, _ = io.Copy(io.Discard, out) // until it ends
		i.done <- cmd.Wait()
	}()
	ts.Setenv("base", i.base)
	running(ts)[args[0]] = i
}

// stop NAME sends SIGTERM, after which the command ends with 0.
func stop(ts *testscript.TestScript, _ bool, args []string) {
	i := running(ts)[args[0]]
	ts.Check(i.cmd.Process.Signal(syscall.SIGTERM))
	if err := <-i.done; err != nil {
		ts.Fatalf("after SIGTERM: %v", err)
	}
}

// post PATH FILE sends a file to the running instance with the server key, and
// wants 200.
func post(ts *testscript.TestScript, _ bool, args []string) {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, ts.Getenv("base")+args[0], strings.NewReader(ts.ReadFile(args[1])))
	ts.Check(err)
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth("server-local", "")
	answer, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ts.Check(err)
	if answer.StatusCode != http.StatusOK {
		ts.Fatalf("POST %s: %d %s", args[0], answer.StatusCode, body)
	}
	fmt.Fprintf(ts.Stdout(), "%s\n", body)
}

// occupy VARIABLE listens on a port, whose number the variable gets.
func occupy(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	ts.Setenv(args[0], strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
}
